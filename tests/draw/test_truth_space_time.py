"""The space-time layout tells the truth: rows, lanes, logs, transactions and the last stable offset, read back from the sheet."""

from __future__ import annotations

import re

import pytest

from lesson_lib.draw import Picture, show
from lesson_lib.history import Event, History, Kind
from tests.draw import runs
from tests.draw.reading import (
    BLUE,
    GREEN,
    MEMORY,
    ORANGE,
    RED,
    Drawing,
    Word,
    began,
    cells,
    crosses,
    drop_line,
    read,
    verdict_mark,
)
from tests.draw.truth import (
    Memory,
    as_sent,
    copies,
    drawn_events,
    drop_of,
    ids,
    label,
    owner_words,
    range_words,
    sent_again,
    stable_offsets,
)

Key = tuple[str, int]


class SpaceTime:
    """One run of the layout, read: lanes by their headings, the row of each event by its sentence."""

    def __init__(self, history: History, picture: Picture) -> None:
        self.history, self.drawing = history, read(picture.svg)
        self.plain = drawn_events(history, picture.playing.captions)
        self.events = as_sent(self.plain)
        head = next(w.y for w in self.drawing.words if w.text == "application")
        heads = [w for w in self.drawing.words if abs(w.y - head) < 2 and w.bold and w.event is None]
        self.lanes = {w.text.replace("\n", " "): w.x for w in heads}
        texts = max(w.x for w in self.drawing.words if w.anchor == "start" and w.event is not None)
        self.sentences = {w.event: w for w in self.drawing.words if w.anchor == "start" and abs(w.x - texts) < 1}
        self.ys = [self.sentences[n].y for n in range(len(self.plain))]

    def of(self, n: int) -> Drawing:
        """The marks of an event."""
        return self.drawing.of(n)

    def x(self, lane: str, event: Event) -> float:
        """Where a lane is; a broker's lane is that of the partition."""
        named = f"{lane} {event.topic}-{event.partition}"
        return self.lanes[named if named in self.lanes else lane]

    def column(self, key: Key) -> list[tuple[Word, list[tuple[int, str]]]]:
        """The cells of a log from top to bottom, each with its records."""
        x = self.lanes["log {}-{}".format(*key) if len(self.history.logs) > 1 else "log"]
        words = [w for w in self.drawing.words if abs(w.x - x) < 1 and re.match(r"\d+: ", w.text)]
        return [(w, list(cells(w.text))) for w in sorted(words, key=lambda w: w.y)]


def checked(history: History, picture: Picture) -> None:
    """All that can be read in the space-time picture of one run."""
    sheet = SpaceTime(history, picture)
    assert all(above < below for above, below in zip(sheet.ys, sheet.ys[1:], strict=False)), "later is lower"
    memory, times, whose = Memory(), copies(sheet.events), owner_words(sheet.events)
    again = sent_again(sheet.events)
    for n, event in enumerate(sheet.events):
        memory.see(event)
        assert sheet.sentences[n].text.split() == picture.playing.captions[n].split()
        assert str(event.batch) in sheet.sentences[n].text or event.batch < 0 or event.kind in (Kind.READ, Kind.WORK)
        if event.kind == Kind.SEND:
            (box,) = sheet.of(n).filled(BLUE if event.try_no == 1 else ORANGE)
            assert sheet.of(n).inside(box) == label(event)
            assert_at(box.middle, (sheet.x(event.lane, event), sheet.ys[n]))
        elif event.kind == Kind.VERDICT:
            check_verdict(sheet, n, event, times.get(n, 0), n in again)
            check_memory(sheet, n, event, memory, whose)
        elif event.kind == Kind.LOST:
            check_lost(sheet, n, event)
        elif event.kind == Kind.REPORT:
            check_report(sheet, n, event)
        elif event.kind == Kind.ACK:
            judged = [m for m in range(n) if sheet.events[m].kind == Kind.VERDICT and sheet.events[m].attempt == event.attempt][-1]
            _, start = began(sheet.of(n), (sheet.x(event.lane, event) + 9, sheet.ys[n]))
            assert abs(start[1] - sheet.ys[judged]) < 2
            assert (str(event.error.value) in sheet.of(n).texts()) == bool(event.error)
    for key in history.partitions:
        check_log(sheet, key)
        check_transactions(sheet, key)
        check_last_stable(sheet, key)


