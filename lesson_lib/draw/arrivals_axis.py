"""The axes of the arrival graph: panels side by side, numbers at the left, every arrival's name below."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lesson_lib.draw.arrivals_data import Arrival, Group
from lesson_lib.draw.canvas import Canvas
from lesson_lib.draw.heading import draw_heading
from lesson_lib.draw.marks import circle, verdict_small
from lesson_lib.draw.style import BAND, EDGE, LANE, MEMORY, QUIET, WIDTH, text_width
from lesson_lib.history import History

MARGIN, LEFT, RIGHT, BETWEEN = 12.0, 74.0, 16.0, 26.0
HEAD, PLOT, FOOT = 56.0, 290.0, 96.0


@dataclass(frozen=True, slots=True)
class Scale:
    """Vertical pixels of a number between `low` and `high`."""

    top: float
    low: float
    high: float

    @property
    def bottom(self) -> float:
        """The lower edge of the plot."""
        return self.top + PLOT

    def y(self, number: float) -> float:
        """Pixels from the top of the page."""
        return self.bottom - 18 - (number - self.low) / max(1.0, self.high - self.low) * (PLOT - 36)


def span(groups: Sequence[Group]) -> tuple[float, float]:
    """Least and greatest number to show, the next expected one included."""
    numbers = [n for g in groups for a in g.arrivals for n in (a.first, a.last, a.expected) if n is not None]
    return min(numbers, default=0), max(numbers, default=1)


def columns(groups: Sequence[Group]) -> list[tuple[float, float]]:
    """(left edge, pixels an arrival) for each panel, all arrivals equally wide."""
    count = sum(max(2, len(g.arrivals)) for g in groups) or 1
    step = min(64.0, (WIDTH - LEFT - RIGHT - BETWEEN * (len(groups) - 1)) / count)
    found, x = [], LEFT
    for group in groups:
        found.append((x, step))
        x += max(2, len(group.arrivals)) * step + BETWEEN
    return found


def heading(canvas: Canvas, history: History, name: str, top: float, first: bool) -> None:
    """The run's settings, and a line between two runs."""
    if not first:
        canvas.line([(MARGIN, top - 4), (WIDTH - MARGIN, top - 4)], colour=LANE, width=1.0)
    draw_heading(canvas, history, name, top + 13)


def vertical(canvas: Canvas, scale: Scale, numbered: bool) -> None:
    """Numbers at the left, not more than a dozen."""
    canvas.text(MARGIN + 6, (scale.top + scale.bottom) / 2, "sequence" if numbered else "batch (no sequence)", upright=True)
    step = max(1, -(-int(scale.high - scale.low) // 11))
    for number in range(int(scale.low), int(scale.high) + 1, step):
        canvas.text(LEFT - 10, scale.y(number), str(number), align="right", colour=QUIET)
        canvas.line([(LEFT - 6, scale.y(number)), (LEFT, scale.y(number))], colour=LANE, width=0.8)


def panel(canvas: Canvas, group: Group, left: float, step: float, top: float) -> None:
    """The frame of one producer id and epoch, with its name above."""
    wide = max(2, len(group.arrivals)) * step
    canvas.box(left, top, wide, PLOT, edge=LANE, line=1.0, layer=2.5)
    limit = wide + BETWEEN - 6
    title = group.title if text_width(group.title, bold=True) <= limit else group.title.replace(" epoch ", " e")
    if text_width(title, bold=True) <= limit:
        canvas.text(left, top - 11, title, align="left", bold=True)


def below(canvas: Canvas, arrival: Arrival, x: float, step: float, top: float, n: int) -> None:
    """The batch's name, and under it what the word of the verdict is; two heights where arrivals are narrow."""
    event = arrival.fact.event
    low = 17 * (n % 2) if step < 40 else 0.0
    y = top + PLOT + 16 + 2 * low
    if low:
        canvas.line([(x, top + PLOT), (x, y - 7)], colour=BAND, width=0.8, layer=0.4)
    canvas.text(x, y, arrival.fact.label, bold=True, backed=bool(low))
    words = {"refused": str(event.error.value), "duplicate": f"={event.offset}"}
    canvas.text(x, y + 13, "lost" if arrival.lost else words.get(event.what, ""), backed=True)


def hollow(canvas: Canvas, x: float, bottom: float) -> None:
    """A request that never arrived."""
    canvas.polygon(circle(x, bottom, 5.5), fill="white", width=1.6)


def legend(canvas: Canvas, y: float, numbered: bool) -> None:
    """The rule in the words of the picture."""
    x = LEFT
    entries = [("stored", "stored"), ("refused", "refused")]
    if numbered:
        entries = [("stored", "stored: on the dashed line"), ("duplicate", "duplicate: exactly in the band"),
                   ("refused", "refused: anywhere else"), ("fenced", "old epoch")]
    for shape, words in entries:
        verdict_small(canvas, x + 8, y, shape, 6.5)
        canvas.text(x + 20, y, words, align="left")
        x += 20 + text_width(words) + 18
    canvas.polygon(circle(x + 8, y, 5.5), fill="white", width=1.6)
    canvas.text(x + 20, y, "lost on the way", align="left")
    x += 20 + text_width("lost on the way") + 18
    if numbered:
        canvas.box(x, y - 7, 16, 14, fill=MEMORY, edge="#56B4E9", line=0.8)
        canvas.text(x + 22, y, "last five batches", align="left", colour=EDGE)
