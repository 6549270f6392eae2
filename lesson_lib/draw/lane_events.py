"""The events of one run in lanes: the place of each on the axis of time, and its marks in the rows.

A place is (t, k): the k-th thing that happens at time t in its row. A mark's track is the name of its row.
`lost` and `code` aren't rows: on these tracks the words between the lanes get their room.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import cached_property

from lesson_lib.core.producer_state import TopicPartition
from lesson_lib.draw import canvas as style
from lesson_lib.draw import marks, words
from lesson_lib.draw.canvas import TINT, Canvas, more_lines, text_height, text_width
from lesson_lib.draw.marks import ASIDE, DROPS, LOST, RowMark
from lesson_lib.draw.run_view import CONSUMER, NOTES, EventInContext, RunView
from lesson_lib.history import Event, Kind

TimePlace = tuple[int, int]
MANY_ATTEMPTS, MANY_EXCEPTIONS = 12, 3  # with more, names of errors or exceptions make a picture too wide
TOLD, LOG, TRY = 46.0, 46.0, 31.0  # heights of rows
MIDDLE = 14.0                      # from the upper edge of a producer's row to its lane
AFTER_ALL, CELLS_AFTER_ALL = 900, 899   # ranks at the end: batches without a report, cells that others wrote


def row_of_log(key: TopicPartition | None) -> str:
    return f"log {key[0]} {key[1]}" if key else ""


class LaneEvents:
    """`narrow`: words have more lines, and every second reading of a consumer is written further down."""

    def __init__(self, view: RunView, narrow: bool = False) -> None:
        self.view, self.narrow = view, narrow
        self.brief = len(view.history.attempts) > MANY_ATTEMPTS
        found = view.history.exceptions
        self.exceptions = found if len(found) <= MANY_EXCEPTIONS else {}
        self.places = dict(self._placed())
        times = [t for t, _ in self.places.values()] or [0]
        self.start, self.end = min(times), max(times)
        self.readings: Counter[str] = Counter()
        self.row_marks = [list(self._marks_of(fact)) for fact in view.events]
        self.at_the_end = [*self._told_nothing(), *self._cells_of_others()]

    def everything(self) -> Iterator[tuple[TimePlace, RowMark]]:
        for index, row_marks in enumerate(self.row_marks):
            yield from ((self.places[index], mark) for mark in row_marks)
        yield from self.at_the_end

    def _placed(self) -> Iterator[tuple[int, TimePlace]]:
        taken: Counter[tuple[int, str]] = Counter()
        acks: dict[tuple[int, int], int] = {}
        drop = (0, 0)
        for fact in self.view.events:
            event, t = fact.event, self.view.clock[fact.index] if self.view.clock else fact.event.t
            group = _group_of(event)
            rank = max(taken[t, group], acks.get((t, event.batch), 0) if event.kind == Kind.REPORT else 0)
            if event.kind == Kind.DROP:  # behind the answer that came through last
                rank = max(rank, taken[t, "producer"], taken[t, "told"])
                drop, taken[t, "producer"] = (t, rank), rank + 1  # what it sends then comes behind
            if fact.drop:  # its cross is on the drop; above it the ring, if it's the batch's first loss
                rank = max(rank, drop[1])
                if fact.index not in self.doubts:
                    yield fact.index, drop
                    continue
            taken[t, group] = rank + 1
            if event.kind == Kind.ACK:
                acks[t, event.batch] = rank
            yield fact.index, (t, rank)

    @cached_property
    def doubts(self) -> dict[int, EventInContext | None]:
        """Index of the event in which a batch is first lost -> the report that ends the doubt, if any.

        On the wire no report can be seen. There the answer to a later try ends it.
        """
        events = self.view.events
        reports = ({f.event.batch: f for f in events if f.event.kind == Kind.REPORT}
                   or {f.send.batch: f for f in events if f.event.kind == Kind.ACK and not f.event.error})
        first: dict[int, int] = {}
        for fact in self.view.events:
            batch = fact.event.batch
            if fact.event.kind == Kind.LOST and reports.get(batch, fact).index >= fact.index:
                first.setdefault(batch, fact.index)
        return {index: reports.get(batch) for batch, index in first.items()}

    def _marks_of(self, fact: EventInContext) -> Iterator[RowMark]:
        event, lane = fact.event, fact.lane
        match event.kind:
            case Kind.SEND:
                half = marks.send_width(fact.label)
                yield RowMark(event.lane, half, half, lambda canvas, x, y: marks.send_box(
                    canvas, x, y + MIDDLE, fact.label, fact.retry))
                yield from _words("try" + event.lane, TRY / 2, words.send_words(event), bold=fact.retry)
            case Kind.VERDICT:
                yield from self._verdict(fact)
            case Kind.ACK:
                yield RowMark(event.lane, 8, 8)
                yield from _room("code", str(event.error.value) if event.error else "")
            case Kind.LOST:
                yield from _room("lost", "" if fact.drop else "lost ")
                if fact.index in self.doubts:
                    yield self._belief("unknown", words.told_words(event.batch, "?"), False)
            case Kind.DROP:
                yield from _room("try" + lane, DROPS)
                yield RowMark("lost", 10, ASIDE + text_width(LOST, bold=True) + 6)
                yield from (RowMark("broker", 6, 6), RowMark(lane, 6, 6))  # its line touches no mark
            case Kind.REPORT:
                yield self._told(event.batch, event.what, words.offset_words(event), fact.is_marked("told"))
            case Kind.BROKER:
                yield from _words("words", 11, words.broker_words(event))
                yield RowMark("broker", 8, 8, lambda canvas, x, y: canvas.line(
                    [(x, y + 2), (x, y + 32)], width=3.0, layer=4))
            case Kind.MARKER:
                yield RowMark(row_of_log(fact.log), 22, 22,
                              lambda canvas, x, y: _marker(canvas, x, y, event.what))
            case _ if event.kind in CONSUMER:
                self.readings[event.lane] += 1
                lower = self.narrow and self.readings[event.lane] % 2 == 0
                track, down = ("low" + event.lane, 0) if lower else (event.lane, 32)
                tint = (down - 8, 17) if event.kind == Kind.READ and fact.is_marked("read") else None
                yield from _words(track, down, words.reading_words(fact), tint=tint)
                yield RowMark(event.lane, 8, 8, lambda canvas, x, y: marks.reading(
                    canvas, x, y + 14, event.kind))
            case _ if event.kind in NOTES:
                said = words.note_words(fact).replace(" ", "\n", 1 if self.narrow else 0)
                yield from _words("try" + lane, TRY / 2 + 5 * ("\n" not in said), said, backed=True)
                yield RowMark(lane, 4, 4, lambda canvas, x, y: canvas.line(
                    [(x, y - 1), (x, y + 20)], width=1.4, layer=3))

    def _verdict(self, fact: EventInContext) -> Iterator[RowMark]:
        shape, label, marked = fact.shape, fact.label, fact.is_marked("fate", fact.event.try_no)
        yield RowMark("broker", marks.verdict_half(shape, label) + 2, marks.verdict_width(shape, label) + 2,
                      lambda canvas, x, y: marks.verdict(canvas, x, y + 17, shape, label))
        said = words.verdict_words(fact, self.brief)
        yield from _words("words", 11, said, tint=(-2, 28) if marked else None)
        if remembered := words.memory_words(fact):
            if self.narrow:
                remembered = remembered.replace(" epoch", "\nepoch").replace(" as before", "\nas before")
            half, high = text_width(remembered) / 2 + 3, text_height(remembered)
            yield RowMark("memory", half, half, lambda canvas, x, y: marks.memory(
                canvas, x - half, y + 6.5 + high / 2, remembered), high + 14)
        if fact.event.what in ("stored", "kept"):
            yield self._cell(fact, marked)

    def _cell(self, fact: EventInContext, marked: bool) -> RowMark:
        text, below = words.cell_text(fact), words.below_cell(fact)
        again = bool(words.copy_words(fact))
        half, more = marks.cell_width(text, again) / 2, more_lines(text)

        def draw(canvas: Canvas, x: float, y: float) -> None:
            if fact.event.what == "kept":
                canvas.text(x, y + 15, below, colour=style.QUIET)
                return
            middle, edge = y + 15 + more / 2, style.STORED if fact.in_log else None
            marks.log_cell(canvas, x, middle, half, more + 22, text, again,
                           TINT if marked else "white", edge, fact.aborted)
            canvas.text(x, middle + 20 + more / 2, below, bold=True)
        wide = max(half, text_width(below, style.SMALL, True) / 2)
        return RowMark(row_of_log(fact.log), wide, wide, draw, LOG + more)

    def _told(self, batch: int, what: str, offset: str, marked: bool) -> RowMark:
        more = offset if what == "ok" else self.exceptions.get(batch, "")
        return self._belief(what, words.told_words(batch, what, more), marked)

    def _belief(self, what: str, said: str, marked: bool) -> RowMark:
        half, more = text_width(said) / 2 + 3, more_lines(said)

        def draw(canvas: Canvas, x: float, y: float) -> None:
            if marked:
                canvas.box(x - half, y + 23, 2 * half, 17 + more, fill=TINT, edge=None, layer=1)
            marks.belief(canvas, x, y + 13, what)
            canvas.text(x, y + 31 + more / 2, said)
        return RowMark("told", half, half, draw, TOLD + more)

    def _told_nothing(self) -> Iterator[tuple[TimePlace, RowMark]]:
        """A ring for each batch that nobody reported on."""
        told = {event.batch for event in self.view.history.reports}
        unknown = [batch for batch in self.view.history.told if batch >= 0 and batch not in told]
        for n, batch in enumerate(unknown):
            marked = ("told", batch, 0) in self.view.marked
            yield (self.end, AFTER_ALL + n), self._told(batch, "unknown", "", marked)

    def _cells_of_others(self) -> Iterator[tuple[TimePlace, RowMark]]:
        """Cells that no event of this run wrote: a text for those before its own, and one for those behind.

        If the run wrote nothing, all of them were there before: it has only read them.
        """
        seen: dict[TopicPartition | None, set[int]] = defaultdict(set)
        for fact in self.view.events:
            if fact.event.offset is not None and (fact.copy or fact.event.kind == Kind.MARKER):
                records = max(1, sum(max(1, len(one.values)) for one in fact.arrived))
                seen[fact.log].update(range(fact.event.offset, fact.event.offset + records))
        for key in self.view.partitions:
            rest = [cell for cell in self.view.history.logs[key] if cell.offset not in seen[key]]
            before = [cell for cell in rest if not seen[key] or cell.offset < min(seen[key])]
            places = (self.start - 1, 0), (self.end, CELLS_AFTER_ALL)
            for place, cells in zip(places, (before, rest[len(before):]), strict=True):
                if cells:
                    yield place, _foreign(row_of_log(key), words.cells_text(cells))


def _group_of(event: Event) -> str:
    """Events of one group never share a place."""
    if event.kind in (Kind.VERDICT, Kind.BROKER, Kind.MARKER):
        return "broker"
    if event.kind in (Kind.LOST, Kind.REPORT):
        return "told"
    return "network" if event.kind == Kind.DROP else event.lane if event.kind in CONSUMER else "producer"


def _room(track: str, text: str) -> Iterator[RowMark]:
    half = text_width(text) / 2 + 3
    yield from [RowMark(track, half, half)] * bool(text)


def _words(track: str, down: float, text: str, *, bold: bool = False, backed: bool = False,
           tint: tuple[float, float] | None = None) -> Iterator[RowMark]:
    """A text `down` pixels below the upper edge of its row; `tint`: how far down, how high its mark is."""
    half = text_width(text, style.SMALL, bold) / 2 + 3

    def draw(canvas: Canvas, x: float, y: float) -> None:
        if tint:
            canvas.box(x - half, y + tint[0], 2 * half, tint[1], fill=TINT, edge=None, layer=1)
        canvas.text(x, y + down, text, bold=bold, backed=backed)
    yield from [RowMark(track, half, half, draw)] * bool(text)


def _marker(canvas: Canvas, x: float, y: float, what: str) -> None:
    canvas.box(x - 9, y + 4, 18, 22, fill=style.BAND, line=1.4)
    canvas.text(x, y + 15, what[:1].upper(), bold=True)
    canvas.text(x, y + 35, what)


def _foreign(row: str, text: str) -> RowMark:
    half = marks.cell_width(text) / 2

    def draw(canvas: Canvas, x: float, y: float) -> None:
        canvas.box(x - half, y + 4, 2 * half, 22, fill="white", edge=style.LANE, line=1.2)
        canvas.text(x, y + 15, text, colour=style.QUIET)
    return RowMark(row, half, half, draw, LOG)
