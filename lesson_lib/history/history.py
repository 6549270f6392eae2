"""A run that can tell itself: as a text table, selectable, testable, and the same wherever a notebook is
opened; and as a story, for those who don't see the picture.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lesson_lib.history.event import NOWHERE, Attempt, Event, Kind, LogCell, range_of, range_words
from lesson_lib.history.run import Run
from lesson_lib.history.story import as_story
from lesson_lib.text_table import aligned


class History(Run):
    """Everything that one run left behind, in words too."""

    def table(self) -> str:
        """The run as a short text table: one line a request, then the log, then what the application was
        told.
        """
        head, *lines = aligned([HEADINGS, *map(_row, self.attempts)])
        return "\n".join([head, *_in_order(self, lines), *_logs(self), *_told(self), *_read(self)])

    def story(self) -> str:
        """The run in a sentence or two, for alt text."""
        return as_story(self)

    def __str__(self) -> str:
        return self.table()


HEADINGS = ("request", "batch", "try", "sequence", "arrival", "broker", "answer")


def _row(attempt: Attempt) -> tuple[str, ...]:
    send = attempt.send
    name = f"{send.batch} ({' '.join(send.values)})" if send.values else str(send.batch)
    epoch = f" epoch {send.producer_epoch}" if send.producer_epoch > 0 else ""
    sequence = "none" if send.base_sequence < 0 else range_words(*range_of(send)) + epoch
    arrived = ("no news", "arrived", "arrived twice")[min(attempt.arrivals, 2)]
    arrival = "lost" if attempt.lost == "request" else arrived
    return (str(attempt.number), name, str(attempt.try_no), sequence, arrival, attempt.verdict_words,
            _answer(attempt))


def _answer(attempt: Attempt) -> str:
    if attempt.answer is None:
        return "lost" if attempt.lost == "answer" else ""
    if attempt.answer:
        return attempt.answer.words
    return "ok, no offset" if attempt.answer_offset == NOWHERE else f"ok, offset {attempt.answer_offset}"


_HAPPENS = (Kind.BROKER, Kind.WORK, Kind.PRODUCER, Kind.CONSUMER, Kind.EPOCH, Kind.TXN)


def _in_order(run: Run, lines: Sequence[str]) -> Iterator[str]:
    """The lines of the attempts, and between them what else a reader must know, each at its place in time."""
    happened: dict[int, list[str]] = {}
    for index, event in enumerate(run.events):
        if event.kind in _HAPPENS:
            place = _place(run, index)
            happened.setdefault(place, []).append(f"  {_when(run, event, place)}: {_happening(event)}")
    for place in range(len(lines) + 1):
        yield from happened.get(place, ())
        yield from lines[place:place + 1]


def _place(run: Run, index: int) -> int:
    """How many attempts come before an event: for the broker those that arrived, else those sent."""
    broker = run.events[index].kind == Kind.BROKER
    sent = {e.attempt for e in run.events[:index] if e.kind == Kind.SEND}
    arrive = {e.attempt for e in run.events[index:] if e.kind == Kind.VERDICT} if broker else set()
    late = (n for n, a in enumerate(run.attempts) if a.number not in sent or a.number in arrive)
    return next(late, len(run.attempts))


def _when(run: Run, event: Event, place: int) -> str:
    """The moment of an event; only a simulation has a clock, elsewhere the attempts around it must do."""
    if run.settings.world == "simulated":
        return f"at {event.t} ms"
    if place < len(run.attempts):
        return f"before request {run.attempts[place].number}"
    return f"after request {run.attempts[-1].number}" if run.attempts else "before any request"


def _happening(event: Event) -> str:
    note = f" ({event.note})" if event.note else ""
    words = {Kind.BROKER: f"the broker {event.what}",
             Kind.WORK: f"{event.lane} works on {' '.join(event.values)}",
             Kind.TXN: f"{event.lane}, transaction: {event.what}"}
    return words.get(event.kind, f"{event.lane} {event.what}") + note


def _logs(run: Run) -> list[str]:
    several = len(run.partitions) > 1
    return [f"log{f' {topic}-{number}' if several else ''}:  " + ("  ".join(map(_cell, cells)) or "empty")
            for (topic, number), cells in sorted(run.logs.items())]


def _cell(cell: LogCell) -> str:
    return f"{cell.offset}:{cell.value if cell.kind == 'data' else cell.kind.upper()}"


def _told(run: Run) -> list[str]:
    if run.settings.by_hand:
        return []
    why = {batch: f": {name}" for batch, name in run.exceptions.items()}
    words = (f"{run.contents.get(b, b)} {what}{why.get(b, '')}" for b, what in run.told.items())
    return ["told: " + ("  ".join(words) or "nothing")]


def _read(run: Run) -> list[str]:
    """What each consumer read, in the order in which it did, and where it got nothing."""
    found: dict[str, list[str]] = {}
    for event in run.of(Kind.READ, Kind.POLL):
        values = " ".join(event.values)
        record = f"{event.offset}:{values}" if event.kind == Kind.READ else "(receives nothing)"
        found.setdefault(event.lane, []).append(record)
    return [f"{lane} read:  {'  '.join(records)}" for lane, records in sorted(found.items())]
