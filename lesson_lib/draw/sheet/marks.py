"""The shapes of the course's pictures: one for each thing that can become of a batch, all with a dark edge.

And the messages between two lanes: requests, answers, the ones that were lost on the way, and the end of a connection.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import cos, hypot, pi, sin

from lesson_lib.draw.sheet.canvas import Canvas, Point, Rectangle, line_height, text_width
from lesson_lib.draw.sheet.label_placement import ASIDE, LOST, LabelRequest, LabelSpot, Occupied, text_box
from lesson_lib.draw.sheet.style import (
    ACK,
    AGAIN,
    BAND,
    DASHED,
    DOTTED,
    DUPLICATE,
    EDGE,
    FENCED,
    FIRST_SEND,
    KEPT,
    MEMORY,
    MEMORY_EDGE,
    NORMAL,
    REFUSED,
    RETRY,
    SMALL,
    STORED,
)

R = 11.0  # half the size of a verdict's mark, in pixels


@dataclass(frozen=True, slots=True)
class Piece:
    """What an event puts into one row or lane: how many pixels it takes to either side of its place, how many it is high.

    A layout measures with these, and `draw` draws it at (x, y): what is measured and what is drawn cannot differ.
    """

    track: str
    left: float
    right: float
    draw: Callable[[Canvas, float, float], None] | None = None
    high: float = 0.0


def verdict(canvas: Canvas, x: float, y: float, shape: str, label: str) -> None:
    """What the broker did, as a shape: stored, duplicate, refused or fenced, with the batch's number on or at it."""
    verdict_small(canvas, x, y, shape, R, _wider(shape, label))
    if shape in ("stored", "duplicate"):
        canvas.text(x, y, label, bold=True, layer=7)
    else:
        canvas.text(x + R + 3, y - R - 2, label, bold=True, align="left", backed=True, layer=7)


def verdict_half(shape: str, label: str) -> float:
    """Pixels from the middle of a verdict's mark to its left edge, which is as far as to its right one without the label."""
    return {"stored": 0.9, "duplicate": 1.2}.get(shape, 1.0) * R + _wider(shape, label)


def verdict_width(shape: str, label: str) -> float:
    """Pixels that a verdict's mark and its label need to the right."""
    return verdict_half(shape, label) + (0 if shape in ("stored", "duplicate") else text_width(label, SMALL, True) + 4)


def _wider(shape: str, label: str) -> float:
    """Pixels by which a shape grows to either side, so that its label lies on it."""
    half = text_width(label, SMALL, True) / 2
    return max(0.0, {"stored": half + 3 - 0.9 * R, "duplicate": 1.25 * half + 2 - 0.8 * R}.get(shape, 0.0))


def verdict_small(canvas: Canvas, x: float, y: float, shape: str, r: float, wider: float = 0.0) -> None:
    """The shape of a verdict alone, `r` pixels to each side; a square and a diamond may be `wider`."""
    if shape == "stored":
        canvas.box(x - 0.9 * r - wider, y - 0.9 * r, 1.8 * r + 2 * wider, 1.8 * r, fill=STORED, line=1.2, layer=5)
    elif shape == "duplicate":
        high, wide = 1.2 * r, 1.2 * r + wider
        canvas.polygon([(x, y - high), (x + wide, y), (x, y + high), (x - wide, y)], fill=DUPLICATE, width=1.2)
    else:
        {"refused": _cross, "fenced": _barred, "kept": _hourglass}[shape](canvas, x, y, r)


def _hourglass(canvas: Canvas, x: float, y: float, r: float) -> None:
    """Kept aside: it waits."""
    canvas.polygon([(x - r, y - r), (x + r, y - r), (x - r, y + r), (x + r, y + r)], fill=KEPT, width=1.6)


def cross_points(x: float, y: float, r: float, thick: float) -> list[Point]:
    """The outline of a filled cross that lies like the letter X."""
    a, b = r, thick
    arm = [(0, -b), (a - b, -a), (a, -a + b), (b, 0), (a, a - b), (a - b, a), (0, b), (-a + b, a), (-a, a - b), (-b, 0),
           (-a, -a + b), (-a + b, -a)]
    return [(x + dx, y + dy) for dx, dy in arm]


def _cross(canvas: Canvas, x: float, y: float, r: float) -> None:
    canvas.polygon(cross_points(x, y, r, r / 2), fill=REFUSED, width=1.2)


