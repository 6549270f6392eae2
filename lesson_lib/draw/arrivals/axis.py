"""The axes of the arrival graph: one order of arrival for all rows, and in each row the sequences of one id and epoch from 0 on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lesson_lib.draw.arrivals.chart import Arrival, Chart, Group
from lesson_lib.draw.sheet.canvas import Canvas
from lesson_lib.draw.sheet.marks import circle, verdict_small
from lesson_lib.draw.sheet.style import BAND, EDGE, LANE, MEMORY, QUIET, WIDTH, text_width
from lesson_lib.draw.words.at_marks import broker_words

MARGIN, LEFT, RIGHT = 12.0, 74.0, 16.0
HEAD, TITLE, PLOT, LEGEND = 30.0, 24.0, 290.0, 26.0
LEAST_HIGH, UPRIGHT_HIGH, INSIDE = 66.0, 132.0, 36.0  # pixels of a row: the least, with a word in it, and what its edges take
WIDEST, HAPPENING, NARROW, FROM_ZERO = 64.0, 24.0, 40.0, 40


@dataclass(frozen=True, slots=True)
class Row:
    """A group on the page: vertical pixels of its sequences between `low` and `high`."""

    group: Group
    top: float
    high_pixels: float
    low: float
    high: float

    @property
    def bottom(self) -> float:
        """The lower edge of the plot."""
        return self.top + self.high_pixels

    def y(self, number: float) -> float:
        """Pixels from the top of the page."""
        return self.bottom - INSIDE / 2 - (number - self.low) / max(1.0, self.high - self.low) * (self.high_pixels - INSIDE)


class Axes:
    """Where everything of a chart lies: the columns from left to right, each `step` wide, the rows from `top` downward.

    What came before the column `first` is not drawn.
    """

    def __init__(self, chart: Chart, top: float, spans: Sequence[tuple[float, float]], foot: float, step: float, first: int = 0) -> None:
        self.chart, self.step, self.first, happenings = chart, step, first, dict(chart.happenings)
        widths = [HAPPENING if column in happenings else self.step for column in range(len(chart.columns))]
        edges = [LEFT + sum(widths[:column]) for column in range(len(widths) + 1)]
        self.xs = [(a + b) / 2 for a, b in zip(edges, edges[1:], strict=False)]
        self.edges, self.right = edges, max(edges[-1], LEFT + 2 * self.step)
        self.rows: list[Row] = []
        y = top
        for group, high, (low, most) in zip(chart.groups, _heights(spans, bool(happenings)), spans, strict=True):
            self.rows.append(Row(group, y + TITLE, high, low, most))
            y += TITLE + high + foot
        self.bottom = y

    @property
    def left(self) -> float:
        """Where what is drawn begins."""
        return self.edges[self.first]

    def shown(self, row: Row) -> list[Arrival]:
        """What is drawn of a row."""
        return row.group.since(self.first)

    def until(self, column: int) -> float:
        """Where what a column began ends: at the next one, or at the edge."""
        return self.xs[column + 1] if column + 1 < len(self.xs) else self.right


def _heights(spans: Sequence[tuple[float, float]], words: bool) -> list[float]:
    """A lone row is as high as a plot; several share that, as far as their marks can be told apart."""
    if len(spans) == 1:
        return [PLOT]
    long = [max(1.0, high - low) for low, high in spans]
    one = min(WIDEST / 2, max(9.0, (PLOT - INSIDE) / sum(long)))
    return [max(UPRIGHT_HIGH if words and n == 0 else LEAST_HIGH, INSIDE + one * each) for n, each in enumerate(long)]


def span(group: Group) -> tuple[float, float]:
    """Least and greatest number to show, the next expected one included; small numbers begin at 0."""
    expected = [e for column in group.bands if (e := group.expected(column)) is not None]
    numbers = [n for a in group.arrivals for n in (a.first, a.last)] + expected
    return 0 if max(numbers, default=0) <= FROM_ZERO else min(numbers), max(numbers, default=1)


def step_of(chart: Chart) -> float:
    """Pixels from one arrival to the next."""
    return min(WIDEST, (WIDTH - LEFT - RIGHT - HAPPENING * len(chart.happenings)) / max(2, chart.arrivals))


def foot_of(step: float) -> float:
    """Pixels below a row: names and words in one height, or in two where arrivals are narrow."""
    return 40.0 if step >= NARROW else 74.0


def vertical(canvas: Canvas, row: Row) -> None:
    """Numbers at the left, as many as there is room for, a dozen at most."""
    whole = "sequence" if row.group.numbered else "batch (no sequence)"
    fits = text_width(whole) < row.high_pixels + TITLE
    canvas.text(MARGIN + 6, (row.top + row.bottom) / 2, whole if fits else whole.split(" ")[0], upright=True)
    room = min(11, max(1, int((row.high_pixels - INSIDE) / 15)))
    step = max(1, -(-int(row.high - row.low) // room))
    for number in range(int(row.low), int(row.high) + 1, step):
        canvas.text(LEFT - 10, row.y(number), str(number), align="right", colour=QUIET)
        canvas.line([(LEFT - 6, row.y(number)), (LEFT, row.y(number))], colour=LANE, width=0.8)


def frame(canvas: Canvas, row: Row, axes: Axes) -> None:
    """The frame of one producer id and epoch, with its name above, and above the first what goes to the right."""
    canvas.box(LEFT, row.top, axes.right - LEFT, row.high_pixels, edge=LANE, line=1.0, layer=2.5)
    canvas.text(LEFT, row.top - 11, row.group.title, align="left", bold=True, backed=True)
    if row is axes.rows[0]:
        canvas.text(LEFT + text_width(row.group.title, bold=True) + 16, row.top - 11, "order of arrival →", align="left", colour=QUIET,
                    backed=True)


def happenings(canvas: Canvas, axes: Axes, steps: dict[int, int]) -> None:
    """What happened to the broker between two arrivals: a line through all rows, with its words."""
    for column, fact in [each for each in axes.chart.happenings if each[0] >= axes.first]:
        canvas.event = steps[fact.index]
        x, words = axes.xs[column], broker_words(fact.event).replace("\n", " ")
        canvas.line([(x, axes.rows[0].top), (x, axes.rows[-1].bottom)], width=2.4, layer=4)
        canvas.text(x, axes.rows[0].top + 8 + text_width(words) / 2, words, upright=True, backed=True)
    canvas.event = None


def below(canvas: Canvas, arrival: Arrival, x: float, axes: Axes, row: Row) -> None:
    """The batch's name, and under it what the word of the verdict is; two heights where arrivals are narrow."""
    event = arrival.fact.event
    low = 34.0 if axes.step < NARROW and arrival.column % 2 else 0.0
    y = row.bottom + 12 + low
    if low:
        canvas.line([(x, row.bottom), (x, y - 7)], colour=BAND, width=0.8, layer=0.4)
    canvas.text(x, y, axes.chart.name_of(arrival), bold=True, backed=bool(low))
    words = {"refused": str(event.error.value), "fenced": str(event.error.value), "duplicate": f"={event.offset}", "kept": "kept"}
    canvas.text(x, y + 13, "lost" if arrival.lost else words.get(arrival.fact.shape, ""), backed=True)


