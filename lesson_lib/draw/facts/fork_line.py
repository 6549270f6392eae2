"""The line at which two runs part, the same in every layout: dashed and dark in the ghost too, with its words beside it.

`x` and `y` are pixels from the upper left corner of the sheet. In the ghost the words also say what lies before the line.
"""

from __future__ import annotations

from lesson_lib.draw.facts.fork import Fork
from lesson_lib.draw.sheet.canvas import Canvas, Point
from lesson_lib.draw.sheet.style import QUIET, text_width

DASHES = (0, (6, 3))
SAME = "up to here the same as above"
ASIDE, ABOVE, APART = 7.0, 15.0, 18.0  # pixels from the line to words beside it, from words to those above, and to those after them


def upright_fork(canvas: Canvas, fork: Fork, ghost: bool, x: float, heights: tuple[float, float], y: float,
                 edges: tuple[float, float]) -> None:
    """A line between two `heights`; its words at `y`, within `edges`: what comes on its right, what was on its left, if they fit."""
    _line(canvas, (x, heights[0]), (x, heights[1]))
    words, (left, right) = fork.words(ghost), edges
    end = x + ASIDE + text_width(words, bold=True)
    canvas.text(x + (ASIDE if end < right else -ASIDE), y, words, align="left" if end < right else "right", bold=True)
    if ghost and fork.at and end < right:
        if x - ASIDE - text_width(SAME) > left:
            canvas.text(x - ASIDE, y, SAME, align="right", colour=QUIET)
        elif end + APART + text_width(SAME) < right:
            canvas.text(end + APART, y, SAME, align="left", colour=QUIET)


def level_fork(canvas: Canvas, fork: Fork, ghost: bool, y: float, left: float, words_at: float) -> None:
    """A line from `left` to the words."""
    _line(canvas, (left, y), (words_at - ASIDE, y))
    canvas.text(words_at, y, fork.words(ghost), align="left", bold=True)
    if ghost and fork.at:
        canvas.text(words_at, y - ABOVE, SAME, align="left", colour=QUIET)


def _line(canvas: Canvas, start: Point, end: Point) -> None:
    canvas.line([start, end], width=1.4, style=DASHES, layer=1.2)
