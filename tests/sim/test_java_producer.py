"""The Java client: five in flight, retries in sequence order, a local epoch bump, and the hole of KAFKA-15591."""

from __future__ import annotations

import pytest

from lesson_lib.history import History, Kind
from lesson_lib.sim import simulate
from lesson_lib.sim.java_producer import IdempotentJavaProducer
from lesson_lib.sim.messages import ProduceAnswer, ProducerBatch, ProducerSettings
from lesson_lib.sim.producer import ProducerHost

SHORT = {"delivery_timeout_ms": 300, "request_timeout_ms": 100}


def java(count: int, faults: object = None, **more) -> History:
    """A Java producer with five in flight."""
    return simulate(count, **{"client": "java", "in_flight": 5, "faults": faults} | more)


def in_flight(run: History) -> int:
    """The most requests that were unanswered at once."""
    level = most = 0
    for event in run.of(Kind.SEND, Kind.ACK, Kind.DROP):
        level = {Kind.SEND: level + 1, Kind.ACK: level - 1, Kind.DROP: 0}[event.kind]
        most = max(most, level)
    return most


def test_up_to_five_are_in_flight() -> None:
    assert in_flight(java(12)) == 5
    assert java(12).values() == [f"m{i}" for i in range(12)]


@pytest.mark.parametrize("cut", ["1: cut 5 0", "1: cut 5 3", "2: lose ack", "2: lose request", "3: refuse 6", "1-3: store and answer 20",
                                 "1: lose ack silently", "2: repeat", "4: delay 50", "3: fail over", "3: crash broker"])
def test_idempotent_and_in_order_whatever_happens_on_the_way(cut: str) -> None:
    run = java(5, cut)
    assert (run.values(), set(run.told.values()), run.anomalies) == (["m0", "m1", "m2", "m3", "m4"], {"ok"}, [])


def test_five_lost_answers_are_five_duplicates_with_the_old_offsets() -> None:
    run = java(5, "1: cut 5 0")
    assert [(a.verdict, a.offset, a.answer_offset) for a in run.attempts[5:]] == [("duplicate", i, i) for i in range(5)]


def test_a_gap_is_refused_and_the_batches_behind_it_come_again_in_order() -> None:
    run = java(5, "2: refuse 6")
    assert [v for v in run.verdicts if v[1] == "refused"] == [(1, "refused", 6), (2, "refused", 45), (3, "refused", 45), (4, "refused", 45)]
    assert run.of(Kind.EPOCH) == []


def test_while_one_is_retried_only_one_of_the_retried_is_in_flight() -> None:
    run = java(5, "2: refuse 6")
    retried = [e for e in run.events if e.try_no == 2 and e.kind in (Kind.SEND, Kind.ACK)]
    assert [e.kind for e in retried] == [Kind.SEND, Kind.ACK] * 4


def test_45_on_the_next_in_line_raises_the_epoch_and_starts_at_0() -> None:
    run = java(4, "2: refuse 45")
    assert [e.what for e in run.of(Kind.EPOCH)] == ["raises its epoch to 1"]
    again = [a.send for a in run.attempts if a.try_no == 2]
    assert [(s.batch, s.producer_id, s.producer_epoch, s.base_sequence) for s in again] == [(1, 1, 1, 0), (2, 1, 1, 1), (3, 1, 1, 2)]
    assert (run.values(), run.anomalies) == (["m0", "m1", "m2", "m3"], [])


def test_a_false_45_makes_the_epoch_bump_store_a_second_copy() -> None:
    run = java(3, "2: store and answer 45", in_flight=1)
    assert run.values() == ["m0", "m1", "m1", "m2"]
    assert run.anomaly_names == ["copy"]


def test_an_error_that_is_not_retriable_fails_one_batch_only() -> None:
    run = java(4, "2: refuse 87")
    assert run.told == {0: "ok", 1: "failed", 2: "ok", 3: "ok"}
    assert run.attempts[-1].send.producer_epoch == 1


def test_forgotten_by_a_broker_before_2_5_it_starts_again() -> None:
    run = java(4, "3: forget idle ids", broker="2.4")
    assert (59 in [code for _, _, code in run.verdicts], run.values()) == (True, ["m0", "m1", "m2", "m3"])
    assert [e.what for e in run.of(Kind.EPOCH)] == ["raises its epoch to 1"]


def test_a_batch_that_was_sent_with_its_new_number_can_be_numbered_again() -> None:
    """Two restarts that forget, each behind two batches without an answer: the second one costs a second epoch, as in the real client."""
    run = java(3, "1: cut 2 0; 3: restart broker; 5: cut 2 0; 7: restart broker", in_flight=2, broker="4.5")
    assert [e.what for e in run.of(Kind.EPOCH)] == ["raises its epoch to 1", "raises its epoch to 2"]
    assert run.values() == ["m0", "m1", "m0", "m1", "m2", "m1", "m2"]


def test_forgotten_by_a_broker_from_2_5_nobody_notices() -> None:
    run = java(4, "3: forget idle ids")
    assert (run.values(), len(run.attempts)) == (["m0", "m1", "m2", "m3"], 4)


# KAFKA-15591: the first batch of a new partition is refused, later ones are in
def test_the_hole_on_a_new_partition_before_4_5() -> None:
    run = java(3, "1: refuse 6", broker="4.4", **SHORT)
    assert run.values() == ["m1", "m2"]
    assert run.told == {0: "unknown", 1: "ok", 2: "ok"}
    assert {v[2] for v in run.verdicts if v[0] == 0} == {6, 45}
    assert run.anomaly_names == ["hole"]


