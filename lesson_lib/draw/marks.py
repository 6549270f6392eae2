"""What is drawn: a shape for each thing that can become of a batch, each with a dark edge; and messages
between two lanes: requests, answers, the ones that were lost on the way, the end of a connection.

A lost message ends on the drop of its connection. One that vanishes without a trace has its cross where it
and its word lie on nobody else's arrow and on no other word: a spot is tried where it is by default, then
further and further from there, and the least bad one is taken. All in pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import cos, hypot, pi, sin
from typing import Any

from lesson_lib.draw import canvas as style
from lesson_lib.draw.canvas import Canvas, Point, Rectangle, Text, line_height, overlap, text_width
from lesson_lib.draw.run_view import EventInContext
from lesson_lib.history import Kind

R = 11.0  # half the size of a verdict's mark, in pixels
LABELLED_INSIDE = {"stored": 0.9, "duplicate": 1.2}  # shapes with room for a number: half their width, in R
# A copy, stored though it is in the log already, is drawn as such a cell of the log is.
BOXES: dict[str, dict[str, Any]] = {
    "stored": {"fill": style.STORED, "line": 1.2}, "copy": {"fill": style.AGAIN, "line": 2.4},
    "suspected": {"fill": style.AGAIN, "line": 2.4, "dashes": style.DOTTED},
    "fenced": {"fill": "white", "line": 1.6},
    "dropped": {"fill": "white", "line": 1.6, "dashes": style.DASHED}}
_CIRCLE = [(cos(n * pi / 12), sin(n * pi / 12)) for n in range(25)]

Segment = tuple[Point, Point]
LOST, DROPS = "lost", "connection\ndrops"
HALF, ASIDE, APART = 8.0, 11.0, 17.0  # half the cross; from there to a word beside it, to one above or below
NEAR = 30.0, 15.0  # two words that are nearer, along a level or an upright drop, would collide
ON_TEXT, ON_LINE, WORD_ON_LINE, WORD_ON_OWN = 100.0, 10.0, 6.0, 4.0  # how bad it is
ALONG = (0.0, 0.1, -0.1, 0.2, -0.2)  # by how much of its way the error of an answer may be elsewhere


@dataclass(frozen=True, slots=True)
class RowMark:
    """What an event puts into one row or lane: pixels that it takes to either side of its place, and its
    height.

    A layout measures with these, and `draw` draws it at (x, y): what is measured is what is drawn.
    """

    track: str = ""
    left: float = 0.0
    right: float = 0.0
    draw: Callable[[Canvas, float, float], None] | None = None
    high: float = 0.0


def verdict(canvas: Canvas, x: float, y: float, shape: str, label: str) -> None:
    """What the broker did, as a shape, with the batch's number on it or at it."""
    verdict_small(canvas, x, y, shape, R, _wider(shape, label))
    if shape in LABELLED_INSIDE:
        canvas.text(x, y, label, bold=True, layer=7)
    else:
        canvas.text(x + R + 3, y - R - 2, label, bold=True, align="left", backed=True, layer=7)


def verdict_half(shape: str, label: str) -> float:
    """Pixels from the middle of a verdict's mark to its edges, the label beside it left out."""
    return LABELLED_INSIDE.get(shape, 1.0) * R + _wider(shape, label)


def verdict_width(shape: str, label: str) -> float:
    """Pixels that a verdict's mark and its label need to the right."""
    beside = 0 if shape in LABELLED_INSIDE else text_width(label, style.SMALL, True) + 4
    return verdict_half(shape, label) + beside


def _wider(shape: str, label: str) -> float:
    """Pixels by which a shape grows to either side, so that its label lies on it."""
    half = text_width(label, style.SMALL, True) / 2
    return max(0.0, {"stored": half + 3 - 0.9 * R, "duplicate": 1.25 * half + 2 - 0.8 * R}.get(shape, 0.0))


