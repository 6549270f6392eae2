"""A white sheet measured in pixels, y downward, on which the layouts draw, and its marks written as SVG.

A sheet is a list of marks and nothing more. `svg` writes them as a drawing, which is what lessons show;
matplotlib paints them (`png`) only for files and for places where a drawing will not do. So drawing a lesson
loads no matplotlib, and a page in which Python runs in the browser draws the same.

Whatever is drawn belongs to the event that `event` names at that moment (None: to the picture as a whole).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from xml.sax.saxutils import escape

from lesson_lib.draw import style as look
from lesson_lib.draw.style import DPI, EDGE, SMALL

Point = tuple[float, float]
Rectangle = tuple[float, float, float, float]  # left, top, right, bottom

PIXELS = DPI / 72            # a point, in which widths and sizes of type are given
BASELINE = 0.36              # from the middle of a line of type down to its baseline, in sizes of the type
DASHES = {"--": (3.7, 1.6), ":": (1.0, 1.65)}  # in widths of the line, as matplotlib has them
GROUND = 1.0                 # marks in lower layers lie under what stands behind, too
ANCHORS = {"left": "start", "center": "middle", "right": "end"}
# DejaVu Sans and Verdana are cut alike; without either, letters are stretched to the same length.
FONTS = f"{look.FAMILY}, Verdana, sans-serif"


@cache
def text_width(text: str, size: float = SMALL, bold: bool = False) -> float:
    """Width in pixels of the widest line of `text`."""
    widths, other = look.LETTER_WIDTHS, look.OTHER_LETTER
    lines = [sum(widths.get(letter, other)[bold] for letter in line) for line in text.split("\n")]
    return max(lines) / look.EM * size * PIXELS


def line_height(size: float = SMALL) -> float:
    """Pixels from one line of text to the next."""
    return size * PIXELS * 1.25


@dataclass(slots=True)
class Mark:
    """Later marks lie on top of earlier ones within one `layer`. Widths are in points (1/72 in)."""

    event: int | None = field(default=None, kw_only=True)
    layer: float = field(default=2, kw_only=True)


@dataclass(slots=True)
class Text(Mark):
    """Lines around the middle of their height at (x, y); `backed` puts white behind them.

    `pinned` ones stay at the left edge where a picture is wider than its place and is scrolled.
    """

    x: float
    y: float
    text: str
    size: float = SMALL
    bold: bool = False
    colour: str = EDGE
    align: str = "center"
    upright: bool = False  # from bottom to top
    backed: bool = False
    pinned: bool = False
    layer: float = field(default=6, kw_only=True)

    @property
    def box(self) -> Rectangle:
        """What it takes, for one that is not upright."""
        wide = text_width(self.text, self.size, self.bold)
        high = (self.text.count("\n") + 1) * line_height(self.size)
        left = self.x - wide * {"left": 0.0, "center": 0.5, "right": 1.0}[self.align]
        return left, self.y - high / 2, left + wide, self.y + high / 2


@dataclass(slots=True)
class Line(Mark):
    """A line through points; `style` as matplotlib has it."""

    points: Sequence[Point]
    colour: str = EDGE
    width: float = 1.2
    style: Any = "-"


@dataclass(slots=True)
class Polygon(Mark):
    """A closed shape; `fill` None leaves it open."""

    points: Sequence[Point]
    fill: str | None
    edge: str = EDGE
    width: float = 1.0
    layer: float = field(default=5, kw_only=True)


@dataclass(slots=True)
class Box(Mark):
    """A rectangle with its upper left corner at (x, y)."""

    x: float
    y: float
    width: float
    height: float
    fill: str | None = None
    edge: str | None = EDGE
    style: Any = "-"
    line: float = 1.0
    round_by: float = 0
    layer: float = field(default=4, kw_only=True)


class Canvas:
    """A drawing of `width` by `height` pixels. Its methods take what the mark of that name takes."""

    def __init__(self, width: float, height: float) -> None:
        self.width, self.height = width, height
        self.event: int | None = None
        self.marks: list[Mark] = []
        self.behind: list[Mark] = []  # another picture, which shines through from behind

    def text(self, x: float, y: float, text: str, **look: Any) -> None:
        """Write at (x, y)."""
        if text:
            self.marks.append(Text(x, y, text, event=self.event, **look))

    def line(self, points: Sequence[Point], **look: Any) -> None:
        """A line through the points."""
        self.marks.append(Line(points, event=self.event, **look))

    def polygon(self, points: Sequence[Point], *, fill: str | None, **look: Any) -> None:
        """A closed shape."""
        self.marks.append(Polygon(points, fill, event=self.event, **look))

    def box(self, x: float, y: float, width: float, height: float, **look: Any) -> None:
        """A rectangle with its upper left corner at (x, y)."""
        self.marks.append(Box(x, y, width, height, event=self.event, **look))

    @property
    def labels(self) -> list[Text]:
        """Every text of the picture."""
        return [mark for mark in self.marks if isinstance(mark, Text)]

    def stand_behind(self, other: Canvas) -> None:
        """Show another picture pale behind this one, without words that would lie under words."""
        boxes = [label.box for label in self.labels if not label.upright]
        taken = [(left - 5, top, right + 5, bottom) for left, top, right, bottom in boxes]
        self.behind = [mark for mark in other.marks if not isinstance(mark, Text)
                       or not (mark.upright or any(overlap(mark.box, box) for box in taken))]
        for mark in self.behind:
            mark.event = None

    def svg(self) -> str:
        """The picture as one `<svg>`, the same text each time; marks of event n are `<g data-event="n">`."""
        pale = f'<g data-behind="yes" opacity="{look.BEHIND}">{_in_layers(self.behind)}</g>'
        behind = pale if self.behind else ""
        ground = [mark for mark in self.marks if mark.layer < GROUND]
        rest = [mark for mark in self.marks if mark.layer >= GROUND]
        size = f'width="{self.width:.0f}" height="{self.height:.0f}"'
        box = f'viewBox="0 0 {self.width:.2f} {self.height:.2f}"'
        return (f'<svg xmlns="http://www.w3.org/2000/svg" {size} {box} font-family="{FONTS}">'
                '<g data-paper="yes">'
                f'<rect {size} fill="#ffffff"/></g>'
                f"{_in_layers(ground)}{behind}{_in_layers(rest)}</svg>")


def overlap(one: Rectangle, other: Rectangle) -> bool:
    """Whether two rectangles share more than an edge."""
    return min(one[2], other[2]) > max(one[0], other[0]) and min(one[3], other[3]) > max(one[1], other[1])


def _in_layers(marks: Sequence[Mark]) -> str:
    elements = ((mark.event, _element(mark)) for mark in sorted(marks, key=lambda mark: mark.layer))
    return "".join(svg if event is None else f'<g data-event="{event}">{svg}</g>' for event, svg in elements)


def _element(mark: Mark) -> str:
    """One mark as an element."""
    match mark:
        case Text():
            return _text(mark)
        case Line():
            drawn = f'polyline points="{_points(mark.points)}"'
            return f'<{drawn} fill="none" {_stroke(mark.colour, mark.width, mark.style)}/>'
        case Polygon():
            drawn = f'polygon points="{_points(mark.points)}" fill="{mark.fill or "none"}"'
            return f"<{drawn} {_stroke(mark.edge, mark.width)}/>"
        case Box():
            place = f'x="{mark.x:.2f}" y="{mark.y:.2f}" width="{mark.width:.2f}" height="{mark.height:.2f}"'
            drawn = f'rect {place} rx="{mark.round_by}" fill="{mark.fill or "none"}"'
            return f'<{drawn} {_stroke(mark.edge or "none", mark.line, mark.style)}/>'
    raise TypeError(mark)


def _text(mark: Text) -> str:
    """Each line is told how long it must be, so that the layout holds with whatever font the reader has."""
    lines, high, size = mark.text.split("\n"), line_height(mark.size), mark.size * PIXELS
    y, found = mark.y - (len(lines) - 1) / 2 * high + BASELINE * size, []
    for n, line in enumerate(lines):
        wide = text_width(line, mark.size, mark.bold)
        length = f' textLength="{wide:.1f}" lengthAdjust="spacingAndGlyphs"' if line.strip() else ""
        at = f'x="{mark.x:.1f}" y="{y + n * high:.1f}"{length}'
        found.append(f'<text {at} xml:space="preserve">{escape(line)}</text>')
    font = f'font-size="{size:.2f}"' + ' font-weight="bold"' * mark.bold
    turned = f' transform="rotate(-90 {mark.x:.1f} {mark.y:.1f})"' if mark.upright else ""
    look_of_it = f'{font} text-anchor="{ANCHORS[mark.align]}" fill="{mark.colour}"'
    held = ' data-pinned="yes"' * mark.pinned
    return f"<g{turned}{held}>{_ground(mark) if mark.backed else ''}<g {look_of_it}>{''.join(found)}</g></g>"


def _ground(mark: Text) -> str:
    """White behind a text, and a little around it."""
    (left, top, right, bottom), around = mark.box, PIXELS * 1.2
    size = f'width="{right - left + 2 * around:.1f}" height="{bottom - top:.1f}"'
    left -= around * {"left": 0.0, "center": 1.0, "right": 2.0}[mark.align]
    return f'<rect x="{left:.1f}" y="{top:.1f}" {size} fill="#ffffff"/>'


def _points(points: Sequence[Point]) -> str:
    return " ".join([f"{x:.2f},{y:.2f}" for x, y in points])


def _stroke(colour: str, width: float, style: Any = "-") -> str:
    """Colour, width in pixels, and dashes, which grow with the width as in matplotlib."""
    dashes = DASHES.get(style, ()) if isinstance(style, str) else style[1]
    lengths = " ".join([f"{part * width * PIXELS:.2f}" for part in dashes])
    dashed = f' stroke-dasharray="{lengths}"' if dashes and width else ""
    return f'stroke="{colour if width else "none"}" stroke-width="{width * PIXELS:.2f}"{dashed}'
