"""The same cell is the same run, to the letter and to the last digit of the clock: again and again, and in other processes.

What kafka-python itself keeps in sets has the order of sets, which another process may see otherwise: which partition of several a
consumer asks first, how it writes a set into its log.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys

import pytest

from lesson_lib.lab.clients import open_worlds
from lesson_lib.lab.forge import fetch_batches
from lesson_lib.lab.lab import start_lab

RUNS, SEEDS = 3, ("0", "1", "4711")


def cell() -> str:
    """What was seen in a lab with a bit of everything: events, bytes with their times, and what the clock says at the end."""
    lab = start_lab("embedded", world="virtual")  # by name: CI names a broker in the environment, and a virtual world refuses it
    seen = [lab.run(4, faults=faults, **settings).table() for faults, settings in (
        ({2: "lose ack", 4: "lose request"}, {"partitions": 2}),
        ({2: "lose request"}, {"partitions": 3, "idempotence": False, "in_flight": 3}),  # which goes first?
        ({2: "lose ack silently"}, {"idempotence": False}),
        ({1: "cut 2 0"}, {"idempotence": False, "in_flight": 3}),
        ({2: "kill producer"}, {}),
        ({2: "lose ack", 3: "restart broker"}, {}))]
    topic = lab.topic("orders", partitions=3)
    members = [lab.consumer(topic, group_id="readers", enable_auto_commit=False) for _ in range(3)]
    with lab.producer(transactional_id="shop") as shop:
        shop.init_transactions()
        for end in (shop.commit_transaction, shop.abort_transaction):
            shop.begin_transaction()
            for number in range(4):
                shop.send(topic, b"%d" % number)
            end()
    for _ in range(5):
        seen += [f"{m.config['client_id']}: {sorted(m.assignment())} {sorted(m.poll(300).items())}" for m in members]
    seen += [lab.log(topic, partition) for partition in range(3)]
    seen += [fetch_batches(lab, topic, partition) for partition in range(3)]
    seen += [open_worlds[0].now]
    lab.stop()
    return "\n".join(map(str, seen))


def digest() -> str:
    """The run in 16 letters."""
    return hashlib.blake2b(cell().encode(), digest_size=8).hexdigest()


def elsewhere(seed: str) -> str:
    """The digest of the run in a process of its own."""
    done = subprocess.run([sys.executable, "-c", "from tests.lab.virtual.test_same import digest; print(digest())"], timeout=120,
                          env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True)
    return done.stdout.split()[-1]


@pytest.fixture(scope="module")
def first() -> str:
    """A run of the cell."""
    return cell()


def test_again_and_again(first: str) -> None:
    assert {cell() for _ in range(RUNS)} == {first}


@pytest.mark.parametrize("seed", SEEDS)
def test_in_another_process(first: str, seed: str) -> None:
    assert elsewhere(seed) == hashlib.blake2b(first.encode(), digest_size=8).hexdigest()
