"""Space-time: time downward, a lane for everyone who takes part, one sentence an event, the log as a growing
column.

The layout of Lamport's paper and of UML's sequence diagrams. For first encounters, for transactions and for
captures of a dozen events: here the words have room.

The last stable offset is the first offset of the oldest open transaction, else the end of the log: a
read_committed consumer sees what lies before it (`LogManager`'s lastStableOffset; see `core.transactions`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from lesson_lib.core.producer_state import TopicPartition
from lesson_lib.draw import canvas as style
from lesson_lib.draw import marks, words
from lesson_lib.draw.canvas import Canvas, Point, Rectangle, Text, overlap, text_height, text_width
from lesson_lib.draw.heading import wrap
from lesson_lib.draw.marks import DROPS, MessageArrow, RowMark, Segment, draw_messages
from lesson_lib.draw.run_view import CONSUMER, NOTES, EventInContext, RunView
from lesson_lib.history import Event, Kind

HEAD, LANE_STEP, NARROWEST, WORDS = 24.0, 170.0, 80.0, 224.0
ASPECTS = {Kind.VERDICT: "fate", Kind.REPORT: "told", Kind.READ: "read"}  # as `two_runs` names what differs
BAR, LSO = 24.0, 66.0  # pixels for a transaction's bar and its upright word; for a last stable offset
NEVER = 10**9
ENDED = {"commit": "committed", "abort": "aborted"}
# In its row a lost message's cross may be so many hundredths of the way to the broker, the best first.
SHARES = {"request": (45, 35, 55, 25, 65, 20, 75, 15, 85), "answer": (55, 65, 45, 75, 35, 80, 25, 85, 15)}
SIDES = {"request": ("right", "left"), "answer": ("left", "right")}


def space_time_panels(views: Sequence[RunView]) -> list[SpaceTimePanel]:
    """A panel for each run; their sentences begin at the same distance from the left."""
    panels = list(map(SpaceTimePanel, views))
    words_at = max(panel.words_at for panel in panels)
    for panel in panels:
        if panel.words_at < words_at:
            panel.write_from(words_at)
    return panels


class SpaceTimePanel:
    """One run: `xs` gives the lanes of all who take part, with one for each partition's broker, `ys` the rows
    of the events, in pixels.
    """

    def __init__(self, view: RunView) -> None:
        self.view = view
        self.brokers = [f"broker {topic}-{number}" for topic, number in view.partitions] or ["broker"]
        coordinates = any(event.lane == "coordinator" for event in view.history.events)
        self.lanes = ["application", *view.producers, *["coordinator"] * coordinates, *self.brokers,
                      *view.consumers]
        self.row_marks = [list(self._marks_of(fact)) for fact in view.events]
        told = max([0.0, *(mark.left for row_marks in self.row_marks for mark in row_marks)])
        first = max(52.0, style.MARGIN - 10 + told)
        step = min(LANE_STEP, max(NARROWEST, 520 / len(self.lanes)))
        self.xs = {lane: first + NARROWEST + (n - 1) * step for n, lane in enumerate(self.lanes)}
        self.xs["application"] = first
        ends = [self.lane_of(fact) + mark.right for fact in view.events
                for mark in self.row_marks[fact.index]]
        left = max([*self.xs.values(), *ends]) + 24
        self.columns = {key: LogColumn(view, key) for key in view.partitions}
        self.names = {lane: "broker" if len(self.columns) < 2 and lane in self.brokers else
                      lane.replace(" ", "\n", 1) for lane in self.lanes}
        self.head = max(HEAD, *map(text_height, self.names.values()))
        for column in self.columns.values():
            left = column.stand(left)
        self.write_from(left + 10)

    def write_from(self, words_at: float) -> None:
        """Where the sentences begin; they decide how high the rows are."""
        self.words_at, self.width = words_at, max(style.WIDTH, words_at + WORDS)
        room = 0.95 * (self.width - style.MARGIN - words_at)
        self.ys, self.texts, y = list[float](), list[str](), self.head
        for fact, row_marks in zip(self.view.events, self.row_marks, strict=True):
            text = "\n".join(wrap(words.sentence(fact), room, style.SMALL, False))
            cell = cell_height(fact) if fact.log else 0.0
            half = max(13.0, max(text_height(text) + 2, cell, *(mark.high for mark in row_marks)) / 2 + 2)
            self.texts.append(text)
            self.ys.append(y + half)
            y += 2 * half
        self.height = y + 16 + HEAD - self.head  # no higher for a second line of names: slides have no room

    def x(self, lane: str) -> float:
        """Pixels of a lane; a name that has none counts as the first producer."""
        return self.xs.get(lane, self.xs[self.lanes[1]])

    def broker(self, event: Event) -> float:
        """Pixels of the lane of the partition that an event is about."""
        return self.xs.get(f"broker {event.topic}-{event.partition}", self.xs[self.brokers[0]])

    def place(self, fact: EventInContext) -> Point:
        """Where an event is: in its own row, on its own lane or on its broker's."""
        return self.lane_of(fact), self.ys[fact.index]

    def lane_of(self, fact: EventInContext) -> float:
        """Pixels of its own lane or its broker's."""
        at_broker = fact.event.lane == "broker" or fact.event.kind in (Kind.VERDICT, Kind.MARKER)
        return self.broker(fact.send) if at_broker else self.x(fact.event.lane)

    def moment(self, fact: EventInContext) -> tuple[float, ...]:
        """A line through all lanes, up to the sentences."""
        y = self.ys[fact.index]
        return 0.0, y, self.words_at - 4, y

    def draw(self, canvas: Canvas) -> None:
        """Lanes, then events from top to bottom, then what stands beside the logs."""
        bottom, several = self.height - 3, len(self.columns) > 1
        for lane, x in self.xs.items():
            canvas.text(x, self.head / 2, self.names[lane], bold=True)
            if lane != "application":
                canvas.line([(x, self.head), (x, bottom)], colour=style.LANE, width=1.4, layer=1)
        for (topic, partition), column in self.columns.items():
            name = f"log {topic}-{partition}" if several else "log"
            canvas.text(column.x, self.head / 2, name, bold=True)
            canvas.line([(column.x, self.head), (column.x, bottom)], colour=style.BAND, width=3, layer=1)
        lanes = [((x, self.head), (x, bottom)) for x in self.xs.values()]
        taken = draw_messages(canvas, map(self._message, self.view.events), lanes)
        for fact in self.view.events:
            canvas.event = fact.step
            self._event(canvas, fact, taken)
        for column in self.columns.values():
            column.draw_transactions(canvas, self.ys, bottom)

    def _event(self, canvas: Canvas, fact: EventInContext, taken: Sequence[Rectangle]) -> None:
        (x, y), event, aspect = self.place(fact), fact.event, ASPECTS.get(fact.event.kind, "")
        if fact.is_marked(aspect, event.try_no if aspect == "fate" else 0):
            left = self.words_at - 4
            canvas.box(left, y - 9, self.width - left - 10, 18, fill=style.TINT, edge=None, layer=0.5)
        canvas.text(self.words_at, y, self.texts[fact.index], align="left")
        for mark in self.row_marks[fact.index]:
            if mark.draw:
                mark.draw(canvas, x, y)
        if column := self.columns.get(fact.log):
            if fact.copy:
                edge = x + marks.verdict_half(fact.shape, fact.label)
                ends = [(edge, y), (column.x - column.half, y)]
                canvas.line(ends, colour=style.STORED, width=1.0, dashes=style.DOTTED, layer=1.5)
            column.draw_cell(canvas, fact, y)
        if event.kind in NOTES:  # to the right of its bar or to its left, if there is room
            said = words.note_words(fact).removeprefix("coordinator: ")
            aside = 14 + text_width(said, bold=True) / 2
            free = [at for at in (x + aside, x - aside)
                    if not any(overlap(Text(at, y, said, bold=True).box, box) for box in taken)]
            canvas.text(*[*free, x][:1], y, said if free else "", backed=True)

    def _marks_of(self, fact: EventInContext) -> Iterator[RowMark]:
        event, kind = fact.event, fact.event.kind
        if kind == Kind.SEND:
            yield RowMark(draw=lambda canvas, x, y: marks.send_box(canvas, x, y, fact.label, fact.retry))
        elif kind == Kind.VERDICT:
            yield RowMark(draw=lambda canvas, x, y: marks.verdict(canvas, x, y, fact.shape, fact.label))
            if said := words.memory_words(fact):
                aside = 7 + marks.verdict_width(fact.shape, fact.label)
                yield RowMark(right=aside + text_width(said), high=text_height(said) + 4,
                              draw=lambda canvas, x, y: marks.memory(canvas, x + aside, y, said))
        elif kind == Kind.REPORT:
            told = words.told_words(event.batch, event.what, words.offset_words(event)).replace("\n", " ")
            yield RowMark(left=text_width(told), draw=lambda canvas, x, y: self._told(
                canvas, x, y, told, event.what))
        elif kind in CONSUMER:
            if kind == Kind.READ:
                look = {"colour": style.ACK, "dashes": style.DOTTED, "layer": 1.5}
                yield RowMark(draw=lambda canvas, x, y: canvas.line(
                    [(self.broker(event) + 4, y), (x - 8, y)], **look))
            yield RowMark(draw=lambda canvas, x, y: marks.reading(canvas, x, y, kind))
        elif kind == Kind.DROP:
            yield RowMark(high=text_height(DROPS) + 2)
        elif kind == Kind.MARKER and "coordinator" in self.lanes:
            yield RowMark(draw=self._from_coordinator)
        elif kind == Kind.TXN and event.lane == "coordinator":
            yield RowMark(draw=lambda canvas, x, y: marks.answer_line(
                canvas, (self.x("producer"), y), (x - 5, y)))
        if kind in (*NOTES, Kind.BROKER):  # what happens to one lane alone: a bar across it
            fill = "white" if kind == Kind.TXN else style.EDGE
            yield RowMark(draw=lambda canvas, x, y: canvas.box(x - 10, y - 3.5, 20, 7, fill=fill))

    def _told(self, canvas: Canvas, x: float, y: float, said: str, what: str) -> None:
        at = self.xs["application"]
        canvas.line([(at + 14, y), (x - 4, y)], colour=style.ACK, width=0.8, dashes=style.DOTTED, layer=1)
        marks.belief(canvas, at + 22, y, what)
        canvas.text(at + 10, y, said, align="right", backed=True)

    def _from_coordinator(self, canvas: Canvas, x: float, y: float) -> None:
        marks.answer_line(canvas, (self.xs["coordinator"], y), (x - 6, y))
        marks.arrow_head(canvas, (self.xs["coordinator"], y), (x - 2, y), "white")

    def _message(self, fact: EventInContext) -> MessageArrow | None:
        """What arrives with an event, or does not: the cross is as far to the right as the others let it."""
        (x, y), origin, broker = self.place(fact), fact.sent or fact, self.broker(fact.send)
        sent = self.x(origin.event.lane) + marks.send_width(origin.label), self.ys[origin.index]
        judged = broker - 14, self.ys[(fact.judged or fact).index]
        match fact.event.kind:
            case Kind.VERDICT:
                return MessageArrow(fact, sent, (x - 14, y), (x - 14, y))
            case Kind.ACK:  # its error between the producer and the first broker's lane
                share = 1 - (self.xs[self.brokers[0]] - x) / 2 / (judged[0] - x)
                return MessageArrow(fact, judged, (x + 9, y), (x + 1, y), share)
            case Kind.DROP:
                return MessageArrow(fact, *self._drop_line(fact), (x - 14 - text_width(DROPS) / 2, y), 1)
            case Kind.LOST:
                what, left = fact.message, self.x(fact.send.lane)
                return MessageArrow(
                    fact, sent if what == "request" else judged,
                    drop=self._drop_line(fact.drop) if fact.drop else None,
                    crosses=[(left + (broker - left) * share / 100, y) for share in SHARES[what]],
                    sides=SIDES[what], edges=(left + 2, y - 20, broker - 2, y + 20))
            case _:
                return None

    def _drop_line(self, drop: EventInContext) -> Segment:
        """Where a connection ends, from its producer to the last of the brokers."""
        x, y = self.place(drop)
        return (x, y), (self.xs[self.brokers[-1]], y)


