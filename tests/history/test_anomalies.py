"""Each anomaly by its name, found where it is and nowhere else, from hand-made events and logs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from lesson_lib.core.error_codes import ErrorCode
from lesson_lib.history import Event, History, Kind, LogCell


def sent(*batches: int, lane: str = "producer", partition: int = 0) -> list[Event]:
    """One send for each batch."""
    return [Event(i, Kind.SEND, lane=lane, attempt=i + 1, batch=b, try_no=1, topic="t", partition=partition)
            for i, b in enumerate(batches)]


def log(*batches: int, txn: str = "") -> tuple[LogCell, ...]:
    """One record for each batch."""
    return tuple(LogCell(i, f"m{b}", b, i, txn=txn) for i, b in enumerate(batches))


def run(events: list[Event], cells: tuple[LogCell, ...], told: dict[int, str] | None = None) -> History:
    """A history of one partition, with what the application was told at the end."""
    reports = [Event(100, Kind.REPORT, what, batch=batch) for batch, what in (told or {}).items()]
    return History((*events, *reports), {("t", 0): cells})


def reads(*offsets: int, lane: str = "consumer") -> list[Event]:
    """Records that a consumer read."""
    return [Event(200 + i, Kind.READ, lane=lane, topic="t", offset=o, batch=o) for i, o in enumerate(offsets)]


@pytest.mark.parametrize(("stored", "names"), [
    ((0, 1, 2), []),
    ((0, 1, 1, 2), ["copy"]),
    ((0, 2, 1), ["reordered"]),
    ((0, 2), ["hole"]),
    ((0, 1), []),
    ((0, 1, 2, 0, 1, 2), ["copy", "reordered"]),
    ((), []),
])
def test_what_one_producer_left_in_the_log(stored: tuple[int, ...], names: list[str]) -> None:
    assert run(sent(0, 1, 2), log(*stored)).anomaly_names == names


def test_a_batch_of_several_records_is_no_duplicate_of_itself() -> None:
    cells = tuple(LogCell(i, f"m{i}", 0, 0) for i in range(3))
    assert run(sent(0), cells).anomalies == []


def test_a_batch_of_several_records_stored_twice_is() -> None:
    cells = tuple(LogCell(i, f"m{i % 2}", 0, i // 2 * 2) for i in range(4))
    found = run(sent(0), cells).anomalies
    assert [str(a) for a in found] == ["copy: batch 0 is in the log twice, at offsets 0, 2."]


def test_two_producers_have_no_order_between_them() -> None:
    events = [*sent(0, lane="producer"), *sent(1, lane="producer 2")]
    assert run(events, log(1, 0)).anomalies == []
    assert run(sent(0, 1), log(1, 0)).anomaly_names == ["reordered"]


def test_a_hole_needs_a_later_batch_of_the_same_producer_and_partition() -> None:
    assert run([*sent(0, lane="producer"), *sent(1, lane="producer 2")], log(1)).anomalies == []
    assert run([*sent(0, partition=1), *sent(1)], log(1)).anomalies == []
    assert run(sent(0, 1, 3), log(3)).anomalies[0].sentence == "batch 0 is missing, while the later batch 3 is stored."


@pytest.mark.parametrize(("answer", "stored", "names"), [
    ("ok", (), ["lost write"]), ("ok", (0,), []), ("unknown", (), []), ("unknown", (0,), []), ("failed", (), []),
    ("failed", (0,), ["aborted read"])])
def test_what_the_application_was_told_against_the_log(answer: str, stored: tuple[int, ...], names: list[str]) -> None:
    assert run(sent(0), log(*stored), {0: answer}).anomaly_names == names


def test_reading_an_aborted_record() -> None:
    assert run([*sent(0), *reads(0)], log(0, txn="aborted")).anomaly_names == ["aborted read"]
    assert run([*sent(0), *reads(0)], log(0, txn="committed")).anomalies == []


def test_reading_the_same_offset_of_another_partition_is_no_aborted_read() -> None:
    other = [Event(200, Kind.READ, lane="consumer", topic="t", partition=1, offset=0)]
    assert run([*sent(0), *other], log(0, txn="aborted")).anomalies == []


def test_reading_twice_is_an_anomaly_within_a_group_only() -> None:
    assert run([*sent(0, 1), *reads(0, 1, 1)], log(0, 1)).anomaly_names == ["read again"]
    assert run([*sent(0, 1), *reads(0, 1), *reads(0, 1, lane="consumer 2")], log(0, 1)).anomalies == []


def test_a_position_behind_a_record_that_nobody_read() -> None:
    position = Event(300, Kind.POSITION, lane="consumer", topic="t", offset=2)
    assert run([*sent(0, 1), *reads(0), position], log(0, 1)).anomaly_names == ["skipped"]
    assert run([*sent(0, 1), *reads(0, 1), position], log(0, 1)).anomalies == []
    assert run([*sent(0, 1, 2), *reads(0, 1), position], log(0, 1, 2)).anomalies == [], "the record at the position is the next to read"


def test_markers_and_unknown_batches_are_left_alone() -> None:
    cells = (LogCell(0, "m0", 0, 0), LogCell(1, "", -1, 1, "commit"), LogCell(2, "?", -1, 2), LogCell(3, "?", -1, 3))
    assert run(sent(0), cells).anomalies == []


SMALLER = {"base_sequence": 0, "record_count": 1, "values": ("a",)}


@pytest.mark.parametrize(("sequence", "after", "told", "names"), [
    (0, SMALLER, {1: "ok"}, []),
    (-1, {**SMALLER, "base_sequence": -1}, {1: "ok"}, []),  # without idempotence the same record says it
    (0, {**SMALLER, "base_sequence": 2}, {0: "unknown", 1: "ok"}, ["hole"]),
    (-1, {**SMALLER, "base_sequence": -1, "values": ("c",)}, {0: "unknown", 1: "ok"}, ["hole"]),
    (-1, {**SMALLER, "base_sequence": -1, "values": ()}, {0: "unknown", 1: "ok"}, ["hole"]),
    (0, {**SMALLER, "record_count": 2}, {0: "unknown", 1: "ok"}, ["hole"])])
def test_a_batch_that_was_split_is_not_missing(sequence: int, after: dict[str, Any], told: dict[int, str], names: list[str]) -> None:
    """It was too large; its records are in the log in smaller batches, and of itself nothing is told. A client that gives it up
    leaves a hole."""
    large = Event(0, Kind.SEND, attempt=1, batch=0, try_no=1, topic="t", values=("a", "b") if after["values"] else (),
                  base_sequence=sequence, record_count=2)
    refused = replace(large, t=1, kind=Kind.VERDICT, what="refused", lane="broker", error=ErrorCode.MESSAGE_TOO_LARGE)
    small = Event(2, Kind.SEND, attempt=2, batch=1, try_no=1, topic="t", **after)
    history = run([large, refused, small], log(1), {1: "ok"})
    assert (history.told, history.anomaly_names) == (told, names)
