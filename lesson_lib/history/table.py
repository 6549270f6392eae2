"""A run as a short text table: selectable, testable, and the same in every place where a notebook is opened."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lesson_lib.history.event import Event, Kind, LogCell

if TYPE_CHECKING:
    from lesson_lib.history.history import Attempt, History

HEADINGS = ("attempt", "batch", "try", "sequence", "request", "broker", "answer")


def as_table(history: History) -> str:
    """One line an attempt, then the log, then what the application was told."""
    rows = [HEADINGS, *(_row(a) for a in history.attempts)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(HEADINGS))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([*lines, *_happenings(history), *_logs(history), _told(history), *_read(history)])


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


def _happenings(history: History) -> list[str]:
    """The things besides attempts that a reader of the table must know."""
    told = {Kind.BROKER: "the broker {}", Kind.WORK: "{lane}: works on {values}"}
    told |= dict.fromkeys((Kind.PRODUCER, Kind.CONSUMER, Kind.EPOCH, Kind.TXN), "{lane}: {}")
    return [f"{e.t:>6}  " + told[e.kind].format(e.what, lane=e.lane, values=" ".join(e.values)) + (f" ({e.note})" if e.note else "")
            for e in history.events if e.kind in told]


def _logs(history: History) -> list[str]:
    several = len(history.partitions) > 1
    return [f"log{f' {topic}-{number}' if several else ''}:  " + ("  ".join(map(_cell, cells)) or "empty")
            for (topic, number), cells in sorted(history.logs.items())]


def _cell(cell: LogCell) -> str:
    return f"{cell.offset}:{cell.value if cell.kind == 'data' else cell.kind.upper()}"


def _told(history: History) -> str:
    names = {e.batch: " ".join(e.values) or str(e.batch) for e in history.of(Kind.SEND, Kind.REPORT)}
    return "told: " + ("  ".join(f"{names.get(b, b)} {what}" for b, what in history.told.items()) or "nothing")


def _read(history: History) -> list[str]:
    """What each consumer read, in the order in which it did, and where it got nothing."""
    found: dict[str, list[str]] = {}
    for event in history.of(Kind.READ, Kind.POLL):
        record = f"{event.offset}:{' '.join(event.values)}" if event.kind == Kind.READ else "(handed nothing)"
        found.setdefault(event.lane, []).append(record)
    return [f"{lane} read:  {'  '.join(records)}" for lane, records in sorted(found.items())]
