"""Where the cross of a lost message and its word go, so that they lie on nobody else's arrow and on no other
word.

All in pixels. A spot is tried where it is by default, and then further and further from there; the least bad
one is taken.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import inf

from lesson_lib.draw.sheet.canvas import Point, Rectangle, line_height, overlap, text_width

Segment = tuple[Point, Point]
LOST = "lost"
HALF, ASIDE, APART = 8.0, 11.0, 17.0  # half the cross; from there to a word beside it, to one above or below
ROUNDS = 3
ON_TEXT, ON_LINE, WORD_ON_LINE, WORD_ON_OWN, CROSSES = 100.0, 10.0, 6.0, 4.0, 1.0  # how bad it is


@dataclass(frozen=True)
class LabelSpot:
    """The middle of a cross, the side on which its word stands: above, below, left, right. What both take."""

    x: float
    y: float
    side: str
    cross: Rectangle = field(init=False, compare=False)
    word: Rectangle = field(init=False, compare=False)

    def __post_init__(self) -> None:
        x, y, wide, high = self.x, self.y, text_width(LOST, bold=True) + 3, line_height()
        middle = y + {"above": -APART, "below": APART}.get(self.side, 0.0)
        left = {"left": x - ASIDE - wide, "right": x + ASIDE}.get(self.side, x - wide / 2)
        object.__setattr__(self, "cross", (x - HALF, y - HALF, x + HALF, y + HALF))
        object.__setattr__(self, "word", (left, middle - high / 2, left + wide, middle + high / 2))


@dataclass(frozen=True)
class LabelRequest:
    """A lost message: where it begins, where its cross may be, the best first, how far its word may reach."""

    start: Point
    points: Sequence[Point]
    sides: Sequence[str]
    edges: Rectangle

    def spots(self) -> Iterable[LabelSpot]:
        """Every point with every side, point by point."""
        return (LabelSpot(x, y, side) for x, y in self.points for side in self.sides)

    def way(self, spot: LabelSpot) -> Segment:
        """The message's way to a spot."""
        return self.start, (spot.x, spot.y)


@dataclass
class Occupied:
    """What is on the page already: lines that a mark must keep off, and rectangles of words."""

    lines: list[Segment] = field(default_factory=list)
    boxes: list[Rectangle] = field(default_factory=list)

    def place(self, requests: Sequence[LabelRequest]) -> list[LabelSpot]:
        """A spot for each; after the first round each looks again, now that it can see all the others."""
        found: list[LabelSpot] = []
        for request in requests:
            found.append(self._with(requests, found).best(request))
        for _ in range(ROUNDS if len(requests) > 1 else 0):
            before = list(found)
            for n, request in enumerate(requests):
                others = self._with([*requests[:n], *requests[n + 1:]], [*found[:n], *found[n + 1:]])
                found[n] = others.best(request)
            if found == before:
                break
        return found

    def _with(self, requests: Sequence[LabelRequest], chosen: Sequence[LabelSpot]) -> Occupied:
        """The same with other lost messages on the page."""
        ways = [request.way(spot) for request, spot in zip(requests, chosen, strict=False)]
        boxes = [box for spot in chosen for box in (spot.cross, spot.word)]
        return Occupied([*self.lines, *ways], [*self.boxes, *boxes])

    def best(self, request: LabelRequest) -> LabelSpot:
        """The best spot for a message, the earlier of two as good."""
        least, best = inf, None
        for spot in request.spots():
            bad = self._badness(request, spot, least)
            if bad == 0:
                return spot
            if bad < least:
                least, best = bad, spot
        assert best is not None
        return best

    def _badness(self, request: LabelRequest, spot: LabelSpot, least: float) -> float:
        """How bad a spot is; where it is no better than `least` already, it isn't looked at any further."""
        own, cross, word = request.way(spot), spot.cross, spot.word
        bad = ON_TEXT * sum(overlap(mine, box) for box in self.boxes for mine in (cross, word))
        bad += ON_TEXT * (not _within(word, request.edges)) + WORD_ON_OWN * through(own, word)
        for line in self.lines:
            if bad >= least:
                break
            bad += ON_LINE * through(line, cross) + WORD_ON_LINE * through(line, word)
            bad += CROSSES * _cross(own, line)
        return bad


def text_box(x: float, y: float, text: str) -> Rectangle:
    """What a text takes whose middle is there."""
    wide, high = text_width(text, bold=True) / 2 + 2, (text.count("\n") + 1) * line_height() / 2
    return x - wide, y - high, x + wide, y + high


def _within(one: Rectangle, edges: Rectangle) -> bool:
    return one[0] >= edges[0] and one[1] >= edges[1] and one[2] <= edges[2] and one[3] <= edges[3]


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


def _cross(one: Segment, other: Segment) -> bool:
    """Whether two lines cross, their ends left out."""
    return _sides(one, other) and _sides(other, one)


def _sides(line: Segment, other: Segment) -> bool:
    """Whether the ends of the other line lie on different sides of this one."""
    (x, y), (to_x, to_y) = line
    first, last = ((to_x - x) * (b - y) - (to_y - y) * (a - x) for a, b in other)
    return first * last < 0
