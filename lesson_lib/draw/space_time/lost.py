"""The crosses of the space-time layout. Each stands in its own row; how far to the right depends on what else is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lesson_lib.draw.facts.facts import Fact
from lesson_lib.draw.sheet import marks
from lesson_lib.draw.sheet.canvas import Point
from lesson_lib.draw.sheet.label_placement import Rectangle, Spot, Taken, Wish, spots, text_box
from lesson_lib.history import Kind

if TYPE_CHECKING:
    from lesson_lib.draw.space_time.sheet import Sheet

TORN = "connection torn"
REQUEST, ANSWER = (45, 35, 55, 25, 65, 20, 75, 15, 85), (55, 65, 45, 75, 35, 80, 25, 85, 15)  # hundredths of the way to the broker


def left_from(sheet: Sheet, fact: Fact) -> Point:
    """Where the request of an attempt left the producer's lane."""
    send = sheet.sends.get(fact.event.attempt, fact)
    return sheet.x(send.event.lane) + marks.send_width(send.label), sheet.y(send)


def judged_at(sheet: Sheet, fact: Fact) -> Point:
    """Where the last verdict before an event left the broker's lane."""
    found = [f for f in sheet.facts[:fact.index] if f.event.kind == Kind.VERDICT and f.event.attempt == fact.event.attempt]
    return sheet.broker(fact) - 14, sheet.y(found[-1]) if found else sheet.y(fact)


def began_at(sheet: Sheet, fact: Fact) -> Point:
    """Where a lost message came from."""
    return left_from(sheet, fact) if fact.event.what == "request" else judged_at(sheet, fact)


def crosses_of(sheet: Sheet) -> dict[int, Spot]:
    """For each loss, where its cross stands: in its row, as far to the right as leaves it clear of the other messages."""
    lost, wishes = [fact for fact in sheet.drawn if fact.event.kind == Kind.LOST], []
    for fact in lost:
        (left, right), y, request = (sheet.x(fact.send.lane), sheet.broker(fact)), sheet.y(fact), fact.event.what == "request"
        points = [(left + (right - left) * share / 100, y) for share in (REQUEST if request else ANSWER)]
        sides = ("right", "left") if request else ("left", "right")
        wishes.append(Wish(began_at(sheet, fact), spots(points, sides), (left + 2, y - 20, right - 2, y + 20)))
    return {fact.index: spot for fact, spot in zip(lost, _taken(sheet).settled(wishes), strict=True)}


def _taken(sheet: Sheet) -> Taken:
    """All other messages, and the words on them."""
    taken = Taken()
    for fact in sheet.drawn:
        y, error = sheet.y(fact), fact.event.error
        if fact.event.kind == Kind.VERDICT:
            taken.lines.append((left_from(sheet, fact), (sheet.broker(fact) - 14, y)))
        elif fact.event.kind == Kind.ACK:
            start, tip = judged_at(sheet, fact), (sheet.x(fact.event.lane) + 1, y)
            taken.lines.append((start, tip))
            taken.boxes += [text_box((start[0] + tip[0]) / 2, (start[1] + y) / 2, str(error.value))] if error else []
        elif fact.event.kind == Kind.TORN:
            taken.boxes.append(text_box((sheet.x(fact.event.lane) + sheet.last_broker) / 2, y, TORN))
    return taken


def words_on_messages(sheet: Sheet) -> list[Rectangle]:
    """What error codes, words at tears and words at crosses take."""
    return [*_taken(sheet).boxes, *(spot.word for spot in sheet.crosses.values())]
