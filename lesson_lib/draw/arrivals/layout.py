"""Arrival graph: order of arrival to the right, sequence upward, the broker's memory of five batches as a band.

Stevens' graph of a TCP connection, for Kafka. The rule becomes geometry: on the dashed line is stored, a bar that lies
exactly on one in the band is a duplicate, anything else is refused. A batch of n records is a bar of length n. Each
producer id and epoch has a row of its own that begins at 0, because that is how the broker keeps its memory; all rows share
the order of arrival. What never arrived stands hollow at the lower edge. What happens to the broker is a line through all
rows. Above 40 arrivals the sequence itself would be too fine to see; `arrivals_residual` draws those. A ghost is drawn faint, and
only from the fork on: what arrived before lies in the same columns above.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lesson_lib.draw.arrivals import axis as axis
from lesson_lib.draw.arrivals.chart import Arrival, Chart, Group, chart_of
from lesson_lib.draw.arrivals.long_runs import FOOT, LEAST, MOST, draw_residual
from lesson_lib.draw.facts.fork import Fork
from lesson_lib.draw.facts.fork_line import upright_fork
from lesson_lib.draw.facts.steps import Steps
from lesson_lib.draw.sheet.canvas import Canvas
from lesson_lib.draw.sheet.faint import Faint
from lesson_lib.draw.sheet.marks import verdict_small
from lesson_lib.draw.sheet.style import EDGE, LANE, MEMORY, NORMAL, VERDICT_COLOURS, WIDTH, line_height
from lesson_lib.draw.words.heading import divide, draw_heading, heading_extra
from lesson_lib.draw.words.sentences import ending
from lesson_lib.history import History

RESIDUAL_ABOVE = 40
FORK = 20.0  # pixels of the row in which the words of a fork stand


@dataclass(frozen=True)
class Scale:
    """How a run is drawn: pixels from one arrival to the next, and whether in the residual form. A ghost has that of its run."""

    step: float
    residual: bool

    @classmethod
    def of(cls, *histories: History) -> Scale:
        """One that all of the runs can be drawn in."""
        charts = [chart_of(history) for history in histories]
        return cls(min(axis.step_of(chart) for chart in charts), any(chart.arrivals > RESIDUAL_ABOVE for chart in charts))


class Sheet:
    """One run from `top` downward; with a fork a line stands where it parts from the other one."""

    def __init__(self, history: History, top: float, scale: Scale | None = None, fork: Fork | None = None, ghost: bool = False,
                 name: str = "") -> None:
        self.history, self.edge, self.fork, self.ghost, self.name = history, top, fork, ghost, name
        top = self.top = top + heading_extra(history, name, WIDTH)
        chart, scale = chart_of(history), scale or Scale.of(history)
        self.residual, self.forked = scale.residual, chart.column_of(fork.at) if fork else 0
        first = self.forked if ghost else 0
        chart.groups = [group for group in chart.groups if group.since(first)] or chart.groups[-1:] or [Group("", True)]
        spans = [(LEAST, MOST) if self.residual else axis.span(group) for group in chart.groups]
        foot = FOOT if self.residual else axis.foot_of(scale.step)
        self.axes = axis.Axes(chart, top + axis.HEAD + (FORK if fork else 0), spans, foot, scale.step, first)
        self.ending = ending(history, 0.95 * WIDTH - 2 * axis.MARGIN)
        self.bottom = self.axes.bottom + axis.LEGEND + 12 + len(self.ending) * line_height(NORMAL)

    @property
    def chart(self) -> Chart:
        """What it shows."""
        return self.axes.chart

    def draw(self, canvas: Canvas, steps: dict[int, int], last: int | None) -> None:
        """Heading, rows, legend, and what is known at the end; all of it faint for a ghost."""
        sheet, canvas = canvas, Faint(canvas) if self.ghost else canvas
        draw_heading(canvas, self.history, self.name, self.edge + 13)
        (draw_residual if self.residual else _draw_plain)(canvas, self.axes, steps)
        axis.happenings(canvas, self.axes, steps)
        self._draw_fork(sheet)
        axis.legend(canvas, self.axes.bottom + 10, any(g.numbered for g in self.chart.groups), self.chart.keeps)
        canvas.event = last
        for i, line in enumerate(self.ending):
            y = self.bottom - 8 - (len(self.ending) - 1 - i) * line_height(NORMAL)
            canvas.text(axis.MARGIN, y, line, size=NORMAL, bold=True, align="left")
        canvas.event = None

    def _draw_fork(self, canvas: Canvas) -> None:
        if self.fork:
            top, bottom = self.top + axis.HEAD, self.axes.rows[-1].bottom
            upright_fork(canvas, self.fork, self.ghost, self.axes.edges[self.forked], (top, bottom), top + 9,
                         (axis.MARGIN, WIDTH - axis.MARGIN))


def draw_arrivals(histories: Sequence[History], steps: Steps) -> Canvas:
    """All runs under each other; a ghost in the columns of the run above it."""
    sheets: list[Sheet] = []
    shared = Scale.of(*histories) if steps.fork else None
    for run, history in enumerate(histories):
        top = sheets[-1].bottom + 12 if sheets else 6.0
        sheets.append(Sheet(history, top, shared, steps.fork, bool(run and steps.fork), steps.names[run]))
    canvas = Canvas(WIDTH, sheets[-1].bottom + axis.MARGIN)
    for run, sheet in enumerate(sheets):
        if run:
            divide(canvas, sheet.edge - 4)
        own = {index: step for (r, index), step in steps.of.items() if r == run}
        sheet.draw(canvas, own, len(steps.members) - 1 if steps.members else None)
    return canvas


def _draw_plain(canvas: Canvas, axes: axis.Axes, steps: dict[int, int]) -> None:
    """Sequence against arrival, a row for each producer id and epoch."""
    for row in axes.rows:
        axis.vertical(canvas, row)
        axis.frame(canvas, row, axes)
        _band(canvas, axes, row, steps)
        for arrival in axes.shown(row):
            canvas.event = steps[arrival.fact.index]
            _mark(canvas, arrival, axes.xs[arrival.column], row, axes.step)
            axis.below(canvas, arrival, axes.xs[arrival.column], axes, row)
        canvas.event = None


def _band(canvas: Canvas, axes: axis.Axes, row: axis.Row, steps: dict[int, int]) -> None:
    """What is remembered from one column to the next, and the dashed line of what would be next."""
    before: float | None = None
    for column, ranges in row.group.bands.items():
        x, expected = max(axes.xs[column], axes.left), row.group.expected(column)
        wide = axes.until(column) - x
        if wide <= 0:  # over before the fork
            continue
        canvas.event = steps[axes.chart.columns[column].index]
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
    shape = arrival.fact.shape
    top, bottom = row.y(arrival.last + 0.5), row.y(arrival.first - 0.5)
    if arrival.last > arrival.first:
        wide = min(10.0, step * 0.4)
        canvas.box(x - wide / 2, top + 1, wide, bottom - top - 2, fill=VERDICT_COLOURS[shape], line=1.0, layer=3)
    canvas.line([(x, min(bottom, row.bottom)), (x, row.bottom)], colour=LANE, width=0.6, style=(0, (1, 3)), layer=0.8)
    verdict_small(canvas, x, (top + bottom) / 2, shape, min(8.0, step * 0.42))
