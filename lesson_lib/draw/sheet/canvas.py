"""A white sheet measured in pixels, y downward, on which the layouts draw, and its marks written as SVG.

A sheet is a list of marks and nothing more. `svg` writes them as a drawing, which is what lessons show; matplotlib paints
them (`png`) only for files and for places where a drawing will not do. So drawing a lesson loads no matplotlib, and a page
in which Python runs in the browser draws the same.

Whatever is drawn belongs to the event that `event` names at that moment (None: to the picture as a whole).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from xml.sax.saxutils import escape

from lesson_lib.draw.sheet.style import (
    BEHIND,
    DPI,
    EDGE,
    EM,
    FAMILY,
    LETTER_WIDTHS,
    OTHER_LETTER,
    SMALL,
)

Point = tuple[float, float]
Rectangle = tuple[float, float, float, float]  # left, top, right, bottom

PIXELS = DPI / 72            # a point, in which widths and sizes of type are given
BASELINE = 0.36              # from the middle of a line of type down to its baseline, in sizes of the type
DASHES = {"--": (3.7, 1.6), ":": (1.0, 1.65), "-.": (6.4, 1.6, 1.0, 1.6)}  # in widths of the line, as matplotlib has them
GROUND = 1.0                 # marks in lower layers lie under what stands behind, too
ANCHORS = {"left": "start", "center": "middle", "right": "end"}
# DejaVu Sans and Verdana are cut alike; a reader who has neither gets letters that are stretched to the same length.
FONTS = f"{FAMILY}, Verdana, sans-serif"


@cache
def text_width(text: str, size: float = SMALL, bold: bool = False) -> float:
    """Width in pixels of the widest line of `text`."""
    lines = (sum(LETTER_WIDTHS.get(letter, OTHER_LETTER)[bold] for letter in line) for line in text.split("\n"))
    return max(lines) / EM * size * PIXELS


def line_height(size: float = SMALL) -> float:
    """Pixels from one line of text to the next."""
    return size * PIXELS * 1.25


@dataclass(slots=True)
class Mark:
    """Later marks lie on top of earlier ones within one `layer`. Widths are in points (1/72 in)."""

    event: int | None = field(default=None, kw_only=True)
    layer: float = field(default=2, kw_only=True)

    def svg(self) -> str:
        """The mark as an element."""
        raise NotImplementedError


@dataclass(slots=True)
class Text(Mark):
    """One or more lines around the middle of their height at (x, y); `backed` puts white behind them, where lines run."""

    x: float
    y: float
    text: str
    size: float = SMALL
    bold: bool = False
    colour: str = EDGE
    align: str = "center"
    upright: bool = False  # from bottom to top
    backed: bool = False
    layer: float = field(default=6, kw_only=True)

    @property
    def box(self) -> Rectangle:
        """What it takes, for one that is not upright."""
        wide, high = text_width(self.text, self.size, self.bold), (self.text.count("\n") + 1) * line_height(self.size)
        left = self.x - wide * {"left": 0.0, "center": 0.5, "right": 1.0}[self.align]
        return left, self.y - high / 2, left + wide, self.y + high / 2

    def svg(self) -> str:
        """Each line is told how long it must be, so that the layout holds with whatever font the reader has."""
        lines, high = self.text.split("\n"), line_height(self.size)
        first = self.y - (len(lines) - 1) / 2 * high + BASELINE * self.size * PIXELS
        texts = "".join(self._line(first + n * high, line) for n, line in enumerate(lines))
        weight = ' font-weight="bold"' if self.bold else ""
        turned = f' transform="rotate(-90 {self.x:.1f} {self.y:.1f})"' if self.upright else ""
        look = f'font-size="{self.size * PIXELS:.2f}"{weight} text-anchor="{ANCHORS[self.align]}" fill="{self.colour}"'
        return f"<g{turned}>{self._ground() if self.backed else ''}<g {look}>{texts}</g></g>"

    def _line(self, y: float, line: str) -> str:
        wide = text_width(line, self.size, self.bold)
        length = f' textLength="{wide:.1f}" lengthAdjust="spacingAndGlyphs"' if line.strip() else ""
        return f'<text x="{self.x:.1f}" y="{y:.1f}"{length} xml:space="preserve">{escape(line)}</text>'

    def _ground(self) -> str:
        """White behind it, and a little around it."""
        (left, top, right, bottom), around = self.box, PIXELS * 1.2
        size = f'width="{right - left + 2 * around:.1f}" height="{bottom - top:.1f}"'
        left -= around * {"left": 0.0, "center": 1.0, "right": 2.0}[self.align]
        return f'<rect x="{left:.1f}" y="{top:.1f}" {size} fill="#ffffff"/>'


@dataclass(slots=True)
class Line(Mark):
    """A line through points; `style` as matplotlib has it."""

    points: Sequence[Point]
    colour: str = EDGE
    width: float = 1.2
    style: Any = "-"

    def svg(self) -> str:
        """A polyline."""
        return f'<polyline points="{_points(self.points)}" fill="none" {_stroke(self.colour, self.width, self.style)}/>'


@dataclass(slots=True)
class Polygon(Mark):
    """A closed shape; `fill` None leaves it open."""

    points: Sequence[Point]
    fill: str | None
    edge: str = EDGE
    width: float = 1.0
    layer: float = field(default=5, kw_only=True)

    def svg(self) -> str:
        """A polygon."""
        return f'<polygon points="{_points(self.points)}" fill="{self.fill or "none"}" {_stroke(self.edge, self.width)}/>'


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

    def svg(self) -> str:
        """A rect."""
        place = f'x="{self.x:.2f}" y="{self.y:.2f}" width="{self.width:.2f}" height="{self.height:.2f}" rx="{self.round_by}"'
        return f'<rect {place} fill="{self.fill or "none"}" {_stroke(self.edge or "none", self.line, self.style)}/>'


class Canvas:
    """A drawing of `width` by `height` pixels. Its methods take what the mark of that name takes."""

    def __init__(self, width: float, height: float) -> None:
        self.width, self.height = width, height
        self.event: int | None = None
        self.divided_at: float | None = None  # height of the line between two runs
        self.marks: list[Mark] = []
        self.behind: list[Mark] = []          # another picture of the same size, which shines through from behind

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
        """Show another picture pale behind this one, without those of its words that would lie under words."""
        boxes = [label.box for label in self.labels if not label.upright]
        taken = [(left - 5, top, right + 5, bottom) for left, top, right, bottom in boxes]
        self.behind = [mark for mark in other.marks if not isinstance(mark, Text)
                       or not (mark.upright or any(overlap(mark.box, box) for box in taken))]
        for mark in self.behind:
            mark.event = None

    def svg(self) -> str:
        """The picture as one `<svg>` element, the same text each time; marks of event n are `<g data-event="n">`."""
        behind = f'<g data-behind="yes" opacity="{BEHIND}">{_in_layers(self.behind)}</g>' if self.behind else ""
        ground, rest = ([mark for mark in self.marks if (mark.layer < GROUND) == below] for below in (True, False))
        size = f'width="{self.width:.0f}" height="{self.height:.0f}"'
        return (f'<svg xmlns="http://www.w3.org/2000/svg" {size} viewBox="0 0 {self.width:.2f} {self.height:.2f}" '
                f'font-family="{FONTS}"><g data-paper="yes"><rect {size} fill="#ffffff"/></g>'
                f"{_in_layers(ground)}{behind}{_in_layers(rest)}</svg>")


def overlap(one: Rectangle, other: Rectangle) -> bool:
    """Whether two rectangles share more than an edge."""
    return min(one[2], other[2]) > max(one[0], other[0]) and min(one[3], other[3]) > max(one[1], other[1])


def _in_layers(marks: Sequence[Mark]) -> str:
    elements = ((mark.event, mark.svg()) for mark in sorted(marks, key=lambda mark: mark.layer))
    return "".join(svg if event is None else f'<g data-event="{event}">{svg}</g>' for event, svg in elements)


def _points(points: Sequence[Point]) -> str:
    return " ".join([f"{x:.2f},{y:.2f}" for x, y in points])


def _stroke(colour: str, width: float, style: Any = "-") -> str:
    """Colour, width in pixels, and dashes, which grow with the width as in matplotlib."""
    dashes = DASHES.get(style, ()) if isinstance(style, str) else style[1]
    dashed = f' stroke-dasharray="{" ".join(f"{part * width * PIXELS:.2f}" for part in dashes)}"' if dashes and width else ""
    return f'stroke="{colour if width else "none"}" stroke-width="{width * PIXELS:.2f}"{dashed}'