def _barred(canvas: Canvas, x: float, y: float, r: float) -> None:
    canvas.box(x - 0.9 * r, y - 0.9 * r, 1.8 * r, 1.8 * r, fill="white", line=1.6, layer=5)
    canvas.box(x - 0.9 * r, y - 0.28 * r, 1.8 * r, 0.56 * r, fill=FENCED, line=0, layer=5.5)


def send_box(canvas: Canvas, x: float, y: float, label: str, retry: bool) -> None:
    """A batch as it leaves the producer: blue for the first time, orange with a dashed dark edge for every later one."""
    w = send_width(label) * 2
    canvas.box(x - w / 2, y - 10, w, 20, fill=RETRY if retry else FIRST_SEND, style=DASHED if retry else "-",
               line=1.4 if retry else 1.0, round_by=4, layer=5)
    canvas.text(x, y, label, size=NORMAL, bold=True, colour=EDGE if retry else "white", layer=7)


def send_width(label: str) -> float:
    """Half the width of a send box."""
    return max(12.0, text_width(label, NORMAL, True) / 2 + 6)


def belief(canvas: Canvas, x: float, y: float, what: str) -> None:
    """What the application was told: a tick for ok, a cross for failed, an open ring for unknown."""
    canvas.polygon(circle(x, y, 10), fill="white", edge="none", layer=1.8)
    if what == "ok":
        canvas.line([(x - 6, y), (x - 2, y + 5), (x + 7, y - 6)], colour=EDGE, width=4.2, layer=5)
        canvas.line([(x - 5, y + 1), (x - 2, y + 4), (x + 6, y - 5)], colour=STORED, width=2.2, layer=5.1)
    elif what == "failed":
        canvas.polygon(cross_points(x, y, 6.5, 3.4), fill=REFUSED)
    else:
        canvas.polygon(circle(x, y, 6), fill="white", width=2.0)


def reading(canvas: Canvas, x: float, y: float, kind: str) -> None:
    """A consumer's record (grey), its position (white), its work (a disc), nothing (an empty set), or itself (a bar)."""
    if kind == "consumer":
        canvas.box(x - 3, y - 9, 6, 18, fill=EDGE, edge=None)
    elif kind == "work":
        canvas.polygon(circle(x, y, 5.5), fill=EDGE)
    elif kind == "poll":
        canvas.polygon(circle(x, y, 6), fill="white", width=1.4)
        canvas.line([(x - 7, y + 7), (x + 7, y - 7)], colour=EDGE, width=1.4, layer=5.5)
    else:
        canvas.polygon([(x - 6, y - 7), (x + 7, y), (x - 6, y + 7)], fill="white" if kind == "position" else BAND)


def circle(x: float, y: float, r: float) -> list[Point]:
    """The points of a circle."""
    return [(x + r * cos(i * pi / 12), y + r * sin(i * pi / 12)) for i in range(25)]


@dataclass(frozen=True, slots=True)
class Message:
    """A request or an answer on its way from `start`: its line ends at `end`, its head at `tip`.

    `words` (the error that an answer carries) stand in its middle. One that is lost has no end, but a `request` for a
    place at which its cross can stand. The tear of a connection counts as a message that nobody got.
    """

    what: str  # request, answer or tear
    step: int | None
    start: Point
    end: Point = (0.0, 0.0)
    tip: Point = (0.0, 0.0)
    retry: bool = False
    words: str = ""
    request: LabelRequest | None = None

    @property
    def middle(self) -> Point:
        """Where its words stand."""
        if self.what == "tear":
            return self.tip
        return (self.start[0] + self.tip[0]) / 2, (self.start[1] + self.tip[1]) / 2

    def draw(self, canvas: Canvas) -> None:
        """Its line, its head, its words."""
        if self.what == "tear":
            tear(canvas, self.start, self.end)
        else:
            self._line(canvas, self.end)
            head(canvas, self.start, self.tip, None if self.what == "answer" else RETRY if self.retry else FIRST_SEND)
        canvas.text(*self.middle, self.words, bold=self.what != "tear", backed=True)

    def draw_lost(self, canvas: Canvas, spot: LabelSpot) -> None:
        """Only as far as it came: there its line ends in a bold black cross, with the word beside it."""
        x, y, (left, top, _, bottom) = spot.x, spot.y, spot.word
        self._line(canvas, (x, y))
        for slope in (1, -1):
            canvas.line([(x - 7, y - 7 * slope), (x + 7, y + 7 * slope)], colour=FENCED, width=3.6, layer=6.6)
        at, align = {"right": (left, "left"), "left": (x - ASIDE, "right")}.get(spot.side, (x, "center"))
        canvas.text(at, (top + bottom) / 2, LOST, bold=True, align=align, backed=True, layer=6.5)

    def _line(self, canvas: Canvas, end: Point) -> None:
        """Solid and blue for a request, dashed and orange for a retry; an answer is grey and dotted."""
        if self.what == "answer":
            canvas.line([self.start, end], colour=ACK, width=1.5, style=DOTTED, layer=2.3)
        elif self.retry:
            canvas.line([self.start, end], colour=EDGE, width=3.4, layer=2.5)
            canvas.line([self.start, end], colour="white", width=2.2, layer=2.6)
            canvas.line([self.start, end], colour=RETRY, width=2.2, style=DASHED, layer=2.7)
        else:
            canvas.line([self.start, end], colour=FIRST_SEND, width=1.8, layer=2.7)


