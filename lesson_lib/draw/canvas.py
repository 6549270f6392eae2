"""A white sheet measured in pixels, y downward, on which the layouts draw; how things look; the sheet as SVG.

A sheet is a list of marks and nothing more. `svg` writes them as a drawing, which is what lessons show;
matplotlib paints them (`png`) only for files and for places where a drawing will not do. So drawing a lesson
loads no matplotlib, and a page in which Python runs in the browser draws the same.

Whatever is drawn belongs to the event that `event` names at that moment (None: to the picture as a whole).

The colours are Okabe and Ito's. None of them carries a meaning alone: a shape and a word always go with it,
and every mark has a dark edge, so that a picture can be read in grey and with any colour vision.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from html import escape
from typing import Any

FIRST_SEND = "#0072B2"
RETRY = "#E69F00"
STORED = "#009E73"
DUPLICATE = "#CC79A7"
REFUSED = "#D55E00"
FENCED = "#000000"
KEPT = "#FFFFFF"         # a batch that a wrong broker keeps aside: nothing is stored
ACK = "#666666"
MEMORY = "#D5EDFA"       # sky blue #56B4E9 at a quarter of its strength, on white
MEMORY_EDGE = "#56B4E9"
EDGE = "#1A1A1A"
LANE = "#9A9A9A"
QUIET = "#595959"        # small print; 7 : 1 on white
PALE = "#0000000D"       # see-through, so that a stepped picture shows the future behind it
BAND = "#E4E4E4"
AGAIN = "#FBE3B3"        # a second copy in the log: the retry's orange, pale
TINT = "#FFF4C2"         # what differs between two runs

VERDICT_COLOURS = {"stored": STORED, "duplicate": DUPLICATE, "refused": REFUSED, "fenced": FENCED,
                   "kept": KEPT, "dropped": KEPT, "copy": AGAIN,
                   "suspected": AGAIN}

DOTTED, DASHED, EXPECTED = (1, 2), (4, 2.2), (5, 3)  # dash and gap, in widths of the line

FAMILY = "DejaVu Sans"
DPI = 100
WIDTH = 940              # pixels: what a page of a book has room for, so that no label is made smaller there
MARGIN = 12.0            # pixels at the edges of a sheet
SMALL, NORMAL, LARGE = 8.0, 9.0, 10.5  # points

# How wide the letters of DejaVu Sans are (regular, bold), in 2048ths of the size of the type: a layout must
# know it before anything is drawn, without loading a font. What is not listed counts as wide as a digit.
EM, OTHER_LETTER = 2048, (1303, 1425)
_LETTERS = {
    (563, 627): "'", (569, 702): "ijl", (604, 762): "IJ", (651, 713): " ", (651, 778): ",.·",
    (690, 748): "/\\|", (690, 819): ":;", (721, 891): "f", (739, 850): "-", (799, 936): "()[]",
    (803, 979): "t", (821, 934): "!", (842, 1010): "r", (942, 1067): "\"", (1024, 1024): "_`–",
    (1024, 1071): "*", (1067, 1219): "s", (1075, 1192): "z", (1087, 1188): "?", (1126, 1214): "c",
    (1141, 1305): "L", (1178, 1399): "F", (1186, 1362): "k", (1208, 1309): "•", (1212, 1321): "x",
    (1212, 1335): "vy", (1233, 1233): "─│┌┐└┘", (1235, 1501): "P", (1251, 1397): "T", (1251, 1483): "Y",
    (1253, 1407): "o", (1255, 1382): "a", (1260, 1389): "e", (1294, 1399): "E", (1298, 1458): "hnu",
    (1300, 1466): "bdgpq", (1300, 1475): "S", (1303, 1303): "¶", (1303, 1458): "{}", (1343, 1587): "K",
    (1401, 1585): "AV", (1403, 1485): "Z", (1403, 1579): "X", (1405, 1561): "B", (1423, 1577): "R",
    (1430, 1503): "C", (1499, 1663): "U", (1532, 1714): "N", (1540, 1714): "H", (1575, 1575): "▶",
    (1577, 1700): "D", (1587, 1681): "G", (1597, 1786): "&", (1612, 1741): "OQ", (1675, 1892): "w",
    (1716, 1716): "#+<=>^~≠→✓✗", (1767, 2038): "M", (1946, 2052): "%", (1995, 2134): "m", (2025, 2259): "W",
    (2048, 2048): "@…", (2100, 2280): "�"}
LETTER_WIDTHS = {letter: widths for widths, letters in _LETTERS.items() for letter in letters}

Point = tuple[float, float]
Rectangle = tuple[float, float, float, float]  # left, top, right, bottom

PIXELS = DPI / 72            # a point, in which widths and sizes of type are given
BASELINE = 0.36              # from the middle of a line of type down to its baseline, in sizes of the type
ANCHORS = {"left": ("start", 0.0), "center": ("middle", 0.5), "right": ("end", 1.0)}  # what lies left of x
# DejaVu Sans and Verdana are cut alike; without either, letters are stretched to the same length.
FONTS = f"{FAMILY}, Verdana, sans-serif"


@cache
def text_width(text: str, size: float = SMALL, bold: bool = False) -> float:
    """Width in pixels of the widest line of `text`."""
    lines = text.split("\n")
    widest = max(sum(LETTER_WIDTHS.get(letter, OTHER_LETTER)[bold] for letter in line) for line in lines)
    return widest / EM * size * PIXELS


def line_height(size: float = SMALL) -> float:
    """Pixels from one line of text to the next."""
    return size * PIXELS * 1.25


def text_height(text: str, size: float = SMALL) -> float:
    """Height in pixels of all its lines."""
    return (text.count("\n") + 1) * line_height(size)


def more_lines(text: str) -> float:
    """Height in pixels of all its lines but the first, in small type."""
    return text.count("\n") * line_height()


@dataclass(slots=True)
class Mark:
    """Later marks lie on top of earlier ones within one `layer`. Widths are in points (1/72 in)."""

    event: int | None = field(default=None, kw_only=True)
    layer: float = field(default=2, kw_only=True)

    def svg(self) -> str:
        """It as an element of an `<svg>`."""
        raise NotImplementedError


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
        wide, high = text_width(self.text, self.size, self.bold), text_height(self.text, self.size)
        left = self.x - wide * ANCHORS[self.align][1]
        return left, self.y - high / 2, left + wide, self.y + high / 2

    def svg(self) -> str:
        """Each line is told how long it must be, so that the layout holds with whatever font there is."""
        lines, high, size = self.text.split("\n"), line_height(self.size), self.size * PIXELS
        y, found = self.y - (len(lines) - 1) / 2 * high + BASELINE * size, ""
        for n, line in enumerate(lines):
            wide = text_width(line, self.size, self.bold)
            length = f' textLength="{wide:.1f}" lengthAdjust="spacingAndGlyphs"' if line.strip() else ""
            at = f'x="{self.x:.1f}" y="{y + n * high:.1f}"{length}'
            found += f'<text {at} xml:space="preserve">{escape(line, quote=False)}</text>'
        anchor, bold = ANCHORS[self.align][0], ' font-weight="bold"' * self.bold
        turned = f' transform="rotate(-90 {self.x:.1f} {self.y:.1f})"' if self.upright else ""
        look = f'font-size="{size:.2f}"{bold} text-anchor="{anchor}" fill="{self.colour}"'
        held, ground = ' data-pinned="yes"' * self.pinned, self._ground() if self.backed else ""
        return f"<g{turned}{held}>{ground}<g {look}>{found}</g></g>"

    def _ground(self) -> str:
        """White behind it, and a little around it."""
        (left, top, right, bottom), around = self.box, PIXELS * 1.2
        size = f'width="{right - left + 2 * around:.1f}" height="{bottom - top:.1f}"'
        left -= 2 * around * ANCHORS[self.align][1]
        return f'<rect x="{left:.1f}" y="{top:.1f}" {size} fill="#ffffff"/>'


@dataclass(slots=True)
class Line(Mark):
    """A line through points; `dashes` and gaps in turn, in widths of the line."""

    points: Sequence[Point]
    colour: str = EDGE
    width: float = 1.2
    dashes: tuple[float, ...] = ()

    def svg(self) -> str:
        stroke = _stroke(self.colour, self.width, self.dashes)
        return f'<polyline points="{_points(self.points)}" fill="none" {stroke}/>'


@dataclass(slots=True)
class Polygon(Mark):
    """A closed shape; `fill` None leaves it open."""

    points: Sequence[Point]
    fill: str | None
    edge: str = EDGE
    width: float = 1.0
    layer: float = field(default=5, kw_only=True)

    def svg(self) -> str:
        stroke = _stroke(self.edge, self.width)
        return f'<polygon points="{_points(self.points)}" fill="{self.fill or "none"}" {stroke}/>'


@dataclass(slots=True)
class Box(Mark):
    """A rectangle with its upper left corner at (x, y)."""

    x: float
    y: float
    width: float
    height: float
    fill: str | None = None
    edge: str | None = EDGE
    dashes: tuple[float, ...] = ()
    line: float = 1.0
    round_by: float = 0
    layer: float = field(default=4, kw_only=True)

    def svg(self) -> str:
        place = f'x="{self.x:.2f}" y="{self.y:.2f}" width="{self.width:.2f}" height="{self.height:.2f}"'
        stroke = _stroke(self.edge or "none", self.line, self.dashes)
        return f'<rect {place} rx="{self.round_by}" fill="{self.fill or "none"}" {stroke}/>'


def _points(points: Sequence[Point]) -> str:
    return " ".join([f"{x:.2f},{y:.2f}" for x, y in points])


def _stroke(colour: str, width: float, dashes: tuple[float, ...] = ()) -> str:
    lengths = " ".join([f"{part * width * PIXELS:.2f}" for part in dashes])
    dashed = f' stroke-dasharray="{lengths}"' if dashes and width else ""
    return f'stroke="{colour if width else "none"}" stroke-width="{width * PIXELS:.2f}"{dashed}'


class Canvas:
    """A drawing of `width` by `height` pixels. Its methods take what the mark of that name takes; what they
    draw is placed below `top`.
    """

    def __init__(self, width: float, height: float) -> None:
        self.width, self.height = width, height
        self.top = 0.0
        self.event: int | None = None
        self.marks: list[Mark] = []

    def text(self, x: float, y: float, text: str, **look: Any) -> None:
        if text:
            self.marks.append(Text(x, self.top + y, text, event=self.event, **look))

    def line(self, points: Sequence[Point], **look: Any) -> None:
        self.marks.append(Line(self._below_top(points), event=self.event, **look))

    def polygon(self, points: Sequence[Point], *, fill: str | None, **look: Any) -> None:
        self.marks.append(Polygon(self._below_top(points), fill, event=self.event, **look))

    def box(self, x: float, y: float, width: float, height: float, **look: Any) -> None:
        self.marks.append(Box(x, self.top + y, width, height, event=self.event, **look))

    def _below_top(self, points: Sequence[Point]) -> list[Point]:
        return [(x, self.top + y) for x, y in points]

    def svg(self) -> str:
        """The picture as one `<svg>`, the same text each time; marks of event n are `<g data-event="n">`."""
        size = f'width="{self.width:.0f}" height="{self.height:.0f}"'
        box = f'viewBox="0 0 {self.width:.2f} {self.height:.2f}"'
        marks = "".join(mark.svg() if mark.event is None else f'<g data-event="{mark.event}">{mark.svg()}</g>'
                        for mark in sorted(self.marks, key=lambda mark: mark.layer))
        return (f'<svg xmlns="http://www.w3.org/2000/svg" {size} {box} font-family="{FONTS}">'
                f'<g data-paper="yes"><rect {size} fill="#ffffff"/></g>{marks}</svg>')


def overlap(one: Rectangle, other: Rectangle) -> bool:
    """Whether two rectangles share more than an edge."""
    return min(one[2], other[2]) > max(one[0], other[0]) and min(one[3], other[3]) > max(one[1], other[1])
