"""A white sheet measured in pixels, y downward, on which the layouts draw.

A sheet is a list of marks and nothing more. `canvas_svg` writes them as a drawing, which is what lessons show; `canvas_png` has
matplotlib paint them, for files and for places where a drawing will not do. So drawing a lesson loads no matplotlib, and a page
in which Python runs in the browser draws the same.

Whatever is drawn belongs to the event that `event` names at that moment (None: to the picture as a whole).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lesson_lib.draw.sheet.style import EDGE, SMALL

Point = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Later marks lie on top of earlier ones within one `layer`."""

    layer: float
    event: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Text(Mark):
    """One or more lines around the middle of their height at (x, y); `size` in points."""

    x: float
    y: float
    text: str
    size: float
    bold: bool
    colour: str
    align: str
    upright: bool
    backed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Line(Mark):
    """A line through points; `width` in points, `style` as matplotlib has it."""

    points: tuple[Point, ...]
    colour: str
    width: float
    style: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Polygon(Mark):
    """A closed shape."""

    points: tuple[Point, ...]
    fill: str | None
    edge: str
    width: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Box(Mark):
    """A rectangle with its upper left corner at (x, y)."""

    x: float
    y: float
    width: float
    height: float
    fill: str | None
    edge: str | None
    style: Any
    line: float
    round_by: float


class Canvas:
    """A drawing of `width` by `height` pixels."""

    def __init__(self, width: float, height: float) -> None:
        self.width, self.height = width, height
        self.event: int | None = None
        self.divided_at: float | None = None  # height of the line between two runs
        self.marks: list[Mark] = []

    def text(self, x: float, y: float, text: str, *, size: float = SMALL, bold: bool = False, colour: str = EDGE,
             align: str = "center", upright: bool = False, backed: bool = False, layer: float = 6) -> None:
        """Write at (x, y), `upright` from bottom to top; `backed` puts white behind it, for places where lines run."""
        if text:
            self.marks.append(Text(layer=layer, event=self.event, x=x, y=y, text=text, size=size, bold=bold, colour=colour,
                                   align=align, upright=upright, backed=backed))

    def line(self, points: Sequence[Point], *, colour: str = EDGE, width: float = 1.2, style: Any = "-", layer: float = 2) -> None:
        """A line through the points. Widths are in points (1/72 in)."""
        self.marks.append(Line(layer=layer, event=self.event, points=tuple(points), colour=colour, width=width, style=style))

    def polygon(self, points: Sequence[Point], *, fill: str | None, edge: str = EDGE, width: float = 1.0, layer: float = 5) -> None:
        """A closed shape; `fill` None leaves it open."""
        self.marks.append(Polygon(layer=layer, event=self.event, points=tuple(points), fill=fill, edge=edge, width=width))

    def box(self, x: float, y: float, width: float, height: float, *, fill: str | None = None, edge: str | None = EDGE,
            style: Any = "-", line: float = 1.0, round_by: float = 0, layer: float = 4) -> None:
        """A rectangle with its upper left corner at (x, y)."""
        self.marks.append(Box(layer=layer, event=self.event, x=x, y=y, width=width, height=height, fill=fill, edge=edge,
                              style=style, line=line, round_by=round_by))

    @property
    def labels(self) -> list[Text]:
        """Every text on the sheet."""
        return [mark for mark in self.marks if isinstance(mark, Text)]

    def svg(self) -> str:
        """The picture as one `<svg>` element, the same text each time; marks of event n are `<g data-event="n">`."""
        from lesson_lib.draw.sheet.svg import written
        return written(self)

    def png(self) -> bytes:
        """The picture as PNG, the same bytes each time. LessonError where there is no matplotlib."""
        from lesson_lib.draw.sheet.png import painted
        return painted(self)