def hollow(canvas: Canvas, x: float, bottom: float) -> None:
    """A request that never arrived."""
    canvas.polygon(circle(x, bottom, 5.5), fill="white", width=1.6)


def legend(canvas: Canvas, y: float, numbered: bool, keeps: bool = False) -> None:
    """What the marks are called; which of them lies where is for the reader to find."""
    x = LEFT
    shapes = ("stored", "duplicate", "refused", "fenced") if numbered else ("stored", "refused")
    for shape in (*shapes, *["kept"] * keeps):
        verdict_small(canvas, x + 8, y, shape, 6.5)
        x = _entry(canvas, x, y, _LEGEND.get(shape, shape))
    canvas.polygon(circle(x + 8, y, 5.5), fill="white", width=1.6)
    x = _entry(canvas, x, y, "lost on the way")
    if numbered:
        canvas.box(x, y - 7, 16, 14, fill=MEMORY, edge="#56B4E9", line=0.8)
        x = _entry(canvas, x, y, "last five batches")
        canvas.line([(x - 2, y), (x + 17, y)], colour=EDGE, width=1.2, style=(0, (5, 3)))
        _entry(canvas, x + 2, y, "next expected")


_LEGEND = {"fenced": "old epoch", "kept": "kept aside"}


def _entry(canvas: Canvas, x: float, y: float, words: str) -> float:
    """The word of a mark; where the next mark goes."""
    canvas.text(x + 22, y, words, align="left")
    return x + 22 + text_width(words) + 20
