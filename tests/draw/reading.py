"""Reads a drawn picture back: what stands where on the sheet, from the SVG text alone, as a reader's eye takes it.

Nothing here knows how a picture is made, and nothing is imported from `draw`. What it knows is the grammar that a reader learns: the
colours and shapes of the marks, the names of the rows, and that the marks of one event carry its number.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from xml.etree import ElementTree

SVG = "{http://www.w3.org/2000/svg}"
BLUE, ORANGE, DARK, GREY, MEMORY = "#0072B2", "#E69F00", "#1A1A1A", "#666666", "#D5EDFA"
GREEN, PINK, RED, BLACK, WHITE = "#009E73", "#CC79A7", "#D55E00", "#000000", "white"
MARKS = {GREEN: "stored", PINK: "duplicate", RED: "refused", BLACK: "fenced"}  # by what a verdict's shape is filled with
AGAIN, ACK_DOTS, QUIET = "#FBE3B3", GREY, "#595959"
Point = tuple[float, float]


@dataclass(frozen=True)
class Word:
    """A text of one or more lines around the middle of its height; `x` is where it is anchored."""

    text: str
    x: float
    y: float
    event: int | None
    anchor: str
    bold: bool
    upright: bool

    @property
    def top(self) -> float:
        """The middle of its first line."""
        return self.y - self.text.count("\n") * 6.95


@dataclass(frozen=True)
class Shape:
    """Anything that is not text: rect, polygon or polyline, with its corners."""

    kind: str
    points: tuple[Point, ...]
    fill: str
    stroke: str
    width: float
    dashed: bool
    event: int | None

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, top, right, bottom."""
        xs, ys = zip(*self.points, strict=True)
        return min(xs), min(ys), max(xs), max(ys)

    @property
    def middle(self) -> Point:
        """The middle of its box."""
        left, top, right, bottom = self.box
        return (left + right) / 2, (top + bottom) / 2

    def has(self, x: float, y: float, by: float = 1.0) -> bool:
        """Whether a point lies in its box."""
        left, top, right, bottom = self.box
        return left - by <= x <= right + by and top - by <= y <= bottom + by


@dataclass
class Drawing:
    """All words and shapes of a sheet. `part` cuts out what lies between two heights."""

    words: list[Word] = field(default_factory=list)
    shapes: list[Shape] = field(default_factory=list)

    def part(self, top: float = 0.0, bottom: float = 1e9) -> Drawing:
        """What lies between two heights."""
        return Drawing([w for w in self.words if top <= w.y < bottom], [s for s in self.shapes if top <= s.middle[1] < bottom])

    def of(self, event: int) -> Drawing:
        """The marks of one event."""
        return Drawing([w for w in self.words if w.event == event], [s for s in self.shapes if s.event == event])

    def texts(self) -> list[str]:
        """The words alone, from left to right."""
        return [w.text for w in sorted(self.words, key=lambda w: w.x)]

    def inside(self, shape: Shape) -> str:
        """The word that stands in a shape, empty where there is none."""
        return next((w.text for w in self.words if shape.has(w.x, w.y, 0.0)), "")

    def filled(self, *fills: str) -> list[Shape]:
        """Shapes with these colours."""
        return [s for s in self.shapes if s.fill in fills]

    def lines(self, *colours: str) -> list[Shape]:
        """Open lines of these colours."""
        return [s for s in self.shapes if s.kind == "polyline" and s.stroke in colours]


def read(svg: str) -> Drawing:
    """Every word and shape on a sheet."""
    drawing = Drawing()
    _walk(ElementTree.fromstring(svg), None, "", drawing)
    return drawing


