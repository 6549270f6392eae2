"""What the explorer found, done by Kafka's own Java producer: through the fault proxy, on the embedded broker.

The histories are real, the broker's rule is ours; so this is about the explorer's producer: that the Java client makes these
moves. The second row is a duplicate with idempotence on, on a new partition, before Kafka 4.5: the explorer's own find. The
fourth is one after a clean restart, which leaves a window of one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from course_tools.clients.experiments import SHORT, ClientBench
from course_tools.clients.java import Java
from lesson_lib.explorer.explore import explore
from lesson_lib.lab.lab import start_lab
from lesson_lib.sim import simulate

KINDS = ("cut", "refuse", "store and answer", "restart broker")


@pytest.fixture(scope="module")
def java() -> Iterator[Java]:
    """One Java process for all runs."""
    with closing(Java()) as client:
        yield client


def burst(java: Java, script: str, broker: str, count: int, hold: list[int], in_flight: int = 5) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The log, and what the application was told, after the Java producer sent its records at once under this script."""
    lab = start_lab("embedded", broker)
    try:
        told, run = ClientBench(lab, java).play(script, [count], hold=hold, idempotence=True, in_flight=in_flight, **SHORT)
        return tuple(run.values()), tuple(as_the_explorer_says(word) for word in told)
    finally:
        lab.stop()


def as_the_explorer_says(word: str) -> str:
    """Where its delivery timeout ended a batch, nobody knows."""
    return {"ok": "ok", "TimeoutException": "unknown"}.get(word.split()[0], "failed")


@pytest.mark.java
@pytest.mark.parametrize(("script", "broker", "log"), [
    ("1: refuse 6", "4.4", "m1 m2"),
    ("1: refuse 6; 2: lose ack", "4.4", "m1 m0 m1 m2"),
    ("1: refuse 6; 2: lose ack", "4.5", "m0 m1 m2"),
    ("1: cut 2 0; 3: restart broker", "4.5", "m0 m1 m0 m1"),
    ("1: lose ack", "4.4", "m0 m1 m2"),
    ("1: store and answer 20", "4.4", "m0 m1 m2"),
])
def test_the_java_producer_ends_where_the_explorer_says(java: Java, script: str, broker: str, log: str) -> None:
    """In one of the explorer's ends, the one in the row."""
    count = len(set(log.split()) | {"m0"})
    seen = burst(java, script, broker, count, [count])
    assert seen in {(o.log, o.told) for o in explore(count, count, 2, broker=broker, kinds=KINDS).outcomes}
    assert " ".join(seen[0]) == log


@pytest.mark.java
def test_a_batch_that_was_sent_with_its_new_number_can_be_numbered_again(java: Java) -> None:
    """Two restarts, each behind two batches without an answer: the second one costs a second epoch."""
    script, log = "1: cut 2 0; 3: restart broker; 5: cut 2 0; 7: restart broker", ("m0", "m1", "m0", "m1", "m2", "m1", "m2")
    ends = {o.log: o.told for o in explore(3, 2, 2, broker="4.5", kinds=("restart broker",)).outcomes}
    assert burst(java, script, "4.5", 3, [2, 3, 4, 6], in_flight=2) == (log, ends[log]) == (log, ("ok", "ok", "ok"))
    assert simulate(3, in_flight=2, client="java", broker="4.5", faults=script).values() == list(log)
