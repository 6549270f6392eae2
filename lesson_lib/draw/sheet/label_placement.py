"""Where the cross of a lost message and its word go, so that they lie on nobody else's arrow and on no other word.

All in pixels. A place is tried where it stands by default, and then further and further from there; the least bad one is taken.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from lesson_lib.draw.sheet.canvas import Point
from lesson_lib.draw.sheet.style import line_height, text_width

Line = tuple[Point, Point]
Rectangle = tuple[float, float, float, float]  # left, top, right, bottom
LOST = "lost"
HALF, ASIDE, APART = 8.0, 11.0, 17.0  # pixels of half the cross, from its middle to a word beside it, to the middle of one above or below
ROUNDS = 3
ON_TEXT, ON_LINE, WORD_ON_LINE, WORD_ON_OWN, CROSSES = 100.0, 10.0, 6.0, 4.0, 1.0  # how bad it is


@dataclass(frozen=True, slots=True)
class Spot:
    """The middle of a cross, and the side on which its word stands: above, below, left, right."""

    x: float
    y: float
    side: str

    @property
    def cross(self) -> Rectangle:
        """What the cross takes."""
        return self.x - HALF, self.y - HALF, self.x + HALF, self.y + HALF

    @property
    def word(self) -> Rectangle:
        """What the word takes."""
        wide, high = text_width(LOST, bold=True) + 3, line_height()
        middle = self.y + {"above": -APART, "below": APART}.get(self.side, 0.0)
        left = {"left": self.x - ASIDE - wide, "right": self.x + ASIDE}.get(self.side, self.x - wide / 2)
        return left, middle - high / 2, left + wide, middle + high / 2


@dataclass(frozen=True, slots=True)
class Wish:
    """A lost message: where it comes from, the spots that its cross may have, the best first, and how far its word may reach."""

    start: Point
    spots: Sequence[Spot]
    edges: Rectangle

    def line(self, spot: Spot) -> Line:
        """Its way to a spot."""
        return self.start, (spot.x, spot.y)


@dataclass
class Taken:
    """What is on the page already: lines that a mark must keep off, and rectangles of words."""

    lines: list[Line] = field(default_factory=list)
    boxes: list[Rectangle] = field(default_factory=list)

    def settled(self, wishes: Sequence[Wish]) -> list[Spot]:
        """A spot for each; after the first round each looks again, now that it can see all the others."""
        found: list[Spot] = []
        for wish in wishes:
            found.append(self._beside(wishes, found).best(wish))
        for _ in range(ROUNDS):
            for n, wish in enumerate(wishes):
                found[n] = self._beside([*wishes[:n], *wishes[n + 1:]], [*found[:n], *found[n + 1:]]).best(wish)
        return found

    def _beside(self, wishes: Sequence[Wish], chosen: Sequence[Spot]) -> Taken:
        """The same with other lost messages on the page."""
        lines = [wish.line(spot) for wish, spot in zip(wishes, chosen, strict=False)]
        return Taken([*self.lines, *lines], [*self.boxes, *(box for spot in chosen for box in (spot.cross, spot.word))])

    def best(self, wish: Wish) -> Spot:
        """The best spot for a message, the earlier of two as good."""
        least, found = float("inf"), wish.spots[0]
        for spot in wish.spots:
            bad = self._badness(wish, spot)
            if bad == 0:
                return spot
            least, found = (bad, spot) if bad < least else (least, found)
        return found

    def _badness(self, wish: Wish, spot: Spot) -> float:
        own = wish.line(spot)
        bad = ON_TEXT * sum(overlap(mine, box) for box in self.boxes for mine in (spot.cross, spot.word))
        bad += ON_TEXT * (not _within(spot.word, wish.edges)) + WORD_ON_OWN * through(own, spot.word)
        return bad + sum(ON_LINE * through(line, spot.cross) + WORD_ON_LINE * through(line, spot.word) + CROSSES * _cross(own, line)
                         for line in self.lines)


def spots(points: Iterable[Point], sides: Sequence[str]) -> list[Spot]:
    """Every point with every side, point by point."""
    return [Spot(x, y, side) for x, y in points for side in sides]


def text_box(x: float, y: float, text: str) -> Rectangle:
    """What a text takes whose middle is there."""
    wide, high = text_width(text, bold=True) / 2 + 2, (text.count("\n") + 1) * line_height() / 2
    return x - wide, y - high, x + wide, y + high


def overlap(one: Rectangle, other: Rectangle) -> bool:
    """Whether two rectangles share more than an edge."""
    return min(one[2], other[2]) > max(one[0], other[0]) and min(one[3], other[3]) > max(one[1], other[1])


def _within(one: Rectangle, edges: Rectangle) -> bool:
    return one[0] >= edges[0] and one[1] >= edges[1] and one[2] <= edges[2] and one[3] <= edges[3]


def through(line: Line, box: Rectangle) -> bool:
    """Whether a line has a part inside a rectangle."""
    (x, y), (to_x, to_y) = line
    least, most = 0.0, 1.0
    for start, step, low, high in ((x, to_x - x, box[0], box[2]), (y, to_y - y, box[1], box[3])):
        if step == 0:
            if not low < start < high:
                return False
            continue
        first, last = sorted(((low - start) / step, (high - start) / step))
        least, most = max(least, first), min(most, last)
    return least < most


def _cross(one: Line, other: Line) -> bool:
    """Whether two lines cross, their ends left out."""
    return _sides(one, other) and _sides(other, one)


def _sides(line: Line, other: Line) -> bool:
    """Whether the ends of the other line lie on different sides of this one."""
    (x, y), (to_x, to_y) = line
    first, last = ((to_x - x) * (b - y) - (to_y - y) * (a - x) for a, b in other)
    return first * last < 0
