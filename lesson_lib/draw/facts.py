"""What a picture needs to know of each event beyond the event itself, worked out from the list in one pass.

What the broker remembers is read off its verdicts: the ranges of the last five batches that it stored of a producer id and epoch.
Differs from Kafka in: a broker that lost or rebuilt its memory shows it here only from its next verdict on, save for `forgot ids`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from lesson_lib.core.batch import increment_sequence
from lesson_lib.core.producer_state import BATCHES_TO_RETAIN
from lesson_lib.history import Event, History, Kind

Ranges = tuple[tuple[int, int], ...]
Owner = tuple[str, int, int]  # topic, partition, producer id


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
    memory: dict[Owner, tuple[int, Ranges]] = {}
    copies: Counter[int] = Counter()
    for index, event in enumerate(history.events):
        send = sends.get(event.attempt, event)
        copy = 0
        if event.kind == Kind.VERDICT and event.what == "stored":
            copies[event.batch] += 1
            copy = copies[event.batch]
            _remember(memory, send)
        elif event.kind == Kind.MARKER and event.producer_epoch > memory.get(_owner(event), (event.producer_epoch, ()))[0]:
            memory[_owner(event)] = event.producer_epoch, ()
        elif event.kind == Kind.BROKER and "forg" in event.what:
            memory.clear()
        elif event.kind == Kind.BROKER and event.what == "restarted":  # a snapshot holds the last batch of each id
            memory.update({owner: (epoch, ranges[-1:]) for owner, (epoch, ranges) in memory.items()})
        yield Fact(index, event, send, label_of(send), memory.get(_owner(send), (0, ()))[1], copy)


def _owner(send: Event) -> Owner:
    return send.topic, send.partition, send.producer_id


def _remember(memory: dict[Owner, tuple[int, Ranges]], send: Event) -> None:
    if send.producer_id < 0:
        return
    epoch, ranges = memory.get(_owner(send), (send.producer_epoch, ()))
    kept = ranges if epoch == send.producer_epoch else ()
    memory[_owner(send)] = send.producer_epoch, (*kept, range_of(send))[-BATCHES_TO_RETAIN:]


def range_of(send: Event) -> tuple[int, int]:
    """First and last sequence of a batch."""
    return send.base_sequence, increment_sequence(send.base_sequence, max(1, send.record_count) - 1)


def label_of(send: Event) -> str:
    """The batch's number with a prime for each retry: 3, 3′, 3″; from the fifth try on 3·5."""
    if send.batch < 0:
        return "?"
    tries = max(1, send.try_no)
    return f"{send.batch}{('', '′', '″', '‴')[tries - 1]}" if tries <= 4 else f"{send.batch}·{tries}"


def range_words(first: int, last: int) -> str:
    """A range of sequences: 4, or 4..6."""
    return f"{first}" if first == last else f"{first}..{last}"