def _walk(node: ElementTree.Element, event: int | None, turned: str, drawing: Drawing) -> None:
    event = int(node.get("data-event", event)) if node.get("data-event") or event is not None else None
    turned = node.get("transform") or turned
    lines = node.findall(f"{SVG}text")
    if lines:
        drawing.words.append(_word(node, lines, event, turned))
    for child in node:
        if child.tag in (f"{SVG}rect", f"{SVG}polygon", f"{SVG}polyline"):
            drawing.shapes.append(_shape(child, event))
        elif child.tag != f"{SVG}text":
            _walk(child, event, turned, drawing)


def _word(node: ElementTree.Element, lines: list[ElementTree.Element], event: int | None, turned: str) -> Word:
    size = float(node.get("font-size", "0"))
    y = sum(float(line.get("y", "0")) for line in lines) / len(lines) - 0.36 * size  # from the baseline up to the middle
    return Word("\n".join(line.text or "" for line in lines), float(lines[0].get("x", "0")), y, event,
                node.get("text-anchor", "start"), node.get("font-weight") == "bold", bool(turned))


def _shape(node: ElementTree.Element, event: int | None) -> Shape:
    if node.tag == f"{SVG}rect":
        x, y, wide, high = (float(node.get(name, "0")) for name in ("x", "y", "width", "height"))
        points = ((x, y), (x + wide, y), (x + wide, y + high), (x, y + high))
    else:
        points = tuple((float(x), float(y)) for x, y in (pair.split(",") for pair in (node.get("points") or "").split()))
    return Shape(node.tag.removeprefix(SVG), points, node.get("fill", ""), node.get("stroke", ""),
                 float(node.get("stroke-width", "0")), bool(node.get("stroke-dasharray")), event)


def verdict_mark(marks: Iterable[Shape]) -> tuple[str, Shape]:
    """What a verdict's shape says, and the shape."""
    found = [(MARKS[s.fill], s) for s in marks if s.fill in MARKS and s.kind != "polyline" and s.box[3] - s.box[1] >= 5]
    assert len(found) == 1, found
    return found[0]


def crosses(drawing: Drawing) -> list[Point]:
    """Where the bold black crosses of lost messages are: two strokes with one middle."""
    strokes = [s.middle for s in drawing.lines(BLACK) if s.width > 3 and len(s.points) == 2]
    return sorted({p for p in strokes if strokes.count(p) == 2})


def drop_line(marks: Drawing) -> Shape:
    """The ragged end of a connection: the darker of two jagged lines."""
    return max((s for s in marks.lines(DARK) if len(s.points) > 2), key=lambda s: s.width)


def began(drawing: Drawing, end: Point) -> tuple[str, Point]:
    """Of the message that ends in a point: its form, request, retry or answer, and where it began."""
    forms = {BLUE: "request", ORANGE: "retry", GREY: "answer"}
    found = [(forms[line.stroke], line.points[0]) for line in drawing.lines(*forms) if _near(line.points[-1], end)]
    assert len(found) == 1, found
    return found[0]


def _near(one: Point, other: Point, by: float = 1.5) -> bool:
    return abs(one[0] - other[0]) <= by and abs(one[1] - other[1]) <= by


def rows(drawing: Drawing, names: Iterable[str]) -> dict[str, float]:
    """The height of each row that is named at the left edge, from top to bottom."""
    wanted = set(names)
    return {w.text: w.y for w in sorted(drawing.words, key=lambda w: w.y) if w.text in wanted and w.x <= 12.5 and w.event is None}


def cells(text: str) -> Iterator[tuple[int, str]]:
    """The records that a cell of a log names, as (offset, value); "…" stands for those it leaves out, up to the last offset."""
    for line in text.split("\n"):
        if found := re.fullmatch(r"(\d+): (.*)", line):
            yield int(found[1]), found[2]
        else:
            yield int(line.removeprefix("… ")), "…"


def ranges(text: str) -> list[tuple[int, int]]:
    """The ranges of sequences in a list of them: 4, or 4..6."""
    pairs = [part.split("..") for part in text.split()]
    return [(int(pair[0]), int(pair[-1])) for pair in pairs]
