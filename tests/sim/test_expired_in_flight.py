"""A batch whose delivery timeout ends while its request is unanswered: what becomes of the request, and of what is in flight with it.

In kafka-python and Java the request goes on to count as in flight, until it is answered or times out. librdkafka gives a request no more
time than its batch has: both end together, and with them the connection.
"""

from __future__ import annotations

import time
from contextlib import ExitStack, closing
from typing import Any

import confluent_kafka
import pytest

from course_tools.clients.driver import ClientDriver
from course_tools.clients.experiments import EXPIRES, ClientBench, ClientRun, words
from course_tools.clients.java import Java
from course_tools.clients.kafka_python import KafkaPython
from lesson_lib.core.producer_state import judge
from lesson_lib.errors import version_of
from lesson_lib.faults import parse_script
from lesson_lib.history import History, Kind
from lesson_lib.lab.lab import start_lab
from lesson_lib.sim.messages import ProducerSettings
from lesson_lib.sim.run import client_of, log_of
from lesson_lib.sim.sender import Sender
from lesson_lib.sim.toy_broker import ToyBroker
from lesson_lib.sim.world import ToyWorld
from tests.explorer.five_in_flight import told_by

TWO = {"in_flight": 2, "idempotence": False}
SPACED = {"in_flight": 2, "delivery_timeout_ms": 2_500, "request_timeout_ms": 2_500}
GAP_MS = 2_000  # m1 has time left when m0 expires, also where that is noticed a second late


def simulated(client: str, script: str, sends: list[int], **settings: Any) -> History:
    """One batch at each of these times, whatever the application was told."""
    world = ToyWorld(parse_script(script))
    broker = ToyBroker(world, {0: log_of(version_of("4.4"), judge)})
    producer = Sender(world, broker, ProducerSettings(**settings), client_of(client, settings.get("idempotence", True)), "producer")
    for number, t in enumerate(sends):
        world.clock.at(t, lambda values=(f"m{number}",): producer.send(values, 0))
    world.clock.run()
    return History(tuple(world.events), broker.cells())


def real(name: str) -> ClientDriver:
    """A driver of the client."""
    if name == "librdkafka":
        pytest.importorskip("confluent_kafka")
        from course_tools.clients.librdkafka import Librdkafka
        return Librdkafka()
    return Java() if name == "java" else KafkaPython()


def played(client: ClientDriver, script: str, bursts: list[int], *, where: str = "embedded", then_all_is_well: bool = False,
           **settings: Any) -> ClientRun:
    """What the real client did."""
    with closing(client), ExitStack() as stack:
        lab = start_lab(where, "4.4")
        stack.callback(lab.stop)
        return ClientBench(lab, client).play(script, bursts, then_all_is_well=then_all_is_well, **settings)


def connections(run: History) -> dict[int, list[int]]:
    """On which connections each batch was sent."""
    found: dict[int, list[int]] = {}
    for attempt in run.attempts:
        found.setdefault(attempt.batch, []).append(attempt.send.conn)
    return found


def numbers(run: History) -> list[tuple[int, int, int]]:
    """Batch, epoch and sequence of each attempt."""
    return [(a.batch, a.send.producer_epoch, a.send.base_sequence) for a in run.attempts]


@pytest.mark.parametrize("name", ["kafka-python", "librdkafka", pytest.param("java", marks=pytest.mark.java)])
def test_no_slot_becomes_free_with_the_delivery_timeout(name: str) -> None:
    """Two are in flight on a silent connection when they expire; what is sent then waits for the next connection."""
    told, run = played(real(name), "1+: lose ack silently", [2, 1], then_all_is_well=True, **TWO, **EXPIRES)
    expected = simulated(name, "1-4: lose ack silently", [0, 0, EXPIRES["delivery_timeout_ms"] + 10], **TWO, **EXPIRES)
    assert [words(what) for what in told] == [words(what) for what in told_by(expected)]
    for on in (connections(run), connections(expected)):
        assert on[2] == [max(on[0] + on[1]) + 1]


@pytest.mark.parametrize(("client", "last"), [("kafka-python", Kind.ACK), ("java", Kind.ACK), ("librdkafka", Kind.DROP)])
def test_a_late_answer_frees_the_slot(client: str, last: Kind) -> None:
    """Before it nothing can be sent; librdkafka does not wait for it."""
    run = simulated(client, "1: delay 600; 2: delay 700", [0, 0, 900], in_flight=1, delivery_timeout_ms=1_000, request_timeout_ms=1_000)
    third, expired = (next(i for i, event in enumerate(run.events) if (event.kind, event.batch) == (kind, batch))
                      for kind, batch in ((Kind.SEND, 2), (Kind.REPORT, 1)))
    assert run.events[expired].what == "unknown"
    assert [event.kind for event in run.events[expired:third] if event.kind in (Kind.ACK, Kind.DROP)] == [last]


class Slow(confluent_kafka.Producer):
    """A librdkafka producer that takes its time after each record."""

    def produce(self, *arguments: Any) -> None:
        """Hand over one record."""
        super().produce(*arguments)
        time.sleep(GAP_MS / 1000)


@pytest.fixture(params=["embedded", pytest.param("kafka", marks=pytest.mark.kafka)])
def where(request: pytest.FixtureRequest) -> str:
    """The embedded broker, or the address of an Apache Kafka."""
    return "embedded" if request.param == "embedded" else str(request.getfixturevalue("kafka_address"))


@pytest.mark.incident(8, "lesson 5")
@pytest.mark.fact("librdkafka-copies-after-timeout")
@pytest.mark.parametrize(("script", "log"), [("1: lose ack silently", ["m0", "m1"]), ("1: delay 6000", ["m0", "m1", "m1"])])
def test_librdkafka_sends_what_was_in_flight_with_it_in_a_new_epoch(monkeypatch: pytest.MonkeyPatch, where: str, script: str,
                                                                    log: list[str]) -> None:
    """librdkafka 2.16 sends what was in flight with a batch that expired again, in a new epoch.

    Where the broker has it already, that makes a copy: nothing tells it that the batch of the new epoch is the same.
    """
    monkeypatch.setattr(confluent_kafka, "Producer", Slow)
    told, run = played(real("librdkafka"), script, [2], where=where, idempotence=True, **SPACED)
    expected = simulated("librdkafka", script, [0, GAP_MS], **SPACED)
    assert run.values() == expected.values() == log
    assert numbers(run) == numbers(expected) == [(0, 0, 0), (1, 0, 1), (1, 1, 0)]
    assert told == told_by(expected) == ["_MSG_TIMED_OUT", f"ok {len(log) - 1}"]
