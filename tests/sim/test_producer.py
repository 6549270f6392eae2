"""What all simulated producers have in common."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest

from lesson_lib.core.error_codes import ErrorCode
from lesson_lib.history import Kind
from lesson_lib.sim import simulate
from lesson_lib.sim.java_producer import JavaProducer
from lesson_lib.sim.messages import ProduceAnswer, ProducerBatch, ProducerSettings
from lesson_lib.sim.producer import IdempotentKafkaPythonProducer, KafkaPythonProducer, ProducerHost

CLIENTS = ["kafka-python", "java", "librdkafka"]


@pytest.mark.parametrize("client", CLIENTS)
def test_partitions_are_served_in_the_order_of_send(client: str) -> None:
    run = simulate(6, partitions=2, client=client, in_flight=2)
    assert [a.batch for a in run.attempts] == list(range(6))


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize(("late", "kind"), [("1: refuse 6; 2: delay 150", Kind.ACK), ("1: lose ack silently", Kind.DROP)])
def test_what_comes_after_the_delivery_timeout_is_told_to_nobody(client: str, late: str, kind: Kind) -> None:
    run = simulate(1, client=client, faults=late, delivery_timeout_ms=200, request_timeout_ms=200)
    assert [report.what for report in run.reports] == ["unknown"]
    told = run.events.index(run.reports[0])
    last = Kind.DROP if client == "librdkafka" else kind  # it does not wait for the answer to an expired batch
    assert [event.kind for event in run.events[told:] if event.kind in (Kind.SEND, Kind.ACK, Kind.DROP)] == [last]


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("retries", [0, 1, 3])
def test_so_many_retries_are_one_try_more(client: str, retries: int) -> None:
    run = simulate(1, client=client, idempotence=False, retries=retries, faults="1+: refuse 6")
    assert len(run.attempts) == retries + 1
    assert run.told == {0: "failed"}


@pytest.mark.parametrize(("client", "tries"), [("kafka-python", 1), ("java", 2), ("librdkafka", 2)])
@pytest.mark.parametrize("idempotence", [True, False])
def test_kafka_python_alone_does_not_try_again_what_arrived_broken(client: str, tries: int, idempotence: bool) -> None:
    run = simulate(1, client=client, idempotence=idempotence, faults={1: "refuse 2"})
    assert (len(run.attempts), run.told) == (tries, {0: "failed" if tries == 1 else "ok"})


def test_a_killed_producer_notices_nothing_any_more() -> None:
    run = simulate(2, client="java", in_flight=2, faults="1: lose ack silently; 2: kill producer", request_timeout_ms=50)
    killed = next(i for i, event in enumerate(run.events) if event.what == "killed")
    assert not [event for event in run.events[killed:] if event.kind == Kind.TIMEOUT and event.attempt <= 2]


def test_a_stuck_producer_tells_nothing_of_what_it_holds() -> None:
    """kafka-python: `get` without a limit waits for ever."""
    run = simulate(4, partitions=2, in_flight=4, faults="1+: lose ack", delivery_timeout_ms=300, request_timeout_ms=100)
    stuck = next(i for i, event in enumerate(run.events) if event.what == "stuck")
    assert {event.note for event in run.events[stuck:] if event.kind == Kind.REPORT} == {"never told"}  # when the run is over


def test_kafka_python_does_not_try_again_what_has_an_old_id() -> None:
    """Error 45 on one partition brings a new id; what the other partition lost meanwhile had the old one."""
    told: dict[int, str] = {}

    class Host(ProducerHost):
        """Gives out ids, and keeps what the application is told."""

        ids = count(1)

        def new_producer_id(self) -> tuple[int, int]:
            return next(self.ids), 0

        def told(self, batch: ProducerBatch, what: str, *_: Any) -> None:
            told[batch.number] = what

    producer = IdempotentKafkaPythonProducer(ProducerSettings(in_flight=2), Host())
    batches = [ProducerBatch(number, (f"m{number}",), number) for number in (0, 1)]
    for batch in batches:
        producer.send(batch)
        producer.transmit(batch)
    producer.answered(batches[0], ProduceAnswer(ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER))
    producer.disconnected()
    assert told == {0: "failed", 1: "unknown"} and producer.heads() == [] and producer.producer_id == 2


@pytest.mark.parametrize("idempotence", [True, False])
def test_kafka_python_sends_the_first_batches_of_all_partitions_in_one_request(idempotence: bool,
                                                                               monkeypatch: pytest.MonkeyPatch) -> None:
    """They take one slot, and a fault meets them together; held against the real client in tests/lab/virtual/test_every_schedule.py."""
    monkeypatch.setattr(KafkaPythonProducer, "shares_requests", True)
    run = simulate(6, partitions=3, in_flight=2, idempotence=idempotence)
    assert [[e.batch for e in run.of(Kind.SEND) if e.t == t] for t in sorted({e.t for e in run.of(Kind.SEND)})] == [[0, 1, 2], [3, 4, 5]]
    first_ack = run.events.index(run.of(Kind.ACK)[0])
    sent_before = [e.batch for e in run.events[:first_ack] if e.kind == Kind.SEND]
    assert len(sent_before) == (3 if idempotence else 6)  # two slots are enough for six batches
    lost = simulate(3, partitions=3, in_flight=2, idempotence=idempotence, faults={2: "lose ack"})
    assert [a.lost for a in lost.attempts] == ["answer"] * 3 + [""] * 3
    refused = simulate(4, partitions=2, in_flight=2, idempotence=idempotence, faults={1: "refuse 45"})
    assert [a.answer == 45 for a in refused.attempts] == [True, True, False, False]
    assert {e.producer_id for e in refused.of(Kind.SEND)} == ({1, 2} if idempotence else {-1})  # one new id, not two


def test_exceptions_have_the_names_of_their_client() -> None:
    from kafka import errors
    for error in (2, 3, 6, 7, 10, 19, 20, 21, 45, 47, 48, 49, 59, 87, 90):
        assert KafkaPythonProducer.exception_name(ErrorCode(error)) == errors.for_code(error).__name__
    assert hasattr(errors, KafkaPythonProducer.disconnect_error) and hasattr(errors, KafkaPythonProducer.timeout_error)
    assert JavaProducer.exception_name(ErrorCode(45)) == "OutOfOrderSequenceException"