class Transaction(NamedTuple):
    """From its first record to its marker, None where it is open; `lane` counts leftward from the log."""

    first: EventInContext
    last: EventInContext | None
    word: str
    lane: int

    def is_open_after(self, fact: EventInContext) -> bool:
        """Whether it has begun, and no marker has ended it."""
        return self.first.index <= fact.index < (self.last.index if self.last else NEVER)


def cell_height(fact: EventInContext) -> float:
    """Pixels of an event's cell in its log, 0 where it has none."""
    if fact.copy:
        return 20.0 + style.more_lines(words.cell_text(fact))
    return 20.0 if fact.event.kind == Kind.MARKER else 0.0


class LogColumn:
    """All at and around the cells of one partition. `x` is their middle, `half` their half width."""

    def __init__(self, view: RunView, key: TopicPartition) -> None:
        self.x = 0.0
        self.facts = [fact for fact in view.events if cell_height(fact) and fact.log == key]
        widths = [marks.cell_width(words.cell_text(fact), bool(words.copy_words(fact)))
                  for fact in self.facts if fact.copy]
        self.half = max(widths, default=44.0) / 2
        self.transactions = _transactions(self.facts)

    def stand(self, left: float) -> float:
        """Stand to the right of `left`, in pixels; where what comes next may begin."""
        bars = max((one.lane + 1 for one in self.transactions), default=0)
        self.x = left + self.half + 10 + BAR * bars
        copies = [text_width(words.copy_words(fact), bold=True) + 6 for fact in self.facts]
        return self.x + self.half + max([0.0, *copies, LSO * bool(bars)]) + 6

    def draw_cell(self, canvas: Canvas, fact: EventInContext, y: float) -> None:
        """The records of a stored batch; a control record is a cell of its own, narrower and grey."""
        if fact.copy:
            marks.log_cell(canvas, self.x, y, self.half, cell_height(fact), words.cell_text(fact),
                           bool(words.copy_words(fact)), aborted=fact.aborted)
            canvas.text(self.x + self.half + 6, y, words.copy_words(fact), bold=True, align="left")
        elif fact.event.kind == Kind.MARKER:
            canvas.box(self.x - 16, y - 9, 32, 18, fill=style.BAND, line=1.4)
            offset = "" if fact.event.offset is None else f"{fact.event.offset}: "
            canvas.text(self.x, y, f"{offset}{fact.event.what[:1].upper()}", bold=True)

    def draw_transactions(self, canvas: Canvas, ys: Sequence[float], bottom: float) -> None:
        """Open, committed or aborted, from first record to marker; the last stable offset where it moves."""
        for one in self.transactions:
            x, top, end = self.x - self.half - 8 - BAR * one.lane, ys[one.first.index] - 9, one.last
            low = ys[end.index] + 9 if end else bottom
            canvas.event = (end or one.first).step
            dashes = {"committed": (), "aborted": (1, 1)}.get(one.word, (4, 3))
            colour = {"committed": style.STORED}.get(one.word, style.EDGE)
            canvas.line([(x, top), (x, low)], width=4.0, colour=colour, dashes=dashes, layer=3)
            canvas.text(x - 11, (top + low) / 2, one.word, upright=True, backed=True)
        before, right = None, self.x + self.half
        for fact in self.facts if self.transactions else ():
            stable, y = self.stable_offset(fact), ys[fact.index] + cell_height(fact) / 2 + 1.5
            if stable != before:
                canvas.event, look = fact.step, {"colour": style.FIRST_SEND}
                canvas.line([(self.x - self.half, y), (right + 14, y)], width=2.2, layer=5, **look)
                canvas.text(right + 17, y, f"LSO {stable}", align="left", bold=True, **look)
            before = stable

    def stable_offset(self, fact: EventInContext) -> int:
        """The last stable offset after an append."""
        opened = [one.first.event.offset or 0 for one in self.transactions if one.is_open_after(fact)]
        records = max(1, len(fact.send.values)) if fact.copy else 1
        return min(opened, default=(fact.event.offset or 0) + records)


def _transactions(facts: Sequence[EventInContext]) -> list[Transaction]:
    """Each transaction on a partition, by its beginning; those at one time have different lanes."""
    opened: dict[int, EventInContext] = {}
    spans: list[tuple[EventInContext, EventInContext | None, str]] = []
    for fact in facts:
        who = fact.send.producer_id
        if fact.event.kind == Kind.MARKER and who in opened:
            spans.append((opened.pop(who), fact, ENDED.get(fact.event.what, "ended")))
        elif fact.copy and fact.send.transactional:
            opened.setdefault(who, fact)
    spans += [(first, None, "open") for first in opened.values()]
    ends: list[int] = []
    found = []
    for first, last, word in sorted(spans, key=lambda span: span[0].index):
        lane = next((n for n, end in enumerate(ends) if end < first.index), len(ends))
        ends[lane:lane + 1] = [last.index if last else NEVER]
        found.append(Transaction(first, last, word, lane))
    return found