def draw_messages(canvas: Canvas, messages: Sequence[Message]) -> list[Rectangle]:
    """All messages of a run; the crosses of the lost ones keep off the others. What the words at them take."""
    arrived, lost = ([one for one in messages if bool(one.request) == is_lost] for is_lost in (False, True))
    words = [text_box(*one.middle, one.words) for one in arrived if one.words]
    for one in arrived:
        canvas.event = one.step
        one.draw(canvas)
    lines = [(one.start, one.end) for one in arrived if one.what != "tear" or one.start[0] == one.end[0]]
    spots = Occupied(lines, words).place([one.request for one in lost if one.request])
    for one, spot in zip(lost, spots, strict=True):
        canvas.event = one.step
        one.draw_lost(canvas, spot)
    canvas.event = None
    return [*words, *(spot.word for spot in spots)]


def head(canvas: Canvas, start: Point, tip: Point, fill: str | None) -> None:
    """An arrow's head at `tip`; open where `fill` is None."""
    dx, dy = tip[0] - start[0], tip[1] - start[1]
    long = hypot(dx, dy) or 1
    ux, uy = 9 * dx / long, 9 * dy / long
    left = (tip[0] - ux - uy * 0.45, tip[1] - uy + ux * 0.45)
    right = (tip[0] - ux + uy * 0.45, tip[1] - uy - ux * 0.45)
    canvas.polygon([tip, left, right], fill=fill or "white", layer=4.5)


def tear(canvas: Canvas, start: Point, end: Point) -> None:
    """The ragged end of a connection: two jagged lines."""
    (x, y), wide, high = start, end[0] - start[0], end[1] - start[1]
    teeth = max(2, round(hypot(wide, high) / 9))
    for aside, width in ((0, 1.6), (5, 0.9)):
        jags = [(i / teeth, aside + (3 if i % 2 else -3)) for i in range(teeth + 1)]
        points = [(x + wide * part + (jag if high else 0), y + high * part + (0 if high else jag)) for part, jag in jags]
        canvas.line(points, colour=EDGE, width=width, layer=3)


def log_cell(canvas: Canvas, x: float, y: float, half: float, high: float, text: str, copy: int, fill: str = "white",
             edge: str | None = STORED, aborted: bool = False) -> None:
    """Records in a log, around (x, y): a copy of what lies there already is orange with a heavy edge."""
    again = copy > 1
    canvas.box(x - half, y - high / 2, 2 * half, high, fill=AGAIN if again else fill, edge=EDGE if again else edge,
               line=2.6 if again else 1.8)
    canvas.text(x, y, text, bold=again)
    if aborted:
        canvas.line([(x - half + 3, y + high / 2 - 3), (x + half - 3, y - high / 2 + 3)], width=1.0, layer=5)


def cell_width(text: str) -> float:
    """Pixels of a log's cell."""
    return text_width(text) + 12


def memory(canvas: Canvas, left: float, y: float, words: str) -> None:
    """What the broker remembers, around the height `y`."""
    wide, high = text_width(words) + 6, (words.count("\n") + 1) * line_height() + 4.5
    canvas.box(left, y - high / 2, wide, high, fill=MEMORY, edge=MEMORY_EDGE, line=0.8)
    canvas.text(left + wide / 2, y, words)
