"""Lanes: time to the right, the client's belief above, the log below. The picture of most lessons.

A lost message is drawn, as half a line that ends in a cross. A retry is the same number with that of the try (1·2), dashed and orange.
Several runs stand under each other on one time axis, so that what differs lies in one column. A ghost is drawn faint, and
only from the fork on: what was before it is the same as above.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from lesson_lib.draw.facts.steps import Steps
from lesson_lib.draw.lanes.events import draw_close, draw_event
from lesson_lib.draw.lanes.panel import LEFT, MARGIN, RIGHT, Panel, draw_fork
from lesson_lib.draw.lanes.plan import Plan
from lesson_lib.draw.lanes.timeline import Timeline, lay_out
from lesson_lib.draw.sheet.canvas import Canvas
from lesson_lib.draw.sheet.faint import Faint
from lesson_lib.draw.sheet.style import QUIET, WIDTH
from lesson_lib.draw.words.heading import divide

TOO_WIDE = 1300  # pixels; a notebook shows about a thousand without making it smaller


def draw_lanes(plans: Sequence[Plan], steps: Steps) -> Canvas:
    """All runs under each other on one axis; the marks of each event belong to its step."""
    timelines = _timelines(plans)
    width = max(WIDTH, *(timeline.end + RIGHT for timeline in timelines))
    fork = next((timelines[0].x(plan.line) for plan in plans if plan.line), 0.0)
    panels = [Panel(plan, timeline, width, fork) for plan, timeline in zip(plans, timelines, strict=True)]
    apart = len(set(map(id, timelines))) > 1
    canvas = Canvas(width, sum(p.height for p in panels) + MARGIN * len(panels) + 2 + 16 * apart)
    top = 6.0
    for run, panel in enumerate(panels):
        if run:
            divide(canvas, top - 7)
        _panel(panel, canvas, top, {index: step for (r, index), step in steps.of.items() if r == run}, len(steps.members) - 1)
        top += panel.height + MARGIN
    if apart:
        canvas.text(width - MARGIN, canvas.height - 10, "each run on a time axis of its own", colour=QUIET, align="right")
    return canvas


def _timelines(plans: Sequence[Plan]) -> list[Timeline]:
    """One axis for all; where that becomes too wide to read, and not each run by itself, an axis for each."""
    needs = [[replace(need, row=f"{run} {need.row}") for need in plan.needs()] for run, plan in enumerate(plans)]
    shared = lay_out([need for run in needs for need in run], LEFT, WIDTH - RIGHT)
    alone = shared.end > TOO_WIDE and len(plans) > 1 and not plans[0].fork
    own = [lay_out(run, LEFT, WIDTH - RIGHT) for run in needs] if alone else []
    return own if own and max(t.end for t in own) < 0.85 * shared.end else [shared] * len(plans)


def _panel(panel: Panel, canvas: Canvas, top: float, steps: dict[int, int], last: int) -> None:
    """One run, from the back to the front."""
    sheet, canvas = canvas, Faint(canvas) if panel.plan.ghost else canvas
    panel.draw_frame(canvas, top, steps)
    draw_fork(panel, sheet)
    for fact in panel.plan.drawn:
        canvas.event = steps[fact.index]
        draw_event(panel, canvas, fact)
    canvas.event = last if steps else None
    draw_close(panel, canvas)
    canvas.event = None
