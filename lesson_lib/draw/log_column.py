"""The log of one partition as a column that grows downward, with transactions beside it and the last stable
offset as a line.

The last stable offset is the first offset of the oldest open transaction, else the end of the log: a
read_committed consumer sees what lies before it (`LogManager`'s lastStableOffset; see `core.transactions`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from lesson_lib.core.batch import TopicPartition
from lesson_lib.draw import marks
from lesson_lib.draw.canvas import Canvas, line_height, text_width
from lesson_lib.draw.run_view import EventInContext, RunView
from lesson_lib.draw.style import BAND, EDGE, FIRST_SEND, STORED
from lesson_lib.draw.words import cell_text, copy_words
from lesson_lib.history import Kind

BAR, LSO = 24.0, 66.0  # pixels for a transaction's bar and its upright word; for a last stable offset
NEVER = 10**9
_ENDED = {"commit": "committed", "abort": "aborted"}


class Transaction(NamedTuple):
    """From its first record to its marker, None where it is open; `lane` counts leftward from the log."""

    first: EventInContext
    last: EventInContext | None
    word: str
    lane: int

    def holds(self, fact: EventInContext) -> bool:
        """Whether a batch belongs to it."""
        same = fact.send.transactional and fact.send.producer_id == self.first.send.producer_id
        return same and self.first.index <= fact.index <= (self.last.index if self.last else NEVER)

    def is_open_after(self, fact: EventInContext) -> bool:
        """Whether it has begun, and no marker has ended it."""
        return self.first.index <= fact.index < (self.last.index if self.last else NEVER)


class LogColumn:
    """All at and around the cells of one partition. `x` is their middle, `half` their half width."""

    def __init__(self, view: RunView, key: TopicPartition) -> None:
        self.x = 0.0
        self.facts = [fact for fact in view.events if view.log_of(fact.send) == key and _in_log(fact)]
        self.half = max([22.0] if not any(f.copy for f in self.facts) else
                        [marks.cell_width(cell_text(fact)) / 2 for fact in self.facts if fact.copy])
        self.transactions = _transactions(self.facts)

    def cell_height(self, fact: EventInContext) -> float:
        """Pixels of an event's cell, 0 where it has none."""
        more = cell_text(fact).count("\n") * line_height() if fact.copy else 0.0
        return 20.0 + more if _in_log(fact) else 0.0

    def draw_head(self, canvas: Canvas, top: float, bottom: float, name: str) -> None:
        """The column's name and its spine."""
        canvas.text(self.x, top + 12, name, bold=True)
        canvas.line([(self.x, top + 24), (self.x, bottom)], colour=BAND, width=3, layer=1)

    def draw_cell(self, canvas: Canvas, fact: EventInContext, y: float) -> None:
        """The records of a stored batch; a control record is a cell of its own, narrower and grey."""
        if fact.copy:
            aborted = any(one.word == "aborted" and one.holds(fact) for one in self.transactions)
            marks.log_cell(canvas, self.x, y, self.half, self.cell_height(fact), cell_text(fact),
                           bool(copy_words(fact)), aborted=aborted)
            canvas.text(self.x + self.half + 6, y, copy_words(fact), bold=True, align="left")
        elif _in_log(fact):
            canvas.box(self.x - 16, y - 9, 32, 18, fill=BAND, line=1.4)
            offset = "" if fact.event.offset is None else f"{fact.event.offset}: "
            canvas.text(self.x, y, f"{offset}{fact.event.what[:1].upper()}", bold=True)

    def draw_transactions(self, canvas: Canvas, ys: Mapping[int, float], bottom: float,
                          steps: Mapping[int, int]) -> None:
        """Open, committed or aborted, from first record to marker; the last stable offset where it moves."""
        for one in self.transactions:
            x, top, end = self.x - self.half - 8 - BAR * one.lane, ys[one.first.index] - 9, one.last
            low = ys[end.index] + 9 if end else bottom
            canvas.event = steps[(end or one.first).index]
            style = {"committed": "-", "aborted": (0, (1, 1))}.get(one.word, (0, (4, 3)))
            colour = {"committed": STORED}.get(one.word, EDGE)
            canvas.line([(x, top), (x, low)], width=4.0, colour=colour, style=style, layer=3)
            canvas.text(x - 11, (top + low) / 2, one.word, upright=True, backed=True)
        before = None
        for fact in self.facts if self.transactions else ():
            stable = self.stable_offset(fact)
            if stable != before:
                canvas.event = steps[fact.index]
                self._stable_line(canvas, ys[fact.index] + self.cell_height(fact) / 2 + 1.5, stable)
            before = stable

    def stable_offset(self, fact: EventInContext) -> int:
        """The last stable offset after an append."""
        opened = [one.first.event.offset or 0 for one in self.transactions if one.is_open_after(fact)]
        records = max(1, len(fact.send.values)) if fact.copy else 1
        return min(opened, default=(fact.event.offset or 0) + records)

    def _stable_line(self, canvas: Canvas, y: float, stable: int) -> None:
        right = self.x + self.half
        canvas.line([(self.x - self.half, y), (right + 14, y)], colour=FIRST_SEND, width=2.2, layer=5)
        canvas.text(right + 17, y, f"LSO {stable}", align="left", colour=FIRST_SEND, bold=True)


def stand(columns: Sequence[LogColumn], left: float) -> float:
    """Stand in one place to the right of `left`, in pixels; where what comes next may begin."""
    half = max(column.half for column in columns)
    bars = [one.lane + 1 for column in columns for one in column.transactions]
    x = left + half + 10 + BAR * max(bars, default=0)
    copies = [text_width(copy_words(fact), bold=True) + 6 for column in columns for fact in column.facts]
    for column in columns:
        column.x, column.half = x, half
    return x + half + max([0.0, *copies, LSO * bool(bars)]) + 6


def _in_log(fact: EventInContext) -> bool:
    """Whether something of it lies in the log."""
    return bool(fact.copy) or fact.event.kind == Kind.MARKER


def _transactions(facts: Sequence[EventInContext]) -> list[Transaction]:
    """Each transaction on a partition, by its beginning; those at one time have different lanes."""
    opened: dict[int, EventInContext] = {}
    spans: list[tuple[EventInContext, EventInContext | None, str]] = []
    for fact in facts:
        who = fact.send.producer_id
        if fact.event.kind == Kind.MARKER and who in opened:
            spans.append((opened.pop(who), fact, _ENDED.get(fact.event.what, "ended")))
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
