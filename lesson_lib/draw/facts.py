"""What a picture needs to know of each event beyond the event itself, worked out from the list in one pass."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from lesson_lib.draw.remembered import Ranges, Remembered
from lesson_lib.history import Event, History, Kind


@dataclass(frozen=True, slots=True)
class Fact:
    """An event with its send, its name, and what the broker remembers of that producer after it.

    `copy` is 1 for the first time that this batch is stored, 2 for the second, 0 where nothing is stored.
    """

    index: int
    event: Event
    send: Event
    label: str
    memory: Ranges = ()
    copy: int = 0


def facts_of(history: History) -> list[Fact]:
    """One fact for each event, in order."""
    sends = {a.number: a.send for a in history.attempts}
    return list(_facts(history, sends))


def _facts(history: History, sends: dict[int, Event]) -> Iterator[Fact]:
    memory = Remembered()
    copies: Counter[int] = Counter()
    for index, event in enumerate(history.events):
        send = sends.get(event.attempt, event)
        stored = event.kind == Kind.VERDICT and event.what == "stored"
        copies[event.batch] += stored
        memory.see(event, send)
        yield Fact(index, event, send, label_of(send), memory.ranges(send), copies[event.batch] if stored else 0)


def label_of(send: Event) -> str:
    """The batch's number with a prime for each retry: 3, 3′, 3″; from the fifth try on 3·5."""
    if send.batch < 0:
        return "?"
    tries = max(1, send.try_no)
    return f"{send.batch}{('', '′', '″', '‴')[tries - 1]}" if tries <= 4 else f"{send.batch}·{tries}"


def range_words(first: int, last: int) -> str:
    """A range of sequences: 4, or 4..6."""
    return f"{first}" if first == last else f"{first}..{last}"
