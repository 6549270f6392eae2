"""A run as a short text table: selectable, testable, and the same in every place where a notebook is opened."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from lesson_lib.history.event import Event, Kind, LogCell

if TYPE_CHECKING:
    from lesson_lib.history.history import Attempt, History

HEADINGS = ("attempt", "batch", "try", "sequence", "request", "broker", "answer")


def as_table(history: History) -> str:
    """One line an attempt, then the log, then what the application was told."""
    attempts = history.attempts
    rows = [HEADINGS, *(_row(a) for a in attempts)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(HEADINGS))]
    head, *lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([head, *_in_order(history, attempts, lines), *_logs(history), *_told(history), *_read(history)])


def _row(attempt: Attempt) -> tuple[str, ...]:
    send = attempt.send
    name = f"{send.batch} ({' '.join(send.values)})" if send.values else str(send.batch)
    sequence = "none" if send.base_sequence < 0 else _range(send)
    request = "lost" if attempt.lost == "request" else ("no news", "arrived", "arrived twice")[min(attempt.arrivals, 2)]
    return (str(attempt.number), name, str(attempt.try_no), sequence, request, verdict_words(attempt), _answer(attempt))


def _range(send: Event) -> str:
    last = send.base_sequence + send.record_count - 1
    numbers = str(send.base_sequence) if last == send.base_sequence else f"{send.base_sequence}..{last & (2**31 - 1)}"
    return f"{numbers} epoch {send.producer_epoch}" if send.producer_epoch > 0 else numbers


def verdict_words(attempt: Attempt) -> str:
    """What the broker did with one attempt, in words; empty when the request never arrived."""
    if attempt.kept:
        return "kept, told ok, not in the log"
    if attempt.verdict == "stored":
        behind = f", behind it the kept {', '.join(map(str, attempt.released))}" if attempt.released else ""
        return f"stored at offset {attempt.offset}{behind}"
    if attempt.verdict == "duplicate":
        return f"duplicate of offset {attempt.offset}"
    return f"refused: {attempt.error.words}" if attempt.verdict else ""


def _answer(attempt: Attempt) -> str:
    if attempt.answer is None:
        return "lost" if attempt.lost == "answer" else ""
    return attempt.answer.words if attempt.answer else f"ok, offset {attempt.answer_offset}"


_HAPPENS = (Kind.BROKER, Kind.WORK, Kind.PRODUCER, Kind.CONSUMER, Kind.EPOCH, Kind.TXN)


def _in_order(history: History, attempts: Sequence[Attempt], lines: Sequence[str]) -> Iterator[str]:
    """The lines of the attempts, and between them what else a reader must know, each at its place in time."""
    happened: dict[int, list[str]] = {}
    for index, event in enumerate(history.events):
        if event.kind in _HAPPENS:
            place = _place(history.events, index, [a.number for a in attempts])
            happened.setdefault(place, []).append(f"  {_when(history, event, attempts, place)}: {_happening(event)}")
    for place in range(len(lines) + 1):
        yield from happened.get(place, ())
        yield from lines[place:place + 1]


def _place(events: Sequence[Event], index: int, attempts: Sequence[int]) -> int:
    """How many attempts come before an event: for the broker those that arrived, for all others those that were sent."""
    sent = {e.attempt for e in events[:index] if e.kind == Kind.SEND}
    arrive = {e.attempt for e in events[index:] if e.kind == Kind.VERDICT} if events[index].kind == Kind.BROKER else set()
    return next((n for n, number in enumerate(attempts) if number not in sent or number in arrive), len(attempts))


def _when(history: History, event: Event, attempts: Sequence[Attempt], place: int) -> str:
    """The moment of an event; only a simulation has a clock, elsewhere the attempts around it must do."""
    if history.settings.world == "simulated":
        return f"at {event.t} ms"
    if place < len(attempts):
        return f"before attempt {attempts[place].number}"
    return f"after attempt {attempts[-1].number}" if attempts else "before any attempt"


def _happening(event: Event) -> str:
    note = f" ({event.note})" if event.note else ""
    words = {Kind.BROKER: f"the broker {event.what}", Kind.WORK: f"{event.lane} works on {' '.join(event.values)}",
             Kind.TXN: f"{event.lane}, transaction: {event.what}"}
    return words.get(event.kind, f"{event.lane} {event.what}") + note


def _logs(history: History) -> list[str]:
    several = len(history.partitions) > 1
    return [f"log{f' {topic}-{number}' if several else ''}:  " + ("  ".join(map(_cell, cells)) or "empty")
            for (topic, number), cells in sorted(history.logs.items())]


def _cell(cell: LogCell) -> str:
    return f"{cell.offset}:{cell.value if cell.kind == 'data' else cell.kind.upper()}"


def _told(history: History) -> list[str]:
    if history.settings.by_hand:
        return []
    names = {e.batch: " ".join(e.values) or str(e.batch) for e in history.of(Kind.SEND, Kind.REPORT)}
    why = {batch: f": {name}" for batch, name in history.exceptions.items()}
    return ["told: " + ("  ".join(f"{names.get(b, b)} {what}{why.get(b, '')}" for b, what in history.told.items()) or "nothing")]


def _read(history: History) -> list[str]:
    """What each consumer read, in the order in which it did, and where it got nothing."""
    found: dict[str, list[str]] = {}
    for event in history.of(Kind.READ, Kind.POLL):
        record = f"{event.offset}:{' '.join(event.values)}" if event.kind == Kind.READ else "(handed nothing)"
        found.setdefault(event.lane, []).append(record)
    return [f"{lane} read:  {'  '.join(records)}" for lane, records in sorted(found.items())]
