"""Lanes: time to the right, the client's belief above, the log below. The picture of most lessons.

A lost message is drawn, as half a line that ends in a cross. A retry is the same number with a prime, dashed and orange.
Several runs stand under each other on one time axis, so that what differs lies in one column.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from lesson_lib.draw.canvas import Canvas
from lesson_lib.draw.lanes_events import draw_close, draw_event
from lesson_lib.draw.lanes_panel import LEFT, MARGIN, RIGHT, Panel
from lesson_lib.draw.lanes_plan import Plan
from lesson_lib.draw.steps import Steps
from lesson_lib.draw.style import LANE, QUIET, WIDTH
from lesson_lib.draw.timeline import Timeline, lay_out


def draw_lanes(plans: Sequence[Plan], steps: Steps) -> Canvas:
    """All runs under each other on one axis; the marks of each event belong to its step."""
    needs = [replace(need, row=f"{run} {need.row}") for run, plan in enumerate(plans) for need in plan.needs()]
    timeline = lay_out(needs, LEFT, WIDTH - RIGHT)
    width = max(WIDTH, timeline.end + RIGHT)
    foot = 22 if timeline.breaks else 8
    panels = [Panel(plan, timeline, width) for plan in plans]
    canvas = Canvas(width, sum(p.height for p in panels) + MARGIN * len(panels) + foot)
    top = 6.0
    for run, panel in enumerate(panels):
        if run:
            canvas.line([(MARGIN, top - 7), (width - MARGIN, top - 7)], colour=LANE, width=1.0)
        _panel(panel, canvas, top, {index: step for (r, index), step in steps.of.items() if r == run}, len(steps.members) - 1)
        top += panel.height + MARGIN
    _breaks(canvas, timeline, top - MARGIN)
    return canvas


def _panel(panel: Panel, canvas: Canvas, top: float, steps: dict[int, int], last: int) -> None:
    """One run, from the back to the front."""
    panel.draw_frame(canvas, top, steps)
    for fact in panel.plan.facts:
        canvas.event = steps[fact.index]
        draw_event(panel, canvas, fact)
    canvas.event = last if steps else None
    draw_close(panel, canvas)
    canvas.event = None


def _breaks(canvas: Canvas, timeline: Timeline, bottom: float) -> None:
    for x, words in timeline.breaks:
        canvas.text(x, bottom + 10, words, colour=QUIET, backed=True)
    if timeline.breaks:
        canvas.text(MARGIN, bottom + 10, "waiting, cut short", colour=QUIET, align="left")
