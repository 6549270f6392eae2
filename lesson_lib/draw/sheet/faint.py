"""A sheet over a sheet, on which everything comes out faint: for a ghost. Words stay dark enough to be read.

It has the methods of a `Canvas` and passes all on to one, with other colours. Colours are mixed with white and not made
see-through, so that two marks on top of each other look the same as on the sheet beneath.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lesson_lib.draw.sheet.canvas import Canvas, Point
from lesson_lib.draw.sheet.style import EDGE, FAINT_FILL, FAINT_LINE, QUIET, mixed


class Faint:
    """The same as `sheet`, faint. Marks belong to the event that the sheet names."""

    def __init__(self, sheet: Canvas) -> None:
        self.sheet = sheet
        self.width, self.height = sheet.width, sheet.height

    @property
    def event(self) -> int | None:
        """The event that marks belong to."""
        return self.sheet.event

    @event.setter
    def event(self, event: int | None) -> None:
        self.sheet.event = event

    def text(self, x: float, y: float, text: str, **look: Any) -> None:
        """Write, whatever the colour, in a grey that can be read on white and on every faint mark."""
        self.sheet.text(x, y, text, **look | {"colour": QUIET})

    def line(self, points: Sequence[Point], *, colour: str = EDGE, **look: Any) -> None:
        """A faint line."""
        self.sheet.line(points, colour=mixed(colour, FAINT_LINE), **look)

    def polygon(self, points: Sequence[Point], *, fill: str | None, edge: str = EDGE, **look: Any) -> None:
        """A faint shape."""
        self.sheet.polygon(points, fill=fill and mixed(fill, FAINT_FILL), edge=mixed(edge, FAINT_LINE), **look)

    def box(self, x: float, y: float, width: float, height: float, *, fill: str | None = None, edge: str | None = EDGE,
            **look: Any) -> None:
        """A faint rectangle."""
        self.sheet.box(x, y, width, height, fill=fill and mixed(fill, FAINT_FILL), edge=edge and mixed(edge, FAINT_LINE), **look)
