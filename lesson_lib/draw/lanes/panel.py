"""One run of the lanes layout on the page: where its rows and lanes lie, and what stands still in them."""

from __future__ import annotations

from functools import cached_property

from lesson_lib.draw.facts.facts import Fact
from lesson_lib.draw.facts.fork_line import upright_fork
from lesson_lib.draw.lanes.lost import crosses_of
from lesson_lib.draw.lanes.plan import HEIGHTS, Plan
from lesson_lib.draw.lanes.timeline import Timeline
from lesson_lib.draw.sheet.canvas import Canvas
from lesson_lib.draw.sheet.label_placement import Spot
from lesson_lib.draw.sheet.style import LANE, NORMAL, PALE, QUIET, line_height
from lesson_lib.draw.words.heading import draw_heading, heading_extra
from lesson_lib.draw.words.sentences import ending
from lesson_lib.history import Kind

LEFT, RIGHT, MARGIN = 132.0, 18.0, 12.0
COUNTS = "to the right: order of events, not time"


class Panel:
    """Rows from `top` downward. `y`, `x` and `lane` give pixels on the page; `fork` is where the line of a fork stands."""

    def __init__(self, plan: Plan, timeline: Timeline, width: float, fork: float = 0.0) -> None:
        self.plan, self.timeline, self.width, self.top = plan, timeline, width, 0.0
        self.fork = fork
        self.start = fork if plan.ghost else 0.0  # what only goes on is not drawn to the left of it
        self.ending = ending(plan.history, 0.95 * width - 2 * MARGIN)
        self.sends = {f.event.attempt: f for f in plan.facts if f.event.kind == Kind.SEND}
        self.rows, self.height = self._rows()

    def _rows(self) -> tuple[dict[str, float], float]:
        """The upper edge of each row, and the height of all."""
        plan, y = self.plan, 0.0
        heading = HEIGHTS["title"] + heading_extra(plan.history, plan.name, self.width)
        sizes = [("title", heading), *([("fork", HEIGHTS["fork"])] if plan.fork else []), ("told", plan.told_height)]
        for lane in plan.producers:
            sizes += [("try" + lane, HEIGHTS["try"]), (lane, HEIGHTS["producer"])]
        sizes += [("network", HEIGHTS["network"]), ("broker", HEIGHTS["broker"]), ("words", HEIGHTS["words"])]
        sizes += [("memory", plan.memory_height)] if plan.remembers else []
        sizes += [(f"log {t} {p}", plan.log_height) for t, p in plan.history.partitions]
        sizes += [(lane, HEIGHTS["consumer"]) for lane in plan.consumers]
        sizes += [("waits", 2 * line_height() + 4)] if self.timeline.breaks else []
        sizes += [("axis", 16)] if plan.counts else []
        sizes += [("ending", 6 + len(self.ending) * line_height(NORMAL))]
        rows = {}
        for name, size in sizes:
            rows[name] = y
            y += size
        return rows, y

    def y(self, row: str, down: float = 0.0) -> float:
        """Pixels from the top of the page to `down` pixels below the upper edge of a row."""
        return self.top + self.rows[row] + down

    def x(self, fact: Fact) -> float:
        """Pixels from the left edge of the page."""
        return self.timeline.x(self.plan.places[fact.index])

    def lane(self, name: str) -> float:
        """The line of a lane."""
        return self.y(name, HEIGHTS["broker"] / 2 if name == "broker" else HEIGHTS["producer"] / 2)

    def sent_from(self, fact: Fact) -> tuple[float, float]:
        """Where the request of this attempt left the producer's lane."""
        send = self.sends.get(fact.event.attempt)
        return (self.x(send), self.lane(send.event.lane) + 10) if send else (self.x(fact), self.y("network"))

    def judged_at(self, fact: Fact) -> tuple[float, float]:
        """Where the last verdict before this event left the broker's lane."""
        found = [f for f in self.plan.facts[:fact.index] if f.event.kind == Kind.VERDICT and f.event.attempt == fact.event.attempt]
        return (self.x(found[-1]) if found else self.x(fact), self.lane("broker") - 13)

    @cached_property
    def crosses(self) -> dict[int, Spot]:
        """Where the cross of each loss stands, once the panel has its place on the page."""
        return crosses_of(self)

    def draw_frame(self, canvas: Canvas, top: float, steps: dict[int, int]) -> None:
        """Heading, names of the rows, lanes, connections and cut waits."""
        self.top, plan = top, self.plan
        draw_heading(canvas, plan.history, plan.name, self.y("title", 13))
        for name, y in self._names():
            canvas.text(MARGIN, y, name, align="left", bold=name.startswith("log"))
        for lane in [*plan.producers, "broker"]:
            canvas.line([(max(LEFT - 14, self.start), self.lane(lane)), (self.width - RIGHT, self.lane(lane))], colour=LANE, width=1.4)
        if len(plan.producers) == 1:
            self._connections(canvas, steps)
        for x, words in [each for each in self.timeline.breaks if each[0] > self.start]:
            for shift in (-3, 3):
                ends = [(x + shift, self.y("told")), (x + shift, self.y("waits"))]
                canvas.line(ends, colour=LANE, width=0.9, style=(0, (2, 3)), layer=0.5)
            canvas.text(x, self.y("waits", line_height()), words, colour=QUIET)
        if plan.counts:
            canvas.text(self.width - RIGHT, self.y("axis", 7), COUNTS, colour=QUIET, align="right")

    def _names(self) -> list[tuple[str, float]]:
        plan = self.plan
        several = len(plan.history.partitions) > 1
        names = [("application is told", self.y("told", 14)), ("network", self.y("network", HEIGHTS["network"] / 2)),
                 ("broker", self.lane("broker"))]
        names += [(lane, self.lane(lane)) for lane in plan.producers]
        names += [("broker remembers", self.y("memory", 12))] if plan.remembers else []
        names += [(f"log {t}-{p}" if several else "log", self.y(f"log {t} {p}", 15)) for t, p in plan.history.partitions]
        return names + [(lane, self.y(lane, 14)) for lane in plan.consumers]

    def _connections(self, canvas: Canvas, steps: dict[int, int]) -> None:
        """A pale band for each connection, from its first request to its tear or the end."""
        plan, first = self.plan, None
        for fact in plan.facts:
            if fact.event.kind == Kind.SEND and first is None:
                first = fact
            elif fact.event.kind == Kind.TORN and first is not None:
                self._band(canvas, steps[first.index], self.x(first) - 16, self.x(fact))
                first = None
        if first is not None:
            self._band(canvas, steps[first.index], self.x(first) - 16, self.width - RIGHT)

    def _band(self, canvas: Canvas, step: int, start: float, end: float) -> None:
        start = max(start, self.start)
        if start >= end:
            return
        canvas.event = step
        top = self.lane(self.plan.producers[0])
        canvas.box(start, top, end - start, self.lane("broker") - top, fill=PALE, edge=None, layer=0)
        canvas.event = None


def draw_fork(panel: Panel, canvas: Canvas) -> None:
    """The line of the fork, and its words in a row of their own."""
    if panel.plan.fork:
        heights = panel.y("fork"), panel.y("ending", -4)
        upright_fork(canvas, panel.plan.fork, panel.plan.ghost, panel.fork, heights, panel.y("fork", 9), (LEFT, panel.width - MARGIN))
