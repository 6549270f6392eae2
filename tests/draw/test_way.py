"""The way of a run into a picture: few rooms, and each that is gone through has something to say in it."""

from __future__ import annotations

import pytest

from lesson_lib.draw import show
from lesson_lib.sim import simulate
from tests.way import rooms

ALWAYS = {"canvas", "heading", "marks", "picture", "run_view", "words"}
PLACED = {"lanes": {"lanes", "lane_events"}, "space-time": {"space_time"}, "arrivals": {"arrivals"}}


def rooms_of(layout: str) -> set[str]:
    """Those of drawing and showing a picture, without those of the run."""
    run = simulate(3, faults={2: "lose ack"})
    with rooms() as seen:
        show(run, layout).html()
    return seen


@pytest.mark.parametrize("layout", PLACED)
def test_a_picture_goes_through_few_rooms(layout: str) -> None:
    """Of `draw` eight in lanes and seven in the others; of the rest those that know the run, and the rule for what is remembered.

    14 for the picture, and one for the button that shares it.
    """
    seen = rooms_of(layout)
    in_draw = {room.removeprefix("draw/") for room in seen if room.startswith("draw/")}
    assert in_draw <= ALWAYS | PLACED[layout] and len(in_draw) <= 8
    assert len(seen - {"history/link"}) <= 14 and {room.split("/")[0] for room in seen} <= {"core", "draw", "history", "text_table"}
