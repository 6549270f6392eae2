"""Consumers in the pictures: what they read, that they work, that they are receives nothing; and logs that were there before."""

from __future__ import annotations

import pytest

from lesson_lib.draw import show
from lesson_lib.history import Kind
from lesson_lib.sim import Transactions, simulate, simulate_pipeline
from tests.draw.reading import read, rows


def stuck() -> Transactions:
    """A transaction is open, and a careful consumer has asked for records."""
    kafka = Transactions()
    slow = kafka.producer("slow")
    slow.begin()
    slow.send("s0")
    assert kafka.consumer("read_committed").poll() == []
    return kafka


@pytest.mark.parametrize("layout", ["lanes", "space-time"])
def test_a_poll_that_brings_nothing_is_seen_and_said(layout: str) -> None:
    picture = show(stuck().history(), layout)
    assert "The consumer receives nothing." in picture.alt
    assert "consumer read:  (receives nothing)" in picture.table
    assert picture.playing.captions[-1] == "The consumer asks for records and receives nothing."
    assert len(picture.playing.captions) - 1 in picture.playing.surprises
    assert f'data-event="{len(picture.playing.captions) - 1}"' in picture.svg


def test_a_poll_that_brings_something_is_none_of_these() -> None:
    kafka = stuck()
    kafka.wait(61_000)
    reader = kafka.consumer()
    assert reader.poll() == ["s0"] and reader.poll() == []
    read = next(line for line in kafka.history().table().splitlines() if line.startswith("consumer 2 read"))
    assert read == "consumer 2 read:  0:s0  (receives nothing)"


def test_a_consumer_of_an_empty_log_was_there_too() -> None:
    empty = simulate(1, acks=0, idempotence=False, faults={1: "lose request"}, consumer=True)
    assert len(empty.of(Kind.POLL)) == 1 and not empty.of(Kind.READ)
    assert not simulate(1, consumer=True).of(Kind.POLL)


def test_a_consumer_that_had_committed_everything_is_handed_nothing_after_its_crash() -> None:
    run = simulate(2, consumer={"commit": "before", "crash_at": 2})
    assert [e.kind for e in run.events if e.lane == "consumer"][-2:] == [Kind.CONSUMER, Kind.POLL]


def test_the_input_lies_in_its_log_before_it_is_read() -> None:
    drawing = read(show(simulate_pipeline(["a", "b"])).svg)
    cell, = (word for word in drawing.words if word.text == "0: a  1: b")
    heights = rows(drawing, {"log in-0", "log out-0"})
    assert abs(cell.y - heights["log in-0"]) < 2 and cell.event is not None
    assert all(cell.x < word.x for word in drawing.words
               if word.event is not None and word.anchor == "middle" and word != cell)
