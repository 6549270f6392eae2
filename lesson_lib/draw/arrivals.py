"""Arrival graph: order of arrival to the right, sequence upward, the broker's memory of five batches as a band.

Stevens' graph of a TCP connection, for Kafka. The rule becomes geometry: on the dashed line is stored, a bar that lies
exactly on one in the band is a duplicate, anything else is refused. A batch of n records is a bar of length n. Each
producer id and epoch has a panel of its own, because that is how the broker keeps its memory. What never arrived stands
hollow at the lower edge. Above 40 arrivals the sequence itself would be too fine to see; `arrivals_residual` draws those.
"""

from __future__ import annotations

from collections.abc import Sequence

from lesson_lib.draw import arrivals_axis as axis
from lesson_lib.draw.arrivals_data import Arrival, Group, groups_of
from lesson_lib.draw.arrivals_residual import draw_residual
from lesson_lib.draw.canvas import Canvas
from lesson_lib.draw.faint import Faint
from lesson_lib.draw.marks import verdict_small
from lesson_lib.draw.steps import Steps
from lesson_lib.draw.style import EDGE, LANE, MEMORY, NORMAL, VERDICT_COLOURS, WIDTH, line_height, shape_of
from lesson_lib.draw.words import ending
from lesson_lib.history import History

RESIDUAL_ABOVE = 40


def draw_arrivals(histories: Sequence[History], steps: Steps) -> Canvas:
    """All runs under each other, each in the form that its number of arrivals asks for; a ghost is faint, and has no line."""
    sheets = [(history, groups_of(history)) for history in histories]
    endings = [ending(history, 0.95 * WIDTH - 2 * axis.MARGIN) for history in histories]
    heights = [axis.HEAD + axis.PLOT + axis.FOOT + 22 + len(lines) * line_height(NORMAL) for lines in endings]
    sheet, top = Canvas(WIDTH, sum(heights) + axis.MARGIN), 6.0
    for run, (history, groups) in enumerate(sheets):
        canvas = Faint(sheet) if run and steps.fork else sheet
        own = {index: step for (r, index), step in steps.of.items() if r == run}
        axis.heading(canvas, history, steps.names[run], top, first=run == 0)
        residual = sum(len(g.arrivals) for g in groups) > RESIDUAL_ABOVE
        (draw_residual if residual else _draw_plain)(canvas, groups, top + axis.HEAD, own)
        axis.legend(canvas, top + axis.HEAD + axis.PLOT + axis.FOOT - 10, any(g.numbered for g in groups))
        canvas.event = len(steps.members) - 1 if steps.members else None
        for i, line in enumerate(endings[run]):
            y = top + heights[run] - 20 - (len(endings[run]) - 1 - i) * line_height(NORMAL)
            canvas.text(axis.MARGIN, y, line, size=NORMAL, bold=True, align="left")
        canvas.event = None
        top += heights[run]
    return sheet


def _draw_plain(canvas: Canvas, groups: Sequence[Group], top: float, steps: dict[int, int]) -> None:
    """Sequence against arrival, a panel for each producer id and epoch."""
    low, high = axis.span(groups)
    scale = axis.Scale(top, low, high)
    axis.vertical(canvas, scale, groups[0].numbered if groups else True)
    for group, (left, step) in zip(groups, axis.columns(groups), strict=True):
        axis.panel(canvas, group, left, step, top)
        if group.numbered:
            _band(canvas, group, left, step, scale, steps)
        for n, arrival in enumerate(group.arrivals):
            canvas.event = steps[arrival.fact.index]
            _mark(canvas, arrival, left + (n + 0.5) * step, scale, step)
            axis.below(canvas, arrival, left + (n + 0.5) * step, step, top, n)
        canvas.event = None


def _band(canvas: Canvas, group: Group, left: float, step: float, scale: axis.Scale, steps: dict[int, int]) -> None:
    """What is remembered between one arrival and the next, and the dashed line of what would be next."""
    before: float | None = None
    for n, arrival in enumerate(group.arrivals):
        canvas.event = steps[arrival.fact.index]
        x, wide = left + (n + 0.5) * step, step if n + 1 < len(group.arrivals) else 0.5 * step
        for first, last in arrival.memory:
            y = scale.y(last + 0.5)
            canvas.box(x, y, wide, min(scale.y(first - 0.5), scale.bottom) - y, fill=MEMORY, edge=None, layer=0.5)
            canvas.line([(x, y), (x + wide, y)], colour="white", width=0.8, layer=0.6)
        if arrival.expected is not None:
            y = scale.y(arrival.expected)
            start = [(x, before)] if before is not None and before != y else []
            canvas.line([*start, (x, y), (x + wide, y)], colour=EDGE, width=1.2, style=(0, (5, 3)), layer=2)
            before = y


def _mark(canvas: Canvas, arrival: Arrival, x: float, scale: axis.Scale, step: float) -> None:
    """The batch as a bar over its sequences with the verdict's shape on it; hollow at the lower edge if it never arrived."""
    if arrival.lost:
        axis.hollow(canvas, x, scale.bottom)
        return
    event = arrival.fact.event
    shape = shape_of(event.what, event.error)
    top, bottom = scale.y(arrival.last + 0.5), scale.y(arrival.first - 0.5)
    if arrival.last > arrival.first:
        wide = min(10.0, step * 0.4)
        canvas.box(x - wide / 2, top + 1, wide, bottom - top - 2, fill=VERDICT_COLOURS[shape], line=1.0, layer=3)
    canvas.line([(x, bottom), (x, scale.bottom)], colour=LANE, width=0.6, style=(0, (1, 3)), layer=0.8)
    verdict_small(canvas, x, (top + bottom) / 2, shape, min(8.0, step * 0.42))
