"""What lesson 7 needs of its own: stories, the play exercise, and the table of every crash."""

from __future__ import annotations

from typing import Any

import pytest

from lesson_lib.teach.content import find
from lesson_lib.teach.lessons.crash_table import crash_table
from lesson_lib.teach.message import Outcome
from lesson_lib.teach.scenarios import pipeline, story


def test_a_story_is_what_is_shown() -> None:
    one = story('shop = kafka.producer("shop")', "shop.begin()", 'shop.send("a", partition=1)', "shop.abort()", partitions=2)
    assert str(one) == 'shop = kafka.producer("shop"); shop.begin(); shop.send("a", partition=1); shop.abort()'
    assert [c.value or c.kind for c in one.run().log(1)] == ["a", "abort"]
    assert one.run(transaction_version=2).attempts[0].send.producer_epoch == 0


def test_a_pipeline_is_the_call_that_makes_it() -> None:
    one = pipeline("a", "b", crash={1: "send"})
    assert str(one) == "simulate_pipeline(['a', 'b'], crash={1: 'send'})"
    assert len(one.run().log(topic="out")) == 6


def test_every_crash_has_a_row() -> None:
    rows = {(how.split(", ")[-1], step): rest for how, step, *rest in crash_table().rows}
    assert len(rows) == 4 + 4 + 6
    assert rows["offset last", "send"] == ["A B B C (B twice)", "A B B C (B twice)", "twice"]
    assert rows["offset first", "offset committed"] == ["A C (lost)", "A C (lost)", "never"]
    assert rows["offset first", "work"] == ["A C (lost)", "A C (lost)", "once"]
    assert {row[0] for (how, _), row in rows.items() if how == "transactions"} == {"A B C"}
    assert [step for (how, step), row in rows.items() if how == "transactions" and "twice" in row[1]] == [
        "send", "offset in transaction"]


def test_work_counts_from_where_it_was_done_and_reading_is_no_work() -> None:
    done = {(how, step): rest[-1] for how, step, *rest in crash_table().rows}
    assert {step for (how, step), times in done.items() if how == "transactions" and times == "twice"} == {
        "work", "send", "offset in transaction"}
    assert {step for (how, step), times in done.items() if how == "transactions" and times == "once"} == {"read", "begin", "commit"}
    assert done["idempotence, offset last", "read"] == done["idempotence, offset last", "offset committed"] == "once"


def does_nothing(kafka: Any) -> None:
    """The stub of the notebook."""
    ...


def leaves_open(kafka: Any) -> None:
    """Ends nothing."""
    shop = kafka.producer("shop")
    shop.begin()
    shop.send("a")


def breaks(kafka: Any) -> None:
    """Calls what there is not."""
    kafka.produce("a")


def for_ever(kafka: Any) -> None:
    """Waits too long."""
    while True:
        kafka.producer()


@pytest.mark.usefixtures("ends")
@pytest.mark.parametrize(("answer", "outcome", "words"), [
    (..., Outcome.NOT_ATTEMPTED, "task.check(play)"), (does_nothing, Outcome.NOT_ATTEMPTED, "does nothing yet"),
    (leaves_open, Outcome.WRONG, "The log holds `a`"), (breaks, Outcome.CANNOT_RUN, "raised AttributeError"),
    (for_ever, Outcome.CANNOT_RUN, "didn't finish"),
    (lambda: 1, Outcome.CANNOT_RUN, "raised TypeError"), (7, Outcome.CANNOT_RUN, "is no function")])
def test_whatever_is_played_gets_a_sentence(answer: Any, outcome: Outcome, words: str) -> None:
    said = find("7.make-log").check(answer)
    assert (said.outcome, words in said.text) == (outcome, True), said.line
