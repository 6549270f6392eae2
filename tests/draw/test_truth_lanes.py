"""The lanes layout tells the truth: read back from the sheet, it says what the history says, in any run."""

from __future__ import annotations

import re

import pytest

from lesson_lib.draw import Picture, compare, show
from lesson_lib.draw.canvas import MARGIN, Line
from lesson_lib.draw.lanes import duration
from lesson_lib.history import Event, History, Kind, LogCell
from lesson_lib.sim import Transactions
from tests.draw import runs
from tests.draw.reading import (
    AGAIN,
    BLUE,
    GREEN,
    GREY,
    MEMORY,
    ORANGE,
    QUIET,
    RED,
    Drawing,
    Word,
    began,
    cells,
    crosses,
    drop_line,
    read,
    rows,
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
    last_sequence,
    owner_words,
    range_words,
    sent_again,
)
from tests.explorer.beliefs import BELIEFS


class Lanes:
    """One run of the layout, read: each question is about the n-th event."""

    def __init__(self, history: History, picture: Picture, drawing: Drawing) -> None:
        self.history, self.drawing = history, drawing
        self.plain = drawn_events(history, picture.playing.captions)
        self.events = as_sent(self.plain)
        self.logs = {f"log {t}-{p}" if len(history.logs) > 1 else "log": (t, p) for t, p in history.partitions}
        lanes = {e.lane for e in self.events} - {"coordinator"}
        self.rows = rows(drawing, {"application is told", "network", "broker remembers", *lanes, *self.logs})

    def of(self, n: int) -> Drawing:
        """The marks of an event."""
        return self.drawing.of(n)

    def in_row(self, n: int, name: str) -> list[str]:
        """The words of an event in one row."""
        return [w.text for w in self.of(n).words if w.anchor == "middle" and self.row_of(w.top) == name]

    def row_of(self, y: float) -> str:
        """The row that a height lies in: the last whose name begins above it; what stands above a lane belongs to that lane."""
        names = list(self.rows)
        bounds = [at - 9 for at in self.rows.values()]
        bounds[1] = (bounds[0] + bounds[1]) / 2 + 9
        return [name for name, least in zip(names, bounds, strict=True) if least <= y][-1]

    def log_name(self, event: Event) -> str:
        """The row of a partition."""
        return next(name for name, key in self.logs.items() if key == (event.topic, event.partition))


def checked(history: History, picture: Picture, drawing: Drawing | None = None) -> None:
    """All that can be read in the lanes of one run."""
    lanes = Lanes(history, picture, drawing or read(picture.svg))
    memory, times, whose = Memory(), copies(lanes.events), owner_words(lanes.events)
    again = sent_again(lanes.events)
    for n, event in enumerate(lanes.events):
        memory.see(event)
        if event.kind == Kind.SEND:
            check_send(lanes, n, event)
        elif event.kind == Kind.VERDICT:
            check_verdict(lanes, n, event)
            check_memory(lanes, n, event, memory, whose)
            check_cell(lanes, n, event, times.get(n, 0), n in again)
        elif event.kind == Kind.LOST:
            check_lost(lanes, n, event)
        elif event.kind == Kind.ACK:
            check_answer(lanes, n, event)
        elif event.kind == Kind.MARKER:
            assert lanes.in_row(n, lanes.log_name(event)) == [event.what[0].upper(), event.what], event
        elif event.kind == Kind.BROKER:
            assert f"broker\n{event.what}" in lanes.of(n).texts()
        elif event.kind == Kind.READ:
            assert lanes.in_row(n, event.lane) == [f"{event.offset}: {' '.join(event.values)}"]
    check_logs(lanes)
    check_told(lanes)
    check_order(lanes)


def check_send(lanes: Lanes, n: int, event: Event) -> None:
    """A box with the batch's label in its producer's lane, of the colour of a first send or of a retry."""
    (box,) = lanes.of(n).filled(BLUE if event.try_no == 1 else ORANGE)
    assert lanes.of(n).inside(box) == label(event)
    assert abs(box.middle[1] - lanes.rows[event.lane]) < 2
    numbers = [f"seq {range_words(event.base_sequence, last_sequence(event))}"] if event.base_sequence >= 0 else []
    request = f"R{event.attempt}" + (f" try {event.try_no}" if event.try_no > 1 else "")
    assert [w for w in lanes.of(n).texts() if w != label(event)] == ["\n".join([request, *numbers])]


