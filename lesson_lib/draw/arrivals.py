"""Arrival graph: order of arrival to the right, sequence upward, the broker's memory of five batches as a band.

Stevens' graph of a TCP connection, for Kafka. The rule becomes geometry: on the dashed line is stored, a bar that lies
exactly on one in the band is a duplicate, anything else is refused. A batch of n records is a bar of length n. Each
producer id and epoch has a row of its own that begins at 0, because that is how the broker keeps its memory; all rows share
the order of arrival. What never arrived stands hollow at the lower edge. What happens to the broker is a line through all
rows. Above 40 arrivals the sequence itself would be too fine to see; `arrivals_residual` draws those.
"""

from __future__ import annotations

from collections.abc import Sequence

from lesson_lib.draw import arrivals_axis as axis
from lesson_lib.draw.arrivals_data import Arrival, Chart, Group, chart_of
from lesson_lib.draw.arrivals_residual import FOOT, LEAST, MOST, draw_residual
from lesson_lib.draw.canvas import Canvas
from lesson_lib.draw.faint import Faint
from lesson_lib.draw.marks import verdict_small
from lesson_lib.draw.steps import Steps
from lesson_lib.draw.style import EDGE, LANE, MEMORY, NORMAL, VERDICT_COLOURS, WIDTH, line_height, shape_of
from lesson_lib.draw.words import ending
from lesson_lib.history import History

RESIDUAL_ABOVE = 40


class Sheet:
    """One run from `top` downward, in the form that its number of arrivals asks for."""

    def __init__(self, history: History, top: float) -> None:
        self.history, self.top, chart = history, top, chart_of(history)
        chart.groups = chart.groups or [Group("", True)]
        self.residual = chart.arrivals > RESIDUAL_ABOVE
        spans = [(LEAST, MOST) if self.residual else axis.span(group) for group in chart.groups]
        self.axes = axis.Axes(chart, top + axis.HEAD, spans, FOOT if self.residual else axis.foot_of(chart))
        self.ending = ending(history, 0.95 * WIDTH - 2 * axis.MARGIN)
        self.bottom = self.axes.bottom + axis.LEGEND + 12 + len(self.ending) * line_height(NORMAL)

    @property
    def chart(self) -> Chart:
        """What it shows."""
        return self.axes.chart

    def draw(self, canvas: Canvas, name: str, steps: dict[int, int], last: int | None) -> None:
        """Heading, rows, legend, and what is known at the end."""
        axis.heading(canvas, self.history, name, self.top, first=self.top < 10)
        (draw_residual if self.residual else _draw_plain)(canvas, self.axes, steps)
        axis.happenings(canvas, self.axes, steps)
        axis.legend(canvas, self.axes.bottom + 10, any(g.numbered for g in self.chart.groups))
        canvas.event = last
        for i, line in enumerate(self.ending):
            y = self.bottom - 8 - (len(self.ending) - 1 - i) * line_height(NORMAL)
            canvas.text(axis.MARGIN, y, line, size=NORMAL, bold=True, align="left")
        canvas.event = None


def draw_arrivals(histories: Sequence[History], steps: Steps) -> Canvas:
    """All runs under each other; a ghost is faint, and has no line where it parts."""
    sheets: list[Sheet] = []
    for history in histories:
        sheets.append(Sheet(history, sheets[-1].bottom + 12 if sheets else 6.0))
    canvas = Canvas(WIDTH, sheets[-1].bottom + axis.MARGIN)
    for run, sheet in enumerate(sheets):
        own = {index: step for (r, index), step in steps.of.items() if r == run}
        under = Faint(canvas) if run and steps.fork else canvas
        sheet.draw(under, steps.names[run], own, len(steps.members) - 1 if steps.members else None)
    return canvas


def _draw_plain(canvas: Canvas, axes: axis.Axes, steps: dict[int, int]) -> None:
    """Sequence against arrival, a row for each producer id and epoch."""
    for row in axes.rows:
        axis.vertical(canvas, row)
        axis.frame(canvas, row, axes)
        _band(canvas, axes, row, steps)
        for arrival in row.group.arrivals:
            canvas.event = steps[arrival.fact.index]
            _mark(canvas, arrival, axes.xs[arrival.column], row, axes.step)
            axis.below(canvas, arrival, axes.xs[arrival.column], axes, row)
        canvas.event = None


def _band(canvas: Canvas, axes: axis.Axes, row: axis.Row, steps: dict[int, int]) -> None:
    """What is remembered from one column to the next, and the dashed line of what would be next."""
    before: float | None = None
    for column, ranges in row.group.bands.items():
        canvas.event = steps[axes.chart.columns[column].index]
        x, wide, expected = axes.xs[column], axes.until(column) - axes.xs[column], row.group.expected(column)
        for first, last in ranges:
            if first <= last:  # not one across the wrap
                y = row.y(last + 0.5)
                canvas.box(x, y, wide, min(row.y(first - 0.5), row.bottom) - y, fill=MEMORY, edge=None, layer=0.5)
                canvas.line([(x, y), (x + wide, y)], colour="white", width=0.8, layer=0.6)
        if expected is not None:
            y = row.y(expected)
            start = [(x, before)] if before is not None and before != y else []
            canvas.line([*start, (x, y), (x + wide, y)], colour=EDGE, width=1.2, style=(0, (5, 3)), layer=2)
        before = None if expected is None else row.y(expected)


def _mark(canvas: Canvas, arrival: Arrival, x: float, row: axis.Row, step: float) -> None:
    """The batch as a bar over its sequences with the verdict's shape on it; hollow at the lower edge if it never arrived."""
    if arrival.lost:
        axis.hollow(canvas, x, row.bottom)
        return
    event = arrival.fact.event
    shape = shape_of(event.what, event.error)
    top, bottom = row.y(arrival.last + 0.5), row.y(arrival.first - 0.5)
    if arrival.last > arrival.first:
        wide = min(10.0, step * 0.4)
        canvas.box(x - wide / 2, top + 1, wide, bottom - top - 2, fill=VERDICT_COLOURS[shape], line=1.0, layer=3)
    canvas.line([(x, min(bottom, row.bottom)), (x, row.bottom)], colour=LANE, width=0.6, style=(0, (1, 3)), layer=0.8)
    verdict_small(canvas, x, (top + bottom) / 2, shape, min(8.0, step * 0.42))
