"""Lanes, the picture of most lessons: time runs to the right, what the application is told is above, the log
below.

A lost message is half a line that ends in a cross. A retry is dashed and orange; it has its batch's number
and that of the try (1·2). Several runs are drawn one below the other on one axis of time, so that a
difference between them shows in one column.

The axis is stretched where words need room and shortened where nothing happens. What is further left happened
earlier; only the distances aren't to scale. A wait of more than 100 ms and more than four usual steps is cut
out, and its real length is written under the break.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, groupby, pairwise

from lesson_lib.draw.canvas import DOTTED, LANE, MARGIN, PALE, QUIET, WIDTH, Canvas, line_height, text_width
from lesson_lib.draw.lane_events import LOG, MIDDLE, TOLD, TRY, LaneEvents, TimePlace, row_of_log
from lesson_lib.draw.marks import MessageArrow, RowMark, Segment, draw_messages
from lesson_lib.draw.run_view import EventInContext, RunView
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


def lane_panels(views: Sequence[RunView]) -> list[LanesPanel]:
    """A panel for each run, all as wide as the widest."""
    for narrow in (False, True):
        runs = [LaneEvents(view, narrow) for view in views]
        axes = _axes(runs)
        width = max(WIDTH, *(axis.end + RIGHT for axis in axes))
        if width == WIDTH:
            break
    apart = axes[0] is not axes[-1]
    return [LanesPanel(run, axis, width, apart) for run, axis in zip(runs, axes, strict=True)]


def _axes(runs: Sequence[LaneEvents]) -> list[Axis]:
    """One axis for all; an axis for each where one for all is too wide."""
    gap = GAPS[runs[0].narrow]
    each = [[(place, f"{n} {p.track}", p.left, p.right + gap) for place, p in run.everything()]
            for n, run in enumerate(runs)]
    shared = lay_out(chain(*each))
    if len(runs) > 1 and shared.end > TOO_WIDE:
        own = list(map(lay_out, each))
        if max(axis.end for axis in own) < 0.85 * shared.end:
            return own
    return [shared] * len(runs)


class LanesPanel:
    """One run in rows. `rows` has the upper edge of each, `names` its name and where that is written, in
    pixels from the top. `apart`: the other run has an axis of time of its own.
    """

    def __init__(self, run: LaneEvents, axis: Axis, width: float, apart: bool) -> None:
        self.run, self.view, self.axis, self.width, self.height = run, run.view, axis, width, 0.0
        counts = bool(self.view.clock or not self.view.timed)
        self.note = "  ·  ".join([COUNTS] * counts + [APART] * apart)
        self.rows, self.names = dict[str, float](), dict[str, tuple[str, float]]()
        for row, height, name, down in self._rows():
            self.rows[row], self.names[row] = self.height, (name, self.height + down)
            self.height += height

    def _rows(self) -> Iterator[tuple[str, float, str, float]]:
        """Each row: its key, its height, its name and how far down that is written. A row is as high as usual
        or as its highest mark.
        """
        view, highest = self.view, defaultdict[str, float](float)
        for _, mark in self.run.everything():
            highest[mark.track] = max(mark.high, highest[mark.track])
        yield "told", max(TOLD, highest["told"]), "application is told", 14
        for lane in view.producers:
            yield from (("try" + lane, TRY, "", 0), (lane, PRODUCER, lane, MIDDLE))
        yield "network", NETWORK, "network", NETWORK / 2
        yield from (("broker", BROKER, "broker", BROKER / 2), ("words", WORDS, "", 0))
        if "memory" in highest:
            own = any(event.memory for event in view.history.events)
            yield "memory", highest["memory"], "your rule's memory" if own else "broker remembers", 12
        for topic, number in view.partitions:
            row, name = row_of_log((topic, number)), f"log {topic}-{number}"
            yield row, max(LOG, highest[row]), name if len(view.partitions) > 1 else "log", 15
        for lane in view.consumers:
            yield lane, CONSUMER, lane, 14
            yield from [("low" + lane, LOWER, "", 0)] * ("low" + lane in highest)
        yield from [("waits", 2 * line_height() + 4, "", 0)] * bool(self.axis.breaks)
        yield from [("axis", 16.0, "", 0)] * bool(self.note)

    def x(self, fact: EventInContext) -> float:
        """Pixels from the left edge of the page."""
        return self.axis.xs[self.run.places[fact.index]]

    def moment(self, fact: EventInContext) -> tuple[float, ...]:
        """The ends of a line through all rows: x, y, x, y."""
        return self.x(fact), 0.0, self.x(fact), self.height

    def lane(self, name: str) -> float:
        """The height of a producer's line or the broker's, at which its name stands too."""
        return self.names[name][1]

    def draw(self, canvas: Canvas) -> None:
        """Rows, then the events from the left to the right, then what is known only at the end."""
        self._frame(canvas)
        draw_messages(canvas, map(self._message, self.view.events))
        for fact in self.view.events:
            canvas.event = fact.step
            self._draw_marks(canvas, self.run.places[fact.index], self.run.row_marks[fact.index])
        canvas.event = self.view.last
        for place, mark in self.run.at_the_end:
            self._draw_marks(canvas, place, [mark])
        for loss, report in self.run.doubts.items():
            self._doubt(canvas, self.view.events[loss], report)

    def _frame(self, canvas: Canvas) -> None:
        for name, y in self.names.values():
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
                for top, low in self._free(x + shift):
                    ends = [(x + shift, top), (x + shift, low)]
                    canvas.line(ends, colour=LANE, width=0.9, dashes=(2, 3), layer=0.5)
            canvas.text(x, self.rows["waits"] + line_height(), words, colour=QUIET)
        if self.note:
            canvas.text(self.width - RIGHT, self.rows["axis"] + 7, self.note, colour=QUIET, align="right")

    def _free(self, x: float) -> Iterator[tuple[float, float]]:
        """From where to where a line at `x` may go, down to the waits: past the rows in which it would strike
        out words.
        """
        struck = {mark.track for place, mark in self.run.everything() if mark.draw and mark.track in self.rows
                  and -mark.left < x - self.axis.xs[place] < mark.right}
        top = self.rows["told"]
        for row, low in pairwise(self.rows):
            if row in struck:
                yield from [(top, self.rows[row])] * (top < self.rows[row])
                top = self.rows[low]
            if low == "waits":
                yield from [(top, self.rows[low])] * (top < self.rows[low])

    def _connections(self, canvas: Canvas) -> None:
        """A pale band for each connection, from its first request to its drop or the end."""
        top, first = self.lane(self.view.producers[0]), None
        for fact in [*self.view.events, None]:
            if first and (fact is None or fact.event.kind == Kind.DROP):
                start, end = self.x(first) - 16, self.x(fact) if fact else self.width - RIGHT
                canvas.event = first.step
                canvas.box(start, top, end - start, self.lane("broker") - top, fill=PALE, edge=None, layer=0)
                first = None
            elif fact and fact.event.kind == Kind.SEND:
                first = first or fact
        canvas.event = None

    def _draw_marks(self, canvas: Canvas, place: TimePlace, row_marks: Iterable[RowMark]) -> None:
        for mark in row_marks:
            if mark.draw and mark.track in self.rows:
                mark.draw(canvas, self.axis.xs[place], self.rows[mark.track])

    def _doubt(self, canvas: Canvas, loss: EventInContext, report: EventInContext | None) -> None:
        """Dots while the application can't know what became of a batch, above what it is told of others."""
        start, y = self.x(loss) + 8, self.rows["told"] + 13
        end = self.x(report) - 10 if report else self.width - RIGHT
        told = [self.x(fact) for fact in self.view.events
                if fact.event.kind == Kind.REPORT or fact.index in self.run.doubts]
        ends = [(start, y), (end, y)]
        if any(start < x < end - 1 for x in told):
            above = [(start - 3, y - 5), (start + 2, y - 10), (end - 2, y - 10), (end + 3, y - 5)]
            ends = above if report else above[:3]
        canvas.event = report.step if report else self.view.last
        canvas.line(ends, colour=QUIET, dashes=DOTTED, layer=1.5)

    def _message(self, fact: EventInContext) -> MessageArrow | None:
        """The message that arrives with an event, or is lost; then its cross has several possible places."""
        x, network = self.x(fact), self.rows["network"]
        lane, broker = self.lane(fact.lane), self.lane("broker")
        judged = self.x(fact.judged or fact), broker - 13
        sent = (self.x(fact.sent), self.lane(fact.send.lane) + 10) if fact.sent else (x, network)
        match fact.event.kind:
            case Kind.VERDICT:
                return MessageArrow(fact, sent, (x, broker - 14), (x, broker - 12))
            case Kind.ACK:
                return MessageArrow(fact, judged, (x, lane + 8), (x, lane + 1))
            case Kind.DROP:
                words_at = x, self.rows["try" + fact.lane] + TRY / 2
                return MessageArrow(fact, *self._drop_line(fact), words_at, 1)
            case Kind.LOST:
                what, share = fact.message, NETWORK * SHARES[fact.message]
                return MessageArrow(
                    fact, sent if what == "request" else judged,
                    drop=self._drop_line(fact.drop) if fact.drop else None,
                    crosses=[(x + aside, network + share + down) for aside in ASIDE for down in DOWN
                             if share + down > 8],
                    sides=SIDES[what], edges=(0.0, network - 6, self.width, network + NETWORK + 2))
            case _:
                return None

    def _drop_line(self, drop: EventInContext) -> Segment:
        """Where a connection ends, from its producer down to the broker."""
        return (self.x(drop), self.lane(drop.lane)), (self.x(drop), self.lane("broker"))


