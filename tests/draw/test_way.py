"""The way of a run into a picture: few rooms, and each that is gone through has something to say in it."""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any

import pytest

from lesson_lib.draw import show
from lesson_lib.sim import simulate

ALWAYS = {"canvas", "heading", "messages", "picture", "run_view", "show", "words"}
PLACED = {"lanes": {"lanes", "lane_events", "marks"}, "space-time": {"space_time", "marks"}, "arrivals": {"arrivals", "marks"}}


def rooms(layout: str) -> set[str]:
    """Every module of ours in which a function is called while a picture is drawn and shown."""
    run, seen = simulate(3, faults={2: "lose ack"}), set()

    def look(frame: FrameType, event: str, argument: Any) -> None:
        _, found, room = frame.f_code.co_filename.rpartition("lesson_lib/")
        if event == "call" and found:
            seen.add(room.removesuffix(".py"))
    before = sys.getprofile()
    sys.setprofile(look)
    try:
        show(run, layout).html()
    finally:
        sys.setprofile(before)
    return seen


@pytest.mark.parametrize("layout", PLACED)
def test_a_picture_goes_through_few_rooms(layout: str) -> None:
    """Of `draw` ten in lanes and nine in the others; of the rest those that know the run, and the rule for what is remembered."""
    seen = rooms(layout)
    in_draw = {room.removeprefix("draw/") for room in seen if room.startswith("draw/")}
    assert in_draw <= ALWAYS | PLACED[layout] and len(in_draw) <= 10
    assert len(seen) <= 21 and {room.split("/")[0] for room in seen} <= {"core", "draw", "history", "text_table"}
