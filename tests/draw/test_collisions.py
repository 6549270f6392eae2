"""Every text can be read: none overlaps another, none leaves the sheet."""

from __future__ import annotations

import pytest

from lesson_lib.draw import compare, show
from lesson_lib.draw.canvas import WIDTH, Canvas
from lesson_lib.draw.picture import LAYOUTS, READABLE
from lesson_lib.sim import simulate
from tests.draw.collisions import labels, unreadable
from tests.draw.runs import LESSONS, lesson, pipeline, random_pair, transactions


def test_the_counter_sees_a_collision_and_a_text_that_is_cut_off() -> None:
    canvas = Canvas(200, 100)
    canvas.text(50, 50, "stored")
    canvas.text(60, 52, "offset 1")
    canvas.text(195, 20, "cut off")
    canvas.text(150, 80, "alone")
    assert unreadable(canvas) == [("stored", "offset 1"), "cut off"]


def test_the_counter_lets_neighbours_be() -> None:
    canvas = Canvas(200, 100)
    canvas.text(50, 40, "above")
    canvas.text(50, 56, "below")
    assert unreadable(canvas) == []


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", LESSONS)
def test_runs_of_the_lessons(name: str, layout: str) -> None:
    picture = show(lesson(name), layout, control=lesson(name, idempotence=False))
    assert unreadable(picture.canvas) == []


@pytest.mark.parametrize("layout", LAYOUTS)
def test_transactions(layout: str) -> None:
    assert unreadable(show(transactions(), layout).canvas) == []
    assert unreadable(show(pipeline(), layout).canvas) == []


@pytest.mark.parametrize(("layout", "first", "last"), [("lanes", 0, 110), ("space-time", 150, 180), ("arrivals", 200, 300)])
def test_random_runs(layout: str, first: int, last: int) -> None:
    bad = {}
    for seed in range(first, last):
        runs = random_pair(seed)
        if found := unreadable(show(runs[0], layout, control=runs[1] if len(runs) > 1 else None).canvas):
            bad[seed] = found
    assert bad == {}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_figure_of_the_lessons_fits_a_notebook(layout: str) -> None:
    """A wider one is scrolled in its place, as its labels would have less than 11 pixels there."""
    widths = {name: show(lesson(name), layout, control=lesson(name, idempotence=False)).canvas.width for name in LESSONS
              if layout != "lanes" or LESSONS[name].get("in_flight", 1) == 1 and LESSONS[name]["values_or_count"] < 8}
    assert len(widths) >= 9 and {name for name, width in widths.items() if width * READABLE > WIDTH} == set()


def test_words_are_broken_only_where_a_picture_would_be_too_wide() -> None:
    """A note, and the memory that names its epoch; the words at a consumer's marks stand in two heights."""
    few, many = ([label.text for label in labels(show(simulate(n, resend=True, faults={2: "kill producer"})).canvas)] for n in (3, 7))
    assert "P2 epoch 0" in few and "P2\nepoch 0" in many and not {"P2\nepoch 0"} & set(few) and "P2 epoch 0" not in many
    crashed = {"commit": "after", "crash_at": 2}
    heights = [{round(label.y) for label in labels(show(simulate(n, consumer=crashed)).canvas) if label.text.startswith("commits")}
               for n in (2, 4)]
    assert [len(each) for each in heights] == [1, 2]


def test_compared_runs() -> None:
    for seed in range(400, 420):
        runs = random_pair(seed)
        assert unreadable(compare(runs[0], runs[-1]).canvas) == [], seed
