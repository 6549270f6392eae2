"""The arrival graph of a long run: not the sequence, but how many batches it is away from the one that was expected.

A flat row of squares at 0 is what went well, diamonds from -1 to -5 are recognised duplicates, crosses lie outside.
"""

from __future__ import annotations

from collections.abc import Sequence

from lesson_lib.draw import arrivals_axis as axis
from lesson_lib.draw.arrivals_data import Group, residual
from lesson_lib.draw.canvas import Canvas
from lesson_lib.draw.marks import verdict_small
from lesson_lib.draw.style import EDGE, LANE, MEMORY, QUIET, shape_of

LEAST, MOST = -6, 6


def draw_residual(canvas: Canvas, groups: Sequence[Group], top: float, steps: dict[int, int]) -> None:
    """One panel a group; the number below every so many arrivals counts arrivals."""
    scale = axis.Scale(top, LEAST, MOST)
    _vertical(canvas, scale)
    for group, (left, step) in zip(groups, axis.columns(groups), strict=True):
        wide = max(2, len(group.arrivals)) * step
        axis.panel(canvas, group, left, step, top)
        canvas.box(left, scale.y(-0.5), wide, scale.y(-5.5) - scale.y(-0.5), fill=MEMORY, edge=None, layer=0.5)
        canvas.line([(left, scale.y(0)), (left + wide, scale.y(0))], width=1.2, style=(0, (5, 3)), layer=2)
        for n, arrival in enumerate(group.arrivals):
            canvas.event = steps[arrival.fact.index]
            x, event = left + (n + 0.5) * step, arrival.fact.event
            if arrival.lost:
                axis.hollow(canvas, x, scale.bottom)
            else:
                verdict_small(canvas, x, scale.y(residual(arrival)), shape_of(event.what, event.error), max(3.0, min(6.0, step * 0.45)))
        canvas.event = None
        _counts(canvas, len(group.arrivals), left, step, scale.bottom)


def _vertical(canvas: Canvas, scale: axis.Scale) -> None:
    words = {0: "next", -1: "-1", -5: "-5", LEAST: "older", 3: "early"}
    canvas.text(axis.MARGIN + 2, (scale.top + scale.bottom) / 2, "batches from the one expected", upright=True)
    for number, word in words.items():
        canvas.text(axis.LEFT - 8, scale.y(number), word, align="right", colour=QUIET)


def _counts(canvas: Canvas, count: int, left: float, step: float, bottom: float) -> None:
    every = next(n for n in (10, 20, 50, 100, 200, 500, 10**9) if n * step >= 44)
    for n in range(every, count + 1, every):
        x = left + (n - 0.5) * step
        canvas.line([(x, bottom), (x, bottom + 5)], colour=LANE, width=0.8)
        canvas.text(x, bottom + 14, f"{n}.", colour=EDGE)
