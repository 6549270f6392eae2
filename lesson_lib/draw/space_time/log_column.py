"""The log of one partition as a column that grows downward, with transactions beside it and the last stable offset as a line.

The last stable offset is the first offset of the oldest open transaction, else the end of the log: a read_committed
consumer sees what lies before it (`LogManager`'s lastStableOffset; see `core.transactions`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lesson_lib.draw.facts.facts import Fact
from lesson_lib.draw.sheet.canvas import Canvas
from lesson_lib.draw.sheet.style import AGAIN, BAND, EDGE, FIRST_SEND, STORED, line_height, text_width
from lesson_lib.draw.words import at_marks as labels
from lesson_lib.history import Kind

if TYPE_CHECKING:
    from lesson_lib.draw.space_time.sheet import Sheet

BAR = 24.0  # pixels for a transaction's bar and its word, turned upright


class LogColumn:
    """Everything at and around the cells of one partition. `x` is the middle of the cells."""

    def __init__(self, sheet: Sheet, key: tuple[str, int]) -> None:
        self.sheet, self.key, self.x = sheet, key, 0.0
        self.facts = [f for f in sheet.facts if self._mine(f)]
        self.half = max([labels.cell_width(labels.cell_text(f)) / 2 for f in self.facts if f.copy] or [22.0])
        self.bars = self._transactions()
        lanes = max((bar[3] for bar in self.bars), default=-1) + 1
        self.before = self.half + 10 + BAR * lanes
        copies = max([text_width(labels.copy_words(f.copy), bold=True) + 6 for f in self.facts] or [0.0])
        self.behind = self.half + max(copies, 74.0 if self.bars else 0.0) + 6

    def _mine(self, fact: Fact) -> bool:
        topic, number = self.key
        mine = fact.send.partition == number and fact.send.topic in ("", topic)
        return mine and (bool(fact.copy) or fact.event.kind == Kind.MARKER)

    def height(self, fact: Fact) -> float:
        """Pixels of an event's cell."""
        return 20.0 + (labels.cell_text(fact).count("\n") * line_height() if fact.copy else 0.0)

    def _transactions(self) -> list[tuple[int, int | None, str, int]]:
        """(first event, last event, how it ended, place beside the log) of each transaction on this partition."""
        opened: dict[int, int] = {}
        done: list[tuple[int, int | None, str]] = []
        for fact in self.facts:
            who = fact.send.producer_id
            if fact.event.kind == Kind.MARKER and who in opened:
                done.append((opened.pop(who), fact.index, {"commit": "committed", "abort": "aborted"}.get(fact.event.what, "ended")))
            elif fact.copy and fact.send.transactional:
                opened.setdefault(who, fact.index)
        spans = sorted([*done, *((first, None, "open") for first in opened.values())], key=lambda span: span[0])
        ends: list[int] = []
        placed = []
        for first, last, word in spans:
            lane = next((i for i, end in enumerate(ends) if end < first), len(ends))
            ends[lane:lane + 1] = [10**9 if last is None else last]
            placed.append((first, last, word, lane))
        return placed

    def draw_head(self, canvas: Canvas, name: str) -> None:
        """The column's name and its spine."""
        top = self.sheet.top
        canvas.text(self.x, top + 42, name, bold=True)
        canvas.line([(self.x, top + 54), (self.x, self.sheet.bottom)], colour=BAND, width=3, layer=1)

    def draw_cell(self, canvas: Canvas, fact: Fact) -> None:
        """The records of a batch that was stored."""
        y, high, again = self.sheet.y(fact), self.height(fact), fact.copy > 1
        aborted = any(bar[2] == "aborted" and bar[0] <= fact.index <= (bar[1] or 0) and self._same_owner(bar[0], fact) for bar in self.bars)
        canvas.box(self.x - self.half, y - high / 2, 2 * self.half, high, fill=AGAIN if again else "white",
                   edge=EDGE if again else STORED, line=2.6 if again else 1.8)
        canvas.text(self.x, y, labels.cell_text(fact), bold=again)
        if aborted:
            canvas.line([(self.x - self.half + 3, y + high / 2 - 3), (self.x + self.half - 3, y - high / 2 + 3)], width=1.0, layer=5)
        canvas.text(self.x + self.half + 6, y, labels.copy_words(fact.copy), bold=True, align="left")

    def _same_owner(self, first: int, fact: Fact) -> bool:
        return fact.send.transactional and self.sheet.facts[first].send.producer_id == fact.send.producer_id

    def draw_marker(self, canvas: Canvas, fact: Fact) -> None:
        """A control record: a cell of its own, narrower and grey."""
        y = self.sheet.y(fact)
        canvas.box(self.x - 16, y - 9, 32, 18, fill=BAND, line=1.4)
        offset = "" if fact.event.offset is None else f"{fact.event.offset}: "
        canvas.text(self.x, y, f"{offset}{fact.event.what[:1].upper()}", bold=True)

    def draw_bars(self, canvas: Canvas, steps: dict[int, int]) -> None:
        """Open, committed or aborted, from the first record to the marker; and the last stable offset where it moves."""
        ys = self.sheet.ys
        for first, last, word, lane in self.bars:
            if last is not None and last not in ys:  # it ended before a ghost begins
                continue
            x = self.x - self.half - 8 - BAR * lane
            top = ys[first] - 9 if first in ys else self.sheet.fork_y
            bottom = self.sheet.bottom if last is None else ys[last] + 9
            canvas.event = steps[first if last is None else last]
            style = {"committed": "-", "aborted": (0, (1, 1))}.get(word, (0, (4, 3)))
            canvas.line([(x, top), (x, bottom)], width=4.0, colour={"committed": STORED}.get(word, EDGE), style=style, layer=3)
            canvas.text(x - 11, (top + bottom) / 2, word, upright=True, backed=True)
        if self.bars:
            self._last_stable(canvas, steps)

    def _last_stable(self, canvas: Canvas, steps: dict[int, int]) -> None:
        before = None
        for fact, stable in zip(self.facts, stable_offsets(self.facts), strict=True):
            if stable != before and fact.index in self.sheet.ys:
                self._stable_line(canvas, steps[fact.index], fact, stable)
            before = stable

    def _stable_line(self, canvas: Canvas, step: int, fact: Fact, stable: int) -> None:
        canvas.event = step
        y, x = self.sheet.y(fact) + self.height(fact) / 2 + 1.5, self.x + self.half
        canvas.line([(self.x - self.half, y), (x + 14, y)], colour=FIRST_SEND, width=2.2, layer=5)
        canvas.text(x + 17, y, f"LSO {stable}", align="left", colour=FIRST_SEND, bold=True)


def stable_offsets(facts: Sequence[Fact]) -> list[int]:
    """The last stable offset of one partition after each of its appends."""
    opened: dict[int, int] = {}
    found = []
    for fact in facts:
        offset, who = fact.event.offset or 0, fact.send.producer_id
        if fact.event.kind == Kind.MARKER:
            opened.pop(who, None)
        elif fact.send.transactional:
            opened.setdefault(who, offset)
        end = offset + (max(1, len(fact.send.values)) if fact.copy else 1)
        found.append(min(opened.values(), default=end))
    return found
