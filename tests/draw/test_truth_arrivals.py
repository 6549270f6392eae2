"""The arrival graph tells the truth: what arrived where, what the broker remembered, and in a long run how far from the expected."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from lesson_lib.core.error_codes import ErrorCode
from lesson_lib.draw import Picture, show
from lesson_lib.history import Event, History, Kind, LogCell
from lesson_lib.sim import simulate
from tests.draw import runs
from tests.draw.reading import AGAIN, DARK, MARKS, MEMORY, Drawing, Shape, read
from tests.draw.truth import WRAP, Memory, Range, as_sent, copies, drawn_events, ids, label, last_sequence

SHAPES = {**MARKS, AGAIN: "copy"}
LONG = 40  # arrivals; above that the picture shows distances instead of sequences
Row = tuple[str, int, int, int]  # topic, partition, producer id, epoch


class Arrivals:
    """One run of the layout, read: its frames by their titles, and in each the scale that its numbers give."""

    def __init__(self, history: History, picture: Picture) -> None:
        self.history, self.drawing = history, read(picture.svg)
        self.events = as_sent(drawn_events(history, picture.playing.captions))
        frames = [s for s in self.drawing.shapes if s.kind == "rect" and s.fill == "none" and s.event is None]
        self.frames = sorted(frames, key=lambda s: s.box[1])
        titles = [w for w in self.drawing.words if w.bold and w.anchor == "start" and w.event is None and not w.upright]
        self.titles = [next(w.text for w in titles if abs(w.y - frame.box[1] + 11) < 2) for frame in self.frames]
        self.names = ids(self.events)
        self.copies = {n for n, time in copies(self.events).items() if time > 1}

    def of(self, n: int) -> Drawing:
        """The marks of an event."""
        return self.drawing.of(n)

    def title(self, row: Row) -> str:
        """What a row is called."""
        place = f"{row[0]}-{row[1]}  " if len(self.history.logs) > 1 else ""
        return place + (f"{self.names[row[2]]} epoch {row[3]}" if row[2] >= 0 else "no producer id")

    def scale(self, frame: Shape, words: dict[str, int] | None = None) -> Callable[[float], float]:
        """From a number on the vertical axis to its height on the page, by two of the numbers that stand there."""
        ticks = [w for w in self.drawing.words if w.anchor == "end" and w.event is None and frame.has(frame.box[0] + 1, w.y)]
        known = [(words[w.text] if words else int(w.text), w.y) for w in ticks if not words or w.text in words]
        (low, y), (high, above) = min(known), max(known)
        return lambda number: y + (number - low) / max(1, high - low) * (above - y)


def checked(history: History, picture: Picture) -> None:
    """All that can be read in the arrival graph of one run."""
    graph = Arrivals(history, picture)
    columns = [n for n, e in enumerate(graph.events) if e.kind in (Kind.VERDICT, Kind.BROKER) or is_lost_request(e)]
    arrived = [n for n in columns if graph.events[n].kind != Kind.BROKER]
    rows = in_order([row_of(graph.events[n]) for n in arrived])
    assert graph.titles == [graph.title(row) for row in rows]
    xs = [column_x(graph, n) for n in columns]
    assert all(x < other for x, other in zip(xs, xs[1:], strict=False)), "order of arrival is to the right"
    (check_distances if len(arrived) > LONG else check_sequences)(graph, columns, rows)


def in_order(rows: list[Row]) -> list[Row]:
    """By partition, then by producer id as they turn up, then by epoch."""
    ids_in_order = list(dict.fromkeys(row[2] for row in rows))
    return sorted(set(rows), key=lambda row: (row[0], row[1], ids_in_order.index(row[2]), row[3]))


def is_lost_request(event: Event) -> bool:
    """Whether a request ended on its way."""
    return event.kind == Kind.LOST and event.what == "request"


def row_of(event: Event) -> Row:
    """The row that an arrival belongs to."""
    return event.topic, event.partition, event.producer_id, event.producer_epoch


def column_x(graph: Arrivals, n: int) -> float:
    """Where the column of an event is: at its mark, or at the line through all rows."""
    marks = [s for s in graph.of(n).shapes if s.kind != "polyline" and s.fill not in (MEMORY, "#E4E4E4")]
    lines = [s for s in graph.of(n).lines(DARK) if s.width > 3 and not s.dashed]
    return (marks or lines)[0].middle[0]


def mark_of(graph: Arrivals, n: int) -> tuple[str, Shape]:
    """What an arrival's mark says, and the mark; the bar under it that has its colour is the other one."""
    marks = [s for s in graph.of(n).shapes if s.fill in SHAPES and s.kind != "polyline"]
    hollow = [s for s in graph.of(n).shapes if s.kind == "polygon" and s.fill == "white" and len(s.points) > 20]
    return ("lost", hollow[0]) if hollow else (SHAPES[marks[-1].fill], marks[-1])


