"""The crosses of the lanes layout. Each stands at its own moment; how high, and where its word stands, depends on what else is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lesson_lib.draw.facts.facts import Fact
from lesson_lib.draw.lanes.plan import HEIGHTS
from lesson_lib.draw.sheet.canvas import Point
from lesson_lib.draw.sheet.label_placement import Spot, Taken, Wish, spots, text_box
from lesson_lib.draw.words import at_marks as labels
from lesson_lib.history import Kind

if TYPE_CHECKING:
    from lesson_lib.draw.lanes.panel import Panel

HIGH = HEIGHTS["network"]
SHARES = {"request": 0.38, "answer": 0.48}  # how far down a message gets where nothing is in its way
SIDES = {"request": ("below", "right", "above", "left"), "answer": ("above", "right", "left", "below")}
STEPS = tuple(sorted(range(-36, 44, 4), key=abs))  # pixels up and down from there
ASIDES = (0, 8, -8, 15, -15)  # and, where nothing else is free, to the right and to the left


def crosses_of(panel: Panel) -> dict[int, Spot]:
    """For each loss that is drawn, where its cross stands."""
    lost, wishes = [fact for fact in panel.plan.drawn if fact.event.kind == Kind.LOST], []
    edges = (panel.start, panel.y("network", -6), panel.width, panel.y("network", HIGH + 2))
    for fact in lost:
        what = fact.event.what if fact.event.what in SHARES else "answer"
        points = [(panel.x(fact) + aside, panel.y("network", HIGH * SHARES[what] + step)) for aside in ASIDES for step in STEPS]
        wishes.append(Wish(began_at(panel, fact), spots(points, SIDES[what]), edges))
    return {fact.index: spot for fact, spot in zip(lost, _taken(panel).settled(wishes), strict=True)}


def began_at(panel: Panel, fact: Fact) -> Point:
    """Where the lost message came from."""
    return panel.sent_from(fact) if fact.event.what == "request" else panel.judged_at(fact)


def torn_at(panel: Panel, fact: Fact) -> Point:
    """The middle of the words at a tear."""
    return panel.x(fact) + 2, panel.y("network", HIGH - 13)


def _taken(panel: Panel) -> Taken:
    """All other lines and words between the producers and the broker."""
    taken = Taken()
    for fact in panel.plan.drawn:
        kind, x = fact.event.kind, panel.x(fact)
        if kind == Kind.VERDICT:
            taken.lines.append((panel.sent_from(fact), (x, panel.lane("broker") - 14)))
        elif kind == Kind.ACK:
            (left, low), high = panel.judged_at(fact), panel.lane(panel.plan.lane_of(fact))
            taken.lines.append(((left, low), (x, high + 8)))
            taken.boxes += [text_box((left + x) / 2, (low + high) / 2, str(fact.event.error.value))] if fact.event.error else []
        elif kind == Kind.TORN:
            taken.lines.append(((x + 2, panel.lane(panel.plan.lane_of(fact))), (x + 2, panel.lane("broker"))))
            taken.boxes.append(text_box(*torn_at(panel, fact), labels.TORN))
    return taken