def assert_at(one: tuple[float, float], other: tuple[float, float], by: float = 2.0) -> None:
    """Both places are the same."""
    assert abs(one[0] - other[0]) < by and abs(one[1] - other[1]) < by, (one, other)


def check_verdict(sheet: SpaceTime, n: int, event: Event, time: int, again: bool) -> None:
    """The mark at the lane of the partition's broker, the request's arrow from its send, and the cell of what is stored."""
    at = sheet.x("broker", event), sheet.ys[n]
    shape, mark = verdict_mark(s for s in sheet.of(n).shapes if abs(s.middle[0] - at[0]) < 2)
    assert shape == ("fenced" if event.error in (47, 90) else event.what)
    assert_at(mark.middle, at)
    assert label(event) in [w.text for w in sheet.of(n).words if abs(w.x - at[0]) < 30]
    sent = next(m for m in range(n) if sheet.events[m].kind == Kind.SEND and sheet.events[m].attempt == event.attempt)
    form, start = began(sheet.of(n), (at[0] - 14, at[1]))
    assert form == ("request" if event.try_no == 1 else "retry") and abs(start[1] - sheet.ys[sent]) < 2
    drawn = [w for w, _ in sheet.column((event.topic, event.partition)) if w.event == n]
    assert [abs(w.y - sheet.ys[n]) < 2 for w in drawn] == [True] * (event.what == "stored")
    copy = [w.text for w in sheet.of(n).words if w.text.endswith("copy") or w.text == "same content"]
    assert copy == ([{2: "second copy", 3: "third copy"}.get(time, f"{time}th copy")] if time > 1 else ["same content"] * again)


def check_memory(sheet: SpaceTime, n: int, event: Event, memory: Memory, whose: dict[tuple[str, int, int, int], str]) -> None:
    """What the leader remembers of this producer from now on."""
    epoch, kept = memory.of.get((event.topic, event.partition, event.producer_id), (-1, []))
    boxes = sheet.of(n).filled(MEMORY)
    name = whose.get((event.topic, event.partition, event.producer_id, epoch), "")
    beside = memory.beside(event, ids(sheet.events))
    more = [*beside, "as", "before"] if beside else []
    assert [sheet.of(n).inside(box).split() for box in boxes] == (
        [name.split() + [range_words(*one) for one in kept] + more] if kept else []), event


def check_lost(sheet: SpaceTime, n: int, event: Event) -> None:
    """A cross at the end of a message that began in the row of its send, or of the broker's last verdict on it.

    It is on the drop_line of the connection that the message went with, or else in the row of its own.
    """
    (cross,) = crosses(sheet.of(n))
    drop = drop_of(sheet.plain, n)
    assert abs(cross[1] - sheet.ys[n if drop is None else drop]) < 2 and "lost" in sheet.of(n).texts()
    if drop is not None:
        left, _, right, _ = drop_line(sheet.of(drop)).box
        assert abs(left - sheet.x(event.lane, event)) < 2 and left + 8 < cross[0] < right - 8
    form, start = began(sheet.of(n), cross)
    kind, lane = (Kind.SEND, event.lane) if event.what == "request" else (Kind.VERDICT, "broker")
    origin = [m for m in range(n) if sheet.events[m].kind == kind and sheet.events[m].attempt == event.attempt][-1]
    assert form == ("answer" if event.what == "answer" else "request" if event.try_no == 1 else "retry")
    assert abs(start[1] - sheet.ys[origin]) < 2 and abs(start[0] - sheet.x(lane, event)) < 30


def check_report(sheet: SpaceTime, n: int, event: Event) -> None:
    """What the application is told, in its lane and its row."""
    (word,) = [w for w in sheet.of(n).words if w.anchor == "end"]
    offset = f", offset {event.offset}" if event.what == "ok" and event.offset is not None else ""
    assert word.text == (f"batch {event.batch} {event.what}" if event.batch >= 0 else event.what) + offset and abs(word.y - sheet.ys[n]) < 2
    marks = sheet.of(n)
    ticks = [line for line in marks.lines(GREEN) if len(line.points) == 3]
    assert bool(ticks) == (event.what == "ok")
    assert bool([s for s in marks.filled(RED) if len(s.points) == 12]) == (event.what == "failed")