def verdict_small(canvas: Canvas, x: float, y: float, shape: str, r: float, wider: float = 0.0) -> None:
    """The shape of a verdict alone, `r` pixels to each side; a square and a diamond may be `wider`."""
    high, wide = 1.2 * r, 1.2 * r + wider
    diamond = [(x, y - high), (x + wide, y), (x, y + high), (x - wide, y)]
    hourglass = [(x - r, y - r), (x + r, y - r), (x - r, y + r), (x + r, y + r)]
    if look := BOXES.get(shape):
        canvas.box(x - 0.9 * r - wider, y - 0.9 * r, 1.8 * r + 2 * wider, 1.8 * r, **look, layer=5)
        if shape == "fenced":
            canvas.box(x - 0.9 * r, y - 0.28 * r, 1.8 * r, 0.56 * r, fill=style.FENCED, line=0, layer=5.5)
    elif shape == "duplicate":
        canvas.polygon(diamond, fill=style.DUPLICATE, width=1.2)
    elif shape == "refused":
        canvas.polygon(cross_points(x, y, r, r / 2), fill=style.REFUSED, width=1.2)
    else:  # kept aside: it waits
        canvas.polygon(hourglass, fill=style.KEPT, width=1.6)


def cross_points(x: float, y: float, r: float, thick: float) -> list[Point]:
    """The outline of a filled cross that lies like the letter X."""
    a, b = r, thick
    arm = [(0, -b), (a - b, -a), (a, -a + b), (b, 0), (a, a - b), (a - b, a)]
    return [(x + side * dx, y + side * dy) for side in (1, -1) for dx, dy in arm]


def circle(x: float, y: float, r: float) -> list[Point]:
    return [(x + r * dx, y + r * dy) for dx, dy in _CIRCLE]


def send_box(canvas: Canvas, x: float, y: float, label: str, retry: bool) -> None:
    """A batch as it leaves the producer: blue the first time, orange with a dashed edge later."""
    half, fill = send_width(label), style.RETRY if retry else style.FIRST_SEND
    canvas.box(x - half, y - 10, 2 * half, 20, fill=fill, dashes=style.DASHED if retry else (),
               line=1.4 if retry else 1.0, round_by=4, layer=5)
    canvas.text(x, y, label, size=style.NORMAL, bold=True, colour=style.EDGE if retry else "white", layer=7)


def send_width(label: str) -> float:
    """Half the width of a send box."""
    return max(12.0, text_width(label, style.NORMAL, True) / 2 + 6)


def belief(canvas: Canvas, x: float, y: float, what: str) -> None:
    """What the application was told: a tick for ok, a cross for failed, an open ring for unknown."""
    canvas.polygon(circle(x, y, 10), fill="white", edge="none", layer=1.8)
    if what == "ok":
        canvas.line([(x - 6, y), (x - 2, y + 5), (x + 7, y - 6)], width=4.2, layer=5)
        inner = [(x - 5, y + 1), (x - 2, y + 4), (x + 6, y - 5)]
        canvas.line(inner, colour=style.STORED, width=2.2, layer=5.1)
    elif what == "failed":
        canvas.polygon(cross_points(x, y, 6.5, 3.4), fill=style.REFUSED)
    else:
        canvas.polygon(circle(x, y, 6), fill="white", width=2.0)


def reading(canvas: Canvas, x: float, y: float, kind: str) -> None:
    """A consumer's record (grey), position (white), work (disc), empty poll (empty set), or itself (bar)."""
    if kind == "consumer":
        canvas.box(x - 3, y - 9, 6, 18, fill=style.EDGE, edge=None)
    elif kind == "work":
        canvas.polygon(circle(x, y, 5.5), fill=style.EDGE)
    elif kind == "poll":
        canvas.polygon(circle(x, y, 6), fill="white", width=1.4)
        canvas.line([(x - 7, y + 7), (x + 7, y - 7)], width=1.4, layer=5.5)
    else:
        fill = "white" if kind == "position" else style.BAND
        canvas.polygon([(x - 6, y - 7), (x + 7, y), (x - 6, y + 7)], fill=fill)