def check_verdict(lanes: Lanes, n: int, event: Event) -> None:
    """The shape of what the broker did, on its lane, with the batch's label and two lines of words."""
    shape, mark = verdict_mark(s for s in lanes.of(n).shapes if abs(s.middle[1] - lanes.rows["broker"]) < 2)
    fenced = event.what == "refused" and event.error in (47, 90)
    assert shape == ("fenced" if fenced else event.what)
    assert label(event) in [w.text for w in lanes.of(n).words if abs(w.y - mark.middle[1]) < 16]
    said = next(w.text for w in lanes.of(n).words if "\n" in w.text and 16 < w.y - mark.middle[1] < 50)
    if event.what == "refused":
        assert said.startswith(f"{shape}\n{event.error.value}")
    else:
        assert said.split("\n") == ([shape, f"offset {event.offset}"] if shape == "stored" else [shape, f"= offset {event.offset}"])


def check_memory(lanes: Lanes, n: int, event: Event, memory: Memory, whose: dict[tuple[str, int, int, int], str]) -> None:
    """What the leader remembers of this producer from now on."""
    epoch, kept = memory.of.get((event.topic, event.partition, event.producer_id), (-1, []))
    drawn = lanes.in_row(n, "broker remembers") if "broker remembers" in lanes.rows else []
    if not kept:
        assert drawn == []
        return
    name = whose.get((event.topic, event.partition, event.producer_id, epoch), "")
    beside = memory.beside(event, ids(lanes.events))
    more = [*beside, "as", "before"] if beside else []
    assert " ".join(drawn).split() == name.split() + [range_words(*one) for one in kept] + more, event
    (box,) = lanes.of(n).filled(MEMORY)
    assert lanes.of(n).inside(box) == drawn[0]


def check_cell(lanes: Lanes, n: int, event: Event, time: int, again: bool) -> None:
    """What is stored is a cell of the log of its partition, and a copy says so."""
    drawn = lanes.in_row(n, lanes.log_name(event))
    if event.what != "stored":
        assert drawn == []
        return
    log = [c for c in lanes.history.logs[event.topic, event.partition] if c.base_offset == event.offset]
    ending = {1: "same content" if again else log[0].txn, 2: "second copy", 3: "third copy"}.get(time, f"{time}th copy")
    assert drawn[1:] == [ending] * bool(ending)
    found = list(cells(drawn[0]))
    assert found[0] == (event.offset, short(log[0].value)) and found[-1][0] == log[-1].offset
    assert all((offset, value) == (offset, short(log[offset - event.offset].value)) for offset, value in found if value != "…")
    assert bool(lanes.of(n).filled(AGAIN)) == (time > 1 or again)


def short(value: str) -> str:
    """A value as far as a cell has room."""
    return value if len(value) <= 10 else value[:9] + "…"


def check_lost(lanes: Lanes, n: int, event: Event) -> None:
    """A cross at the end of a line that begins where the lost message began: at its send, or at the broker's last verdict on it."""
    (cross,) = crosses(lanes.of(n))
    assert "lost" in lanes.of(n).texts()
    form, start = began(lanes.of(n), cross)
    kinds, row = ((Kind.SEND,), event.lane) if event.what == "request" else ((Kind.VERDICT,), "broker")
    origin = [m for m in range(n) if lanes.events[m].kind in kinds and lanes.events[m].attempt == event.attempt][-1]
    assert form == ("answer" if event.what == "answer" else "request" if event.try_no == 1 else "retry")
    box = next(s for s in lanes.of(origin).shapes if s.kind != "polyline" and abs(s.middle[1] - lanes.rows[row]) < 2)
    assert abs(box.middle[0] - start[0]) < 2 and abs(start[1] - lanes.rows[row]) < 15, (event, start)
    drop = drop_of(lanes.plain, n)
    if drop is not None:  # it came as far as its connection did
        left, top, right, bottom = drop_line(lanes.of(drop)).box
        assert left - 1 < cross[0] < right + 4 and top + 8 < cross[1] < bottom - 8, "on the drop_line, between both lanes"
        assert abs(top - lanes.rows[event.lane]) < 2 and abs(bottom - lanes.rows["broker"]) < 2


