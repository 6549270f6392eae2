"""The cross of a lost message and its word lie on nobody else's arrow: which message was lost must not be guessed."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Any

import pytest

from lesson_lib.draw import compare, show
from lesson_lib.draw.canvas import Line as Drawn
from lesson_lib.draw.canvas import Rectangle, Text, overlap, text_width
from lesson_lib.draw.marks import LabelSpot, MessageArrow, Segment, through
from lesson_lib.draw.run_view import RunView
from lesson_lib.history import History, Kind
from lesson_lib.sim import simulate
from tests.draw.reading import BLUE, DARK, GREY, MARKS, ORANGE, Drawing, began, crosses, drop_line, read
from tests.draw.runs import random_pair
from tests.draw.truth import drawn_events, drop_of


@pytest.mark.parametrize(("line", "inside"), [
    (((0, 0), (10, 10)), True), (((0, 5), (10, 5)), True), (((5, 0), (5, 10)), True), (((0, 0), (3, 3)), False),
    (((0, 7), (10, 7)), False), (((7, 0), (7, 10)), False), (((0, 7), (7, 14)), False), (((5, 5), (5, 5.5)), True)])
def test_a_line_through_a_rectangle(line: Segment, inside: bool) -> None:
    box: Rectangle = (4, 4, 6, 6)
    assert through(line, box) == through((line[1], line[0]), box) == inside


def test_a_spot_with_nothing_in_its_way_is_taken_and_else_the_next() -> None:
    loss = next(fact for fact in RunView(simulate(1, faults={1: "lose request silently"})).events if fact.event.kind == Kind.LOST)

    def lost(edges: Rectangle = (0, 0, 200, 200)) -> MessageArrow:
        return MessageArrow(loss, (0, 0), crosses=[(50, 50), (50, 90)], sides=("below", "right"), edges=edges)
    spots = [LabelSpot(50, 50, "below"), LabelSpot(50, 50, "right"), LabelSpot(50, 90, "below")]
    assert lost().best_spot([], []) == spots[0]
    assert lost().best_spot([((0, 67), (100, 67))], []) == spots[1], "a line where the word would be"
    assert lost().best_spot([((40, 60), (60, 40))], []) == spots[2], "a line where the cross would be"
    assert lost().best_spot([], [(40, 60, 60, 70)]) == spots[1]
    assert lost((0, 0, 200, 65)).best_spot([], []) == spots[1]


def losses(run: History, layout: str) -> Iterator[tuple[list[Rectangle], list[Segment], list[Rectangle]]]:
    """Of each lost message what its cross and its word take; all other messages; and words that stand on messages."""
    drawing = read(show(run, layout).svg)
    arrows = [(line.points[0], line.points[-1]) for line in drawing.lines(BLUE, ORANGE, GREY) if line.width > 1.9]
    words = [word for word in drawing.words if word.text.startswith("connection") or word.text.isdigit() and len(word.text) > 1]
    boxes = [_box(word.x, word.y, word.text, word.anchor) for word in words if _on_a_message(word.y, arrows)]
    for x, y in crosses(drawing):
        own = [arrow for arrow in arrows if max(abs(arrow[1][0] - x), abs(arrow[1][1] - y)) < 2]
        taken = [(x - 7, y - 7, x + 7, y + 7), _box_of_lost(drawing, x, y)]
        yield taken, [arrow for arrow in arrows if arrow not in own], boxes


def _on_a_message(y: float, arrows: list[Segment]) -> bool:
    return any(min(a[1], b[1]) - 15 < y < max(a[1], b[1]) + 15 for a, b in arrows)


def _box_of_lost(drawing: Drawing, x: float, y: float) -> Rectangle:
    word = min((w for w in drawing.words if w.text == "lost"), key=lambda w: abs(w.x - x) + abs(w.y - y))
    return _box(word.x, word.y, word.text, word.anchor)


def _box(x: float, y: float, text: str, anchor: str) -> Rectangle:
    wide, high = text_width(text, bold=True) - 1, 5.0 * (text.count("\n") + 1)
    left = x - wide * {"start": 0.0, "middle": 0.5, "end": 1.0}[anchor]
    return left, y - high, left + wide, y + high


@pytest.mark.parametrize("layout", ["lanes", "space-time"])
def test_crosses_lie_on_no_other_arrow(layout: str) -> None:
    found = [(seed, *loss) for seed in range(250) for run in random_pair(seed) for loss in losses(run, layout)]
    on_lines = [seed for seed, (cross, _), lines, _ in found if any(through(line, cross) for line in lines)]
    on_words = [seed for seed, taken, _, boxes in found if any(overlap(one, box) for box in boxes for one in taken)]
    assert len(found) > 200 and on_lines == on_words == []


@pytest.mark.parametrize("layout", ["lanes", "space-time"])
def test_without_answers_the_lost_request_is_told_from_the_one_before_it(layout: str) -> None:
    run = simulate(3, acks=0, faults={3: "lose request"}, idempotence=False)
    (taken, lines, _), = losses(run, layout)
    assert len(lines) >= 2 and not any(through(line, box) for line in lines for box in taken)


@pytest.mark.parametrize("layout", ["lanes", "space-time"])
def test_what_goes_with_a_connection_ends_on_its_drop_and_no_two_of_them_cross(layout: str) -> None:
    """With one partition: space-time has a lane for the broker of each, from which answers would have to cross."""
    several = 0
    for seed in range(120):
        for run in random_pair(seed, in_flight=5, partitions=1):
            picture = show(run, layout)
            drawing, events = read(picture.svg), drawn_events(run, picture.playing.captions)
            ways: dict[int, list[Segment]] = {}
            for n, event in enumerate(events):
                if event.kind == Kind.LOST and (drop := drop_of(events, n)) is not None:
                    (cross,) = crosses(drawing.of(n))
                    assert drop_line(drawing.of(drop)).has(*cross, 4), (seed, event)
                    ways.setdefault(drop, []).append((began(drawing.of(n), cross)[1], cross))
            for those in ways.values():
                several += len(those) > 2
                assert not [pair for pair in combinations(those, 2) if meet(*pair)], seed
    assert several > 10


def test_a_drop_touches_no_mark() -> None:
    """Also where all is crowded, as in lesson 5."""
    patience = {"client": "java", "delivery_timeout_ms": 300, "request_timeout_ms": 100}
    pair = [simulate(1, faults={"1+": fault}, **patience) for fault in ("lose ack", "lose request")]
    alone = [show(run, "lanes") for seed in range(60) for run in random_pair(seed)]
    drops = 0
    for picture in (compare(*pair), *alone):
        drawing = read(picture.svg)
        marks = [s for s in drawing.filled(BLUE, ORANGE, *MARKS) if s.kind != "polyline" and s.event is not None]
        for jags in [line for line in drawing.lines(DARK) if len(line.points) > 6]:
            left, top, right, bottom = jags.box
            touched = [s for s in marks if s.box[0] < right and s.box[2] > left and s.box[1] < bottom and s.box[3] > top]
            assert not [s for s in touched if s.box[3] - s.box[1] > 15], picture.alt
            drops += 1
    assert drops > 20


def meet(one: Segment, other: Segment) -> bool:
    """Whether two ways cross each other, worked out in another way than `draw` does: by where their lines meet."""
    (x, y), (a, b) = one
    (u, v), (c, d) = other
    slant = (a - x) * (d - v) - (b - y) * (c - u)
    if abs(slant) < 1e-9:
        return False
    here, there = ((u - x) * (d - v) - (v - y) * (c - u)) / slant, ((u - x) * (b - y) - (v - y) * (a - x)) / slant
    return 0.02 < here < 0.98 and 0.02 < there < 0.98


def test_two_ways_that_cross_are_seen() -> None:
    assert meet(((0, 0), (10, 10)), ((0, 10), (10, 0))) and not meet(((0, 0), (10, 10)), ((0, 1), (10, 11)))
    assert not meet(((0, 0), (10, 10)), ((0, 10), (3, 7)))


def test_the_word_is_drawn_where_room_was_found_for_it() -> None:
    canvas = show(simulate(2, in_flight=2, faults={1: "lose ack"}, idempotence=False)).canvas
    word = next(mark for mark in canvas.marks if isinstance(mark, Text) and mark.text == "lost")
    arms = [mark for mark in canvas.marks if isinstance(mark, Drawn) and mark.width == 3.6]
    assert word.align == "left" and all(x < word.x for arm in arms[:2] for x, _ in arm.points) and len(arms) == 4


def test_nobody_doubts_what_nobody_waits_for() -> None:
    run: dict[str, Any] = {"values_or_count": 3, "faults": {3: "lose request"}, "idempotence": False}
    assert "The connection drops. No answer was expected, so nobody notices." in show(simulate(acks=0, **run)).playing.captions
    waiting = show(simulate(acks=1, **run)).playing.captions
    assert "The connection drops. Nobody can tell what became of the requests without an answer." in waiting
