"""Space-time: time downward, a lane for everyone who takes part, one sentence an event, the log as a growing column.

The layout of Lamport's paper and of UML's sequence diagrams. For first encounters, for transactions and for captures of a
dozen events: here the words have room. Transactions are bars beside the log, markers are cells in it, and the last stable
offset is a line that steps down with it. A ghost is drawn faint, and only from the fork on: earlier rows are left to what is
under way there.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from lesson_lib.draw.facts.difference import Marked
from lesson_lib.draw.facts.facts import Fact, facts_of, names_of_ids
from lesson_lib.draw.facts.fork import Fork
from lesson_lib.draw.facts.fork_line import ABOVE, level_fork
from lesson_lib.draw.facts.steps import Steps
from lesson_lib.draw.sheet.canvas import Canvas
from lesson_lib.draw.sheet.faint import Faint
from lesson_lib.draw.sheet.label_placement import Rectangle, Spot
from lesson_lib.draw.sheet.style import LANE, NORMAL, SMALL, WIDTH, line_height, text_width
from lesson_lib.draw.space_time.events import draw_event, memory_from
from lesson_lib.draw.space_time.log_column import LogColumn
from lesson_lib.draw.space_time.lost import crosses_of, words_on_messages
from lesson_lib.draw.words import at_marks as labels
from lesson_lib.draw.words.heading import divide, draw_heading, heading_extra
from lesson_lib.draw.words.sentences import ending, sentence, wrap
from lesson_lib.history import History, Kind

MARGIN, HEAD, LANE_STEP, WORDS, FORK = 12.0, 54.0, 170.0, 330.0, 22.0

_ASPECT = {Kind.VERDICT: "fate", Kind.REPORT: "told", Kind.READ: "read"}  # what can differ, as `difference` names it


class Sheet:
    """One run from its `edge` downward, below its heading from `top`: `xs` gives the lanes, `ys` the rows of the events."""

    def __init__(self, history: History, top: float, words_at: float = 0.0, fork: Fork | None = None, ghost: bool = False,
                 name: str = "") -> None:
        self.history, self.facts, self.edge, self.name = history, facts_of(history), top, name
        self.fork, self.ghost = fork, ghost
        future = fork.future(history) if fork and ghost else range(len(self.facts))
        self.drawn = [fact for fact in self.facts if fact.index in future]
        self.sends = {f.event.attempt: f for f in self.facts if f.event.kind == Kind.SEND}
        self.lanes, self.ids = _lanes(history), names_of_ids(history)
        step = min(LANE_STEP, max(88, 520 / len(self.lanes)))
        told = max((text_width(labels.told_words(str(e.batch), e.what)) for e in history.reports), default=0.0)
        first = max(52.0, MARGIN - 10 + told)  # what is told stands to the left of the application's mark
        self.xs = {lane: first + max(0, i - 1) * step + 88 * (i > 0) for i, lane in enumerate(self.lanes)}
        memories = [text_width(labels.memory_words(f)) + memory_from(f) for f in self.facts if f.memory]
        left = max(self.xs.values()) + 24 + max(memories, default=0)
        self.columns = {key: LogColumn(self, key) for key in history.partitions}
        for column in self.columns.values():
            column.x = left + column.before
            left = column.x + column.behind
        self.words_at = max(left + 10, words_at)
        self.width = max(WIDTH, self.words_at + WORDS)
        self.top = top + heading_extra(history, name, self.width)
        room = 0.95 * (self.width - MARGIN - self.words_at)
        self.texts = {f.index: wrap(sentence(f), room, SMALL, False) for f in self.drawn}
        self.fork_y = 0.0
        self.ys = self._rows()
        self.ending = ending(history, 0.95 * self.width - 2 * MARGIN)
        self.bottom = max(self.top + HEAD, self.fork_y, *self.ys.values()) + 26
        self.height = self.bottom + 10 + len(self.ending) * line_height(NORMAL) - top

    def _rows(self) -> dict[int, float]:
        """Where each event's row lies, with room for the fork's line before the first event behind it, or behind them all."""
        ys, y = {}, self.top + HEAD
        for fact in self.drawn:
            if self.fork and not self.fork_y and fact.index >= self.fork.at:
                y = self._past_fork(y)
            half = max(13.0, (len(self.texts[fact.index]) * line_height() + 6) / 2, self._cell_height(fact) / 2 + 2,
                       self._memory_height(fact) / 2 + 2)
            ys[fact.index] = y + half
            y += 2 * half
        if self.fork and not self.fork_y:
            self._past_fork(y)
        return ys

    def _past_fork(self, y: float) -> float:
        """Put the fork's line below `y`; where the next row may begin."""
        y += FORK + (ABOVE if self.ghost else 0)
        self.fork_y = y - FORK / 2
        return y

    @cached_property
    def crosses(self) -> dict[int, Spot]:
        """Where the cross of each loss stands."""
        return crosses_of(self)

    @cached_property
    def words(self) -> list[Rectangle]:
        """Where words stand among the lanes that nothing else may be written over."""
        return words_on_messages(self)

    def _cell_height(self, fact: Fact) -> float:
        column = self.column(fact)
        return column.height(fact) if column and (fact.copy or fact.event.kind == Kind.MARKER) else 0.0

    def _memory_height(self, fact: Fact) -> float:
        lines = labels.memory_words(fact).count("\n") + 1 if fact.memory and fact.event.kind == Kind.VERDICT else 0
        return lines * line_height() + 4

    def column(self, fact: Fact) -> LogColumn | None:
        """The log that an event is about."""
        wanted = [c for (topic, number), c in self.columns.items()
                  if number == fact.send.partition and fact.send.topic in ("", topic)]
        return wanted[0] if wanted else None

    def x(self, lane: str) -> float:
        """Pixels of a lane; a name that has none counts as the first producer."""
        return self.xs.get(lane, self.xs[self.lanes[1]])

    def broker(self, fact: Fact) -> float:
        """Pixels of the lane of the partition that an event is about."""
        name = f"broker {fact.send.topic}-{fact.send.partition}"
        return self.xs.get(name) or self.xs[next(lane for lane in self.lanes if lane.startswith("broker"))]

    @property
    def last_broker(self) -> float:
        """Pixels of the rightmost lane of a broker."""
        return max(x for lane, x in self.xs.items() if lane.startswith("broker"))

    def y(self, fact: Fact) -> float:
        """Pixels of an event's row."""
        return self.ys[fact.index]

    def draw(self, canvas: Canvas, steps: dict[int, int], last: int, marked: Marked) -> None:
        """Lanes, then events from top to bottom, then what is known at the end; all of it faint for a ghost."""
        sheet, canvas = canvas, Faint(canvas) if self.ghost else canvas
        self._frame(canvas)
        for fact in self.drawn:
            canvas.event = steps[fact.index]
            aspect = _ASPECT.get(fact.event.kind, "")
            draw_event(self, canvas, fact, (aspect, fact.event.batch, fact.event.try_no if aspect == "fate" else 0) in marked)
            canvas.text(self.words_at, self.y(fact), "\n".join(self.texts[fact.index]), align="left")
        for column in self.columns.values():
            column.draw_bars(canvas, steps)
        canvas.event = None
        if self.fork:
            level_fork(sheet, self.fork, self.ghost, self.fork_y, MARGIN, self.words_at)
        canvas.event = last if self.facts else None
        for i, line in enumerate(self.ending):
            canvas.text(MARGIN, self.bottom + 12 + i * line_height(NORMAL), line, size=NORMAL, bold=True, align="left")
        canvas.event = None

    def _frame(self, canvas: Canvas) -> None:
        draw_heading(canvas, self.history, self.name, self.edge + 13)
        for lane, x in self.xs.items():
            canvas.text(x, self.top + 42, _short(lane, len(self.history.partitions) > 1), bold=True)
            if lane != "application":
                canvas.line([(x, self.top + HEAD), (x, self.bottom)], colour=LANE, width=1.4, layer=1)
        for (topic, partition), column in self.columns.items():
            column.draw_head(canvas, f"log {topic}-{partition}" if len(self.columns) > 1 else "log")