def check_mark(graph: Arrivals, n: int) -> None:
    """The shape of what the broker did; a copy has the fill of one in a log, and a heavy edge, and is told apart in the legend."""
    event, (shape, mark) = graph.events[n], mark_of(graph, n)
    fenced = event.what == "refused" and event.error in (47, 90)
    stored = "copy" if n in graph.copies else event.what
    assert shape == ("lost" if event.kind == Kind.LOST else "fenced" if fenced else stored)
    assert (mark.width > 2.4) == (shape == "copy")
    assert "stored again: a copy" in graph.drawing.texts() or shape != "copy"


def check_sequences(graph: Arrivals, columns: list[int], rows: list[Row]) -> None:
    """Each arrival at its sequences, with its name and what came of it; after each column what is remembered in every row."""
    memory, seen = Memory(), set()
    for n, event in enumerate(graph.events):
        memory.see(event)
        if n not in columns:
            continue
        if event.kind == Kind.BROKER:
            assert [w.text for w in graph.of(n).words if w.upright] == [f"broker {event.what}"]
        else:
            seen.add(row_of(event))
            check_mark(graph, n)
            check_place(graph, n, graph.frames[rows.index(row_of(event))])
        for frame, row in zip(graph.frames, rows, strict=True):
            epoch, kept = memory.of.get(row[:3], (row[3], []))
            check_band(graph, n, frame, kept if row in seen and epoch == row[3] else [])


def check_place(graph: Arrivals, n: int, frame: Shape) -> None:
    """The mark's height is that of its sequences; its name below is the batch's, and under that the offset or the error."""
    event, (shape, mark), y = graph.events[n], mark_of(graph, n), graph.scale(frame)
    first, last = (event.base_sequence, last_sequence(event)) if event.producer_id >= 0 else (event.batch, event.batch)
    below = sorted((w for w in graph.of(n).words if 0 < w.y - frame.box[3] < 40), key=lambda w: w.y)
    result = {"lost": "lost", "duplicate": f"={event.offset}", "stored": "", "copy": "copy"}.get(shape, str(event.error.value))
    assert [w.text for w in below] == list(filter(None, [label(event), result]))
    assert abs(mark.middle[1] - (frame.box[3] if shape == "lost" else y((first + max(first, last)) / 2))) < 1.5, event


def check_band(graph: Arrivals, n: int, frame: Shape, kept: list[Range]) -> None:
    """What is remembered from this column on, as a band, and the dashed line of what would be next."""
    inside = [s for s in graph.of(n).shapes if frame.has(*s.middle)]
    drawn = sorted((s.box[1], s.box[3]) for s in inside if s.fill == MEMORY)
    y = graph.scale(frame)
    expected = sorted((y(last + 0.5), min(y(first - 0.5), frame.box[3])) for first, last in kept if first <= last)
    assert len(drawn) == len(expected), (n, frame.box)
    assert all(abs(a - b) < 1.5 for one, other in zip(drawn, expected, strict=True) for a, b in zip(one, other, strict=True))
    lines = [s.points[-1][1] for s in graph.of(n).lines(DARK) if s.dashed and frame.has(*s.points[-1])]
    assert len(lines) == bool(kept) and all(abs(at - y((kept[-1][1] + 1) % WRAP)) < 1.5 for at in lines)


def check_distances(graph: Arrivals, columns: list[int], rows: list[Row]) -> None:
    """Each arrival as many batches from the expected one as it was."""
    memory, last_known = Memory(), {}
    for n, event in enumerate(graph.events):
        row = row_of(event)
        epoch, kept = memory.of.get(row[:3], (row[3], []))
        known = kept if epoch == row[3] and kept else last_known.get(row, [])
        memory.see(event)
        if n in columns and event.kind != Kind.BROKER:
            last_known[row] = known if event.what != "stored" else memory.of.get(row[:3], (0, []))[1]
            check_mark(graph, n)
            frame, (shape, mark) = graph.frames[rows.index(row)], mark_of(graph, n)
            y = graph.scale(frame, {"next": 0, "-1": -1, "-5": -5, "older": -6, "early": 3})
            assert abs(mark.middle[1] - (frame.box[3] if shape == "lost" else y(distance(event, known)))) < 1.5, (event, known)


