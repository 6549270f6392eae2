"""The marks of the lanes layout: one function for each kind of event."""

from __future__ import annotations

from lesson_lib.draw.facts.facts import Fact
from lesson_lib.draw.lanes.cells import other_cells
from lesson_lib.draw.lanes.lost import began_at, torn_at
from lesson_lib.draw.lanes.panel import MARGIN, RIGHT, Panel
from lesson_lib.draw.lanes.plan import HEIGHTS, NOTES
from lesson_lib.draw.sheet import marks
from lesson_lib.draw.sheet.canvas import Canvas
from lesson_lib.draw.sheet.style import (
    AGAIN,
    BAND,
    EDGE,
    FIRST_SEND,
    LANE,
    MEMORY,
    NORMAL,
    QUIET,
    RETRY,
    SMALL,
    STORED,
    TINT,
    line_height,
    text_width,
)
from lesson_lib.draw.words import at_marks as labels
from lesson_lib.history import Kind


def draw_event(panel: Panel, canvas: Canvas, fact: Fact) -> None:
    """The marks of one event."""
    kind = fact.event.kind
    if kind in NOTES:
        _note(panel, canvas, fact)
    elif kind in labels.CONSUMER:
        _reading(panel, canvas, fact)
    else:
        _DRAW[kind](panel, canvas, fact)


def _send(panel: Panel, canvas: Canvas, fact: Fact) -> None:
    x, again = panel.x(fact), fact.send.try_no > 1
    marks.send_box(canvas, x, panel.lane(fact.event.lane), fact.label, again)
    canvas.text(x, panel.y("try" + fact.event.lane, 9), labels.send_words(fact.send), bold=again)


def _note(panel: Panel, canvas: Canvas, fact: Fact) -> None:
    lane = panel.plan.lane_of(fact)
    x = panel.x(fact)
    canvas.line([(x, panel.y("try" + lane, 17)), (x, panel.lane(lane) + 6)], colour=EDGE, width=1.4, layer=3)
    canvas.text(x, panel.y("try" + lane, 8), panel.plan.note_words(fact), backed=True)


def _lost(panel: Panel, canvas: Canvas, fact: Fact) -> None:
    spot, start = panel.crosses[fact.index], began_at(panel, fact)
    if fact.event.what == "request":
        marks.arrow(canvas, start, (spot.x, spot.y), fact.send.try_no > 1)
    else:
        marks.answer(canvas, start, (spot.x, spot.y))
    marks.lost(canvas, spot)
    if fact.index in panel.plan.doubts:
        _doubt(panel, canvas, fact, panel.x(fact))


def _doubt(panel: Panel, canvas: Canvas, fact: Fact, x: float) -> None:
    """From now on the application cannot know."""
    marks.belief(canvas, x, panel.y("told", 13), "unknown")
    canvas.text(x, panel.y("told", 31), labels.doubt_words(fact.event.batch))


def _doubt_lasts(panel: Panel, canvas: Canvas, loss: int, end: float) -> None:
    """The time that the application could not know, up to the pixel `end`."""
    start, y = max(panel.x(panel.plan.facts[loss]) + 8, panel.start), panel.y("told", 13)
    canvas.line([(start, y), (end, y)], colour=QUIET, width=1.2, style=marks.DOTTED, layer=1.5)


def _torn(panel: Panel, canvas: Canvas, fact: Fact) -> None:
    x = panel.x(fact)
    marks.tear(canvas, x, panel.lane(panel.plan.lane_of(fact)), panel.lane("broker"))
    canvas.text(*torn_at(panel, fact), labels.TORN, backed=True)


def _verdict(panel: Panel, canvas: Canvas, fact: Fact) -> None:
    x, y, event = panel.x(fact), panel.lane("broker"), fact.event
    words, start, retry = labels.verdict_words(fact, panel.plan.brief), panel.sent_from(fact), fact.send.try_no > 1
    if ("fate", event.batch, event.try_no) in panel.plan.marked:
        _tint(canvas, x, panel.y("words", -2), words, HEIGHTS["words"] - 2)
    marks.arrow(canvas, start, (x, y - 14), retry)
    marks.head(canvas, start, (x, y - 12), RETRY if retry else FIRST_SEND)
    marks.verdict(canvas, x, y, fact.shape, fact.label)
    canvas.text(x, panel.y("words", 11), words)
    _memory(panel, canvas, fact, x)
    if event.what in ("stored", "kept"):
        _cell(panel, canvas, fact, x)


def _tint(canvas: Canvas, x: float, top: float, words: str, height: float) -> None:
    half = text_width(words) / 2 + 3
    canvas.box(x - half, top, 2 * half, height, fill=TINT, edge=None, layer=1)


def _memory(panel: Panel, canvas: Canvas, fact: Fact, x: float) -> None:
    words = labels.memory_words(fact)
    if words:
        half, high = text_width(words) / 2 + 3, (words.count("\n") + 1) * line_height()
        canvas.box(x - half, panel.y("memory", 4), 2 * half, high + 5, fill=MEMORY, edge="#56B4E9", line=0.8)
        canvas.text(x, panel.y("memory", 6.5) + high / 2, words)