def check_answer(lanes: Lanes, n: int, event: Event) -> None:
    """A dotted line from the broker's last verdict on this request, with the number of the error if it is one."""
    judged = [m for m in range(n) if lanes.events[m].kind == Kind.VERDICT and lanes.events[m].attempt == event.attempt][-1]
    _, mark = verdict_mark(s for s in lanes.of(judged).shapes if abs(s.middle[1] - lanes.rows["broker"]) < 2)
    (line,) = lanes.of(n).lines(GREY)
    assert abs(line.points[0][0] - mark.middle[0]) < 2 and abs(line.points[0][1] - lanes.rows["broker"]) < 15
    assert lanes.of(n).texts() == [str(event.error.value)] * bool(event.error)


def check_logs(lanes: Lanes) -> None:
    """Read from left to right, the row of a log is the final log: every offset once, in order."""
    for name, key in lanes.logs.items():
        drawn = [w for w in lanes.drawing.words if w.event is not None and w.anchor == "middle" and lanes.row_of(w.top) == name]
        drawn = [w for w in sorted(drawn, key=lambda w: w.x) if re.match(r"\d+: ", w.text) or w.text in ("C", "A")]
        found: list[tuple[int, str]] = []
        for word in drawn:
            found += cells(word.text) if word.text[0].isdigit() else [(found[-1][0] + 1, word.text)]
        log = {c.offset: short(c.value) if c.kind == "data" else c.kind[0].upper() for c in lanes.history.logs[key]}
        assert [o for o, _ in found] == sorted({o for o, _ in found}), name
        assert all(log[offset] == text for offset, text in found if text != "…"), name
        left_out = {o for (a, _), (b, text) in zip(found, found[1:], strict=False) if text == "…" for o in range(a, b)}
        assert set(log) == {o for o, _ in found} | left_out, name


def check_told(lanes: Lanes) -> None:
    """From left to right: what the application is told, in that order; the rings of doubt; at the end what nobody reported on."""
    drawn = sorted((w for w in lanes.drawing.words if w.event is not None and w.anchor == "middle"
                    and lanes.row_of(w.top) == "application is told"), key=lambda w: w.x)
    told = {e.batch for e in lanes.plain if e.kind == Kind.REPORT}
    expected, doubted = [], set()
    for n, event in enumerate(lanes.plain):
        if event.kind == Kind.REPORT:
            expected.append((n, f"batch {event.batch} {event.what}" if event.batch >= 0 else event.what))
            if event.what == "ok" and event.offset is not None:
                assert [w.text.split("\n")[-1] for w in drawn if w.event == n] == [f"ok, offset {event.offset}"]
            assert shape_of_belief(lanes.of(n)) == event.what
            doubted.add(event.batch)
        elif event.kind == Kind.LOST and event.batch not in doubted:  # the first loss; later ones change nothing for the application
            expected.append((n, f"batch {event.batch} ?"))
            assert shape_of_belief(lanes.of(n)) == "unknown"
            doubted.add(event.batch)
    never = sorted({e.batch for e in lanes.plain if e.kind == Kind.SEND} - told)
    last = len(lanes.plain) - 1
    said = [(w.event, re.split("[:,]", w.text.replace("\n", " "))[0]) for w in drawn]
    assert said == [*expected, *((last, f"batch {batch} unknown") for batch in never)]
    check_doubts(lanes, [n for n, text in expected if text.endswith("?")], {w.event: w.x for w in reversed(drawn)})