@pytest.mark.parametrize("settings", [{"broker": "4.5"}, {"in_flight": 1}, {"client": "kafka-python"}], ids=str)
def test_no_hole(settings: dict) -> None:
    run = java(3, "1: refuse 6", **SHORT | settings)
    assert (run.values(), run.anomalies) == (["m0", "m1", "m2"], [])


def test_no_hole_on_a_partition_that_knows_the_producer() -> None:
    run = java(4, "2: refuse 6", **SHORT)
    assert (run.values(), run.anomalies) == (["m0", "m1", "m2", "m3"], [])


# why five: the real client refuses more
@pytest.mark.parametrize(("in_flight", "anomalies"), [(5, []), (6, ["copy", "reordered"]), (7, ["copy", "reordered"])])
def test_with_more_than_five_in_flight_the_retry_of_the_oldest_is_forgotten(in_flight: int, anomalies: list[str]) -> None:
    run = java(in_flight, f"1: cut {in_flight} 0", in_flight=in_flight)
    assert run.anomaly_names == anomalies


# the delivery timeout with later batches in flight
def test_expired_but_stored_and_a_later_one_acknowledged_needs_no_new_epoch() -> None:
    run = java(2, {1: "lose ack", 2: "lose request", "3-4": "lose ack"}, **SHORT | {"delivery_timeout_ms": 120})
    assert run.told[0] == "unknown"
    assert run.values()[0] == "m0"


def test_expired_alone_raises_the_epoch() -> None:
    run = java(3, {"1-5": "lose request"}, in_flight=1, **SHORT | {"delivery_timeout_ms": 120})
    assert run.told == {0: "unknown", 1: "ok", 2: "ok"}
    assert [e.what for e in run.of(Kind.EPOCH)] == ["raises its epoch to 1"]
    assert run.values() == ["m1", "m2"]


def test_without_idempotence_retries_reverse_as_in_every_client() -> None:
    run = java(3, "1: cut 3 0", idempotence=False)
    assert run.values() == ["m0", "m1", "m2", "m2", "m1", "m0"]


def test_a_partition_with_trouble_does_not_renumber_another() -> None:
    run = java(6, "3: refuse 45", partitions=2)
    assert run.values(0) == ["m0", "m2", "m4"] and run.values(1) == ["m1", "m3", "m5"]
    assert run.anomalies == []


@pytest.mark.parametrize("faults", [{1: "delay 250"}, {2: "delay 40", 4: "delay 5"}, {3: "delay 250", 5: "refuse 19"}], ids=str)
def test_answers_on_a_connection_do_not_overtake_each_other(faults: dict[int, str]) -> None:
    acks = [(event.t, event.attempt) for event in java(8, faults).of(Kind.ACK)]
    assert [attempt for _, attempt in acks] == sorted(attempt for _, attempt in acks)


def test_a_late_answer_on_an_old_batch_does_not_take_back_a_newer_one() -> None:
    """Batch 0 is acknowledged after 1 to 4: a 45 to batch 5 is then no gap that a batch before it could fill, so the epoch goes up."""
    run = java(6, {1: "store and answer 20", 7: "refuse 45"})
    assert [event.batch for event in run.of(Kind.ACK) if not event.error] == [1, 2, 3, 4, 0, 5]
    assert [event.producer_epoch for event in run.of(Kind.EPOCH)] == [1] and run.values()[-1] == "m5"


def test_a_partition_takes_up_a_new_epoch_once_nothing_of_its_old_one_is_under_way() -> None:
    """Partition 1 raises the epoch while batch 2 waits with its old number; so batch 4 waits too, and begins at 0."""
    run = simulate(6, partitions=2, in_flight=3, client="java", broker="4.5", faults={1: "refuse 6", 2: "refuse 45"})
    sent = [(a.batch, a.send.producer_epoch, a.send.base_sequence) for a in run.attempts if a.send.partition == 0]
    assert sent == [(0, 0, 0), (2, 0, 1), (0, 0, 0), (2, 0, 1), (4, 1, 0)]
    assert (run.values(0), run.anomaly_names) == (["m0", "m2", "m4"], [])


def test_a_batch_that_expires_on_its_first_try_leaves_nothing_unresolved() -> None:
    """Only one in retry does (`ProducerBatch.inRetry`): the next batch keeps the epoch and follows on."""
    run = simulate(2, client="java", faults={1: "delay 290"}, delivery_timeout_ms=300, request_timeout_ms=300)
    assert [(a.batch, a.send.producer_epoch, a.send.base_sequence) for a in run.attempts] == [(0, 0, 0), (1, 0, 1)]
    assert (run.values(), run.told) == (["m0", "m1"], {0: "unknown", 1: "ok"})


def test_what_was_in_doubt_is_settled_by_a_later_ack() -> None:
    """A retried batch expires; the one behind it is acknowledged, so the broker has both, and new ones flow in the same epoch."""
    class Host(ProducerHost):
        """Gives out one id, and keeps nothing."""

        def new_producer_id(self) -> tuple[int, int]:
            return 1, 0

    producer = IdempotentJavaProducer(ProducerSettings(in_flight=2), Host())
    first, second, third = (ProducerBatch(number, (f"m{number}",), 0) for number in range(3))
    for batch in (first, second):
        producer.send(batch)
        producer.transmit(batch)
    producer.disconnected()
    producer.send(third)
    producer.expired(first)
    assert producer.heads() == [second] and not producer.may_drain(third)
    producer.transmit(second)
    producer.answered(second, ProduceAnswer(offset=1))
    assert producer.heads() == [third] and producer.may_drain(third) and producer.producer_epoch == 0
