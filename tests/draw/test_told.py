"""What the application is told, by name; and the last line of a picture, which says what a retry came to."""

from __future__ import annotations

from lesson_lib.draw import compare, show
from lesson_lib.draw.canvas import Text
from lesson_lib.draw.lane_events import MANY_EXCEPTIONS
from lesson_lib.draw.picture import Picture
from lesson_lib.sim import simulate
from tests.draw.collisions import labels, unreadable

PATIENCE = {"client": "java", "delivery_timeout_ms": 300, "request_timeout_ms": 100}


def texts(picture: Picture) -> list[str]:
    return [label.text for label in labels(picture.canvas)]


def ending(picture: Picture) -> str:
    """The bold lines at the left edge, the heading left out."""
    return " ".join(mark.text for mark in picture.canvas.marks if isinstance(mark, Text) and mark.bold and mark.align == "left"
                    and mark.x == 12 and mark.size == 9 and not mark.text.startswith("log"))


def test_an_exception_stands_under_its_ring_and_in_caption_and_table() -> None:
    picture = compare(simulate(1, faults={"1+": "lose ack"}, **PATIENCE), simulate(1, faults={"1+": "lose request"}, **PATIENCE))
    assert texts(picture).count("batch 0\nunknown:\nTimeoutException") == 2 and unreadable(picture.canvas) == []
    assert "Both: The application gets TimeoutException: it cannot know whether batch 0 is in the log." in picture.playing.captions
    assert picture.table.count("told: m0 unknown: TimeoutException") == 2 and picture.table.count("told unknown: TimeoutException") == 2
    assert "batch 0\nunknown:\nTimeoutException" not in texts(show(simulate(1, faults={"1+": "lose ack"}, **PATIENCE), "space-time"))


def test_a_broken_connection_and_a_time_out_are_told_apart() -> None:
    lost, late = simulate(1, faults={1: "lose ack"}, retries=0, idempotence=False), simulate(1, faults={"1+": "lose ack"}, **PATIENCE)
    assert [line for line in compare(lost, late).table.splitlines() if line.startswith("≠") and "KafkaConnectionError" in line]


def test_many_exceptions_are_left_to_the_table() -> None:
    def refused(batches: int) -> Picture:
        return show(simulate(batches, faults={f"1-{batches}": "refuse 45"}))
    assert any("failed:\n" in text for text in texts(refused(MANY_EXCEPTIONS)))
    many = refused(MANY_EXCEPTIONS + 1)
    assert not [text for text in texts(many) if "Error" in text] and many.table.count("SequenceNumberError") == MANY_EXCEPTIONS + 1


def test_who_did_not_hear_of_a_batch_got_no_exception() -> None:
    killed = show(simulate(2, faults={2: "kill producer"}))
    assert "batch 1\nunknown" in texts(killed) and not [text for text in texts(killed) if text.startswith("batch 1\nunknown:")]


def test_the_last_line_tells_the_retry_from_the_second_send() -> None:
    coffee = show(simulate(["coffee", "coffee"], faults={2: "lose ack"}))
    assert ending(coffee) == ("The log holds coffee coffee. "
                              "Request 3 was recognised as a duplicate of offset 1: nothing was stored for it. "
                              "The application itself sent coffee twice, and it is stored twice.")
    assert "is recognised as a duplicate of offset 1: nothing is stored for it" in coffee.alt and coffee.alt.count("recognised") == 1
    pairs = show(simulate(6, records_per_batch=2, faults={2: "lose ack"}))
    assert ending(pairs).endswith("Request 3 was recognised as a duplicate of offset 2: nothing was stored for it. No anomaly.")
    assert ending(show(simulate(2))) == "The log holds m0 m1. No anomaly."
