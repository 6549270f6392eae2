"""What a picture says in words is true: the settings above it, a sentence for each event, what is called a surprise, the last line."""

from __future__ import annotations

import re

import pytest

from lesson_lib.draw import show
from lesson_lib.history import Event, History, Kind
from lesson_lib.sim import simulate
from tests.draw import runs
from tests.draw.reading import read
from tests.draw.truth import as_sent, copies, drawn_events, last_sequence, range_words


def checked(history: History) -> None:
    """The words of one run."""
    picture = show(history, "lanes")
    events = as_sent(drawn_events(history, picture.playing.captions))
    times = copies(events)
    for n, (event, said) in enumerate(zip(events, picture.playing.captions, strict=True)):
        for part in expected_words(event, times.get(n, 0)):
            assert part in said, event
    assert set(picture.playing.surprises) == {n for n, e in enumerate(events) if is_surprise(e, times.get(n, 0))}
    title, last = [w for w in read(picture.svg).words if w.anchor == "start" and w.event == len(events) - 1][:2]
    check_title(history, title.text)
    if len(history.logs) == 1 and len(held := [c.value if c.kind == "data" else c.kind.upper() for c in history.log()]) < 20:
        ending = [w.text for w in read(picture.svg).words if w.anchor == "start" and w.event == len(events) - 1]
        assert " ".join(ending[1 + title.text.count("\n"):]).startswith(f"The log holds {' '.join(held) or 'nothing'}.")


def check_title(history: History, said: str) -> None:
    """It names what is stored twice by its values, and does not say that all is well where something is wrong."""
    places: dict[int, set[int]] = {}
    for cell in (cell for log in history.logs.values() for cell in log if cell.kind == "data" and cell.batch >= 0):
        places.setdefault(cell.batch, set()).add(cell.base_offset)
    twice = {batch for batch, where in places.items() if len(where) > 1}
    assert bool(re.search("stored (twice|.* times|more than once)", said)) >= bool(twice and history.anomalies[0].name == "duplicate")
    if said == "Each record is stored once":
        assert not twice and not history.anomalies and set(history.told.values()) <= {"ok"}


def expected_words(event: Event, time: int) -> list[str]:
    """What the sentence of an event cannot do without."""
    batch = f"batch {event.batch}" if event.batch >= 0 else ""
    match event.kind:
        case Kind.SEND:
            numbers = [f"sequence {range_words(event.base_sequence, last_sequence(event))}"] if event.base_sequence >= 0 else []
            return [batch, *numbers, *([f"try {event.try_no}"] if event.try_no > 1 else [])]
        case Kind.VERDICT:
            number = f"{event.error.value} " if event.what == "refused" else f"offset {event.offset}"
            return [batch, number, *(["copy"] if time > 1 else ["duplicate"] if event.what == "duplicate" else [])]
        case Kind.ACK:
            return [batch, f"{event.error.value} " if event.error else f"offset {event.offset}"]
        case Kind.LOST:
            return [batch, event.what]
        case Kind.REPORT:
            return [batch, {"ok": "ok", "failed": "failed", "unknown": "cannot know"}[event.what]]
        case Kind.MARKER:
            return [f"{event.what} marker", f"offset {event.offset}"]
        case Kind.READ:
            return [f"offset {event.offset}", *event.values]
        case Kind.BROKER:
            return ["broker", event.what]
    return []


def is_surprise(event: Event, time: int) -> bool:
    """Whether something goes otherwise than planned: what a reader steps to."""
    wrong = {Kind.VERDICT: event.what in ("duplicate", "refused", "kept") or time > 1, Kind.REPORT: event.what != "ok",
             Kind.TXN: event.what in ("fenced", "refused", "timed out")}
    always = (Kind.CONSUMER, Kind.POLL, Kind.LOST, Kind.DROP, Kind.TIMEOUT, Kind.EPOCH, Kind.PRODUCER, Kind.BROKER)
    return wrong.get(event.kind, event.kind in always)


@pytest.mark.parametrize("seed", range(40))
def test_a_random_run(seed: int) -> None:
    for run in runs.random_pair(seed):
        checked(run)


@pytest.mark.parametrize("seed", range(40))
def test_transactions_beside_each_other(seed: int) -> None:
    checked(runs.random_transactions(seed).history())


def test_real_runs() -> None:
    for run in runs.recorded():
        checked(run)


@pytest.mark.parametrize("layout", ["lanes", "space-time", "arrivals"])
@pytest.mark.parametrize("settings", [{"acks": 0, "idempotence": False}, {"acks": 1, "idempotence": False, "in_flight": 3},
                                      {"broker": "3.9"}, {"faults": {1: "lose ack"}, "in_flight": 5, "client": "java"}], ids=str)
def test_the_settings_above_it(layout: str, settings: dict[str, object]) -> None:
    run = simulate(2, **settings)
    said = " ".join(w.text for w in read(show(run, layout).svg).words if w.y < 60 and w.event is None)
    assert ("idempotence on" in said) == settings.get("idempotence", True), "off it is not said: lesson 1 comes before the word"
    assert f"acks={settings.get('acks', 'all')}" in said and f"Kafka {settings.get('broker', '4.4')}" in said
    assert (f"{settings.get('in_flight', 1)} in flight" in said) == (settings.get("acks") != 0), "without answers nothing is in flight"
    assert ("faults: 1: lose ack" if "faults" in settings else "faults: none") in said
