"""Several learners on one broker: their names never collide, and a reset, a stop or a crash touches nobody else's topics."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from kafka.protocol.admin import ListGroupsRequest

from lesson_lib.lab import topics as topics_module
from lesson_lib.wire.requests import RawClient
from tests.raw import topics_at

ROOT = Path(__file__).resolve().parents[2]


class Learner:
    """A process that does what its owner's kernel would do."""

    def __init__(self, address: str, name: str) -> None:
        self.name = name
        self.process = subprocess.Popen([sys.executable, "-m", "tests.room.learner", address], cwd=ROOT, text=True, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, env={**os.environ, "LESSON_LEARNER": name})

    def tell(self, words: str) -> None:
        """Without waiting for the answer."""
        self.process.stdin.write(f"{words}\n")
        self.process.stdin.flush()

    def answer(self) -> Any:
        """The next answer; sentences for learners are read over."""
        for line in self.process.stdout:
            if line.startswith('{"answer"'):
                return json.loads(line)["answer"]
        raise AssertionError(f"{self.name} ended with {self.process.wait()}")

    def ask(self, words: str) -> Any:
        """Tell, and wait for the answer."""
        self.tell(words)
        return self.answer()

    def kill(self) -> None:
        """As an operating system does."""
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


@pytest.fixture(scope="module", params=["embedded", pytest.param("Apache Kafka", marks=pytest.mark.kafka)])
def address(request: pytest.FixtureRequest) -> Iterator[str]:
    """One broker for all, in a process of its own."""
    if request.param != "embedded":
        yield request.getfixturevalue("kafka_address")
        return
    process = subprocess.Popen([sys.executable, "-m", "lesson_lib", "broker", "--port", "0"], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        yield process.stdout.readline().removeprefix("listening on ").strip()
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


@pytest.fixture
def learners(address: str) -> Iterator[Callable[[str], Learner]]:
    """Starts a learner's process; what is left of them is killed after the test, and their topics are deleted."""
    started: list[Learner] = []

    def start(name: str) -> Learner:
        started.append(Learner(address, name))
        return started[-1]
    yield start
    for learner in started:
        if learner.process.poll() is None:
            learner.process.stdin.close()
            learner.process.wait()
        if not learner.process.stdout.closed:
            learner.process.stdout.close()


def names(address: str) -> set[str]:
    """Every topic on the broker."""
    return set(topics_at(address))


def groups(address: str) -> set[str]:
    """Every consumer group on the broker."""
    with RawClient(address) as client:
        return {group.group_id for group in client.ask(ListGroupsRequest()).groups}


def soon(question: Callable[[], bool]) -> bool:
    """Whether it becomes true; Apache Kafka deletes topics a moment after it said that it did."""
    end = time.monotonic() + 20
    while not question() and time.monotonic() < end:
        time.sleep(0.05)
    return question()


def test_three_at_once_have_names_and_logs_of_their_own(address: str, learners: Callable[[str], Learner]) -> None:
    room = [learners(name) for name in ("ada", "bob", "eve")]
    for learner in room:
        learner.tell(f"work {learner.name}")
    found = {learner.name: learner.answer() for learner in room}
    for what in ("topic", "suffix", "group"):
        assert len({answer[what] for answer in found.values()}) == 3
    for name, answer in found.items():
        assert answer["read"] == [name]
        assert answer["run"] == [name, name, name]
    assert all(learner.ask(f"log {found[learner.name]['topic']}") == [learner.name] for learner in room)


def test_a_reset_and_a_stop_delete_only_ones_own(address: str, learners: Callable[[str], Learner]) -> None:
    ada, bob = learners("ada"), learners("bob")
    ada_has, bob_has = ada.ask("work ada"), bob.ask("work bob")
    again = ada.ask("work ada")
    assert again["topic"] != ada_has["topic"]
    assert soon(lambda: ada_has["topic"] not in names(address))
    assert {again["topic"], bob_has["topic"]} <= names(address)
    assert {again["group"], bob_has["group"]} <= groups(address)
    ada.ask("stop")
    assert soon(lambda: again["topic"] not in names(address))
    assert {ada_has["group"], again["group"], bob_has["group"]} & groups(address) == {bob_has["group"]}
    assert bob.ask(f"log {bob_has['topic']}") == ["bob"]


def test_the_next_lab_takes_away_what_ones_own_dead_kernel_left(address: str, learners: Callable[[str], Learner]) -> None:
    ada, other_kernel, bob = learners("ada"), learners("ada"), learners("bob")
    left, alive, of_bob = ada.ask("work ada"), other_kernel.ask("work ada"), bob.ask("work bob")
    ada.kill()
    bob.kill()
    assert {left["topic"], of_bob["topic"]} <= names(address)
    learners("ada").ask("work ada")
    assert soon(lambda: left["topic"] not in names(address))
    assert {alive["topic"], of_bob["topic"]} <= names(address)
    learners("bob").ask("work bob")
    assert soon(lambda: of_bob["topic"] not in names(address))


def test_copies_of_one_machine_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same home and the same host name, as in a room of thirty copies of one disk."""
    monkeypatch.delenv("LESSON_LEARNER", raising=False)
    cards = iter(range(30))
    monkeypatch.setattr(topics_module.uuid, "getnode", lambda: next(cards))
    assert len({topics_module.learner() for _ in range(30)}) == 30


def test_the_names_of_a_room_do_not_collide(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten thousand learners, one after the other, which is more than a room."""
    suffixes = set()
    for number in range(10_000):
        monkeypatch.setenv("LESSON_LEARNER", f"learner-{number}")
        suffixes.add(topics_module.learner())
    assert len(suffixes) == 10_000


def test_the_trial_of_a_whole_room_still_works() -> None:
    """With two learners on an embedded broker; thirty are for `python -m tests.room.thirty`."""
    run = subprocess.run([sys.executable, "-m", "tests.room.thirty", "--learners", "2"], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "0 results wrong" in run.stdout
    assert "left: topics [], groups []; missing: []; the foreign log is as it was" in run.stdout