def check_doubts(lanes: Lanes, rings: list[int], xs: dict[int, float]) -> None:
    """Dots from each ring to what the application is told of that batch at last, to the end of the lanes if it's told nothing."""
    edge = max(line.box[2] for line in lanes.drawing.shapes if line.kind == "polyline")
    expected = []
    for n in rings:
        told = [m for m, e in enumerate(lanes.plain) if m > n and (e.kind, e.batch) == (Kind.REPORT, lanes.plain[n].batch)]
        expected.append((told[0], xs[n], xs[told[0]]) if told else (len(lanes.plain) - 1, xs[n], edge + 10))
    drawn = [(line.event, *line.box[::2]) for line in lanes.drawing.lines(QUIET) if line.dashed]
    for (event, left, right), (told_by, ring, mark) in zip(sorted(drawn), sorted(expected), strict=True):
        assert event == told_by and 4 < left - ring < 9 and 6 < mark - right < 13


def shape_of_belief(marks: Drawing) -> str:
    """A green tick, a red cross, or a ring."""
    if any(len(line.points) == 3 for line in marks.lines(GREEN)):
        return "ok"
    return "failed" if any(len(s.points) == 12 for s in marks.filled(RED)) else "unknown"


def check_order(lanes: Lanes) -> None:
    """Left of means before: of two things at different times the earlier one is to the left, and so it is within a row."""
    left: list[tuple[int, float]] = []
    for n, event in enumerate(lanes.plain):
        places = [w.x for w in lanes.of(n).words if w.anchor == "middle" and not w.upright and w.text != "lost"]
        if event.kind in (Kind.SEND, Kind.VERDICT, Kind.REPORT, Kind.BROKER, Kind.READ) and places:
            left.append((event.t, min(places)))
    assert all(x < other for (t, x), (u, other) in zip(left, left[1:], strict=False) if t < u)


@pytest.mark.parametrize("seed", range(60))
def test_a_random_run(seed: int) -> None:
    for run in runs.random_pair(seed):
        checked(run, show(run, "lanes"))


@pytest.mark.parametrize("seed", range(40))
def test_transactions_beside_each_other(seed: int) -> None:
    run = runs.random_transactions(seed).history()
    checked(run, show(run, "lanes"))


@pytest.mark.parametrize("happens", [("forget idle ids",), ("forget idle ids", "crash broker"), ("restart broker",)], ids=str)
@pytest.mark.parametrize("still_open", [True, False])
def test_what_a_broker_forgets(happens: tuple[str, ...], still_open: bool) -> None:
    """An id with a transaction open is not forgotten, and after a crash the log gives back all of them."""
    kafka = Transactions()
    shop, other = kafka.producer("shop"), kafka.producer("other")
    for session in (shop, other):
        session.begin()
        session.send("a")
        session.send("b")
    if not still_open:
        shop.commit()
    for what in happens:
        kafka.broker.happen(what)
    if not still_open:
        shop.begin()
    shop.send("c")
    other.send("d")
    checked(kafka.history(), show(kafka.history(), "lanes"))


@pytest.mark.parametrize("name", runs.LESSONS)
def test_the_runs_of_the_lessons(name: str) -> None:
    checked(runs.lesson(name), show(runs.lesson(name), "lanes"))


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("name", BELIEFS)
def test_the_log_of_a_wrong_broker(name: str, seed: int) -> None:
    """Also what it kept aside and stored later, in one cell with another batch, is there, and counts as a copy."""
    run = runs.random_pair(seed, rule=BELIEFS[name]())[0]
    lanes = Lanes(run, show(run, "lanes"), read(show(run, "lanes").svg))
    check_logs(lanes)
    check_told(lanes)
    drawn = [(w.event, w.text) for w in lanes.drawing.words if w.text.endswith("copy")]
    where: dict[int, list[int]] = {}
    for cells_of_log in run.logs.values():
        for cell in cells_of_log:
            if cell.base_offset not in where.setdefault(cell.batch, []):
                where[cell.batch].append(cell.base_offset)
    stored = [(n, e, where[e.batch].index(e.offset)) for n, e in enumerate(run.events) if e.kind == Kind.VERDICT and e.what == "stored"]
    assert sorted(drawn) == sorted((n, ["", "second copy", "third copy"][time] if time < 3 else f"{time + 1}th copy")
                                   for n, _, time in stored if time)


