"""What is said of a trace: nothing that is not known is called fine, and no silence is a success."""

from __future__ import annotations

from dataclasses import replace

import pytest

from course_tools.trace.command import page
from course_tools.trace.verdict import ALL_WELL, NOTHING_CAME, Circumstances, TraceVerdict
from course_tools.trace.wire_history import WireHistory, from_the_wire
from lesson_lib.history import History, Kind
from tests.course_tools.trace.test_wire_history import TOPIC, Wire, names, verdict


def test_what_is_lost_of_acks_0_is_a_lost_write() -> None:
    """The client has an ok as soon as it has sent, so a request that never arrived was told ok."""
    wire = Wire(-1).request(0, "a").request(1, "b").request(2, "c")
    wire.events = [event for event in wire.events if event.kind != Kind.ACK]
    assert names(from_the_wire(History(tuple(wire.events), {TOPIC: tuple(wire.log)}), {1, 2, 3})) == []
    lost = from_the_wire(History(tuple(wire.events), {TOPIC: tuple(cell for cell in wire.log if cell.batch != 1)}), {1, 2, 3})
    assert names(lost) == ["lost write", "hole"] and TraceVerdict(lost).status == 1
    assert verdict(lost) == ("Lost write: batch 1 was sent with acks=0, which its client takes for a success, and the batch is not "
                             "in the log. And 1 more.")
    asked = from_the_wire(History(lost.events, lost.logs), {1, 3})
    assert names(asked) == ["hole"], "of the second nobody was told anything"


def only(wire: Wire, *kinds: Kind) -> WireHistory:
    """The run as it would be if nothing else had been seen."""
    wire.events = [event for event in wire.events if event.kind in (Kind.SEND, *kinds)]
    return wire.seen()


def test_batches_without_an_ok_are_counted_apart() -> None:
    run = Wire().request(0, "a", 0).request(1, "b", 1, answered=False).request(2, "c", 2, stored=False, error=10).seen()
    assert verdict(run) == (f"{ALL_WELL} 2 of 3 batches got no ok (1 without an answer, 1 answered with error 10 message too large): "
                            "1 is not in the log; 1 is in the log.")
    assert TraceVerdict(run).status == 0


@pytest.mark.parametrize(("stored", "words", "status"), [(False, "1 is not in the log", 2), (True, "1 is in the log", 0)])
def test_where_no_batch_got_an_ok_nothing_is_said_of_those_that_did(stored: bool, words: str, status: int) -> None:
    run = Wire().request(0, "a", 0, stored=stored, error=0 if stored else 29, answered=not stored).seen()
    assert verdict(run).startswith("No batch got an ok (1 ") and verdict(run).endswith(f"): {words}.")
    assert TraceVerdict(run).status == status


def test_of_a_broker_that_answers_garbage_nobody_knows_what_it_stored() -> None:
    garbage = only(Wire().request(0, "a", 0))
    garbage.logs.clear()  # type: ignore[attr-defined] - no answer said where it begins, so it was not read
    assert verdict(garbage) == ("No batch got an ok (1 without an answer that can be read): of 1 nobody here can know whether it is in "
                                "the log.")
    assert TraceVerdict(garbage).status == 2
    wire = Wire()
    wire._note(Kind.SEND, "", attempt=1, batch=0, topic="orders", conn=1)
    wire._note(Kind.DROP, "", conn=1, note="the broker is gone")
    wire._note(Kind.LOST, "request", attempt=1, batch=0, topic="orders", conn=1)
    assert "nobody here can know" in verdict(wire.seen())
    wire.events = [replace(event, note="") for event in wire.events]
    assert "1 is not in the log" in verdict(wire.seen()), "the script lost the request: it never arrived"


def test_error_7_and_20_may_be_stored() -> None:
    for error, words in ((7, "nobody here can know"), (20, "nobody here can know"), (29, "1 is not in the log")):
        assert words in verdict(Wire().request(0, "a", 0, stored=False, error=error).seen())


def test_a_transaction_that_nobody_ended_is_named() -> None:
    wire = Wire().request(0, ("a", "b"), 0)
    for txn, words in (("open", " The transaction of producer id 1 is still open: a consumer that reads committed records does not receive "
                        "its 2 records."), ("committed", ""), ("aborted", "")):
        wire.log = [replace(cell, txn=txn) for cell in wire.log]
        assert verdict(wire.seen()) == ALL_WELL + words


def test_without_numbers_nothing_else_is_wrong_only_where_nothing_is() -> None:
    assert verdict(Wire(-1).request(0, "a").seen()).endswith("Nothing else is wrong.")
    refused = verdict(Wire(-1).request(0, "a").request(1, "b", stored=False, error=10).seen())
    assert "Nothing else is wrong" not in refused and refused.endswith("1 is not in the log.")


@pytest.mark.parametrize(("about", "status"), [
    (Circumstances(), 0), (Circumstances(application=1), 2), (Circumstances(never_happened=("The fault never happened.",)), 2)])
def test_what_was_not_tried_to_its_end_is_no_success(about: Circumstances, status: int) -> None:
    fine = Wire().request(0, "a", 0).seen()
    assert TraceVerdict(fine, about).status == status and str(TraceVerdict(fine, about)).startswith(ALL_WELL)
    copy = Wire().request(0, "a", 0, answered=False).request(1, "a", 0, epoch=1).seen()
    assert TraceVerdict(copy, about).status == 1, "an anomaly counts first"


@pytest.mark.parametrize(("requests", "pictures"), [(3, 3), (61, 1), (2001, 0)])
def test_a_page_says_so_where_it_has_no_room_for_a_picture(requests: int, pictures: int) -> None:
    wire = Wire()
    for n in range(requests):
        wire.request(n, f"m{n}", n)
    html = page(wire.seen(), ALL_WELL, "trace")
    assert html.count('class="lesson-picture"') == pictures and ("too many for one" in html) == (not pictures)


@pytest.mark.parametrize(("apis", "missing", "words"), [
    ({0}, (), "no batch in the format of Kafka 0.11"), ({3}, (), "sent no produce request, so there is nothing to judge."),
    ({3}, ("a", "b"), "the topic 'a', 'b'. Create it first."), (set(), (), NOTHING_CAME)])
def test_why_nothing_came_by(apis: set[int], missing: tuple[str, ...], words: str) -> None:
    nothing = TraceVerdict(from_the_wire(History(())), Circumstances(apis=frozenset(apis), missing=missing))
    assert str(nothing).endswith(words) or words in str(nothing)
    assert nothing.status == 2
