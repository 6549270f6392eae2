"""Messages between two lanes: requests, answers, the ones that were lost on the way, the end of a connection.

The cross of a lost message and its word lie on nobody else's arrow and on no other word. A spot is tried
where it is by default, and then further and further from there; the least bad one is taken. All in pixels.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import hypot, inf

from lesson_lib.draw import style
from lesson_lib.draw.canvas import Canvas, Point, Rectangle, line_height, overlap, text_width

Segment = tuple[Point, Point]
LOST = "lost"
HALF, ASIDE, APART = 8.0, 11.0, 17.0  # half the cross; from there to a word beside it, to one above or below
ROUNDS, NEAR = 3, (30.0, 15.0)  # two words that are nearer, along a level or an upright tear, would collide
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


@dataclass(frozen=True, slots=True)
class MessageArrow:
    """A request or an answer on its way from `start`: its line ends at `end`, its head at `tip`.

    `words` (the error that an answer carries) stand at a `share` of its way. One that is lost has no end: it
    went with the `tear` of its connection, or it has a `request` for a place where it can vanish. Such a tear
    counts as a message; its words stand at `tip`.
    """

    what: str  # request, answer or tear
    step: int | None
    start: Point
    end: Point = (0.0, 0.0)
    tip: Point = (0.0, 0.0)
    retry: bool = False
    words: str = ""
    share: float = 0.5
    request: LabelRequest | None = None
    tear: Segment | None = None

    @property
    def words_at(self) -> Point:
        """Where its words stand."""
        (x, y), (to_x, to_y) = self.start, self.tip
        if self.what == "tear":
            return self.tip
        return x + (to_x - x) * self.share, y + (to_y - y) * self.share

    def draw(self, canvas: Canvas) -> None:
        """Its line, its head, its words."""
        if self.what == "tear":
            _tear(canvas, self.start, self.end)
        else:
            self._line(canvas, self.end)
            _head(canvas, self.start, self.tip, {"answer": "white"}.get(self.what, self._colour))
        canvas.text(*self.words_at, self.words, bold=self.what != "tear", backed=True)

    def draw_lost(self, canvas: Canvas, spot: LabelSpot) -> None:
        """Only as far as it came: there its line ends in a bold black cross, with the word beside it."""
        x, y, (left, top, _, bottom) = spot.x, spot.y, spot.word
        self._line(canvas, (x, y))
        for slope in (1, -1):
            ends = [(x - 7, y - 7 * slope), (x + 7, y + 7 * slope)]
            canvas.line(ends, colour=style.FENCED, width=3.6, layer=6.6)
        at, align = {"right": (left, "left"), "left": (x - ASIDE, "right")}.get(spot.side, (x, "center"))
        canvas.text(at, (top + bottom) / 2, LOST, bold=True, align=align, backed=True, layer=6.5)

    @property
    def _colour(self) -> str:
        return style.RETRY if self.retry else style.FIRST_SEND

    def _line(self, canvas: Canvas, end: Point) -> None:
        """Solid and blue for a request, dashed and orange for a retry; an answer is grey and dotted."""
        ends = [self.start, end]
        if self.what == "answer":
            canvas.line(ends, colour=style.ACK, width=1.5, style=style.DOTTED, layer=2.3)
        elif self.retry:
            canvas.line(ends, width=3.4, layer=2.5)
            canvas.line(ends, colour="white", width=2.2, layer=2.6)
            canvas.line(ends, colour=self._colour, width=2.2, style=style.DASHED, layer=2.7)
        else:
            canvas.line(ends, colour=self._colour, width=1.8, layer=2.7)


def draw_messages(canvas: Canvas, messages: Sequence[MessageArrow]) -> list[Rectangle]:
    """All messages of a run; the crosses of the lost ones keep off the others. What their words take."""
    torn, vanished = [one for one in messages if one.tear], [one for one in messages if one.request]
    arrived = [one for one in messages if not (one.tear or one.request)]
    words = [text_box(*one.words_at, one.words) for one in arrived if one.words]
    for one in arrived:
        canvas.event = one.step
        one.draw(canvas)
    lines = [(one.start, one.end) for one in arrived]
    spots = _on_tears(torn)
    lines += [(one.start, (spot.x, spot.y)) for one, spot in zip(torn, spots, strict=True)]
    taken = [box for spot in spots for box in (spot.cross, spot.word)]
    spots += Occupied(lines, [*words, *taken]).place([one.request for one in vanished if one.request])
    for one, spot in zip([*torn, *vanished], spots, strict=True):
        canvas.event = one.step
        one.draw_lost(canvas, spot)
    canvas.event = None
    return [*words, *(spot.word for spot in spots)]


def _on_tears(lost: Sequence[MessageArrow]) -> list[LabelSpot]:
    """A spot on its tear for each: what was on the way for longer got further, so that no two ways cross."""
    found: dict[int, LabelSpot] = {}
    for tear in dict.fromkeys(one.tear for one in lost if one.tear):
        those = [n for n, one in enumerate(lost) if one.tear == tear]
        requests = [n for n in those if lost[n].what == "request"]
        from_the_producer = [*reversed(requests), *(n for n in those if n not in requests)]
        (x, y), (to_x, to_y) = tear
        upright, long = x == to_x, hypot(to_x - x, to_y - y)
        widest, sides = (26.0, ("right", "left")) if upright else (34.0, ("below", "above"))
        step = min(widest, (long - 40) / max(1, len(those) - 1))
        for place, n in enumerate(from_the_producer):
            share = 0.5 + (place - (len(those) - 1) / 2) * step / long
            side = sides[place % 2 if step < NEAR[upright] else 0]
            found[n] = LabelSpot(x + (to_x - x) * share, y + (to_y - y) * share, side)
    return [found[n] for n in range(len(lost))]


def _head(canvas: Canvas, start: Point, tip: Point, fill: str) -> None:
    """An arrow's head at `tip`."""
    (x, y), dx, dy = tip, tip[0] - start[0], tip[1] - start[1]
    long = hypot(dx, dy) or 1
    ux, uy = 9 * dx / long, 9 * dy / long
    left, right = (x - ux - uy * 0.45, y - uy + ux * 0.45), (x - ux + uy * 0.45, y - uy - ux * 0.45)
    canvas.polygon([tip, left, right], fill=fill, layer=4.5)


def _tear(canvas: Canvas, start: Point, end: Point) -> None:
    """The ragged end of a connection: two jagged lines."""
    (x, y), wide, high = start, end[0] - start[0], end[1] - start[1]
    teeth = max(2, round(hypot(wide, high) / 9))
    for aside, width in ((-2.5, 1.6), (2.5, 0.9)):
        jags = [(i / teeth, aside + (3 if i % 2 else -3)) for i in range(teeth + 1)]
        across, down = bool(high), not high
        points = [(x + wide * part + jag * across, y + high * part + jag * down) for part, jag in jags]
        canvas.line(points, width=width, layer=3)
