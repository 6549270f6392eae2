"""Lanes: time to the right, the client's belief above, the log below. The picture of most lessons.

A lost message is drawn, as half a line that ends in a cross. A retry is the same number with a prime, dashed and orange.
Several runs stand under each other on one time axis, so that what differs lies in one column.
"""

from __future__ import annotations

from collections.abc import Sequence

from lesson_lib.draw import marks
from lesson_lib.draw.canvas import Canvas
from lesson_lib.draw.facts import Fact
from lesson_lib.draw.lanes_plan import (
    CONSUMER,
    HEIGHTS,
    NOTES,
    Plan,
    broker_words,
    cell_text,
    cell_width,
    copy_words,
    doubt_words,
    log_row,
    memory_words,
    producer_lane,
    reading_words,
    told_words,
    verdict_words,
)
from lesson_lib.draw.style import (
    AGAIN,
    BAND,
    EDGE,
    LANE,
    LARGE,
    MEMORY,
    NORMAL,
    PALE,
    QUIET,
    RETRY,
    SMALL,
    STORED,
    TINT,
    WIDTH,
    line_height,
    shape_of,
    text_width,
)
from lesson_lib.draw.timeline import Timeline, lay_out
from lesson_lib.draw.words import caption, ending
from lesson_lib.history import History, Kind

LEFT, RIGHT, MARGIN = 132.0, 18.0, 12.0


def draw_lanes(plans: Sequence[Plan]) -> Canvas:
    """All runs under each other on one axis."""
    timeline = lay_out([need for plan in plans for need in plan.needs()], LEFT, WIDTH - RIGHT)
    width = max(WIDTH, timeline.end + RIGHT)
    panels = [Panel(plan, timeline, width) for plan in plans]
    foot = 22 if timeline.breaks else 8
    canvas = Canvas(width, sum(p.height for p in panels) + MARGIN * len(panels) + foot)
    top = 6.0
    for number, panel in enumerate(panels):
        if number:
            canvas.line([(MARGIN, top - 7), (width - MARGIN, top - 7)], colour=LANE, width=1.0)
        panel.draw(canvas, top)
        top += panel.height + MARGIN
    _breaks(canvas, timeline, top - MARGIN)
    return canvas


def _breaks(canvas: Canvas, timeline: Timeline, bottom: float) -> None:
    for x, words in timeline.breaks:
        canvas.text(x, bottom + 10, words, colour=QUIET, backed=True)
    if timeline.breaks:
        canvas.text(MARGIN, bottom + 10, "waiting, cut short", colour=QUIET, align="left")


