"""What one can ask of a history, and how it reads as a table and as a story."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lesson_lib.core.error_codes import ErrorCode
from lesson_lib.draw.run_view import RunView
from lesson_lib.history import Event, History, Kind, LogCell, Settings
from lesson_lib.history.event import outcome_of
from lesson_lib.history.story import as_story, recognised, verdict_on
from lesson_lib.sim import simulate
from tests.draw.runs import until


def send(t: int, attempt: int, batch: int, try_no: int = 1, **more) -> Event:
    """A produce request."""
    return Event(t, Kind.SEND, attempt=attempt, batch=batch, try_no=try_no, values=(f"m{batch}",), topic="t", record_count=1, **more)


@pytest.fixture
def lost_ack() -> History:
    """m0 is stored, its answer lost, the retry a duplicate; m1 is refused with 45."""
    one, two, three = ({"attempt": n, "batch": b, "try_no": t} for n, b, t in ((1, 0, 1), (2, 0, 2), (3, 1, 1)))
    events = (
        send(0, 1, 0, base_sequence=0, producer_id=7, producer_epoch=0), Event(10, Kind.VERDICT, "stored", "broker", offset=0, **one),
        Event(15, Kind.LOST, "answer", **one), Event(20, Kind.DROP),
        send(40, 2, 0, 2, base_sequence=0, producer_id=7, producer_epoch=0),
        Event(50, Kind.VERDICT, "duplicate", "broker", offset=0, **two),
        Event(60, Kind.ACK, offset=0, **two), Event(60, Kind.REPORT, "ok", batch=0, values=("m0",), offset=0),
        send(70, 3, 1, base_sequence=5, producer_id=7, producer_epoch=2),
        Event(80, Kind.VERDICT, "refused", "broker", error=ErrorCode(45), **three), Event(90, Kind.ACK, error=ErrorCode(45), **three),
        Event(90, Kind.REPORT, "failed", batch=1, values=("m1",), error=ErrorCode(45)))
    return History(events, {("t", 0): (LogCell(0, "m0", 0, 0, sequence=0),)})


def test_attempts_are_put_together_from_their_events(lost_ack: History) -> None:
    first, second, third = lost_ack.attempts
    assert (first.verdict, first.offset, first.lost, first.answer) == ("stored", 0, "answer", None)
    assert (second.verdict, second.offset, second.answer, second.answer_offset) == ("duplicate", 0, ErrorCode.NONE, 0)
    assert (third.verdict, third.error, third.answer) == ("refused", 45, 45)
    assert [(a.batch, a.try_no, a.arrivals) for a in lost_ack.attempts] == [(0, 1, 1), (0, 2, 1), (1, 1, 1)]
    assert [e.t for e in first.events if e.kind == Kind.LOST] == [15] and not [e for e in first.events if e.kind == Kind.ACK]


def test_a_label_has_the_number_of_the_try_from_the_second_on() -> None:
    sends = History(tuple(send(n, n, 3, n) for n in (1, 2, 3, 4, 5)))
    assert [fact.label for fact in RunView(sends).events] == ["3", "3·2", "3·3", "3·4", "3·5"]


def test_what_was_told_and_decided(lost_ack: History) -> None:
    assert lost_ack.told == {0: "ok", 1: "failed"}
    assert lost_ack.verdicts == [(0, "stored", 0), (0, "duplicate", 0), (1, "refused", 45)]
    assert [r.what for r in lost_ack.reports] == ["ok", "failed"]


def test_a_batch_that_nobody_was_told_of_is_unknown(lost_ack: History) -> None:
    assert until(lost_ack, 50).told == {0: "unknown"}
    assert [a.number for a in until(lost_ack, 50).attempts] == [1, 2]


def test_logs_by_partition_and_topic() -> None:
    run = History((), {("a", 0): (LogCell(0, "x"),), ("a", 1): (LogCell(0, "y"), LogCell(1, "", kind="commit")), ("b", 0): ()})
    assert run.partitions == [("a", 0), ("a", 1), ("b", 0)]
    assert (run.values(), run.values(1), run.values(topic="b"), run.values(7)) == (["x"], ["y"], [], [])


def test_the_table(lost_ack: History) -> None:
    assert lost_ack.table().splitlines() == [
        "request  batch   try  sequence   arrival  broker                                    answer",
        "1        0 (m0)  1    0          arrived  stored at offset 0                        lost",
        "2        0 (m0)  2    0          arrived  duplicate of offset 0                     ok, offset 0",
        "3        1 (m1)  1    5 epoch 2  arrived  refused: 45 out of order sequence number  45 out of order sequence number",
        "log:  0:m0", "told: m0 ok  m1 failed"]
    assert str(lost_ack) == lost_ack.table()


def test_the_table_of_other_happenings() -> None:
    events = (send(0, 1, 0), Event(5, Kind.LOST, "request", attempt=1, batch=0), Event(6, Kind.BROKER, "restarted", "broker"),
              Event(7, Kind.PRODUCER, "killed", "producer"), Event(8, Kind.TXN, "begin", "producer 2", note="shop"), send(9, 2, 1),
              Event(20, Kind.READ, lane="consumer", offset=3, values=("x",)))
    cells = (LogCell(0, "x"), LogCell(1, "", kind="abort"))
    lines = History(events, {("t", 0): cells, ("t", 1): ()}).table().splitlines()
    assert [line.split()[4:] for line in (lines[1], lines[5])] == [["none", "lost"], ["none", "no", "news"]]
    assert lines[2:5] == ["  at 6 ms: the broker restarted", "  at 7 ms: producer killed",
                          "  at 8 ms: producer 2, transaction: begin (shop)"]
    assert lines[6:] == ["log t-0:  0:x  1:ABORT", "log t-1:  empty", "told: m0 unknown  m1 unknown", "consumer read:  3:x"]


def test_on_the_wire_the_order_of_events_takes_the_place_of_a_time() -> None:
    run = simulate(4, faults={2: "lose ack", 3: "restart broker", 5: "kill producer"})
    real = replace(run, settings=replace(run.settings, world="real")).table().splitlines()
    assert [line.strip() for line in real if line.startswith("  ")] == [
        "before request 3: the broker restarted", "after request 5: producer killed", "after request 5: producer 2 started"]
    assert [line.split()[0] for line in real[1:9]] == ["1", "2", "before", "3", "4", "5", "after", "after"]
    assert [line.strip() for line in run.table().splitlines() if line.startswith("  ")] == [
        f"at {event.t} ms: {words}" for event, words in zip(run.of(Kind.BROKER, Kind.PRODUCER), (
            "the broker restarted", "producer killed", "producer 2 started"), strict=True)]


def test_what_happens_to_a_broker_stands_before_the_first_attempt_that_arrives_later() -> None:
    run = simulate(3, in_flight=5, client="java", faults={1: "cut 3 0", 4: "fail over"})
    assert [line.split()[0] for line in run.table().splitlines()[1:8]] == ["1", "2", "3", "at", "4", "5", "6"]
    early = simulate(2, in_flight=2, idempotence=False, faults={1: "crash broker"}).table().splitlines()
    assert "the broker crashed" in early[1], "both were on their way already"


def test_an_application_that_got_no_exception_has_none_in_the_table() -> None:
    lost = simulate(2, faults={2: "lose ack"}, retries=0, idempotence=False)
    assert lost.exceptions == {1: "KafkaConnectionError"} and "told: m0 ok  m1 unknown: KafkaConnectionError" in lost.table()
    assert "unknown (KafkaConnectionError) for batch 1" in as_story(lost)
    refused = simulate(1, faults={1: "refuse 45"})
    assert "told: m0 failed: OutOfOrderSequenceNumberError" in refused.table()
    killed = simulate(2, faults={2: "kill producer"})
    assert killed.told[1] == "unknown" and killed.exceptions == {}, "it died too"
    assert simulate(1, acks=0, idempotence=False).exceptions == {}


def test_a_recognised_retry_is_told_beside_what_the_application_sent_twice() -> None:
    run = simulate(["coffee", "coffee"], faults={2: "lose ack"})
    assert recognised(run) == "Request 3 was recognised as a duplicate of offset 1: nothing was stored for it."
    assert verdict_on(run) == "The application itself sent coffee twice, and it is stored twice."
    several = simulate(6, records_per_batch=2, faults={2: "lose ack", 3: "lose ack"})
    assert recognised(several) == "Requests 3 and 4 were recognised as duplicates: nothing was stored for them."
    assert verdict_on(several) == "No anomaly." and recognised(simulate(2)) == ""


def test_what_was_sent_twice_and_is_stored_once_is_told_so_and_so_is_what_nobody_knows() -> None:
    run = simulate(2, faults={2: "lose request"}, retries=0, idempotence=False, resend=True)
    assert verdict_on(run) == ("The application itself sent m1 twice, and it is stored once. "
                               "The application doesn't know what became of batch 1.")
    nothing = until(simulate(1, faults={"1-2": "lose request"}, retries=0, idempotence=False, resend=True), 45)
    assert verdict_on(nothing).startswith("The application itself sent m0 twice, and it is not in the log.")
    thrice = simulate(["a"] * 3 + ["b"] * 2)
    assert verdict_on(thrice) == ("The application itself sent a three times, and it is stored three times. "
                                  "The application itself sent b twice, and it is stored twice.")


def test_the_table_of_nothing() -> None:
    assert History(()).table().splitlines()[-1] == "told: nothing"


def test_the_story(lost_ack: History) -> None:
    assert as_story(lost_ack) == (
        "A producer with idempotence sends 2 batches in 3 requests. "
        "Request 1 (batch 0, try 1) is stored at offset 0, and its answer is lost. "
        "Request 2 (batch 0, try 2) is recognised as a duplicate of offset 0: nothing is stored for it. "
        "Request 3 (batch 1, try 1) is refused: 45 out of order sequence number. "
        "The log holds m0. The application was told ok for batch 0, failed for batch 1. No anomaly.")


def test_the_story_of_a_lost_request_and_of_what_else_happens() -> None:
    events = (send(0, 1, 0), Event(5, Kind.LOST, "request", attempt=1, batch=0), Event(6, Kind.BROKER, "restarted", "broker"),
              Event(7, Kind.PRODUCER, "killed", "producer 2"))
    story = as_story(History(events, {("t", 0): ()}, Settings(idempotence=False)))
    assert story.startswith("A producer sends 1 batch in 1 request. Request 1 (batch 0, try 1) is lost. "
                            "The broker restarted. Producer 2 is killed. The log holds nothing.")


def test_a_long_story_is_cut_short() -> None:
    events = tuple(e for n in range(30) for e in (send(n, n + 1, 0, n + 1), Event(n, Kind.LOST, "request", attempt=n + 1, batch=0)))
    assert "And 18 more." in as_story(History(events, {("t", 0): ()}))


@pytest.mark.parametrize(("error", "outcome"), [(None, "unknown"), (7, "unknown"), (20, "unknown"), (19, "failed"), (45, "failed"),
                                                (87, "failed")])
def test_what_an_application_can_conclude(error: int | None, outcome: str) -> None:
    assert outcome_of(error and ErrorCode(error)) == outcome


@pytest.mark.parametrize(("first", "count", "words"), [
    (2**31 - 2, 4, "2147483646..1"), (2**31 - 1, 1, "2147483647"), (2**31 - 1, 2, "2147483647..0"), (0, 3, "0..2"), (7, 1, "7")])
def test_a_range_of_sequences_wraps_to_0(first: int, count: int, words: str) -> None:
    event = Event(0, Kind.SEND, attempt=1, batch=0, try_no=1, producer_id=1, producer_epoch=0, base_sequence=first, record_count=count)
    assert History((event,)).table().splitlines()[1].split()[3] == words


@pytest.mark.parametrize(("idempotence", "second"), [(False, "stored at offset 2"), (True, "duplicate of offset 1")])
def test_a_request_that_arrives_twice_says_what_came_of_both(idempotence: bool, second: str) -> None:
    run = simulate(3, idempotence=idempotence, faults={2: "repeat"})
    row = next(line for line in run.table().splitlines() if "arrived twice" in line)
    assert f"stored at offset 1, then {second}" in row
    assert f"Request 2 (batch 1, try 1) arrives twice: stored at offset 1, then {second}." in as_story(run)
    assert [a.verdict_words for a in run.attempts if a.number != 2] == ["stored at offset 0", f"stored at offset {run.attempts[2].offset}"]