def check_log(sheet: SpaceTime, key: Key) -> None:
    """From top to bottom the column is the final log, markers included, and each cell is in the row of its event."""
    appends = [n for n, e in enumerate(sheet.events) if is_append(e, key)]
    column = sheet.column(key)
    assert [w.event for w, _ in column] == appends
    log = {c.offset: c.value if c.kind == "data" else c.kind[0].upper() for c in sheet.history.logs[key]}
    shown = {}
    for (_, records), n in zip(column, appends, strict=True):
        last = sheet.events[n].offset + max(1, len(sheet.events[n].values)) - 1
        assert records[0][0] == sheet.events[n].offset and records[-1][0] == last
        shown |= dict.fromkeys(range(records[0][0], last + 1), "…") | {o: text for o, text in records if text != "…"}
    assert set(shown) == set(log)
    assert all(text in ("…", log[o]) or log[o].startswith(text.rstrip("…")) for o, text in shown.items())


def is_append(event: Event, key: Key) -> bool:
    """Whether an event puts something into a log."""
    return (event.topic, event.partition) == key and (event.kind == Kind.MARKER or event.kind == Kind.VERDICT and event.what == "stored")


def check_transactions(sheet: SpaceTime, key: Key) -> None:
    """A bar from the first record of each transaction to its marker, or to the end, with the word for how it ended."""
    opened: dict[int, int] = {}
    expected = []
    for n in [n for n, e in enumerate(sheet.events) if is_append(e, key)]:
        event = sheet.events[n]
        if event.kind == Kind.MARKER and event.producer_id in opened:
            expected.append((opened.pop(event.producer_id), n, {"commit": "committed", "abort": "aborted"}[event.what]))
        elif event.kind == Kind.VERDICT and event.transactional:
            opened.setdefault(event.producer_id, n)
    expected += [(first, None, "open") for first in opened.values()]
    x = sheet.lanes["log {}-{}".format(*key) if len(sheet.history.logs) > 1 else "log"]
    words = [w for w in sheet.drawing.words if w.upright and w.text in ("committed", "aborted", "open") and w.x < x
             and not any(w.x < other < x for name, other in sheet.lanes.items() if name.startswith("log"))]
    drawn = []
    for word in words:
        bar = next(s for s in sheet.drawing.shapes if s.kind == "polyline" and s.width > 5 and abs(s.middle[0] - word.x - 11) < 2
                   and abs(s.middle[1] - word.y) < 2)
        drawn.append((row_at(sheet, bar.box[1] + 9), None if word.text == "open" else row_at(sheet, bar.box[3] - 9), word.text))
    assert sorted(drawn, key=str) == sorted(expected, key=str)


def row_at(sheet: SpaceTime, y: float) -> int:
    """The event whose row is at a height."""
    return next(n for n, at in enumerate(sheet.ys) if abs(at - y) < 2)


def check_last_stable(sheet: SpaceTime, key: Key) -> None:
    """The lowest line so far says the last stable offset, after each append of a partition that has transactions."""
    appends = [(n, e) for n, e in enumerate(sheet.events) if is_append(e, key)]
    x = sheet.lanes["log {}-{}".format(*key) if len(sheet.history.logs) > 1 else "log"]
    right = min([other for name, other in sheet.lanes.items() if name.startswith("log") and other > x], default=1e9)
    lines = sorted((w.y, int(w.text.split()[1])) for w in sheet.drawing.words if w.text.startswith("LSO ") and x < w.x < right)
    assert bool(lines) == any(e.transactional for _, e in appends)
    for (n, event), stable in zip(appends if lines else [], stable_offsets(appends) if lines else [], strict=True):
        below = sheet.ys[n] + 8 + 7 * max(1, len(event.values)) + 1
        shown = [offset for y, offset in lines if y < min(below, *[at for at in sheet.ys if at > sheet.ys[n]] or [1e9])]
        assert shown[-1:] == [stable], (n, event)
        if "last stable offset" in event.note:  # the simulated broker's own word
            assert event.note == f"last stable offset {stable}"


@pytest.mark.parametrize("seed", range(40))
def test_a_random_run(seed: int) -> None:
    for run in runs.random_pair(seed):
        checked(run, show(run, "space-time"))


@pytest.mark.parametrize("seed", range(60))
def test_transactions_beside_each_other(seed: int) -> None:
    run = runs.random_transactions(seed).history()
    checked(run, show(run, "space-time"))


def test_real_runs() -> None:
    for run in runs.recorded():
        checked(run, show(run, "space-time"))
