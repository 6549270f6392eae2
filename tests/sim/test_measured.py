"""What kafka-python 3.0.12 did on the wire, through a fault proxy, as measured for the notes: the simulation does the same."""

from __future__ import annotations

import pytest

from lesson_lib.history import Kind
from lesson_lib.sim import simulate

SHORT = {"delivery_timeout_ms": 300, "request_timeout_ms": 100}

# fault on the second of three sends: settings, log, told
SECOND_OF_THREE = [
    ("lose ack", {"idempotence": False}, "m0 m1 m1 m2", "ok ok ok"),
    ("lose ack", {"idempotence": False, "acks": 1}, "m0 m1 m1 m2", "ok ok ok"),
    ("lose ack", {}, "m0 m1 m2", "ok ok ok"),
    ("lose ack silently", {"idempotence": False}, "m0 m1 m1 m2", "ok ok ok"),
    ("lose ack silently", {}, "m0 m1 m2", "ok ok ok"),
    ("lose request", {}, "m0 m1 m2", "ok ok ok"),
    ("lose request", {"idempotence": False}, "m0 m1 m2", "ok ok ok"),
    ("lose request silently", {}, "m0 m1 m2", "ok ok ok"),
    ("repeat", {"idempotence": False}, "m0 m1 m1 m2", "ok ok ok"),
    ("repeat", {}, "m0 m1 m2", "ok ok ok"),
    ("delay 250", {}, "m0 m1 m2", "ok ok ok"),
    ("delay 600", {"idempotence": False, "request_timeout_ms": 400}, "m0 m1 m1 m2", "ok ok ok"),
    ("delay 600", {"request_timeout_ms": 400}, "m0 m1 m2", "ok ok ok"),
    ("lose ack", {"idempotence": False, "retries": 0}, "m0 m1 m2", "ok unknown ok"),
    ("lose request", {"idempotence": False, "retries": 0}, "m0 m2", "ok unknown ok"),
    ("lose request", {"idempotence": False, "acks": 0}, "m0", "ok ok ok"),
    ("store and answer 20", {"idempotence": False}, "m0 m1 m1 m2", "ok ok ok"),
    ("store and answer 20", {}, "m0 m1 m2", "ok ok ok"),
    ("store and answer 6", {}, "m0 m1 m2", "ok ok ok"),
    ("store and answer 46", {}, "m0 m1 m2", "ok ok ok"),
    ("refuse 45", {}, "m0 m2", "ok failed ok"),
    ("store and answer 45", {}, "m0 m1 m2", "ok failed ok"),
]


@pytest.mark.parametrize(("fault", "settings", "log", "told"), SECOND_OF_THREE,
                         ids=[f"{fault}, {settings or 'defaults'}" for fault, settings, _, _ in SECOND_OF_THREE])
def test_fault_on_the_second_of_three(fault: str, settings: dict, log: str, told: str) -> None:
    run = simulate(3, faults={2: fault}, **settings)
    assert " ".join(run.values()) == log
    assert " ".join(run.told.values()) == told


def test_the_application_gets_the_offset_of_the_second_copy() -> None:
    """The quiet tell: without idempotence the application never learns that offset 1 is its record too."""
    off, on = (simulate(3, faults={2: "lose ack"}, idempotence=choice) for choice in (False, True))
    assert [r.offset for r in off.reports] == [0, 2, 3]
    assert [r.offset for r in on.reports] == [0, 1, 2]


def test_error_46_is_a_success_without_an_offset() -> None:
    assert [r.offset for r in simulate(3, faults={2: "store and answer 46"}).reports] == [0, None, 2]


def test_after_45_the_producer_goes_on_with_a_new_id() -> None:
    run = simulate(3, faults={2: "refuse 45"})
    assert [(a.send.producer_id, a.send.producer_epoch, a.send.base_sequence) for a in run.attempts] == [(1, 0, 0), (1, 0, 1), (2, 0, 0)]


@pytest.mark.parametrize("error", [45, 47, 59])
def test_45_47_and_59_are_told_as_failed(error: int) -> None:
    run = simulate(2, faults={1: f"refuse {error}"})
    assert list(run.told.values()) == ["failed", "ok"]
    assert run.reports[0].note.endswith("Error")


# several in flight, idempotence off
def test_one_fault_in_a_burst_makes_copies_and_reverses() -> None:
    run = simulate(4, in_flight=2, faults={2: "cut 2 0"}, idempotence=False)
    assert run.values() == ["m0", "m1", "m2", "m2", "m1", "m3"]
    assert run.anomaly_names == ["copy", "reordered"]


def test_a_refusal_in_a_burst_reorders() -> None:
    run = simulate(4, in_flight=4, faults={1: "refuse 19"}, idempotence=False)
    assert (run.values(), run.anomaly_names) == (["m1", "m2", "m3", "m0"], ["reordered"])


@pytest.mark.parametrize(("in_flight", "cut", "log"), [
    (3, "1: cut 3 0", "m0 m1 m2 m2 m1 m0 m3 m4"),
    (5, "1: cut 2 0", "m0 m1 m4 m3 m2 m1 m0"),
])
def test_retries_come_out_reversed(in_flight: int, cut: str, log: str) -> None:
    run = simulate(5, in_flight=in_flight, faults=cut, idempotence=False)
    assert " ".join(run.values()) == log


def test_with_idempotence_one_batch_of_a_partition_is_in_flight() -> None:
    run = simulate(4, in_flight=4, faults={1: "refuse 19"})
    assert run.values() == ["m0", "m1", "m2", "m3"]
    kinds = [e.kind for e in run.of(Kind.SEND, Kind.ACK)]
    assert kinds == [Kind.SEND, Kind.ACK] * 5


def test_two_partitions_can_be_in_flight() -> None:
    run = simulate(4, in_flight=4, partitions=2)
    assert [e.kind for e in run.of(Kind.SEND, Kind.ACK)][:2] == [Kind.SEND, Kind.SEND]


# the delivery timeout: two worlds, one exception
def test_two_worlds_one_exception() -> None:
    stored, lost = (simulate(1, faults={"1+": fault}, **SHORT) for fault in ("lose ack", "lose request"))
    assert [(r.what, r.note, r.t) for r in stored.reports] == [(r.what, r.note, r.t) for r in lost.reports]
    assert stored.reports[0].note == "KafkaTimeoutError"
    assert (stored.values(), lost.values()) == (["m0"], [])


def test_without_idempotence_world_one_holds_many_copies() -> None:
    run = simulate(1, faults={"1+": "lose ack"}, idempotence=False, **SHORT)
    assert run.told == {0: "unknown"}
    assert len(run.values()) == len(run.attempts) > 3


def test_after_an_expired_retry_an_idempotent_producer_is_stuck() -> None:
    run = simulate(3, faults={"2+": "lose ack"}, **SHORT)
    assert run.told == {0: "ok", 1: "unknown", 2: "unknown"}
    assert "stuck" in [e.what for e in run.of(Kind.PRODUCER)]
    assert max(a.batch for a in run.attempts) == 1


def test_without_idempotence_it_goes_on() -> None:
    run = simulate(3, faults={"2-5": "lose request"}, idempotence=False, **SHORT)
    assert run.told == {0: "ok", 1: "unknown", 2: "ok"}