def _short(lane: str, several: bool) -> str:
    """A lane's heading; a lone broker does not name its partition."""
    return "\n".join(lane.split(" ", 1)) if several or not lane.startswith("broker") else "broker"


def _lanes(history: History) -> list[str]:
    """Everyone who takes part, from the application to the consumers; a broker's lane for each partition."""
    seen = dict.fromkeys(e.lane for e in history.events)
    parts = [f"broker {topic}-{number}" for topic, number in history.partitions] or ["broker"]
    found = ["application", *([lane for lane in seen if lane.startswith("producer")] or ["producer"])]
    found += ["coordinator"] if "coordinator" in seen else []
    return [*found, *parts, *(lane for lane in seen if lane.startswith("consumer"))]


def draw_space_time(histories: Sequence[History], steps: Steps, marked: Sequence[Marked]) -> Canvas:
    """All runs under each other."""
    words_at = max(Sheet(history, 0.0).words_at for history in histories)
    sheets: list[Sheet] = []
    for run, history in enumerate(histories):
        top = sheets[-1].edge + sheets[-1].height + MARGIN if sheets else 6.0
        sheets.append(Sheet(history, top, words_at, steps.fork, bool(run and steps.fork), steps.names[run]))
    canvas = Canvas(max(s.width for s in sheets), sheets[-1].edge + sheets[-1].height + 6)
    for run, sheet in enumerate(sheets):
        if run:
            divide(canvas, sheet.edge - 7)
        sheet.draw(canvas, {i: step for (r, i), step in steps.of.items() if r == run}, len(steps.members) - 1, marked[run])
    return canvas
