"""A sheet as SVG: every mark is an element, sorted by layer, in a group that carries its event, which is all a stepper needs.

Each line of text is told how long it must be, so that the layout holds with whatever font the reader has.
"""

from __future__ import annotations

from functools import singledispatch
from typing import Any
from xml.sax.saxutils import escape

from lesson_lib.draw.sheet.canvas import Box, Canvas, Line, Mark, Point, Polygon, Text
from lesson_lib.draw.sheet.style import DPI, FAMILY, line_height, text_width

PIXELS = DPI / 72            # a point, in which widths and sizes of type are given
BASELINE = 0.36              # from the middle of a line of type down to its baseline, in sizes of the type
DASHES = {"--": (3.7, 1.6), ":": (1.0, 1.65), "-.": (6.4, 1.6, 1.0, 1.6)}  # in widths of the line, as matplotlib has them
ANCHORS = {"left": "start", "center": "middle", "right": "end"}
# DejaVu Sans and Verdana are cut alike; a reader who has neither gets letters that are stretched to the same length.
FONTS = f"{FAMILY}, Verdana, sans-serif"


def written(canvas: Canvas) -> str:
    """The whole sheet as one `<svg>` element."""
    marks = "".join(map(_grouped, sorted(canvas.marks, key=lambda mark: mark.layer)))
    size = f'width="{canvas.width:.0f}" height="{canvas.height:.0f}"'
    return (f'<svg xmlns="http://www.w3.org/2000/svg" {size} viewBox="0 0 {canvas.width:.2f} {canvas.height:.2f}" '
            f'font-family="{FONTS}"><g data-paper="yes"><rect {size} fill="#ffffff"/></g>{marks}</svg>')


def _grouped(mark: Mark) -> str:
    element = _element(mark)
    return element if mark.event is None else f'<g data-event="{mark.event}">{element}</g>'


@singledispatch
def _element(mark: Any) -> str:
    """One mark as an element."""
    raise TypeError(mark)


@_element.register
def _(mark: Text) -> str:
    lines, high = mark.text.split("\n"), line_height(mark.size)
    first = mark.y - (len(lines) - 1) / 2 * high + BASELINE * mark.size * PIXELS
    texts = "".join(_line_of_text(mark, first + n * high, line) for n, line in enumerate(lines))
    weight = ' font-weight="bold"' if mark.bold else ""
    turned = f' transform="rotate(-90 {mark.x:.1f} {mark.y:.1f})"' if mark.upright else ""
    look = f'font-size="{mark.size * PIXELS:.2f}"{weight} text-anchor="{ANCHORS[mark.align]}" fill="{mark.colour}"'
    return f"<g{turned}>{_ground(mark) if mark.backed else ''}<g {look}>{texts}</g></g>"


@_element.register
def _(mark: Line) -> str:
    return f'<polyline points="{_points(mark.points)}" fill="none" {_stroke(mark.colour, mark.width, mark.style)}/>'


@_element.register
def _(mark: Polygon) -> str:
    return f'<polygon points="{_points(mark.points)}" fill="{mark.fill or "none"}" {_stroke(mark.edge, mark.width, "-")}/>'


@_element.register
def _(mark: Box) -> str:
    place = f'x="{mark.x:.2f}" y="{mark.y:.2f}" width="{mark.width:.2f}" height="{mark.height:.2f}" rx="{mark.round_by}"'
    return f'<rect {place} fill="{mark.fill or "none"}" {_stroke(mark.edge or "none", mark.line, mark.style)}/>'


def _points(points: tuple[Point, ...]) -> str:
    return " ".join(f"{x:.2f},{y:.2f}" for x, y in points)


def _stroke(colour: str, width: float, style: Any) -> str:
    """Colour, width in pixels, and dashes, which grow with the width as in matplotlib."""
    dashes = DASHES.get(style, ()) if isinstance(style, str) else style[1]
    dashed = f' stroke-dasharray="{" ".join(f"{part * width * PIXELS:.2f}" for part in dashes)}"' if dashes and width else ""
    return f'stroke="{colour if width else "none"}" stroke-width="{width * PIXELS:.2f}"{dashed}'


def _line_of_text(mark: Text, y: float, line: str) -> str:
    wide = text_width(line, mark.size, mark.bold)
    length = f' textLength="{wide:.1f}" lengthAdjust="spacingAndGlyphs"' if line.strip() else ""
    return f'<text x="{mark.x:.1f}" y="{y:.1f}"{length} xml:space="preserve">{escape(line)}</text>'


def _ground(mark: Text) -> str:
    """White behind a text, and a little around it."""
    wide = text_width(mark.text, mark.size, mark.bold) + 2 * PIXELS * 1.2
    high = (mark.text.count("\n") + 1) * line_height(mark.size)
    left = mark.x - wide * {"left": 0.0, "center": 0.5, "right": 1.0}[mark.align]
    return f'<rect x="{left:.1f}" y="{mark.y - high / 2:.1f}" width="{wide:.1f}" height="{high:.1f}" fill="#ffffff"/>'