class Panel:
    """One run on the page."""

    def __init__(self, plan: Plan, timeline: Timeline, width: float) -> None:
        self.plan, self.timeline, self.width = plan, timeline, width
        self.ending = ending(plan.history, width - 2 * MARGIN)
        self.rows, self.height = self._rows()

    def _rows(self) -> tuple[dict[str, float], float]:
        """The upper edge of each row, and the height of all."""
        plan, y = self.plan, 0.0
        sizes = [("title", HEIGHTS["title"]), ("told", HEIGHTS["told"])]
        for lane in plan.producers:
            sizes += [("try" + lane, HEIGHTS["try"]), (lane, HEIGHTS["producer"])]
        sizes += [("network", HEIGHTS["network"]), ("broker", HEIGHTS["broker"]), ("words", HEIGHTS["words"])]
        sizes += [("memory", plan.memory_height)] if plan.remembers else []
        sizes += [(f"log {t} {p}", HEIGHTS["log"]) for t, p in plan.history.partitions]
        sizes += [(lane, HEIGHTS["consumer"]) for lane in plan.consumers]
        sizes += [("ending", 6 + len(self.ending) * line_height(NORMAL))]
        rows = {}
        for name, size in sizes:
            rows[name] = y
            y += size
        return rows, y

    def draw(self, canvas: Canvas, top: float) -> None:
        """Everything, from the back to the front."""
        self.canvas, self.top = canvas, top
        self._frame()
        for x, _ in self.timeline.breaks:
            for shift in (-3, 3):
                ends = [(x + shift, self.y("told")), (x + shift, self.y("ending", -8))]
                canvas.line(ends, colour=LANE, width=0.9, style=(0, (2, 3)), layer=0.5)
        for fact in self.plan.facts:
            canvas.event = fact.index
            self._event(fact)
        canvas.event = len(self.plan.facts) - 1 if self.plan.facts else None
        self._close()
        canvas.event = None

    def y(self, row: str, down: float = 0.0) -> float:
        """Pixels from the top of the page to `down` pixels below the upper edge of a row."""
        return self.top + self.rows[row] + down

    def x(self, fact: Fact) -> float:
        """Pixels from the left edge of the page."""
        return self.timeline.x(self.plan.places[fact.index])

    def lane(self, name: str) -> float:
        """The line of a lane."""
        return self.y(name, HEIGHTS["broker"] / 2 if name == "broker" else HEIGHTS["producer"] / 2)

    # ---- what stands still

    def _frame(self) -> None:
        canvas, plan = self.canvas, self.plan
        bold, rest = caption(plan.history)
        canvas.text(MARGIN, self.y("title", 13), bold, size=LARGE, bold=True, align="left")
        canvas.text(MARGIN + text_width(bold, LARGE, True) + 12, self.y("title", 13.5), rest, colour=QUIET, align="left")
        for name, y in self._names():
            canvas.text(MARGIN, y, name, colour=EDGE, align="left", bold=name.startswith("log"))
        for lane in [*plan.producers, "broker"]:
            canvas.line([(LEFT - 14, self.lane(lane)), (self.width - RIGHT, self.lane(lane))], colour=LANE, width=1.4)
        if len(plan.producers) == 1:
            self._connections()

    def _names(self) -> list[tuple[str, float]]:
        plan = self.plan
        several = len(plan.history.partitions) > 1
        names = [("application is told", self.y("told", 14)), ("network", self.y("network", HEIGHTS["network"] / 2)),
                 ("broker", self.lane("broker"))]
        names += [(lane, self.lane(lane)) for lane in plan.producers]
        names += [("broker remembers", self.y("memory", 12))] if plan.remembers else []
        names += [(f"log {t}-{p}" if several else "log", self.y(f"log {t} {p}", 15)) for t, p in plan.history.partitions]
        return names + [(lane, self.y(lane, 14)) for lane in plan.consumers]

    def _connections(self) -> None:
        """A pale band for each connection, from its first request to its tear or the end."""
        plan, start = self.plan, None
        top, bottom = self.lane(plan.producers[0]), self.lane("broker")
        for fact in plan.facts:
            self.canvas.event = fact.index
            if fact.event.kind == Kind.SEND and start is None:
                start = self.x(fact) - 16
            elif fact.event.kind == Kind.TORN and start is not None:
                self.canvas.box(start, top, self.x(fact) - start, bottom - top, fill=PALE, edge=None, layer=0)
                start = None
        self.canvas.event = None
        if start is not None:
            self.canvas.box(start, top, self.width - RIGHT - start, bottom - top, fill=PALE, edge=None, layer=0)

    # ---- one event

    def _event(self, fact: Fact) -> None:
        kind = fact.event.kind
        draw = {Kind.SEND: self._send, Kind.ACK: self._ack, Kind.REPORT: self._report, Kind.LOST: self._lost, Kind.TORN: self._torn,
                Kind.VERDICT: self._verdict, Kind.BROKER: self._broker, Kind.MARKER: self._marker}
        if kind in draw:
            draw[kind](fact)
        elif kind in NOTES:
            self._note(fact)
        elif kind in CONSUMER:
            self._reading(fact)

    def _send(self, fact: Fact) -> None:
        x, again = self.x(fact), fact.send.try_no > 1
        marks.send_box(self.canvas, x, self.lane(fact.event.lane), fact.label, again)
        if again:
            self.canvas.text(x, self.y("try" + fact.event.lane, 9), f"try {fact.send.try_no}", bold=True)

    def _note(self, fact: Fact) -> None:
        lane = producer_lane(fact.event, self.plan.producers)
        x = self.x(fact)
        self.canvas.line([(x, self.y("try" + lane, 17)), (x, self.lane(lane) + 6)], colour=EDGE, width=1.4, layer=3)
        self.canvas.text(x, self.y("try" + lane, 8), self.plan.note_words(fact), backed=True)

    def _sent_from(self, fact: Fact) -> tuple[float, float]:
        """Where the request of this attempt left the producer's lane."""
        send = next((f for f in self.plan.facts if f.event.kind == Kind.SEND and f.event.attempt == fact.event.attempt), None)
        return (self.x(send), self.lane(send.event.lane) + 10) if send else (self.x(fact), self.y("network"))

    def _judged_at(self, fact: Fact) -> tuple[float, float]:
        """Where the last verdict before this event left the broker's lane."""
        found = [f for f in self.plan.facts[:fact.index] if f.event.kind == Kind.VERDICT and f.event.attempt == fact.event.attempt]
        return (self.x(found[-1]), self.lane("broker") - 13) if found else (self.x(fact), self.y("broker"))

    def _lost(self, fact: Fact) -> None:
        x = self.x(fact)
        if fact.event.what == "request":
            start, end = self._sent_from(fact), (x, self.y("network", HEIGHTS["network"] * 0.38))
            marks.arrow(self.canvas, start, end, fact.send.try_no > 1)
        else:
            start, end = self._judged_at(fact), (x, self.y("network", HEIGHTS["network"] * 0.48))
            marks.answer(self.canvas, start, end)
        marks.lost(self.canvas, *end, above=fact.event.what == "answer")
        if fact.index in self.plan.doubts:
            self._doubt(fact, x)

    def _doubt(self, fact: Fact, x: float) -> None:
        """From the loss to the report, or to the end, the application cannot know."""
        answer, y = self.plan.doubts[fact.index], self.y("told", 13)
        end = self.width - RIGHT if answer is None else self.x(self.plan.facts[answer]) - 10
        self.canvas.line([(x + 8, y), (end, y)], colour=QUIET, width=1.2, style=marks.DOTTED, layer=1.5)
        marks.belief(self.canvas, x, y, "unknown")
        self.canvas.text(x, self.y("told", 31), doubt_words(fact.event.batch))

    def _torn(self, fact: Fact) -> None:
        x = self.x(fact)
        top = self.lane(producer_lane(fact.event, self.plan.producers))
        marks.tear(self.canvas, x, top, self.lane("broker"))
        self.canvas.text(x + 2, self.y("network", HEIGHTS["network"] - 12), "connection torn", bold=False, backed=True)

    def _verdict(self, fact: Fact) -> None:
        x, y, event = self.x(fact), self.lane("broker"), fact.event
        shape = shape_of(event.what, event.error)
        if event.batch in self.plan.marked:
            half = text_width(verdict_words(event)) / 2 + 3
            self.canvas.box(x - half, self.y("words", -2), 2 * half, HEIGHTS["words"] - 2, fill=TINT, edge=None, layer=1)
        start, retry = self._sent_from(fact), fact.send.try_no > 1
        marks.arrow(self.canvas, start, (x, y - 14), retry)
        marks.head(self.canvas, start, (x, y - 12), RETRY if retry else "#0072B2")
        marks.verdict(self.canvas, x, y, shape, fact.label)
        self.canvas.text(x, self.y("words", 11), verdict_words(event))
        self._memory(fact, x)
        if event.what == "stored":
            self._cell(fact, x)

    def _memory(self, fact: Fact, x: float) -> None:
        words = memory_words(fact)
        if not words:
            return
        half, high = text_width(words) / 2 + 3, (words.count("\n") + 1) * line_height()
        self.canvas.box(x - half, self.y("memory", 4), 2 * half, high + 5, fill=MEMORY, edge="#56B4E9", line=0.8)
        self.canvas.text(x, self.y("memory", 6.5) + high / 2, words)

    def _cell(self, fact: Fact, x: float) -> None:
        row, text = log_row(fact.event), cell_text(fact)
        if row not in self.rows:
            return
        half, again = cell_width(text) / 2, fact.copy > 1
        fill = TINT if fact.event.batch in self.plan.marked else AGAIN if again else "white"
        self.canvas.box(x - half, self.y(row, 4), 2 * half, 22, fill=fill, edge=EDGE if again else STORED, line=2.6 if again else 1.8)
        self.canvas.text(x, self.y(row, 15), text, bold=again)
        self.canvas.text(x, self.y(row, 35), copy_words(fact.copy), bold=True)

    def _ack(self, fact: Fact) -> None:
        x, y = self.x(fact), self.lane(producer_lane(fact.event, self.plan.producers))
        start = self._judged_at(fact)
        marks.answer(self.canvas, start, (x, y + 8))
        marks.head(self.canvas, start, (x, y + 1), None)
        if fact.event.error:
            self.canvas.text((start[0] + x) / 2, (start[1] + y) / 2, str(fact.event.error.value), bold=True, backed=True)

    def _report(self, fact: Fact) -> None:
        self._belief(self.x(fact), fact.event.batch, fact.event.what)

    def _belief(self, x: float, batch: int, what: str) -> None:
        words = told_words(str(batch), what)
        if batch in self.plan.marked:
            half = text_width(words) / 2 + 3
            self.canvas.box(x - half, self.y("told", 22), 2 * half, 18, fill=TINT, edge=None, layer=1)
        marks.belief(self.canvas, x, self.y("told", 13), what)
        self.canvas.text(x, self.y("told", 31), words)

    def _broker(self, fact: Fact) -> None:
        x = self.x(fact)
        self.canvas.line([(x, self.lane("broker") - 15), (x, self.lane("broker") + 15)], width=3.0, layer=4)
        self.canvas.text(x, self.y("words", 11), broker_words(fact.event), bold=False)

    def _marker(self, fact: Fact) -> None:
        x, row = self.x(fact), log_row(fact.event)
        if row in self.rows:
            self.canvas.box(x - 9, self.y(row, 4), 18, 22, fill=BAND, line=1.4)
            self.canvas.text(x, self.y(row, 15), fact.event.what[:1].upper(), bold=True)
            self.canvas.text(x, self.y(row, 35), fact.event.what)

    def _reading(self, fact: Fact) -> None:
        x, y = self.x(fact), self.y(fact.event.lane, 14)
        fill = "white" if fact.event.kind == Kind.POSITION else BAND
        self.canvas.polygon([(x - 5, y - 7), (x + 7, y), (x - 5, y + 7)], fill=fill)
        self.canvas.text(x, y + 18, reading_words(fact.event, self.plan.history))

    # ---- what is known only at the end

    def _close(self) -> None:
        for place, batch in self.plan.unknown_places():
            self._belief(self.timeline.x(place), batch, "unknown")
        for place, (topic, partition), text in self.plan.other_cells():
            x, half = self.timeline.x(place), cell_width(text) / 2
            self.canvas.box(x - half, self.y(f"log {topic} {partition}", 4), 2 * half, 22, fill="white", edge=LANE, line=1.2)
            self.canvas.text(x, self.y(f"log {topic} {partition}", 15), text, size=SMALL, colour=QUIET)
        for i, line in enumerate(self.ending):
            self.canvas.text(MARGIN, self.y("ending", 9 + i * line_height(NORMAL)), line, size=NORMAL, bold=True, align="left")


def lanes(*histories: History) -> Canvas:
    """The lanes of these runs, under each other on the axis of their own times."""
    return draw_lanes([Plan(history) for history in histories])