def log_cell(canvas: Canvas, x: float, y: float, half: float, high: float, text: str, again: bool,
             fill: str = "white", edge: str | None = style.STORED, aborted: bool = False) -> None:
    """Records in a log, around (x, y): a copy of what lies there already is orange with a heavy edge."""
    fill, edge, line = (style.AGAIN, style.EDGE, 2.6) if again else (fill, edge, 1.8)
    canvas.box(x - half, y - high / 2, 2 * half, high, fill=fill, edge=edge, line=line)
    canvas.text(x, y, text, bold=again)
    if aborted:
        canvas.line([(x - half + 3, y + high / 2 - 3), (x + half - 3, y - high / 2 + 3)], width=1.0, layer=5)


def cell_width(text: str, again: bool = False) -> float:
    """Pixels that the cell of a log needs; the words of a copy are bold."""
    return max(text_width(text) + 12, (text_width(text, bold=True) + 9) * again)


def memory(canvas: Canvas, left: float, y: float, words: str) -> None:
    """What the broker remembers, around the height `y`."""
    wide, high = text_width(words) + 6, style.text_height(words) + 4.5
    canvas.box(left, y - high / 2, wide, high, fill=style.MEMORY, edge=style.MEMORY_EDGE, line=0.8)
    canvas.text(left + wide / 2, y, words)


@dataclass(frozen=True)
class LabelSpot:
    """The middle of a cross, the side on which its word stands: above, below, left, right. What both take."""

    x: float
    y: float
    side: str

    @cached_property
    def cross(self) -> Rectangle:
        return self.x - HALF, self.y - HALF, self.x + HALF, self.y + HALF

    @cached_property
    def word(self) -> Rectangle:
        wide, high = text_width(LOST, bold=True) + 3, line_height()
        middle = self.y + {"above": -APART, "below": APART}.get(self.side, 0.0)
        left = {"left": self.x - ASIDE - wide, "right": self.x + ASIDE}.get(self.side, self.x - wide / 2)
        return left, middle - high / 2, left + wide, middle + high / 2


def through(line: Segment, box: Rectangle) -> bool:
    """Whether a line has a part inside a rectangle."""
    (x, y), (to_x, to_y) = line
    left, top, right, bottom = box
    if max(x, to_x) <= left or min(x, to_x) >= right or max(y, to_y) <= top or min(y, to_y) >= bottom:
        return False
    least, most = 0.0, 1.0
    for start, step, low, high in ((x, to_x - x, left, right), (y, to_y - y, top, bottom)):
        if step:
            first, last = sorted(((low - start) / step, (high - start) / step))
            least, most = max(least, first), min(most, last)
    return least < most


