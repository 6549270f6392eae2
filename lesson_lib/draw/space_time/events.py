"""The marks of the space-time layout: one function for each kind of event, in the event's own row."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lesson_lib.draw.facts.facts import Fact
from lesson_lib.draw.sheet import marks
from lesson_lib.draw.sheet.canvas import Canvas
from lesson_lib.draw.sheet.label_placement import overlap, text_box
from lesson_lib.draw.sheet.style import (
    ACK,
    BAND,
    EDGE,
    FIRST_SEND,
    MEMORY,
    RETRY,
    STORED,
    TINT,
    line_height,
    text_width,
)
from lesson_lib.draw.space_time.lost import TORN, began_at, judged_at, left_from
from lesson_lib.draw.words import at_marks as labels
from lesson_lib.history import Kind

if TYPE_CHECKING:
    from lesson_lib.draw.space_time.sheet import Sheet



def draw_event(sheet: Sheet, canvas: Canvas, fact: Fact, marked: bool) -> None:
    """The marks of one event; `marked` puts a tint behind its row."""
    if marked:
        canvas.box(sheet.words_at - 4, sheet.y(fact) - 9, sheet.width - sheet.words_at - 6, 18, fill=TINT, edge=None, layer=0.5)
    _DRAW.get(fact.event.kind, _point)(sheet, canvas, fact)


def _send(sheet: Sheet, canvas: Canvas, fact: Fact) -> None:
    marks.send_box(canvas, sheet.x(fact.event.lane), sheet.y(fact), fact.label, fact.send.try_no > 1)


def _request(sheet: Sheet, canvas: Canvas, fact: Fact, end: tuple[float, float]) -> None:
    start, retry = left_from(sheet, fact), fact.send.try_no > 1
    marks.arrow(canvas, start, end, retry)
    marks.head(canvas, start, end, RETRY if retry else FIRST_SEND)


def _verdict(sheet: Sheet, canvas: Canvas, fact: Fact) -> None:
    x, y, event = sheet.broker(fact), sheet.y(fact), fact.event
    _request(sheet, canvas, fact, (x - 14, y))
    marks.verdict(canvas, x, y, fact.shape, fact.label)
    _memory(canvas, fact, x, y)
    column = sheet.column(fact)
    if fact.copy and column:
        edge = x + marks.verdict_half(event.what, fact.label)
        canvas.line([(edge, y), (column.x - column.half, y)], colour=STORED, width=1.0, style=marks.DOTTED, layer=1.5)
        column.draw_cell(canvas, fact)


def _memory(canvas: Canvas, fact: Fact, x: float, y: float) -> None:
    words = labels.memory_words(fact)
    if words:
        wide, high = text_width(words) + 6, (words.count("\n") + 1) * line_height() + 4
        left = x + memory_from(fact)
        canvas.box(left, y - high / 2, wide, high, fill=MEMORY, edge="#56B4E9", line=0.8)
        canvas.text(left + wide / 2, y, words)


def memory_from(fact: Fact) -> float:
    """Pixels from a broker's lane to what it remembers; a refused batch has its number in between."""
    return 7 + marks.verdict_width(fact.shape, fact.label)


def _ack(sheet: Sheet, canvas: Canvas, fact: Fact) -> None:
    start, tip = judged_at(sheet, fact), (sheet.x(fact.event.lane) + 1, sheet.y(fact))
    marks.answer(canvas, start, (tip[0] + 8, tip[1]))
    marks.head(canvas, start, tip, None)
    if fact.event.error:
        canvas.text((start[0] + tip[0]) / 2, (start[1] + tip[1]) / 2, str(fact.event.error.value), bold=True, backed=True)


def _lost(sheet: Sheet, canvas: Canvas, fact: Fact) -> None:
    spot, start = sheet.crosses[fact.index], began_at(sheet, fact)
    if fact.event.what == "request":
        marks.arrow(canvas, start, (spot.x, spot.y), fact.send.try_no > 1)
    else:
        marks.answer(canvas, start, (spot.x, spot.y))
    marks.lost(canvas, spot)


