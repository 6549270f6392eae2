"""The cross of a lost message and its word lie on nobody else's arrow: which message was lost must not be guessed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lesson_lib.draw import show
from lesson_lib.draw.lanes.lost import _taken, began_at
from lesson_lib.draw.lanes.panel import LEFT, RIGHT, Panel
from lesson_lib.draw.lanes.plan import Plan
from lesson_lib.draw.lanes.timeline import lay_out
from lesson_lib.draw.sheet.canvas import Line as Drawn
from lesson_lib.draw.sheet.canvas import Text
from lesson_lib.draw.sheet.label_placement import Line, Rectangle, Spot, Taken, Wish, overlap, through
from lesson_lib.draw.sheet.style import WIDTH
from lesson_lib.draw.space_time import lost as space_time
from lesson_lib.draw.space_time.sheet import Sheet
from lesson_lib.history import History
from lesson_lib.sim import simulate
from tests.draw.runs import random_pair


@pytest.mark.parametrize(("line", "inside"), [
    (((0, 0), (10, 10)), True), (((0, 5), (10, 5)), True), (((5, 0), (5, 10)), True), (((0, 0), (3, 3)), False),
    (((0, 7), (10, 7)), False), (((7, 0), (7, 10)), False), (((0, 7), (7, 14)), False), (((5, 5), (5, 5.5)), True)])
def test_a_line_through_a_rectangle(line: Line, inside: bool) -> None:
    box: Rectangle = (4, 4, 6, 6)
    assert through(line, box) == through((line[1], line[0]), box) == inside


def test_a_spot_with_nothing_in_its_way_is_taken_and_else_the_next() -> None:
    spots = [Spot(50, 50, "below"), Spot(50, 50, "right"), Spot(50, 90, "below")]
    wish = Wish((0, 0), spots, (0, 0, 200, 200))
    assert Taken().best(wish) == spots[0]
    assert Taken([((0, 67), (100, 67))]).best(wish) == spots[1], "a line where the word would be"
    assert Taken([((40, 60), (60, 40))]).best(wish) == spots[2], "a line where the cross would be"
    assert Taken([], [(40, 60, 60, 70)]).best(wish) == spots[1] and Taken().best(Wish((0, 0), spots, (0, 0, 200, 65))) == spots[1]


def test_two_losses_find_room_for_both() -> None:
    """The first stands in the way of the second, which can go nowhere else."""
    first, second = [Spot(50, 50, "above"), Spot(50, 80, "below")], [Spot(90, 50, "above")]
    edges = (0.0, 0.0, 200.0, 200.0)
    wishes = [Wish((30, 100), first, edges), Wish((0, 50), second, edges)]
    assert Taken().settled(wishes) == [first[1], second[0]]


def lanes(run: History) -> Iterator[tuple[Spot, list[Line], list[Rectangle]]]:
    """Each cross, all lines but its own, and all words but those of the losses."""
    plan = Plan(run)
    timeline = lay_out(plan.needs(), LEFT, WIDTH - RIGHT)
    panel = Panel(plan, timeline, max(WIDTH, timeline.end + RIGHT))
    taken = _taken(panel)
    ways = {n: (began_at(panel, plan.facts[n]), (spot.x, spot.y)) for n, spot in panel.crosses.items()}
    for n, spot in panel.crosses.items():
        yield spot, [*taken.lines, *(way for m, way in ways.items() if m != n)], taken.boxes


def rows(run: History) -> Iterator[tuple[Spot, list[Line], list[Rectangle]]]:
    """The same in the space-time layout."""
    sheet = Sheet(run, 0.0)
    taken = space_time._taken(sheet)
    ways = {n: (space_time.began_at(sheet, sheet.facts[n]), (spot.x, spot.y)) for n, spot in sheet.crosses.items()}
    for n, spot in sheet.crosses.items():
        yield spot, [*taken.lines, *(way for m, way in ways.items() if m != n)], taken.boxes


@pytest.mark.parametrize("layout", [lanes, rows])
def test_crosses_lie_on_no_other_arrow(layout: object) -> None:
    """One in two hundred may, where six messages are lost in one place."""
    found = [(seed, spot, lines, boxes) for seed in range(250) for run in random_pair(seed)
             for spot, lines, boxes in layout(run)]  # type: ignore[operator]
    on_lines = [seed for seed, spot, lines, _ in found if any(through(line, spot.cross) for line in lines)]
    on_words = [seed for seed, spot, _, boxes in found if any(overlap(spot.word, box) or overlap(spot.cross, box) for box in boxes)]
    assert len(found) > 200 and len(on_lines) <= len(found) / 200 and on_words == []


@pytest.mark.parametrize("layout", [lanes, rows])
def test_without_answers_the_lost_request_is_told_from_the_one_before_it(layout: object) -> None:
    run = simulate(3, acks=0, faults={3: "lose request"}, idempotence=False)
    (spot, lines, _), = layout(run)  # type: ignore[operator]
    assert len(lines) >= 2 and not any(through(line, box) for line in lines for box in (spot.cross, spot.word))


def test_the_word_is_drawn_where_room_was_found_for_it() -> None:
    run = simulate(3, acks=0, faults={3: "lose request"}, idempotence=False)
    canvas = show(run).canvas
    word = next(mark for mark in canvas.marks if isinstance(mark, Text) and mark.text == "lost")
    arms = [mark for mark in canvas.marks if isinstance(mark, Drawn) and mark.width == 3.6]
    assert word.align == "left" and all(x < word.x for arm in arms for x, _ in arm.points) and len(arms) == 2


def test_nobody_doubts_what_nobody_waits_for() -> None:
    run = {"values_or_count": 3, "faults": {3: "lose request"}, "idempotence": False}
    assert show(simulate(acks=0, **run)).captions[-1] == "The connection is torn. No answer was awaited, so nobody notices."
    assert "The connection is torn. What was not answered on it is in doubt." in show(simulate(acks=1, **run)).captions