@dataclass(frozen=True, slots=True, eq=False)
class MessageArrow:
    """The message of an event: a request that arrives with it, an answer, or what is lost. A drop is one too.

    It leaves at `start`; its line ends at `end`, its head at `tip`. Its words (the error that an answer
    carries) stand at a `share` of its way. One that is lost has no end: it went with the `drop` of its
    connection, or it vanished. Then its cross may be at any of `crosses`, the best first, and its word on one
    of `sides`, within `edges`.
    """

    fact: EventInContext
    start: Point
    end: Point = (0.0, 0.0)
    tip: Point = (0.0, 0.0)
    share: float = 0.5
    drop: Segment | None = None
    crosses: Sequence[Point] = ()
    sides: Sequence[str] = ()
    edges: Rectangle = (0.0, 0.0, 0.0, 0.0)

    @property
    def words(self) -> Text:
        error, (x, y), (to_x, to_y) = self.fact.event.error, self.start, self.tip
        said = {"drop": DROPS, "answer": str(error.value) if error else ""}.get(self.fact.message, "")
        return Text(x + (to_x - x) * self.share, y + (to_y - y) * self.share, said, bold=True)

    def draw(self, canvas: Canvas) -> None:
        """One that arrives, or a drop: its line, its head, its words."""
        words = self.words
        if self.fact.message == "drop":
            _drop_line(canvas, self.start, self.end)
        else:
            self._line(canvas, self.end)
            fill = "white" if self.fact.message == "answer" else self._colour
            arrow_head(canvas, self.start, self.tip, fill)
        canvas.text(words.x, words.y, words.text, bold=self.fact.message != "drop", backed=True)

    def draw_lost(self, canvas: Canvas, spot: LabelSpot) -> None:
        """Only as far as it came: there its line ends in a bold black cross, with the word beside it."""
        x, y, (left, top, _, bottom) = spot.x, spot.y, spot.word
        self._line(canvas, (x, y))
        for slope in (1, -1):
            ends = [(x - 7, y - 7 * slope), (x + 7, y + 7 * slope)]
            canvas.line(ends, colour=style.FENCED, width=3.6, layer=6.6)
        at, align = {"right": (left, "left"), "left": (x - ASIDE, "right")}.get(spot.side, (x, "center"))
        canvas.text(at, (top + bottom) / 2, LOST, bold=True, align=align, backed=True, layer=6.5)

    def best_spot(self, lines: Sequence[Segment], boxes: Sequence[Rectangle]) -> LabelSpot:
        """Where it may vanish and is in the way of the fewest, the earlier of two as good."""
        found: dict[LabelSpot, float] = {}
        for spot in (LabelSpot(x, y, side) for x, y in self.crosses for side in self.sides):
            found[spot] = self._badness(spot, lines, boxes)
            if not found[spot]:
                return spot
        return min(found, key=found.__getitem__)

    def _badness(self, spot: LabelSpot, lines: Sequence[Segment], boxes: Sequence[Rectangle]) -> float:
        left, top, right, bottom = spot.word
        least, highest, most, lowest = self.edges
        outside = left < least or top < highest or right > most or bottom > lowest
        hits = sum(overlap(mine, box) for box in boxes for mine in (spot.cross, spot.word))
        crossed = sum(through(line, spot.cross) for line in lines)
        struck = sum(through(line, spot.word) for line in lines)
        own = through((self.start, (spot.x, spot.y)), spot.word)
        return ON_TEXT * (hits + outside) + ON_LINE * crossed + WORD_ON_LINE * struck + WORD_ON_OWN * own

    def beside(self, lines: Sequence[Segment], boxes: Sequence[Rectangle]) -> MessageArrow:
        """The same with its words where they cover the fewest of the lines and words of others."""
        def covered(one: MessageArrow) -> float:
            box = one.words.box
            return (WORD_ON_LINE * sum(through(line, box) for line in lines)
                    + ON_TEXT * sum(overlap(box, other) for other in boxes))
        return min((replace(self, share=self.share + more) for more in ALONG), key=covered)

    @property
    def _colour(self) -> str:
        return style.RETRY if self.fact.retry else style.FIRST_SEND

    def _line(self, canvas: Canvas, end: Point) -> None:
        """Solid and blue for a request, dashed and orange for a retry; an answer is grey and dotted."""
        ends = [self.start, end]
        if self.fact.message == "answer":
            answer_line(canvas, *ends)
        elif self.fact.retry:
            canvas.line(ends, width=3.4, layer=2.5)
            canvas.line(ends, colour="white", width=2.2, layer=2.6)
            canvas.line(ends, colour=style.RETRY, width=2.2, dashes=style.DASHED, layer=2.7)
        else:
            canvas.line(ends, colour=style.FIRST_SEND, width=1.8, layer=2.7)