def test_what_was_kept_and_stored_behind_another_batch_counts_as_a_copy() -> None:
    events, log = [], []
    for n, (batch, try_no, what, offset, behind) in enumerate(
            [(1, 1, "kept", 1, ()), (0, 1, "stored", 0, (1,)), (1, 2, "stored", 2, ())]):
        same = dict(attempt=n + 1, batch=batch, try_no=try_no, values=(f"m{batch}",), topic="toy", record_count=1)
        events += [Event(30 * n, Kind.SEND, **same), Event(30 * n + 10, Kind.VERDICT, what, "broker", offset=offset, behind=behind, **same)]
    log = [LogCell(n, f"m{batch}", batch, n) for n, batch in enumerate((0, 1, 1))]
    run = History(tuple(events), {("toy", 0): tuple(log)})
    assert [(w.event, w.text) for w in read(show(run, "lanes").svg).words if w.text.endswith("copy")] == [(5, "second copy")]


@pytest.mark.parametrize("told", [(), (1,)])
def test_a_doubt_that_nothing_ends_lasts_to_the_end_of_the_lanes(told: tuple[int, ...]) -> None:
    """As when a producer by hand is killed while it waits; with what is told of another batch meanwhile."""
    events = []
    for batch in range(2):
        same = dict(attempt=batch + 1, batch=batch, try_no=1, values=(f"m{batch}",), topic="toy", record_count=1)
        events += [Event(100 * batch, Kind.SEND, **same), Event(100 * batch + 10, Kind.VERDICT, "stored", "broker", offset=batch, **same)]
        if batch in told:
            events += [Event(100 * batch + 20, kind, what, offset=batch, **same) for kind, what in ((Kind.ACK, ""), (Kind.REPORT, "ok"))]
        else:
            events.append(Event(100 * batch + 20, Kind.LOST, "answer", **same))
    events.append(Event(300, Kind.PRODUCER, "killed"))
    run = History(tuple(events), {("toy", 0): tuple(LogCell(n, f"m{n}", n, n) for n in range(2))})
    checked(run, show(run, "lanes"))


def test_real_runs() -> None:
    for run in runs.recorded():
        checked(run, show(run, "lanes"))


@pytest.mark.parametrize("seed", range(20))
def test_a_run_beside_another_says_the_same_as_alone(seed: int) -> None:
    pair = runs.random_pair(2 * seed)[0], runs.random_pair(2 * seed + 1)[0]
    picture = compare(*pair, "lanes")
    middle = max(mark.points[0][1] for mark in picture.canvas.marks if isinstance(mark, Line) and mark.points[0][0] == MARGIN)
    both = read(picture.svg)
    for run, drawing in zip(pair, (both.part(bottom=middle), both.part(middle)), strict=True):
        alone = read(show(run, "lanes").svg)
        assert in_rows(run, drawing) == in_rows(run, alone)


def in_rows(run: History, drawing: Drawing) -> list[list[str]]:
    """The words of each row from left to right, the moving words at crosses left out, and in how many lines they are."""
    lanes = Lanes(run, show(run, "lanes"), drawing)
    found: dict[str, list[Word]] = {name: [] for name in lanes.rows}
    for word in drawing.words:
        if word.event is not None and word.anchor == "middle" and word.text != "lost":
            found[lanes.row_of(word.top)].append(word)
    return [[" ".join(w.text.split()) for w in sorted(words, key=lambda w: (w.x, w.y))] for words in found.values()]


@pytest.mark.parametrize(("t", "words"), [(0, "0 ms"), (999, "999 ms"), (1_500, "1.5 s"), (119_000, "119 s"), (120_000, "2 min"),
                                          (5_400_000, "90 min"), (7_200_000, "2 h"), (86_400_000, "24 h"), (604_800_000, "7 days")])
def test_a_duration_has_the_unit_that_people_would_use(t: int, words: str) -> None:
    assert duration(t) == words
