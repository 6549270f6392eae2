"""Lanes: time to the right, what the application is told above, the log below. The picture of most lessons.

A lost message is drawn, as half a line that ends in a cross. A retry is the same number with that of the try
(1·2), dashed and orange. Several runs stand under each other on one axis of time, so that what differs lies
in one column.

The axis is stretched where words need room and shortened where nothing happens. Places never change their
order, so left of means before; only distances are not to scale. A wait of more than four usual steps and 100
ms becomes a break, with its real length written under it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from statistics import median

from lesson_lib.draw.canvas import DOTTED, LANE, MARGIN, PALE, QUIET, WIDTH, Canvas, line_height, text_width
from lesson_lib.draw.lane_events import LOG, MIDDLE, TOLD, TRY, LaneEvents, TimePlace, row_of_log
from lesson_lib.draw.marks import DROPS, MessageArrow, RowMark, Segment, draw_messages
from lesson_lib.draw.run_view import EventInContext, RunView
from lesson_lib.draw.words import Telling
from lesson_lib.history import Kind

LEFT, RIGHT = 122.0, 18.0
TOO_WIDE = 1300  # pixels; a notebook shows about a thousand without making it smaller
COUNTS, APART = "to the right: order of events, not time", "each run on a time axis of its own"
PRODUCER, NETWORK, BROKER, WORDS, CONSUMER, LOWER = 28.0, 76.0, 34.0, 30.0, 46.0, 14.0  # heights of rows

STEPS, GAPS, LONG, SHORT_MS, WIDEST = (30.0, 18.0, 11.0, 6.0), (8.0, 5.0), 4.0, 100, 2.6
FIRST_WAITING, WAITING = "{} of\nwaiting left out", "{}\nleft out"  # once it was said, fewer words will do

SHARES = {"request": 0.38, "answer": 0.48}  # how far down a lost message gets where nothing is in its way
SIDES = {"request": ("below", "right", "above", "left"), "answer": ("above", "right", "left", "below")}
# What a number in a row counts, under the name of the row.
NUMBERS = {"producer": "R: request\nbox: batch", "log": "offset: record", "broker remembers": "sequences"}
DOWN = tuple(sorted(range(-36, 44, 4), key=abs))  # pixels up and down from there
ASIDE = (0, 8, -8, 15, -15)  # and, where nothing else is free, to the right and to the left


def lane_panels(views: Sequence[RunView], telling: Telling) -> list[LanesPanel]:
    """A panel for each run, all as wide as the widest."""
    for narrow in (False, True):
        runs = [LaneEvents(view, telling.clock(n), narrow) for n, view in enumerate(views)]
        axes = _axes(runs)
        width = max(WIDTH, *(axis.end + RIGHT for axis in axes))
        if width == WIDTH:
            break
    return [LanesPanel(run, axis, width, telling.steps(n), telling.last, _notes(run, axes))
            for n, (run, axis) in enumerate(zip(runs, axes, strict=True))]


def _notes(run: LaneEvents, axes: Sequence[Axis]) -> str:
    """What must be known of the axis: that it counts, that it is another one than that of the other run."""
    apart = any(axis is not axes[0] for axis in axes)
    return "  ·  ".join([COUNTS] * bool(run.clock or not run.view.timed) + [APART] * apart)


def _axes(runs: Sequence[LaneEvents]) -> list[Axis]:
    """One axis for all; an axis for each where one for all is too wide."""
    row_marks = [(n, *each) for n, run in enumerate(runs) for each in run.everything()]
    gap = GAPS[runs[0].narrow]
    shared = lay_out([(place, f"{n} {p.track}", p.left, p.right + gap) for n, place, p in row_marks])
    if len(runs) > 1 and shared.end > TOO_WIDE:
        own = [lay_out([(place, p.track, p.left, p.right + gap) for place, p in run.everything()])
               for run in runs]
        if max(axis.end for axis in own) < 0.85 * shared.end:
            return own
    return [shared] * len(runs)


class LanesPanel:
    """One run in rows; `y`, `x` and `lane` give pixels."""

    def __init__(self, run: LaneEvents, axis: Axis, width: float, steps: Mapping[int, int], last: int | None,
                 note: str) -> None:
        self.run, self.view, self.axis, self.width = run, run.view, axis, width
        self.steps, self.last, self.note, self.height = steps, last, note, 0.0
        self.rows: dict[str, float] = {}
        for name, height in self._rows():
            self.rows[name] = self.height
            self.height += height

    def _rows(self) -> Iterable[tuple[str, float]]:
        """Each row with its height: what is usual, or what the highest mark in it needs."""
        view, highest = self.view, dict[str, float]()
        for _, mark in self.run.everything():
            highest[mark.track] = max(mark.high, highest.get(mark.track, 0.0))
        yield "told", max(TOLD, highest.get("told", 0.0))
        for lane in view.producers:
            yield from (("try" + lane, TRY), (lane, PRODUCER))
        yield from (("network", NETWORK), ("broker", BROKER), ("words", WORDS))
        yield from [("memory", highest.get("memory", 0.0))] * ("memory" in highest)
        for row in map(row_of_log, view.partitions):
            yield row, max(LOG, highest.get(row, 0.0))
        for lane in view.consumers:
            yield from [(lane, CONSUMER), *[("low" + lane, LOWER)] * ("low" + lane in highest)]
        yield from [("waits", 2 * line_height() + 4)] * bool(self.axis.breaks)
        yield from [("axis", 16.0)] * bool(self.note)

    def y(self, row: str, down: float = 0.0) -> float:
        """Pixels to `down` pixels below the upper edge of a row."""
        return self.rows[row] + down

    def x(self, fact: EventInContext) -> float:
        """Pixels from the left edge of the page."""
        return self.axis.xs[self.run.places[fact.index]]

    def moment(self, fact: EventInContext) -> tuple[float, ...]:
        """A line through all rows."""
        return self.x(fact), 0.0, self.x(fact), self.height

    def lane(self, name: str) -> float:
        return self.y(name, BROKER / 2 if name == "broker" else MIDDLE)

    def draw(self, canvas: Canvas) -> None:
        """Rows, then the events from the left to the right, then what is known only at the end."""
        self._frame(canvas)
        self._events(canvas)

    def _frame(self, canvas: Canvas) -> None:
        for name, y in self._names():
            canvas.text(MARGIN, y, name, align="left", bold=name.startswith("log"), pinned=True)
            numbers = NUMBERS.get(name if name.startswith("broker") else name.split(" ", 1)[0], "")
            below = y + 13 + numbers.count("\n") * line_height() / 2
            canvas.text(MARGIN, below, numbers, align="left", colour=QUIET, pinned=True)
        for lane in [*self.view.producers, "broker"]:
            ends = [(LEFT - 14, self.lane(lane)), (self.width - RIGHT, self.lane(lane))]
            canvas.line(ends, colour=LANE, width=1.4, layer=0.2)
        if len(self.view.producers) == 1:
            self._connections(canvas)
        for x, words in self.axis.breaks:
            for shift in (-3, 3):
                ends = [(x + shift, self.y("told")), (x + shift, self.y("waits"))]
                canvas.line(ends, colour=LANE, width=0.9, dashes=(2, 3), layer=0.5)
            canvas.text(x, self.y("waits", line_height()), words, colour=QUIET)
        if self.note:
            canvas.text(self.width - RIGHT, self.y("axis", 7), self.note, colour=QUIET, align="right")

    def _names(self) -> Iterable[tuple[str, float]]:
        several = sum(row.startswith("log ") for row in self.rows) > 1
        yield from (("application is told", self.y("told", 14)), ("network", self.y("network", NETWORK / 2)))
        yield from ((lane, self.lane(lane)) for lane in ("broker", *self.view.producers))
        if "memory" in self.rows:
            own = any(event.memory for event in self.view.history.events)
            yield "your rule's memory" if own else "broker remembers", self.y("memory", 12)
        for topic, number in self.view.partitions:
            name = f"log {topic}-{number}" if several else "log"
            yield name, self.y(row_of_log((topic, number)), 15)
        yield from ((lane, self.y(lane, 14)) for lane in self.view.consumers)

    def _connections(self, canvas: Canvas) -> None:
        """A pale band for each connection, from its first request to its drop or the end."""
        first: EventInContext | None = None
        for fact in self.view.events:
            if fact.event.kind == Kind.SEND and first is None:
                first = fact
            elif fact.event.kind == Kind.DROP and first is not None:
                self._band(canvas, first, self.x(fact))
                first = None
        if first is not None:
            self._band(canvas, first, self.width - RIGHT)

    def _band(self, canvas: Canvas, first: EventInContext, end: float) -> None:
        start, top = self.x(first) - 16, self.lane(self.view.producers[0])
        canvas.event = self.steps[first.index]
        canvas.box(start, top, end - start, self.lane("broker") - top, fill=PALE, edge=None, layer=0)
        canvas.event = None

    def _events(self, canvas: Canvas) -> None:
        draw_messages(canvas, list(filter(None, map(self._message, self.view.events))))
        for fact in self.view.events:
            canvas.event = self.steps[fact.index]
            self._draw_marks(canvas, self.run.places[fact.index], self.run.row_marks[fact.index])
        canvas.event = self.last
        for place, mark in self.run.at_the_end:
            self._draw_marks(canvas, place, [mark])
        for loss, report in self.run.doubts.items():
            canvas.event = self.last if report is None else self.steps[report]
            self._doubt(canvas, self.view.events[loss], None if report is None else self.view.events[report])
        canvas.event = None

    def _draw_marks(self, canvas: Canvas, place: TimePlace, row_marks: Iterable[RowMark]) -> None:
        for mark in row_marks:
            if mark.draw and mark.track in self.rows:
                mark.draw(canvas, self.axis.xs[place], self.y(mark.track))

    def _doubt(self, canvas: Canvas, loss: EventInContext, report: EventInContext | None) -> None:
        """The time that the application could not know; over what it is told of other batches meanwhile."""
        start, y = self.x(loss) + 8, self.y("told", 13)
        end = self.x(report) - 10 if report else self.width - RIGHT
        told = [self.x(fact) for fact in self.view.events
                if fact.event.kind == Kind.REPORT or fact.index in self.run.doubts]
        if any(start < x < end - 1 for x in told):
            above = [(start - 3, y - 5), (start + 2, y - 10), (end - 2, y - 10), (end + 3, y - 5)]
            canvas.line(above if report else above[:3], colour=QUIET, dashes=DOTTED, layer=1.5)
        else:
            canvas.line([(start, y), (end, y)], colour=QUIET, dashes=DOTTED, layer=1.5)

    def _message(self, fact: EventInContext) -> MessageArrow | None:
        """What arrives with an event, or does not: the cross is as high as the others let it."""
        event, x, broker, step = fact.event, self.x(fact), self.lane("broker"), self.steps[fact.index]
        send = fact.sent
        sent = (self.x(send), self.lane(send.event.lane) + 10) if send else (x, self.y("network"))
        judged, lane = (self.x(fact.judged or fact), broker - 13), self.lane(self.run.lanes[fact.index])
        if event.kind == Kind.VERDICT:
            return MessageArrow("request", step, sent, (x, broker - 14), (x, broker - 12), fact.retry)
        if event.kind == Kind.ACK:
            code = str(event.error.value) if event.error else ""
            return MessageArrow("answer", step, judged, (x, lane + 8), (x, lane + 1), words=code)
        if event.kind == Kind.DROP:
            at = x, self.y("try" + self.run.lanes[fact.index], TRY / 2)
            return MessageArrow("drop", step, *self._drop_line(fact), at, words=DROPS)
        if event.kind != Kind.LOST:
            return None
        what, start = ("request", sent) if event.what == "request" else ("answer", judged)
        if fact.drop:
            return MessageArrow(what, step, start, retry=fact.retry, drop=self._drop_line(fact.drop))
        y, edges = self.y("network"), (0.0, self.y("network", -6), self.width, self.y("network", NETWORK + 2))
        share = NETWORK * SHARES[what]
        crosses = [(x + aside, y + share + down) for aside in ASIDE for down in DOWN if share + down > 8]
        return MessageArrow(what, step, start, retry=fact.retry, crosses=crosses, sides=SIDES[what],
                            edges=edges)

    def _drop_line(self, drop: EventInContext) -> Segment:
        """Where a connection ends, from its producer down to the broker."""
        x = self.x(drop)
        return (x, self.lane(self.run.lanes[drop.index])), (x, self.lane("broker"))


@dataclass(frozen=True)
class Axis:
    """Pixels of every place, the breaks as (x, words), and where it ends."""

    xs: Mapping[TimePlace, float]
    breaks: tuple[tuple[float, str], ...] = field(default=())
    end: float = 0.0


RoomNeeded = tuple[TimePlace, str, float, float]  # pixels to the left and right of a place, in one row


def lay_out(needs: Iterable[RoomNeeded], left: float = LEFT, right: float = WIDTH - RIGHT) -> Axis:
    """Give every place its x between `left` and `right`, or beyond where there is too much to write."""
    groups = [(place, list(those)) for place, those in groupby(sorted(needs), key=lambda need: need[0])]
    usual = _usual_step([place for place, _ in groups])
    for least in STEPS:  # the more there is to show, the steeper the lines may get
        xs, breaks, edge = _place(groups, usual, least)
        if left + edge <= right:
            break
    stretch = min(WIDEST, max(1.0, (right - left) / max(edge, 1.0)))
    moved = {place: left + x * stretch for place, x in xs.items()}
    return Axis(moved, tuple((left + x * stretch, words) for x, words in breaks), left + edge * stretch)


def _usual_step(places: list[TimePlace]) -> float:
    steps = [b[0] - a[0] for a, b in zip(places, places[1:], strict=False) if b[0] > a[0]]
    return median(steps) if steps else 1.0


def _place(groups: Iterable[tuple[TimePlace, list[RoomNeeded]]], usual: float,
           least: float) -> tuple[dict[TimePlace, float], list[tuple[float, str]], float]:
    xs: dict[TimePlace, float] = {}
    used: dict[str, float] = {}
    breaks: list[tuple[float, str]] = []
    before: TimePlace | None = None
    for place, needs in groups:
        step, words = _step(before, place, usual, least, WAITING if breaks else FIRST_WAITING)
        least_x = xs[before] + step if before else 0.0
        x = max(least_x, *(used.get(row, 0.0) + left for _, row, left, _ in needs))
        if words and before:
            breaks.append(((xs[before] + x) / 2, words))
        for _, row, _, right in needs:
            used[row] = max(x + right, used.get(row, 0.0))
        xs[place], before = x, place
    return xs, breaks, max([0.0, *used.values()])


def _step(before: TimePlace | None, place: TimePlace, usual: float, least: float,
          cut: str) -> tuple[float, str]:
    """Least distance in pixels to the next place, and what to write when time is `cut` out there."""
    if before is None or place[0] == before[0]:
        return min(7.0, least), ""
    share = (place[0] - before[0]) / usual
    if share <= LONG or place[0] - before[0] < SHORT_MS:
        return least * min(1.5, max(0.7, share)), ""
    words = cut.format(milliseconds(place[0] - before[0]))
    return max(3 * least, text_width(words) + 24), words


def milliseconds(t: int) -> str:
    """A duration in words: 250 ms, 1.5 s, 2 min."""
    if t < 1000:
        return f"{t} ms"
    return f"{t / 1000:.3g} s" if t < 120_000 else f"{t / 60_000:.3g} min"
