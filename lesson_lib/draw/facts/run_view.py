"""A run as a picture needs it: each event with what a reader must know beside it, everything derived once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

from lesson_lib.core.batch import TopicPartition
from lesson_lib.core.error_codes import ErrorCode
from lesson_lib.draw.facts.broker_memory import BrokerMemory, Memory, Ranges, owner_of, ranges_of
from lesson_lib.history import Event, History, Kind, LogCell, label_of

Marked = frozenset[tuple[str, int, int]]  # (fate, told or read; batch; its try, 0 for what is no try's) to be tinted
CONSUMER = (Kind.READ, Kind.POLL, Kind.WORK, Kind.POSITION, Kind.CONSUMER)  # what stands in a consumer's row
NOTES = (Kind.INIT, Kind.EPOCH, Kind.PRODUCER, Kind.TXN, Kind.TIMEOUT)  # what is written at a producer's lane
_FENCES = (ErrorCode.INVALID_PRODUCER_EPOCH, ErrorCode.PRODUCER_FENCED)
_SURPRISES = (Kind.CONSUMER, Kind.POLL, Kind.LOST, Kind.TORN, Kind.TIMEOUT, Kind.EPOCH, Kind.PRODUCER, Kind.BROKER)


@dataclass(frozen=True, slots=True)
class EventInContext:
    """The n-th event, from 0.

    `sent` is the send of its attempt, `judged` the last verdict on that attempt before it. `before` and `after` are what
    the broker remembers, `memory` what it remembers then of this producer id, `whose` the name of that where a run has
    several. `arrived` are the batches that come into the log with it, `copy` is 1 for the first time that this batch is
    stored, 2 for the second, 0 where nothing is stored. `awaited`: the producer waits for answers.
    """

    index: int
    event: Event
    sent: EventInContext | None
    judged: EventInContext | None
    before: Memory
    after: Memory
    memory: Ranges
    whose: str
    arrived: tuple[Event, ...]
    copy: int
    awaited: bool

    @property
    def send(self) -> Event:
        """The request that it belongs to; the event itself where it belongs to none."""
        return self.sent.event if self.sent else self.event

    @property
    def label(self) -> str:
        """The batch's number, and from its second try on that of the try."""
        return label_of(self.send)

    @property
    def retry(self) -> bool:
        """Whether the batch was sent before."""
        return self.send.try_no > 1

    @property
    def shape(self) -> str:
        """Which mark a verdict gets: stored, kept, duplicate, refused, or fenced for the two errors that say so."""
        return shape_of(self.event.what, self.event.error)

    @property
    def surprising(self) -> bool:
        """Whether something goes otherwise than planned."""
        event = self.event
        expected = {Kind.VERDICT: event.what == "stored" and self.copy <= 1, Kind.REPORT: event.what == "ok",
                    Kind.TXN: event.what not in ("fenced", "refused", "timed out")}
        return not expected.get(event.kind, event.kind not in _SURPRISES)


def shape_of(what: str, error: ErrorCode) -> str:
    """Which mark a verdict gets."""
    return "fenced" if what == "refused" and error in _FENCES else what


def has_clock(history: History) -> bool:
    """Whether times are milliseconds; elsewhere they only count events."""
    return history.settings.world == "simulated"


