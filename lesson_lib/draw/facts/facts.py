"""What a picture needs to know of each event beyond the event itself, worked out from the list in one pass."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

from lesson_lib.draw.facts.broker_memory import Ranges, Remembered
from lesson_lib.draw.sheet.style import shape_of
from lesson_lib.history import Event, History, Kind, label_of


@dataclass(frozen=True, slots=True)
class Fact:
    """An event with its send, its name, and what the broker remembers of that producer after it.

    `whose` names the memory where a run has several. `copy` is 1 for the first time that this batch is stored, 2 for the second,
    0 where nothing is stored. `released` are the verdicts on those that a wrong broker had kept aside and stored behind
    this one. `awaited`: the producer waits for answers.
    """

    index: int
    event: Event
    send: Event
    label: str
    memory: Ranges = ()
    copy: int = 0
    whose: str = ""
    released: tuple[Event, ...] = ()
    awaited: bool = True

    @property
    def kept(self) -> bool:
        """Whether the broker said ok and only kept the batch aside."""
        return self.event.kind == Kind.VERDICT and self.event.what == "kept"

    @property
    def shape(self) -> str:
        """Which mark a verdict gets: stored, kept, duplicate, refused, fenced."""
        return shape_of(self.event.what, self.event.error)

    @property
    def arrived(self) -> tuple[Event, ...]:
        """The batches that come into the log with this event."""
        return (self.event, *self.released) if self.copy else ()


def facts_of(history: History) -> list[Fact]:
    """One fact for each event, in order."""
    sends = {a.number: a.send for a in history.attempts}
    return list(_facts(history, sends))


def names_of_ids(history: History) -> dict[int, str]:
    """P1, P2 and so on for the producer ids of a run, in the order in which they turn up; an id that was made up keeps its number."""
    ids = dict.fromkeys(e.producer_id for e in history.events if e.producer_id >= 0)
    return {producer_id: f"P{producer_id if history.settings.by_hand else n}" for n, producer_id in enumerate(ids, 1)}


def _owners(history: History, sends: dict[int, Event]) -> dict[tuple[str, int, int, int], str]:
    """What to call the memory of each partition, id and epoch: by what is not the same for all. Empty names where there is one."""
    owners = dict.fromkeys((s.topic, s.partition, s.producer_id, s.producer_epoch) for s in sends.values() if s.producer_id >= 0)
    several = [len({owner[part] for owner in owners}) > 1 for part in range(4)]
    ids = names_of_ids(history)
    return {(topic, number, producer_id, epoch): " ".join(
        [*[f"{topic}-{number}"] * (several[0] or several[1]), *[ids[producer_id]] * several[2], *[f"epoch {epoch}"] * several[3]])
        for topic, number, producer_id, epoch in owners}


def _facts(history: History, sends: dict[int, Event]) -> Iterator[Fact]:
    memory, whose = Remembered(), _owners(history, sends)
    copies: Counter[int] = Counter()
    kept: dict[int, Event] = {}
    for index, event in enumerate(history.events):
        send = sends.get(event.attempt, event)
        if event.kind == Kind.VERDICT and event.what == "kept":
            kept[event.batch] = event
        released = tuple(replace(kept[batch], what="stored") for batch in event.behind)
        stored = event.kind == Kind.VERDICT and event.what == "stored"
        copies[event.batch] += stored
        for one in (event, *released):  # what was kept is remembered once it is in the log
            memory.see(one, sends.get(one.attempt, one))
        copies.update(one.batch for one in released)
        owner = whose.get((send.topic, send.partition, send.producer_id, memory.epoch(send)), "")
        yield Fact(index, event, send, label_of(send), memory.ranges(send), copies[event.batch] if stored else 0, owner,
                   released, history.settings.acks != "0")


def range_words(first: int, last: int) -> str:
    """A range of sequences: 4, or 4..6."""
    return f"{first}" if first == last else f"{first}..{last}"