def _cell(panel: Panel, canvas: Canvas, fact: Fact, x: float) -> None:
    row, text, again = labels.log_row(fact.event), labels.cell_text(fact), fact.copy > 1
    if row not in panel.rows:
        return
    half, high = labels.cell_width(text) / 2, text.count("\n") * line_height() + 22
    fill = AGAIN if again else TINT if ("fate", fact.event.batch, fact.event.try_no) in panel.plan.marked else "white"
    edge = EDGE if again else STORED if labels.is_in_log(fact, panel.plan.history) else None
    below = labels.below_cell(fact, panel.plan.history)
    if fact.kept:
        canvas.text(x, panel.y(row, 15), below, colour=QUIET)
        return
    canvas.box(x - half, panel.y(row, 4), 2 * half, high, fill=fill, edge=edge, line=2.6 if again else 1.8)
    canvas.text(x, panel.y(row, 4.5) + high / 2, text, bold=again)
    canvas.text(x, panel.y(row, 13) + high, below, bold=True)
    if below == "aborted":
        canvas.line([(x - half + 3, panel.y(row, 1) + high), (x + half - 3, panel.y(row, 7))], width=1.0, layer=5)


def _ack(panel: Panel, canvas: Canvas, fact: Fact) -> None:
    x, y, start = panel.x(fact), panel.lane(panel.plan.lane_of(fact)), panel.judged_at(fact)
    marks.answer(canvas, start, (x, y + 8))
    marks.head(canvas, start, (x, y + 1), None)
    if fact.event.error:
        canvas.text((start[0] + x) / 2, (start[1] + y) / 2, str(fact.event.error.value), bold=True, backed=True)


def _report(panel: Panel, canvas: Canvas, fact: Fact) -> None:
    for loss, answer in panel.plan.doubts.items():
        if answer == fact.index:
            _doubt_lasts(panel, canvas, loss, panel.x(fact) - 10)
    _belief(panel, canvas, panel.x(fact), fact.event.batch, fact.event.what)


def _belief(panel: Panel, canvas: Canvas, x: float, batch: int, what: str) -> None:
    words = labels.told_words(str(batch), what, panel.plan.exceptions.get(batch, "") if what != "ok" else "")
    more = words.count("\n") * line_height()
    if ("told", batch, 0) in panel.plan.marked:
        _tint(canvas, x, panel.y("told", 23), words, 17 + more)
    marks.belief(canvas, x, panel.y("told", 13), what)
    canvas.text(x, panel.y("told", 31) + more / 2, words)


def _broker(panel: Panel, canvas: Canvas, fact: Fact) -> None:
    x, y = panel.x(fact), panel.lane("broker")
    canvas.line([(x, y - 15), (x, y + 15)], width=3.0, layer=4)
    canvas.text(x, panel.y("words", 11), labels.broker_words(fact.event))


def _marker(panel: Panel, canvas: Canvas, fact: Fact) -> None:
    x, row = panel.x(fact), labels.log_row(fact.event)
    if row in panel.rows:
        canvas.box(x - 9, panel.y(row, 4), 18, 22, fill=BAND, line=1.4)
        canvas.text(x, panel.y(row, 15), fact.event.what[:1].upper(), bold=True)
        canvas.text(x, panel.y(row, 35), fact.event.what)


def _reading(panel: Panel, canvas: Canvas, fact: Fact) -> None:
    x, y = panel.x(fact), panel.y(fact.event.lane, 14)
    words = labels.reading_words(fact.event, panel.plan.history)
    if fact.event.kind == Kind.READ and ("read", fact.event.batch, 0) in panel.plan.marked:
        _tint(canvas, x, y + 10, words, 17)
    marks.reading(canvas, x, y, fact.event.kind)
    canvas.text(x, y + 18, words)


def draw_close(panel: Panel, canvas: Canvas) -> None:
    """What is known only at the end: batches that nobody reported on, other cells of the log, the last line."""
    plan = panel.plan
    for loss in [loss for loss, answer in plan.doubts.items() if answer is None]:
        _doubt_lasts(panel, canvas, loss, panel.width - RIGHT)
    for place, batch in plan.unknown_places():
        _belief(panel, canvas, panel.timeline.x(place), batch, "unknown")
    for place, (topic, partition), text in other_cells(plan):
        x, half, row = panel.timeline.x(place), labels.cell_width(text) / 2, f"log {topic} {partition}"
        canvas.box(x - half, panel.y(row, 4), 2 * half, 22, fill="white", edge=LANE, line=1.2)
        canvas.text(x, panel.y(row, 15), text, size=SMALL, colour=QUIET)
    for i, line in enumerate(panel.ending):
        canvas.text(MARGIN, panel.y("ending", 9 + i * line_height(NORMAL)), line, size=NORMAL, bold=True, align="left")


_DRAW = {Kind.SEND: _send, Kind.ACK: _ack, Kind.REPORT: _report, Kind.LOST: _lost, Kind.TORN: _torn, Kind.VERDICT: _verdict,
         Kind.BROKER: _broker, Kind.MARKER: _marker}