def _torn(sheet: Sheet, canvas: Canvas, fact: Fact) -> None:
    left, right, y = sheet.x(fact.event.lane), sheet.last_broker, sheet.y(fact)
    steps = max(4, round((right - left) / 9))
    for shift, width in ((-2, 1.6), (3, 0.9)):
        points = [(left + (right - left) * i / steps, y + shift + (3 if i % 2 else -3)) for i in range(steps + 1)]
        canvas.line(points, colour=EDGE, width=width, layer=3)
    canvas.text((left + right) / 2, y, TORN, backed=True)


def _report(sheet: Sheet, canvas: Canvas, fact: Fact) -> None:
    x, y = sheet.x("application"), sheet.y(fact)
    words = labels.told_words(str(fact.event.batch), fact.event.what)
    canvas.line([(x + 14, y), (sheet.x(fact.event.lane) - 4, y)], colour=ACK, width=0.8, style=marks.DOTTED, layer=1)
    marks.belief(canvas, x + 22, y, fact.event.what)
    canvas.text(x + 10, y, words, align="right", backed=True)


def _marker(sheet: Sheet, canvas: Canvas, fact: Fact) -> None:
    column, x, y = sheet.column(fact), sheet.broker(fact), sheet.y(fact)
    if "coordinator" in sheet.xs:
        start = (sheet.xs["coordinator"], y)
        marks.answer(canvas, start, (x - 6, y))
        marks.head(canvas, start, (x - 2, y), BAND)
    if column:
        column.draw_marker(canvas, fact)


def _reading(sheet: Sheet, canvas: Canvas, fact: Fact) -> None:
    x, y = sheet.x(fact.event.lane), sheet.y(fact)
    if fact.event.kind == Kind.READ:
        canvas.line([(sheet.broker(fact) + 4, y), (x - 8, y)], colour=ACK, width=1.2, style=marks.DOTTED, layer=1.5)
    marks.reading(canvas, x, y, fact.event.kind)


def _txn(sheet: Sheet, canvas: Canvas, fact: Fact) -> None:
    lane = fact.event.lane
    if lane == "coordinator":
        start, end = (sheet.x("producer"), sheet.y(fact)), (sheet.xs[lane] - 5, sheet.y(fact))
        marks.answer(canvas, start, end)
    _point(sheet, canvas, fact)


def _point(sheet: Sheet, canvas: Canvas, fact: Fact) -> None:
    """Anything that happens to one lane alone: a dark bar across it."""
    event = fact.event
    x = sheet.broker(fact) if event.lane == "broker" else sheet.x(event.lane)
    canvas.box(x - 10, sheet.y(fact) - 3.5, 20, 7, fill=EDGE, edge=None, layer=4)
    if event.kind in (Kind.INIT, Kind.EPOCH) and event.producer_epoch >= 0:
        _id(sheet, canvas, fact, x)


def _id(sheet: Sheet, canvas: Canvas, fact: Fact, x: float) -> None:
    """Whose id and epoch it is, to the right of the bar or to its left, if there is room."""
    words, y = f"{sheet.ids.get(fact.event.producer_id, '')} epoch {fact.event.producer_epoch}".strip(), sheet.y(fact)
    aside = 14 + text_width(words, bold=True) / 2
    free = [at for at in (x + aside, x - aside) if not any(overlap(text_box(at, y, words), box) for box in sheet.words)]
    if free:
        canvas.text(free[0], y, words, backed=True)


_DRAW = {Kind.SEND: _send, Kind.VERDICT: _verdict, Kind.ACK: _ack, Kind.LOST: _lost, Kind.TORN: _torn, Kind.REPORT: _report,
         Kind.MARKER: _marker, Kind.TXN: _txn, **dict.fromkeys(labels.CONSUMER, _reading)}