@dataclass
class Axis:
    """How many pixels each place is from the left, the breaks as (x, words), and where the axis ends."""

    xs: dict[TimePlace, float] = field(default_factory=dict)
    breaks: list[tuple[float, str]] = field(default_factory=list)
    end: float = 0.0


RoomNeeded = tuple[TimePlace, str, float, float]  # a place, a row, pixels to the left and right of it


def lay_out(needs: Iterable[RoomNeeded], left: float = LEFT, right: float = WIDTH - RIGHT) -> Axis:
    """Give every place its x between `left` and `right`; beyond, if there is too much to write."""
    groups = [(place, list(those)) for place, those in groupby(sorted(needs), key=lambda need: need[0])]
    waits = sorted(b[0] - a[0] for (a, _), (b, _) in pairwise(groups) if b[0] > a[0]) or [1]
    usual = (waits[len(waits) // 2] + waits[~(len(waits) // 2)]) / 2  # without `statistics`: 40 ms in a page
    for least in STEPS:  # the more there is to show, the steeper the lines may get
        axis = _placed(groups, usual, least)
        if left + axis.end <= right:
            break
    stretch = min(WIDEST, max(1.0, (right - left) / max(axis.end, 1.0)))
    return Axis({place: left + x * stretch for place, x in axis.xs.items()},
                [(left + x * stretch, words) for x, words in axis.breaks], left + axis.end * stretch)


def _placed(groups: Iterable[tuple[TimePlace, list[RoomNeeded]]], usual: float, least: float) -> Axis:
    """Every place as far left as the words allow, `least` pixels behind the last one after a usual wait."""
    axis, used = Axis(), defaultdict[str, float](float)
    before: TimePlace | None = None
    for place, needs in groups:
        wait, least_x, words = place[0] - before[0] if before else 0, 0.0, ""
        if before and not wait:
            least_x = axis.xs[before] + min(7.0, least)
        elif before and (wait / usual <= LONG or wait < SHORT_MS):
            least_x = axis.xs[before] + least * min(1.5, max(0.7, wait / usual))
        elif before:  # the time is cut out, and its length written there
            words = (WAITING if axis.breaks else FIRST_WAITING).format(duration(wait))
            least_x = axis.xs[before] + max(3 * least, text_width(words) + 24)
        x = max(least_x, *(used[row] + left for _, row, left, _ in needs))
        if words and before:
            axis.breaks.append(((axis.xs[before] + x) / 2, words))
        for _, row, _, right in needs:
            used[row] = max(x + right, used[row])
        axis.xs[place], before = x, place
    axis.end = max([0.0, *used.values()])
    return axis


# Name, milliseconds, and up to where it is used.
UNITS = (("ms", 1, 1_000), ("s", 1_000, 120_000), ("min", 60_000, 7_200_000), ("h", 3_600_000, 172_800_000),
         ("days", 86_400_000, float("inf")))


def duration(t: int) -> str:
    """So many milliseconds in words: 250 ms, 1.5 s, 2 min, 3 h, 7 days."""
    unit, size = next((unit, size) for unit, size, end in UNITS if t < end)
    return f"{t / size:.3g} {unit}"