def distance(event: Event, known: list[Range]) -> int:
    """Batches from the one that was expected: -1 to -5 are those remembered, a part of one counts as one, more than 6 as 6."""
    first, last = event.base_sequence, last_sequence(event)
    if event.what == "stored" or not known:
        return 0
    if (first, last) in known:
        return known.index((first, last)) - len(known)
    ahead, size = (first - known[-1][1] - 1) % WRAP, (last - first) % WRAP + 1
    return min(6, (ahead + size - 1) // size) if ahead < WRAP // 2 else -6


@pytest.mark.parametrize("seed", range(50))
def test_a_random_run(seed: int) -> None:
    for run in runs.random_pair(seed):
        checked(run, show(run, "arrivals"))


@pytest.mark.parametrize("seed", range(50))
def test_transactions_beside_each_other(seed: int) -> None:
    run = runs.random_transactions(seed).history()
    checked(run, show(run, "arrivals"))


@pytest.mark.parametrize("seed", range(20))
def test_a_long_run(seed: int) -> None:
    run = runs.random_long(seed)
    checked(run, show(run, "arrivals"))


@pytest.mark.parametrize("run", [
    simulate(6, client="java", in_flight=6, faults={1: "cut 6 0"}), simulate(3, idempotence=False, faults={2: "repeat"}),
    simulate(45, client="java", in_flight=6, faults={1: "cut 6 0"})], ids=["6 in flight", "no sequences", "long"])
def test_a_second_copy_is_told_apart_at_sight(run: History) -> None:
    """By fill, edge and word: the legend names it, and all copies that the log holds have that mark."""
    checked(run, picture := show(run, "arrivals"))
    marks = [s for s in read(picture.svg).filled(AGAIN) if s.event is not None]
    assert len(marks) == len(run.values()) - len(set(run.values())) > 0


def test_parts_of_a_batch_early_in_a_long_run() -> None:
    odd = [(40, 3), (41, 3), (42, 1), (44, 3), (60, 2), (30, 1), (39, 1)]
    events = []
    for n, (first, size) in enumerate([*((n, 1) for n in range(40)), *odd]):
        numbers = dict(attempt=n + 1, batch=n, try_no=1, topic="toy", producer_id=1, producer_epoch=0, base_sequence=first,
                       record_count=size)
        verdict = ("stored", ErrorCode.NONE) if n < 40 else ("refused", ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER)
        events += [Event(3 * n, Kind.SEND, **numbers), Event(3 * n + 1, Kind.VERDICT, verdict[0], "broker", **numbers,
                                                             offset=n if n < 40 else None, error=verdict[1])]
    run = History(tuple(events), {("toy", 0): tuple(LogCell(n, "", n, n, sequence=n) for n in range(40))})
    checked(run, show(run, "arrivals"))


def test_the_same_content_in_a_log_is_no_certain_copy() -> None:
    """Where nobody saw it being sent; with the same numbers it is one."""
    run = simulate(3, idempotence=False, faults={2: "lose ack"})
    found = replace(run, settings=replace(run.settings, world="found in a log"))
    drawn = read(show(found, "arrivals").svg)
    assert "same content: perhaps a copy" in drawn.texts() and "copy?" in drawn.texts() and "copy" not in drawn.texts()
    assert "stored again: a copy" not in drawn.texts() and len([s for s in drawn.filled(AGAIN) if s.dashed]) == 2, "one in the legend"
    run = simulate(3, client="java", in_flight=6, faults={1: "cut 3 0", 4: "restart broker"})
    found = replace(run, settings=replace(run.settings, world="found in a log"))
    assert "stored again: a copy" in read(show(found, "arrivals").svg).texts()


def test_real_runs() -> None:
    for run in runs.recorded():
        checked(run, show(run, "arrivals"))


def test_a_run_of_the_java_client() -> None:
    run = simulate(45, in_flight=5, client="java", faults={3: "lose request", 20: "refuse 19", 31: "lose ack"})
    checked(run, show(run))