def draw_messages(canvas: Canvas, found: Iterable[MessageArrow | None],
                  lanes: Sequence[Segment] = ()) -> list[Rectangle]:
    """All messages of a run; errors keep off other messages and the `lanes` between, and so do the crosses
    of the lost ones off all others. What their words take.
    """
    messages = _beside_each_other([one for one in found if one], lanes)
    lost = [one for one in messages if one.fact.event.kind == Kind.LOST]
    vanished = [one for one in lost if not one.drop]
    arrived = [one for one in messages if one not in lost]
    lines = [(one.start, one.end) for one in arrived]
    words = [one.words.box for one in arrived if one.words.text]
    for one in arrived:
        canvas.event = one.fact.step
        one.draw(canvas)
    spots = _on_drop_lines([one for one in lost if one.drop])
    for one in vanished * 2 if vanished[1:] else vanished:  # a second look, when each can see all the others
        others = {other: spot for other, spot in spots.items() if other is not one}
        ways = [(other.start, (spot.x, spot.y)) for other, spot in others.items()]
        taken = [box for spot in others.values() for box in (spot.cross, spot.word)]
        spots[one] = one.best_spot([*lines, *ways], [*words, *taken])
    for one, spot in spots.items():
        canvas.event = one.fact.step
        one.draw_lost(canvas, spot)
    return [*words, *(spot.word for spot in spots.values())]


def _beside_each_other(messages: Sequence[MessageArrow], lanes: Sequence[Segment]) -> list[MessageArrow]:
    """All of them, the error of each answer where it is on no other message, as it would seem to be its."""
    placed, taken = list[MessageArrow](), list[Rectangle]()
    for one in messages:
        if one.fact.message == "answer" and one.words.text:
            others = [(other.start, other.end) for other in messages
                      if other is not one and not other.crosses]
            one = one.beside([*others, *lanes], taken)
            taken.append(one.words.box)
        placed.append(one)
    return placed


def _on_drop_lines(lost: Sequence[MessageArrow]) -> dict[MessageArrow, LabelSpot]:
    """A spot on its drop for each: what was on the way for longer got further, so that no two ways cross."""
    found = {}
    for drop in dict.fromkeys(one.drop for one in lost if one.drop):
        those = [one for one in lost if one.drop == drop]
        requests = [one for one in those if one.fact.message == "request"]
        from_the_producer = [*reversed(requests), *(one for one in those if one.fact.message == "answer")]
        (x, y), (to_x, to_y) = drop
        upright, long = x == to_x, hypot(to_x - x, to_y - y)
        widest, sides = (26.0, ("right", "left")) if upright else (34.0, ("below", "above"))
        step = min(widest, (long - 40) / max(1, len(those) - 1))
        for place, one in enumerate(from_the_producer):
            share = 0.5 + (place - (len(those) - 1) / 2) * step / long
            side = sides[place % 2 if step < NEAR[upright] else 0]
            found[one] = LabelSpot(x + (to_x - x) * share, y + (to_y - y) * share, side)
    return found


def answer_line(canvas: Canvas, start: Point, end: Point) -> None:
    canvas.line([start, end], colour=style.ACK, width=1.5, dashes=style.DOTTED, layer=2.3)


def arrow_head(canvas: Canvas, start: Point, tip: Point, fill: str) -> None:
    (x, y), dx, dy = tip, tip[0] - start[0], tip[1] - start[1]
    long = hypot(dx, dy) or 1
    ux, uy = 9 * dx / long, 9 * dy / long
    left, right = (x - ux - uy * 0.45, y - uy + ux * 0.45), (x - ux + uy * 0.45, y - uy - ux * 0.45)
    canvas.polygon([tip, left, right], fill=fill, layer=4.5)


def _drop_line(canvas: Canvas, start: Point, end: Point) -> None:
    """The ragged end of a connection: two jagged lines."""
    (x, y), wide, high = start, end[0] - start[0], end[1] - start[1]
    teeth = max(2, round(hypot(wide, high) / 9))
    for aside, width in ((-2.5, 1.6), (2.5, 0.9)):
        jags = [(i / teeth, aside + (3 if i % 2 else -3)) for i in range(teeth + 1)]
        points = [(x + wide * part + jag * bool(high), y + high * part + jag * (not high))
                  for part, jag in jags]
        canvas.line(points, width=width, layer=3)
