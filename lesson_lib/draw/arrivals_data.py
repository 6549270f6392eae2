"""The arrivals of a history, sorted into one group for each partition, producer id and epoch."""

from __future__ import annotations

from dataclasses import dataclass, field

from lesson_lib.core.batch import MAX_SEQUENCE, increment_sequence
from lesson_lib.draw.facts import Fact, Ranges, facts_of, range_of
from lesson_lib.history import History, Kind


@dataclass(frozen=True, slots=True)
class Arrival:
    """A batch at the broker, or one that was lost on its way there. `first`..`last` is its place on the vertical axis.

    `memory` and `known` are the ranges remembered after and before it; `expected` is the sequence that would be next after it.
    """

    fact: Fact
    first: int
    last: int
    lost: bool
    memory: Ranges = ()
    known: Ranges = ()
    expected: int | None = None


@dataclass
class Group:
    """What one producer id sent to one partition in one epoch. Not `numbered`: it has no sequences, batches count instead."""

    title: str
    numbered: bool
    arrivals: list[Arrival] = field(default_factory=list)


def groups_of(history: History) -> list[Group]:
    """Groups in the order of their first arrival."""
    groups: dict[tuple[str, int, int, int], Group] = {}
    known: dict[tuple[str, int, int, int], Ranges] = {}
    epochs: dict[tuple[str, int, int], int] = {}
    ids = {p: n for n, p in enumerate(dict.fromkeys(e.producer_id for e in history.events if e.producer_id >= 0), 1)}
    for fact in facts_of(history):
        lost = fact.event.kind == Kind.LOST and fact.event.what == "request"
        if fact.event.kind == Kind.VERDICT or lost:
            send = fact.send
            key = (send.topic, send.partition, send.producer_id, send.producer_epoch)
            group = groups.setdefault(key, Group(_title(history, key, ids), send.producer_id >= 0))
            if not lost and fact.event.what == "stored":
                epochs[key[:3]] = key[3]
            memory = known.get(key, ()) if lost else fact.memory if epochs.get(key[:3]) == key[3] else ()
            group.arrivals.append(_arrival(fact, group.numbered, lost, memory, known.get(key, ())))
            known[key] = memory
    return list(groups.values())


def _arrival(fact: Fact, numbered: bool, lost: bool, memory: Ranges, known: Ranges) -> Arrival:
    if not numbered:
        return Arrival(fact, fact.send.batch, fact.send.batch, lost)
    first, last = range_of(fact.send)
    last = first if last < first else last  # a batch across the wrap is drawn at its start
    expected = increment_sequence(memory[-1][1], 1) if memory else None
    return Arrival(fact, first, last, lost, tuple((a, b) for a, b in memory if a <= b), known, expected)


def _title(history: History, key: tuple[str, int, int, int], ids: dict[int, int]) -> str:
    topic, partition, producer_id, epoch = key
    where = f"{topic}-{partition}  " if len(history.partitions) > 1 else ""
    return where + (f"P{ids[producer_id]} epoch {epoch}" if producer_id >= 0 else "no producer id")


def residual(arrival: Arrival) -> int:
    """Batches from where the next one was expected: 0 is next, -1 the newest remembered, above 0 too early, -6 forgotten."""
    event = arrival.fact.event
    if event.kind == Kind.VERDICT and event.what == "stored" or not arrival.known:
        return 0
    if (arrival.first, arrival.last) in arrival.known:
        return arrival.known.index((arrival.first, arrival.last)) - len(arrival.known)
    size = max(1, arrival.last - arrival.first + 1)
    ahead = (arrival.first - arrival.known[-1][1] - 1) & MAX_SEQUENCE
    return min(6, 1 + ahead // size) if ahead < MAX_SEQUENCE // 2 else -6
