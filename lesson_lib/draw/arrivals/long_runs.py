"""The arrival graph of a long run: not the sequence, but how many batches it is away from the one that was expected.

A flat row of squares at 0 is what went well, diamonds from -1 to -5 are recognised duplicates, crosses lie outside.
"""

from __future__ import annotations

from lesson_lib.draw.arrivals import axis as axis
from lesson_lib.draw.arrivals.chart import residual
from lesson_lib.draw.sheet.canvas import Canvas
from lesson_lib.draw.sheet.marks import verdict_small
from lesson_lib.draw.sheet.style import EDGE, LANE, MEMORY, QUIET

LEAST, MOST, FOOT = -6, 6, 26.0


def draw_residual(canvas: Canvas, axes: axis.Axes, steps: dict[int, int]) -> None:
    """One row a group; the numbers below the last one count arrivals."""
    for row in axes.rows:
        _vertical(canvas, row)
        axis.frame(canvas, row, axes)
        canvas.box(axes.left, row.y(-0.5), axes.right - axes.left, row.y(-5.5) - row.y(-0.5), fill=MEMORY, edge=None, layer=0.5)
        canvas.line([(axes.left, row.y(0)), (axes.right, row.y(0))], width=1.2, style=(0, (5, 3)), layer=2)
        for arrival in axes.shown(row):
            canvas.event = steps[arrival.fact.index]
            x = axes.xs[arrival.column]
            if arrival.lost:
                axis.hollow(canvas, x, row.bottom)
            else:
                size = max(3.0, min(6.0, axes.step * 0.45))
                verdict_small(canvas, x, row.y(residual(arrival)), arrival.fact.shape, size)
        canvas.event = None
    _counts(canvas, axes)


def _vertical(canvas: Canvas, row: axis.Row) -> None:
    words = {0: "next", -1: "-1", -5: "-5", LEAST: "older", 3: "early"}
    canvas.text(axis.MARGIN + 2, (row.top + row.bottom) / 2, "batches from the one expected", upright=True)
    for number, word in words.items():
        canvas.text(axis.LEFT - 8, row.y(number), word, align="right", colour=QUIET)


def _counts(canvas: Canvas, axes: axis.Axes) -> None:
    every = next(n for n in (10, 20, 50, 100, 200, 500, 10**9) if n * axes.step >= 44)
    bottom, passed_over = axes.rows[-1].bottom, dict(axes.chart.happenings)
    xs = [x for column, x in enumerate(axes.xs) if column not in passed_over]
    for n in range(every, len(xs) + 1, every):
        x = xs[n - 1]
        if x < axes.left:
            continue
        canvas.line([(x, bottom), (x, bottom + 5)], colour=LANE, width=0.8)
        canvas.text(x, bottom + 14, f"{n}.", colour=EDGE)
