"""The sheet without matplotlib: every mark becomes an SVG element at once, and is sorted by layer at the end.

Each line of text is told how long it must be, so that the layout holds with whatever font the reader has.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any
from xml.sax.saxutils import escape

from lesson_lib.draw.style import DPI, EDGE, FAMILY, SMALL, line_height, text_width
from lesson_lib.errors import LessonError

Point = tuple[float, float]
PIXELS = DPI / 72            # a point, in which widths and sizes of type are given
BASELINE = 0.36              # from the middle of a line of type down to its baseline, in sizes of the type
DASHES = {"--": (3.7, 1.6), ":": (1.0, 1.65), "-.": (6.4, 1.6, 1.0, 1.6)}  # in widths of the line, as matplotlib has them
ANCHORS = {"left": "start", "center": "middle", "right": "end"}


def plain_settings() -> AbstractContextManager[None]:
    """Nothing from outside can change these pictures."""
    return nullcontext()


class Canvas:
    """A drawing of `width` by `height` pixels. Later things lie on top of earlier ones within one `layer`."""

    def __init__(self, width: float, height: float) -> None:
        self.width, self.height = width, height
        self.event: int | None = None
        self._marks: list[tuple[float, str]] = []

    def _add(self, layer: float, element: str) -> None:
        group = element if self.event is None else f'<g data-event="{self.event}">{element}</g>'
        self._marks.append((layer, group))

    def text(self, x: float, y: float, text: str, *, size: float = SMALL, bold: bool = False, colour: str = EDGE,
             align: str = "center", upright: bool = False, backed: bool = False, layer: float = 6) -> None:
        """Write at (x, y), `upright` from bottom to top; `backed` puts white behind it, for places where lines run."""
        if not text:
            return
        lines = text.split("\n")
        first = y - (len(lines) - 1) / 2 * line_height(size) + BASELINE * size * PIXELS
        written = "".join(_line_of_text(x, first + n * line_height(size), line, size, bold) for n, line in enumerate(lines))
        weight = ' font-weight="bold"' if bold else ""
        look = f'font-family="{FAMILY}, Verdana, sans-serif" font-size="{size * PIXELS:.2f}"{weight} text-anchor="{ANCHORS[align]}"'
        ground = _ground(x, y, text, size, bold, align) if backed else ""
        turned = f' transform="rotate(-90 {x:.1f} {y:.1f})"' if upright else ""
        self._add(layer, f'<g{turned}>{ground}<g {look} fill="{colour}">{written}</g></g>')

    def line(self, points: Sequence[Point], *, colour: str = EDGE, width: float = 1.2, style: Any = "-", layer: float = 2) -> None:
        """A line through the points. Widths are in points (1/72 in)."""
        self._add(layer, f'<polyline points="{_points(points)}" fill="none" {_stroke(colour, width, style)}/>')

    def polygon(self, points: Sequence[Point], *, fill: str | None, edge: str = EDGE, width: float = 1.0, layer: float = 5) -> None:
        """A closed shape; `fill` None leaves it open."""
        self._add(layer, f'<polygon points="{_points(points)}" fill="{fill or "none"}" {_stroke(edge, width, "-")}/>')

    def box(self, x: float, y: float, width: float, height: float, *, fill: str | None = None, edge: str | None = EDGE,
            style: Any = "-", line: float = 1.0, round_by: float = 0, layer: float = 4) -> None:
        """A rectangle with its upper left corner at (x, y)."""
        place = f'x="{x:.2f}" y="{y:.2f}" width="{width:.2f}" height="{height:.2f}" rx="{round_by}"'
        self._add(layer, f'<rect {place} fill="{fill or "none"}" {_stroke(edge or "none", line, style)}/>')

    def png(self) -> bytes:
        """LessonError: without matplotlib there are only drawings."""
        raise LessonError("A PNG needs matplotlib, which is not here; picture.svg is the same picture as a drawing.")

    def svg(self) -> str:
        """The picture as one `<svg>` element, the same text each time; marks of event n are `<g data-event="n">`."""
        marks = "".join(element for _, element in sorted(self._marks, key=lambda mark: mark[0]))
        size = f'width="{self.width:.0f}" height="{self.height:.0f}"'
        return (f'<svg xmlns="http://www.w3.org/2000/svg" {size} viewBox="0 0 {self.width:.2f} {self.height:.2f}">'
                f'<g data-paper="yes"><rect {size} fill="#ffffff"/></g>{marks}</svg>')


def _points(points: Sequence[Point]) -> str:
    return " ".join(f"{x:.2f},{y:.2f}" for x, y in points)


def _stroke(colour: str, width: float, style: Any) -> str:
    """Colour, width in pixels, and dashes, which grow with the width as in matplotlib."""
    dashes = DASHES.get(style, ()) if isinstance(style, str) else style[1]
    dashed = f' stroke-dasharray="{" ".join(f"{part * width * PIXELS:.2f}" for part in dashes)}"' if dashes and width else ""
    return f'stroke="{colour if width else "none"}" stroke-width="{width * PIXELS:.2f}"{dashed}'


def _line_of_text(x: float, y: float, line: str, size: float, bold: bool) -> str:
    length = f' textLength="{text_width(line, size, bold):.1f}" lengthAdjust="spacingAndGlyphs"' if line.strip() else ""
    return f'<text x="{x:.1f}" y="{y:.1f}"{length} xml:space="preserve">{escape(line)}</text>'


def _ground(x: float, y: float, text: str, size: float, bold: bool, align: str) -> str:
    """White behind a text, and a little around it."""
    wide, high = text_width(text, size, bold) + 2 * PIXELS * 1.2, (text.count("\n") + 1) * line_height(size)
    left = x - wide * {"left": 0.0, "center": 0.5, "right": 1.0}[align]
    return f'<rect x="{left:.1f}" y="{y - high / 2:.1f}" width="{wide:.1f}" height="{high:.1f}" fill="#ffffff"/>'
