"""Arrival graph: order of arrival to the right, sequence upward, the broker's memory of five batches as a
band.

Stevens' graph of a TCP connection, for Kafka. The rule becomes geometry: on the dashed line is stored, a bar
that lies exactly on one in the band is a duplicate, anything else is refused. A batch of n records is a bar
of length n. What is stored although the log holds it already is a copy, and has a mark of its own. Each
producer id and epoch has a row of its own that begins at 0, because that is how the broker keeps its memory;
all rows share the order of arrival. What never arrived stands hollow at the lower edge. What happens to the
broker is a line through all rows.

Above 40 arrivals the sequence itself would be too fine to see. A long run shows how many batches each arrival
is away from the expected one: a flat row of squares at 0 is what went well, diamonds from -1 to -5 are
recognised duplicates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from lesson_lib.core.producer_state import MAX_SEQUENCE, increment_sequence
from lesson_lib.draw import canvas as style
from lesson_lib.draw.canvas import MARGIN, WIDTH, Canvas, text_width
from lesson_lib.draw.marks import circle, verdict_small
from lesson_lib.draw.run_view import EventInContext, Ranges, RunView
from lesson_lib.draw.words import broker_words
from lesson_lib.history import Kind
from lesson_lib.history.event import range_of, range_words

EARLY, FORGOTTEN = 6, -6  # batches from the expected one: what is further away counts as that
LONG_RUN = 40  # arrivals
LEFT, RIGHT = 74.0, 16.0
TITLE, PLOT, LEGEND = 24.0, 230.0, 36.6
LEAST_HIGH, UPRIGHT_HIGH, INSIDE = 66.0, 132.0, 36.0  # of a row: least, with a word in it, what edges take
WIDEST, HAPPENING, NARROW, FROM_ZERO = 200.0, 24.0, 40.0, 40
HIGHEST = 24.0  # pixels of one sequence where rows share the page
NAMES = {"stored": "stored", "copy": "stored again: a copy", "suspected": "same content: perhaps a copy",
         "duplicate": "duplicate", "refused": "refused", "fenced": "old epoch", "kept": "kept aside",
         "lost": "lost on the way"}
DISTANCES = {0: "next", -1: "-1", -5: "-5", FORGOTTEN: "older", 3: "early"}


@dataclass(frozen=True, slots=True)
class Arrival:
    """A batch at the broker, or one that was lost on its way there.

    `first`..`last` is its place on the vertical axis; `column` counts everything that comes to the broker.
    `memory` and `known` are the ranges remembered after and before.
    """

    fact: EventInContext
    column: int
    first: int
    last: int
    memory: Ranges = ()
    known: Ranges = ()

    @property
    def lost(self) -> bool:
        return self.fact.event.kind == Kind.LOST

    @property
    def shape(self) -> str:
        """The verdict's mark, or one of its own for a batch that is in the log already.

        Where nobody saw it being sent and it has no numbers, it may be another one with the same content.
        """
        if self.fact.copy < 2:
            return self.fact.shape
        return "suspected" if self.fact.view.by_hand and self.fact.send.producer_id < 0 else "copy"

    @property
    def name(self) -> str:
        """What stands below it; batches made by hand have no numbers but their sequences."""
        by_sequence = self.fact.view.by_hand and self.fact.send.producer_id >= 0
        return range_words(self.first, self.last) if by_sequence else self.fact.label

    @property
    def residual(self) -> int:
        """Batches from the expected one: 0 is next, -1 the newest remembered, above 0 too early."""
        event, here = self.fact.event, (self.first, self.last)
        if (event.kind == Kind.VERDICT and event.what == "stored") or not self.known:
            return 0
        if here in self.known:
            return self.known.index(here) - len(self.known)
        ahead = (self.first - self.known[-1][1] - 1) & MAX_SEQUENCE
        size = max(1, self.last - self.first + 1)
        # A part of a batch counts as one.
        return min(EARLY, -(-ahead // size)) if ahead < MAX_SEQUENCE // 2 else FORGOTTEN


@dataclass
class ArrivalRow:
    """What one producer id sent to one partition in one epoch. Not `numbered`: it has no sequences, batches
    count instead.

    `bands` has what is remembered of it from each column on, from its first arrival to the last column of
    all. On the page it is `tall` pixels high, and shows the sequences from `low` to `high`.
    """

    title: str
    numbered: bool
    arrivals: list[Arrival] = field(default_factory=list)
    bands: dict[int, Ranges] = field(default_factory=dict)
    top: float = 0.0
    tall: float = PLOT
    low: float = FORGOTTEN
    high: float = EARLY

    def add(self, fact: EventInContext, column: int) -> None:
        """Its next arrival."""
        if not self.numbered:
            self.arrivals.append(Arrival(fact, column, fact.send.batch, fact.send.batch))
            return
        first, last = range_of(fact.send)
        # Of a replaced epoch, what was remembered last counts.
        before = self.arrivals[-1].memory or self.arrivals[-1].known if self.arrivals else ()
        memory, known = (fact.ranges(memory, of_its_epoch=True) for memory in (fact.after, fact.before))
        # One across the wrap is drawn at its start.
        self.arrivals.append(Arrival(fact, column, first, max(first, last), memory, known or before))

    @property
    def bottom(self) -> float:
        """The lower edge of the plot."""
        return self.top + self.tall

    def y(self, number: float) -> float:
        """Pixels of a sequence from the top of the panel."""
        share = (number - self.low) / max(1.0, self.high - self.low)
        return self.bottom - INSIDE / 2 - share * (self.tall - INSIDE)

    def expected(self, column: int) -> int | None:
        """The sequence that would be next after a column, None where nothing is remembered."""
        band = self.bands.get(column)
        return increment_sequence(band[-1][1], 1) if band else None

    def show_all(self) -> None:
        """Least and greatest number to show, the next expected one included; small numbers begin at 0."""
        expected = [number for column in self.bands if (number := self.expected(column)) is not None]
        numbers = [number for one in self.arrivals for number in (one.first, one.last)] + expected
        self.high = max(numbers, default=1)
        self.low = 0 if max(numbers, default=0) <= FROM_ZERO else min(numbers)


def arrival_panels(views: Sequence[RunView]) -> list[ArrivalsPanel]:
    return list(map(ArrivalsPanel, views))


class ArrivalsPanel:
    """One run: rows by partition, by id as they turn up, and by epoch.

    `columns` are arrivals, and what happened to the broker (`happenings`); `xs` are their places, `step`
    pixels wide for an arrival.
    """

    width = WIDTH

    def __init__(self, view: RunView) -> None:
        self.view, self.columns = view, list[EventInContext]()
        self.happenings: dict[int, EventInContext] = {}
        self.rows = self._rows()
        arrivals = len(self.columns) - len(self.happenings)
        self.long = arrivals > LONG_RUN
        room = WIDTH - LEFT - RIGHT - HAPPENING * len(self.happenings)
        self.step = min(WIDEST, room / max(2, arrivals))
        self.xs, self.right = list[float](), LEFT
        for column in range(len(self.columns)):
            wide = HAPPENING if column in self.happenings else self.step
            self.xs.append(self.right + wide / 2)
            self.right += wide
        self.right = max(self.right, LEFT + 2 * self.step)
        self._place_rows()

    def _rows(self) -> list[ArrivalRow]:
        """What happens to the broker has a column, and the markers of a log that nobody saw being written."""
        found: dict[tuple[str, int, int, int], ArrivalRow] = {}
        for fact in self.view.events:
            event, send, column = fact.event, fact.send, len(self.columns)
            if event.kind == Kind.VERDICT or (event.kind == Kind.LOST and event.what == "request"):
                key = send.topic, send.partition, send.producer_id, send.producer_epoch
                name = f"{self.view.ids.get(send.producer_id)} epoch {send.producer_epoch}"
                where = f"{send.topic}-{send.partition}  " if len(self.view.partitions) > 1 else ""
                numbered = send.producer_id >= 0
                row = ArrivalRow(where + (name if numbered else "no producer id"), numbered)
                found.setdefault(key, row).add(fact, column)
            elif event.kind == Kind.BROKER or (event.kind == Kind.MARKER and self.view.by_hand):
                self.happenings[column] = fact
            else:
                continue
            self.columns.append(fact)
            for row in found.values():
                remembered = row.arrivals[-1].fact.ranges(fact.after, of_its_epoch=True)
                row.bands[column] = remembered if row.numbered else ()
        ids = list(dict.fromkeys(producer_id for _, _, producer_id, _ in found))
        in_order = sorted(found, key=lambda key: (key[:2], ids.index(key[2]), key[3]))
        return [found[key] for key in in_order] or [ArrivalRow("", True)]

    def _place_rows(self) -> None:
        """A lone row is as high as a plot; several share that, as far as their marks can be told apart, but
        none is higher than two plots: batches of 500 records would make it a thousand.

        Below each are names and words in one height, or in two where arrivals are narrow.
        """
        foot = 26.0 if self.long else 40.0 if self.step >= NARROW else 74.0
        if not self.long:
            for row in self.rows:
                row.show_all()
        long = [max(1.0, row.high - row.low) for row in self.rows]
        one = min(HIGHEST, max(9.0, (PLOT - INSIDE) / sum(long)))
        bottom = 0.0
        for n, row in enumerate(self.rows):
            least = UPRIGHT_HIGH if self.happenings and n == 0 else LEAST_HIGH
            tall = min(2 * PLOT, max(least, INSIDE + one * long[n])) if long[1:] else PLOT
            row.top, row.tall = bottom + TITLE, tall
            bottom = row.bottom + foot
        self.legend_at, self.height = bottom + 10, bottom + LEGEND

    def moment(self, fact: EventInContext) -> tuple[float, ...]:
        """None: here is an order of arrivals, in which most events have no place."""
        return ()

    def draw(self, canvas: Canvas) -> None:
        """Rows, what happened to the broker, legend."""
        for row in self.rows:
            canvas.event = None
            self._frame(canvas, row)
            (self._long_row if self.long else self._plain_row)(canvas, row)
            for arrival in row.arrivals:
                canvas.event = arrival.fact.step
                self._arrival(canvas, row, arrival)
        canvas.event = None
        if self.long:
            self._counts(canvas)
        self._happenings(canvas)
        canvas.event = None
        self._legend(canvas)

    def _frame(self, canvas: Canvas, row: ArrivalRow) -> None:
        """The frame of a row, with its name above, and above the first what goes to the right."""
        canvas.box(LEFT, row.top, self.right - LEFT, row.tall, edge=style.LANE, layer=2.5)
        canvas.text(LEFT, row.top - 11, row.title, align="left", bold=True, backed=True)
        if row is self.rows[0]:
            after, words = LEFT + text_width(row.title, bold=True) + 16, "order of arrival →"
            canvas.text(after, row.top - 11, words, align="left", colour=style.QUIET, backed=True)
        if not self.long:
            below = "seq" if self.view.by_hand and row.numbered else "batch·try"
            canvas.text(LEFT - 8, row.bottom + 12, below, align="right", colour=style.QUIET, pinned=True)

    def _plain_row(self, canvas: Canvas, row: ArrivalRow) -> None:
        """Numbers at the left, as many as there is room for, a dozen at most; the broker's memory behind."""
        whole = "sequence" if row.numbered else "batch (no sequence)"
        words = whole if text_width(whole) < row.tall + TITLE else whole.split(" ")[0]
        canvas.text(MARGIN + 6, (row.top + row.bottom) / 2, words, upright=True)
        room = min(11, max(1, int((row.tall - INSIDE) / 15)))
        for number in range(int(row.low), int(row.high) + 1, max(1, -(-int(row.high - row.low) // room))):
            tick = tick_words(number, row.high - row.low)
            canvas.text(LEFT - 10, row.y(number), tick, align="right", colour=style.QUIET, pinned=True)
            canvas.line([(LEFT - 6, row.y(number)), (LEFT, row.y(number))], colour=style.LANE, width=0.8)
        before: float | None = None
        for column in row.bands:
            canvas.event = self.columns[column].step
            before = self._band(canvas, row, column, before)

    def _band(self, canvas: Canvas, row: ArrivalRow, column: int, before: float | None) -> float | None:
        """What is remembered up to the next column, and the dashed line of what would be next; its height."""
        x, end, expected = self.xs[column], [*self.xs, self.right][column + 1], row.expected(column)
        for first, last in row.bands[column]:
            if first <= last:  # not one across the wrap
                y = row.y(last + 0.5)
                low = min(row.y(first - 0.5), row.bottom)
                canvas.box(x, y, end - x, low - y, fill=style.MEMORY, edge=None, layer=0.5)
                canvas.line([(x, y), (end, y)], colour="white", width=0.8, layer=0.6)
        if expected is None:
            return None
        y = row.y(expected)
        start = [(x, before)] if before is not None and before != y else []
        canvas.line([*start, (x, y), (end, y)], dashes=style.EXPECTED)
        return y

    def _long_row(self, canvas: Canvas, row: ArrivalRow) -> None:
        """Distances at the left; the remembered batches as one band, the expected one as a dashed line."""
        canvas.text(MARGIN + 2, (row.top + row.bottom) / 2, "batches from the one expected", upright=True)
        for number, word in DISTANCES.items():
            canvas.text(LEFT - 8, row.y(number), word, align="right", colour=style.QUIET, pinned=True)
        top, low = row.y(-0.5), row.y(-5.5)
        canvas.box(LEFT, top, self.right - LEFT, low - top, fill=style.MEMORY, edge=None, layer=0.5)
        canvas.line([(LEFT, row.y(0)), (self.right, row.y(0))], dashes=style.EXPECTED)

    def _arrival(self, canvas: Canvas, row: ArrivalRow, arrival: Arrival) -> None:
        """The verdict's shape on a bar over the sequences; hollow at the lower edge if it never arrived."""
        x, shape = self.xs[arrival.column], arrival.shape
        if arrival.lost:
            canvas.polygon(circle(x, row.bottom, 5.5), fill="white", width=1.6)
        elif self.long:
            verdict_small(canvas, x, row.y(arrival.residual), shape, max(3.0, min(6.0, self.step * 0.45)))
        else:
            top, bottom = row.y(arrival.last + 0.5), row.y(arrival.first - 0.5)
            if arrival.last > arrival.first:
                wide = min(10.0, self.step * 0.4)
                fill = style.VERDICT_COLOURS[shape]
                canvas.box(x - wide / 2, top + 1, wide, bottom - top - 2, fill=fill, layer=3)
            ends = [(x, min(bottom, row.bottom)), (x, row.bottom)]
            canvas.line(ends, colour=style.LANE, width=0.6, dashes=(1, 3), layer=0.8)
            verdict_small(canvas, x, (top + bottom) / 2, shape, min(8.0, self.step * 0.42))
        if not self.long:
            self._below(canvas, row, arrival)

    def _below(self, canvas: Canvas, row: ArrivalRow, arrival: Arrival) -> None:
        """The batch's name and a word of the verdict; in two heights where arrivals are narrow."""
        x, event, low = self.xs[arrival.column], arrival.fact.event, self.step < NARROW and arrival.column % 2
        y = row.bottom + (46 if low else 12)
        if low:
            canvas.line([(x, row.bottom), (x, y - 7)], colour=style.BAND, width=0.8, layer=0.4)
        canvas.text(x, y, arrival.name, bold=True, backed=bool(low))
        code = str(event.error.value)
        words = {"refused": code, "fenced": code, "duplicate": f"={event.offset}", "kept": "kept",
                 "copy": "copy", "suspected": "copy?"}
        canvas.text(x, y + 13, "lost" if arrival.lost else words.get(arrival.shape, ""), backed=True)

    def _counts(self, canvas: Canvas) -> None:
        """Below the last row of a long run numbers count the arrivals."""
        every = next(n for n in (10, 20, 50, 100, 200, 500, 10**9) if n * self.step >= 44)
        bottom = self.rows[-1].bottom
        xs = [x for column, x in enumerate(self.xs) if column not in self.happenings]
        for n in range(every, len(xs) + 1, every):
            canvas.line([(xs[n - 1], bottom), (xs[n - 1], bottom + 5)], colour=style.LANE, width=0.8)
            canvas.text(xs[n - 1], bottom + 14, f"{n}.")

    def _happenings(self, canvas: Canvas) -> None:
        """What happened to the broker between two arrivals: a line through all rows, with its words."""
        top, bottom = self.rows[0].top, self.rows[-1].bottom
        for column, fact in self.happenings.items():
            canvas.event = fact.step
            x, words = self.xs[column], broker_words(fact.event).replace("\n", " ")
            canvas.line([(x, top), (x, bottom)], width=2.4, layer=4)
            canvas.text(x, top + 8 + text_width(words) / 2, words, upright=True, backed=True)

    def _legend(self, canvas: Canvas) -> None:
        """What the marks that are there are called; which of them lies where is for the reader to find."""
        x, y, arrivals = LEFT, self.legend_at, [one for row in self.rows for one in row.arrivals]
        drawn = {"lost" if one.lost else one.shape for one in arrivals}
        for shape, name in NAMES.items():
            if shape in drawn:
                if shape == "lost":
                    canvas.polygon(circle(x + 8, y, 5.5), fill="white", width=1.6)
                else:
                    verdict_small(canvas, x + 8, y, shape, 6.5)
                x = _entry(canvas, x, y, name)
        if any(band for row in self.rows for band in row.bands.values()):
            canvas.box(x, y - 7, 16, 14, fill=style.MEMORY, edge=style.MEMORY_EDGE, line=0.8)
            x = _entry(canvas, x, y, "last five batches")
            canvas.line([(x - 2, y), (x + 17, y)], colour=style.EDGE, dashes=style.EXPECTED)
            _entry(canvas, x + 2, y, "next expected")


def tick_words(number: int, span: float) -> str:
    """A number at the left edge, where five digits have room: its end, or in k, millions or billions."""
    if number < 100_000:
        return str(number)
    if span < 10_000:
        return f"…{number % 10_000:04}"
    if number < 10**9:
        return f"{number / 1e6:.0f}M" if number >= 10**6 else f"{number / 1e3:.0f}k"
    return f"{number / 1e9:.1f}bn"


def _entry(canvas: Canvas, x: float, y: float, words: str) -> float:
    """The word of a mark; where the next mark goes."""
    canvas.text(x + 22, y, words, align="left")
    return x + 22 + text_width(words) + 20