class RunView:
    """One run, called `name` beside another; what is in `marked` differs between the two."""

    def __init__(self, history: History, name: str = "", marked: Marked = frozenset()) -> None:
        self.history, self.name, self.marked = history, name, marked
        self.partitions = history.partitions
        self.timed = has_clock(history)
        self.by_hand = history.settings.by_hand
        ids = dict.fromkeys(e.producer_id for e in history.events if e.producer_id >= 0)
        # An id that somebody made up keeps its number, all others are called in the order in which they turn up.
        self.ids = {one: f"P{one if self.by_hand else n}" for n, one in enumerate(ids, 1)}
        self.events = list(self._in_context())

    @cached_property
    def producers(self) -> list[str]:
        """Their lanes, in order of appearance."""
        lanes = dict.fromkeys(e.lane for e in self.history.events if e.lane.startswith("producer"))
        return list(lanes) or ["producer"]

    @cached_property
    def consumers(self) -> list[str]:
        """Their lanes, if any reads."""
        return list(dict.fromkeys(e.lane for e in self.history.events if e.kind in CONSUMER))

    def is_marked(self, aspect: str, batch: int, try_no: int = 0) -> bool:
        """Whether something about a batch is to be tinted."""
        return (aspect, batch, try_no) in self.marked

    def log_of(self, event: Event) -> TopicPartition | None:
        """The log that an event is about; one that names no topic is about the first with its number."""
        wanted = event.topic, event.partition
        return wanted if wanted in self.history.logs else self._by_number.get(event.partition) if not event.topic else None

    def cell_at(self, event: Event, offset: int | None) -> LogCell | None:
        """The cell of that log at an offset."""
        return self._cells.get((self.log_of(event), offset))

    def in_log(self, fact: EventInContext) -> bool:
        """Whether the batch lies in the final log: a wrong broker may say so of one that it never wrote down."""
        return not self.history.logs or (self.log_of(fact.send), fact.send.batch) in self._batches

    @cached_property
    def _by_number(self) -> dict[int, TopicPartition]:
        return {key[1]: key for key in reversed(self.partitions)}

    @cached_property
    def _cells(self) -> dict[tuple[TopicPartition | None, int | None], LogCell]:
        return {(key, cell.offset): cell for key, cells in self.history.logs.items() for cell in cells}

    @cached_property
    def _batches(self) -> set[tuple[TopicPartition | None, int]]:
        return {(key, cell.batch) for key, cells in self.history.logs.items() for cell in cells}

    def _owner_names(self) -> dict[tuple[str, int, int, int], str]:
        """What to call the memory of a partition, id and epoch: by what is not the same for all; "" where there is one."""
        sent = [attempt.send for attempt in self.history.attempts]
        owners = dict.fromkeys((*owner_of(send), send.producer_epoch) for send in sent if send.producer_id >= 0)
        topic, number, producer, epoch = (len({owner[part] for owner in owners}) > 1 for part in range(4))
        return {(t, n, p, e): " ".join([f"{t}-{n}"] * (topic or number) + [self.ids[p]] * producer + [f"epoch {e}"] * epoch)
                for t, n, p, e in owners}

    def _in_context(self) -> Iterator[EventInContext]:
        broker, names, awaited = BrokerMemory(), self._owner_names(), self.history.settings.acks != "0"
        sent: dict[int, EventInContext] = {}
        judged: dict[int, EventInContext] = {}
        kept: dict[int, Event] = {}
        copies: Counter[int] = Counter()
        after: Memory = {}
        for index, event in enumerate(self.history.events):
            own = sent.get(event.attempt)
            send, before = own.event if own else event, after
            if event.kind == Kind.VERDICT and event.what == "kept":
                kept[event.batch] = event
            stored = event.kind == Kind.VERDICT and event.what == "stored"
            # What was kept aside is remembered once it is in the log, behind the one that it waited for.
            behind = tuple(replace(kept[batch], what="stored") for batch in event.behind if batch in kept)
            after = broker.see(event, send)
            for one in behind:
                after = broker.see(one, one)
            arrived = (event, *behind) if stored else ()
            copies.update(one.batch for one in arrived)
            entry = after.get(owner_of(send))
            name = names.get((*owner_of(send), entry.producer_epoch if entry else send.producer_epoch), "")
            fact = EventInContext(index, event, own, judged.get(event.attempt), before, after, ranges_of(after, send), name,
                                  arrived, copies[event.batch] if stored else 0, awaited)
            if event.kind == Kind.SEND:
                sent.setdefault(event.attempt, fact)
            elif event.kind == Kind.VERDICT:
                judged[event.attempt] = fact
            yield fact
