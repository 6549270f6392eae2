"""What the wire tells of clients that do not send the same bytes again, and what it does not."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace

import pytest

from course_tools.trace.suspected import SUSPECTED
from course_tools.trace.verdict import NOTHING_CAME, TraceVerdict
from course_tools.trace.wire_history import WireHistory, from_the_wire, without_values
from lesson_lib.core.error_codes import ErrorCode
from lesson_lib.history import Event, History, Kind, LogCell
from lesson_lib.history.story import as_story
from lesson_lib.proxy.recording import MOST_VALUES, content_of

TOPIC = ("orders", 0)


class Wire:
    """Writes down requests as the proxy does, and the log."""

    def __init__(self, producer_id: int = 1) -> None:
        self.producer_id, self.events, self.log, self.requests = producer_id, list[Event](), list[LogCell](), 0

    def request(self, batch: int, value: str | tuple[str, ...], sequence: int = -1, stored: bool = True, error: int = 0,
                answered: bool = True, offset: int | None = None, epoch: int = 0) -> Wire:
        """A request with one record, or several, under the number `batch` that its bytes have; a duplicate of `offset` if not stored."""
        self.requests += 1
        values = (value,) if isinstance(value, str) else value
        shown = values if len(values) <= MOST_VALUES else ()
        about = {"attempt": self.requests, "batch": batch, "try_no": 1, "values": shown, "content": content_of(values),
                 "topic": "orders", "producer_id": self.producer_id,
                 "producer_epoch": epoch if self.producer_id >= 0 else -1, "base_sequence": sequence, "record_count": len(values)}
        self._note(Kind.SEND, "", **about)
        at = len(self.log) if stored else offset
        what = "stored" if stored else "refused" if error else "duplicate"
        self._note(Kind.VERDICT, what, offset=at, error=ErrorCode(error), **about)
        if stored:
            self.log += [LogCell(at + n, one, batch, at, producer_id=self.producer_id, sequence=sequence + n if sequence >= 0 else -1)
                         for n, one in enumerate(values)]
        if answered:
            self._note(Kind.ACK, "", offset=at, error=ErrorCode(error), **about)
        else:
            self._note(Kind.LOST, "answer", **about)
        return self

    def _note(self, kind: Kind, what: str, **about: object) -> None:
        self.events.append(Event(len(self.events), kind, what, **about))  # type: ignore[arg-type]

    def seen(self) -> WireHistory:
        return from_the_wire(History(tuple(self.events), {TOPIC: tuple(self.log)}))


def verdict(run: WireHistory) -> str:
    return str(TraceVerdict(run))


def names(run: WireHistory) -> Sequence[str]:
    return [anomaly.name for anomaly in run.anomalies]


def test_a_retry_that_was_stamped_anew_is_the_same_batch() -> None:
    """As kafkajs sends it: other bytes, the same numbers and values. Incident 8 of the list: this was called a hole."""
    run = Wire().request(0, "a", 0).request(1, "b", 1, answered=False).request(2, "b", 1, stored=False, offset=1).request(3, "c", 2).seen()
    assert [(a.batch, a.try_no) for a in run.attempts] == [(0, 1), (1, 1), (1, 2), (2, 1)]
    assert names(run) == [] and verdict(run).startswith("Every batch")


def test_the_same_stamped_anew_under_a_new_epoch_is_a_duplicate() -> None:
    run = Wire().request(0, "a", 0, answered=False).request(1, "a", 0, epoch=1).seen()
    assert names(run) == ["copy"] and [(a.batch, a.try_no) for a in run.attempts] == [(0, 1), (0, 2)]


def test_another_record_under_the_same_numbers_is_lost() -> None:
    """As franz-go 1.20.6 did: told ok, not in the log."""
    run = Wire().request(0, "a", 0, error=7).request(1, "b", 0, stored=False, offset=0).seen()
    assert names(run) == ["lost write"] and "the broker's ok for batch 1 reached the client" in verdict(run)


def test_equal_values_with_an_ok_between_them_are_the_applications_own() -> None:
    run = Wire().request(0, "a", 0).request(1, "a", 1).seen()
    assert names(run) == [] and not run.cannot_be_told


def test_a_failure_that_a_retry_made_good_makes_nothing_later_suspected() -> None:
    run = Wire().request(0, "a", 0, answered=False).request(1, "a", 0, stored=False, offset=0).request(2, "a", 0, epoch=1).seen()
    assert [one.batch for one in run.attempts] == [0, 0, 1] and names(run) == []


def test_without_numbers_equal_values_are_a_suspected_copy_unless_an_ok_came_between() -> None:
    run = Wire(-1).request(0, "a", answered=False).request(1, "a").request(2, "b").seen()
    assert names(run) == [SUSPECTED] and run.anomalies[0].batches == (0, 1)
    run = Wire(-1).request(0, "a").request(1, "a").seen()
    assert names(run) == [] and verdict(run).startswith("It cannot be told")


@pytest.mark.parametrize("covered", [True, False])
def test_a_batch_that_is_missing_is_a_hole_unless_its_values_came_another_way(covered: bool) -> None:
    """As where a client splits a batch that was too large."""
    wire = Wire().request(0, "a", 0, stored=False, error=10)
    wire = wire.request(1, "a" if covered else "x", 7).request(2, "c", 8)
    assert names(wire.seen()) == ([] if covered else ["hole"])


def test_a_broker_that_writes_its_own_time_has_the_batches_still() -> None:
    """The bytes in the log are not those that were sent, so nobody knows the batch by them."""
    wire = Wire().request(0, "a", 0).request(1, "b", 1)
    wire.log = [LogCell(cell.offset, cell.value, -1, cell.base_offset, producer_id=1) for cell in wire.log]
    run = wire.seen()
    assert names(run) == [] and [cell.batch for cell in run.log()] == [0, 1]


def test_nothing_is_said_of_what_the_application_was_told() -> None:
    run = Wire().request(0, "a", 0).seen()
    assert run.told == {} and "told" not in run.table() and "told" not in as_story(run)


def test_nothing_came_by() -> None:
    assert verdict(from_the_wire(History(()))) == NOTHING_CAME


@pytest.mark.parametrize("producer_id", [1, -1])
def test_the_pieces_of_a_batch_that_was_split_are_suspected_copies(producer_id: int) -> None:
    """Stored without an ok, then split and sent again under a new epoch, or without numbers: nothing but the values tells."""
    wire = Wire(producer_id).request(0, ("a", "b"), 0, answered=False).request(1, "a", 0, epoch=1).request(2, "b", 1, epoch=1)
    run = wire.seen()
    assert names(run) == [SUSPECTED, SUSPECTED] and [one.batches for one in run.anomalies] == [(0, 1), (0, 2)]
    assert "have values in common" in verdict(run)


def test_a_constant_that_was_sent_again_when_nothing_had_failed_cannot_be_told() -> None:
    """With several in flight: the first has no ok yet. Equal bytes too, as two sends within one millisecond make them."""
    for second in (0, 1):
        wire = Wire(-1).request(0, "x").request(second, "x").request(0, "x")
        events = [event for event in wire.events if event.kind != Kind.ACK] + [event for event in wire.events if event.kind == Kind.ACK]
        wire.events = [replace(event, t=t) for t, event in enumerate(events)]
        run = wire.seen()
        assert names(run) == [] and run.cannot_be_told and verdict(run).startswith("It cannot be told"), second
        assert len({cell.batch for cell in run.log()}) == 3


def test_a_constant_that_is_repeated_anyway_leaves_nothing_to_suspect() -> None:
    """Stamped anew after a lost ack: a retry, or the next of many equal records."""
    wire = Wire(-1).request(0, "x").request(1, "x", answered=False).request(2, "x").request(3, "x")
    assert names(wire.seen()) == [] and wire.seen().cannot_be_told
    wire = Wire(-1).request(0, "w").request(1, "x", answered=False).request(2, "x").request(3, "y")
    assert names(wire.seen()) == [SUSPECTED]


def test_equal_bytes_after_a_failure_are_a_retry() -> None:
    run = Wire(-1).request(0, "x").request(1, "y", answered=False).request(1, "y").request(2, "z").seen()
    assert names(run) == ["copy"] and [(a.batch, a.try_no) for a in run.attempts] == [(0, 1), (1, 1), (1, 2), (2, 1)]


def test_equal_bytes_of_which_one_has_no_answer_are_given_to_both() -> None:
    """The second of two records that are alike was stored, and all news of it is lost: that is no copy of the first."""
    wire = Wire(-1).request(0, "x").request(1, "y").request(0, "x", answered=False)
    wire.events = [event for event in wire.events if event.attempt < 3 or event.kind != Kind.VERDICT]
    run = wire.seen()
    assert names(run) == [] and [cell.batch for cell in run.log()] == [0, 1, 2]


MANY = tuple(f"value {n}" for n in range(100))  # of such a batch a picture has no room for the values


def test_a_large_batch_is_known_again_by_a_digest_of_all_its_values() -> None:
    """As kafkajs sends it: other bytes, the same numbers and values, and so many that they were not compared."""
    run = Wire().request(0, MANY, 0, answered=False).request(1, MANY, 0, stored=False, offset=0).seen()
    assert names(run) == [] and [(a.batch, a.try_no) for a in run.attempts] == [(0, 1), (0, 2)]
    run = Wire().request(0, MANY, 0, answered=False).request(1, (*MANY[:-1], "other"), 0, stored=False, offset=0).seen()
    assert names(run) == ["lost write"], "one value of a hundred is another"


def test_a_large_batch_without_numbers_is_a_suspected_copy() -> None:
    run = Wire(-1).request(0, MANY, answered=False).request(1, MANY).seen()
    assert names(run) == [SUSPECTED] and "hold the same values" in verdict(run)
    assert names(without_values(run)) == [SUSPECTED]
    assert names(Wire(-1).request(0, MANY, answered=False).request(1, (*MANY[1:], "other")).seen()) == []


def test_the_pieces_of_a_large_batch_are_suspected_too() -> None:
    run = Wire(-1).request(0, MANY, answered=False).request(1, MANY[:70]).request(2, MANY[70:]).seen()
    assert [one.batches for one in run.anomalies] == [(0, 1), (0, 2)]


@pytest.mark.parametrize("covered", [True, False])
def test_a_large_batch_is_missing_unless_its_pieces_are_there(covered: bool) -> None:
    wire = Wire().request(0, MANY, 0, stored=False, error=19)
    run = wire.request(1, MANY[:70], 0, epoch=1).request(2, MANY[70:] if covered else MANY[69:99], 70, epoch=1).seen()
    assert names(run) == ([] if covered else ["hole"]) == names(without_values(run))


def calls_for(wire: Wire) -> int:
    """How many functions of Python are called to judge it."""
    calls = 0

    def count(frame: object, event: str, arg: object) -> None:
        nonlocal calls
        calls += event == "call"
    sys.setprofile(count)
    try:
        verdict(wire.seen())
    finally:
        sys.setprofile(None)
    return calls


@pytest.mark.parametrize("producer_id", [1, -1])
@pytest.mark.parametrize("value", ["x", "x{n}", ("head", "{n}"), ("{n}", "tail")], ids=str)
def test_ten_times_as_many_requests_are_ten_times_the_work(producer_id: int, value: str | tuple[str, ...]) -> None:
    def so_many(count: int) -> Wire:
        wire = Wire(producer_id)
        for n in range(count):
            values = tuple(part.format(n=n) for part in ((value,) if isinstance(value, str) else value))
            wire.request(n, values, n * len(values), answered=bool(n % 50), epoch=n // 25)
        return wire
    assert calls_for(so_many(1000)) < 12 * calls_for(so_many(100))
