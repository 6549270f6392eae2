"""A run as a picture needs it: each event with what a reader must know beside it, everything derived once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import compress

from lesson_lib.core.error_codes import ErrorCode
from lesson_lib.core.kafka_version import KafkaVersion
from lesson_lib.core.partition_log import PartitionLog
from lesson_lib.core.producer_state import Appended, Batch, ProducerStateEntry, TopicPartition
from lesson_lib.faults import BROKER_FAULTS, befall
from lesson_lib.history import Event, History, Kind, LogCell

MemoryKey = tuple[str, int, int]  # topic, partition, producer id
Ranges = tuple[tuple[int, int], ...]
Memory = Mapping[MemoryKey, ProducerStateEntry]
Marked = frozenset[tuple[str, int, int]]  # to be tinted: fate, told or read; batch; its try (0: of no try)
CONSUMER = (Kind.READ, Kind.POLL, Kind.WORK, Kind.POSITION, Kind.CONSUMER)  # what stands in a consumer's row
NOTES = (Kind.INIT, Kind.EPOCH, Kind.PRODUCER, Kind.TXN, Kind.TIMEOUT)  # what is written at a producer's lane
_FENCES = (ErrorCode.INVALID_PRODUCER_EPOCH, ErrorCode.PRODUCER_FENCED)
_SURPRISES = (Kind.CONSUMER, Kind.POLL, Kind.LOST, Kind.DROP, Kind.TIMEOUT, Kind.EPOCH, Kind.PRODUCER,
              Kind.BROKER)


class BrokerMemory:
    """What the broker remembers: `core`'s own memory, a log for each partition, fed with the run's events.

    What was stored is appended again whatever the rule would say, so it is right for a wrong broker too.
    """

    def __init__(self) -> None:
        self._logs: dict[TopicPartition, PartitionLog] = {}
        self._now: Memory = {}

    def see(self, event: Event, send: Event) -> Memory:
        """Follow the next event, which belongs to the request `send`; what is remembered from then on."""
        if event.kind == Kind.VERDICT and event.what == "stored" and send.producer_id >= 0:
            self._log(send).append(Batch(max(1, send.record_count), send.producer_id, send.producer_epoch,
                                         send.base_sequence, send.transactional))
        elif event.kind == Kind.MARKER:
            commit = event.what == "commit"
            self._log(event).append_marker(event.producer_id, event.producer_epoch, commit=commit)
        elif event.kind == Kind.BROKER and event.what in BROKER_FAULTS:
            for log in self._logs.values():
                befall(log, BROKER_FAULTS[event.what])
        else:
            return self._now
        self._now = {(*key, producer_id): entry for key, log in self._logs.items()
                     for producer_id, entry in log.producers.items()}
        return self._now

    def _log(self, event: Event) -> PartitionLog:
        return self._logs.setdefault((event.topic, event.partition), PartitionLog(rule=_stored))


def _stored(entry: ProducerStateEntry | None, batch: Batch, end: int, version: KafkaVersion) -> Appended:
    return Appended(end)


def memory_key(send: Event) -> MemoryKey:
    return send.topic, send.partition, send.producer_id


def ranges_of(memory: Memory, send: Event, *, of_its_epoch: bool = False) -> Ranges:
    """What is remembered of a producer id; `of_its_epoch`: nothing where another epoch took its place."""
    entry = memory.get(memory_key(send))
    if entry is None or (of_its_epoch and entry.producer_epoch != send.producer_epoch):
        return ()
    return tuple((batch.first_sequence, batch.last_sequence) for batch in entry.batches)


@dataclass(frozen=True, slots=True)
class EventInContext:
    """The n-th event, from 0.

    `sent` is the send of its attempt, `judged` the last verdict on that attempt before it. `before` and
    `after` are what the broker remembers, `memory` what it remembers then of this producer id, `whose` the
    name of that where a run has several, `others` the ids that it remembers on that partition as well.
    `arrived` are the batches that come into the log with it, `copy` is 1 for the first time that this batch
    is stored, 2 for the second, 0 where nothing is stored. `again`: its values are in that log already, from
    an earlier batch: the application sent them again. `awaited`: the producer waits for answers. `drop`: a
    lost message went with its connection.
    """

    index: int
    event: Event
    sent: EventInContext | None
    judged: EventInContext | None
    before: Memory
    after: Memory
    memory: Ranges
    whose: str
    others: tuple[str, ...]
    arrived: tuple[Event, ...]
    copy: int
    again: bool
    awaited: bool
    drop: EventInContext | None

    @property
    def send(self) -> Event:
        """The request that it belongs to; the event itself where it belongs to none."""
        return self.sent.event if self.sent else self.event

    @property
    def label(self) -> str:
        """The batch's number, and from its second try on that of the try: 3, 3·2, 3·3."""
        number, again = self.send.batch, f"·{self.send.try_no}" if self.retry else ""
        return "?" if number < 0 else f"{number}{again}"

    @property
    def retry(self) -> bool:
        """Whether the batch was sent before."""
        return self.send.try_no > 1

    @property
    def shape(self) -> str:
        """Which mark a verdict gets: stored, kept, duplicate, refused, or fenced for two of the errors."""
        return shape_of(self.event.what, self.event.error)

    @property
    def surprising(self) -> bool:
        """Whether something goes otherwise than planned."""
        event = self.event
        expected = {Kind.VERDICT: event.what == "stored" and self.copy <= 1, Kind.REPORT: event.what == "ok",
                    Kind.TXN: event.what not in ("fenced", "refused", "timed out")}
        return not expected.get(event.kind, event.kind not in _SURPRISES)


def shape_of(what: str, error: ErrorCode) -> str:
    return "fenced" if what == "refused" and error in _FENCES else what


class RunView:
    """One run, called `name` beside another; what is in `marked` differs between the two."""

    def __init__(self, history: History, name: str = "", marked: Marked = frozenset()) -> None:
        self.history, self.name, self.marked = history, name, marked
        self.partitions = history.partitions
        self.timed = history.settings.world == "simulated"  # in milliseconds; elsewhere times only count
        self.by_hand = history.settings.by_hand
        ids = dict.fromkeys(e.producer_id for e in history.events if e.producer_id >= 0)
        # An id that somebody made up keeps its number, the others are called as they turn up.
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
        if wanted in self.history.logs:
            return wanted
        return self._by_number.get(event.partition) if not event.topic else None

    def cell_at(self, event: Event, offset: int | None) -> LogCell | None:
        return self._cells.get((self.log_of(event), offset))

    def is_aborted(self, fact: EventInContext) -> bool:
        cell = self.cell_at(fact.send, fact.event.offset)
        return cell is not None and cell.txn == "aborted"

    def in_log(self, fact: EventInContext) -> bool:
        """Whether the batch lies in the final log: a wrong broker may say so of one that it never wrote."""
        cells = self.history.logs.get(self.log_of(fact.send) or ("", 0), ())
        return not self.history.logs or any(cell.batch == fact.send.batch for cell in cells)

    @cached_property
    def _by_number(self) -> dict[int, TopicPartition]:
        return {key[1]: key for key in reversed(self.partitions)}

    @cached_property
    def _cells(self) -> dict[tuple[TopicPartition | None, int | None], LogCell]:
        return {(key, cell.offset): cell for key, cells in self.history.logs.items() for cell in cells}

    def _memory_names(self) -> dict[tuple[str, int, int, int], str]:
        """What to call the memory of a partition, id and epoch: by what is not the same for all of them."""
        sent = [attempt.send for attempt in self.history.attempts if attempt.send.producer_id >= 0]
        owners = dict.fromkeys((*memory_key(send), send.producer_epoch) for send in sent)
        several = [len({owner[part] for owner in owners}) > 1 for part in range(4)]
        shown = several[0] or several[1], several[2], several[3]
        return {(t, n, p, e): " ".join(compress((f"{t}-{n}", self.ids[p], f"epoch {e}"), shown))
                for t, n, p, e in owners}

    def _others(self, memory: Memory, send: Event) -> tuple[str, ...]:
        """Who else has batches in the memory of a partition."""
        return tuple(self.ids[owner[2]] for owner, entry in memory.items()
                     if owner[:2] == (send.topic, send.partition) and owner[2] != send.producer_id
                     and entry.batches and owner[2] in self.ids)

    def _in_context(self) -> Iterator[EventInContext]:
        broker, names, awaited = BrokerMemory(), self._memory_names(), self.history.settings.acks != "0"
        sent: dict[int, EventInContext] = {}
        judged: dict[int, EventInContext] = {}
        kept: dict[int, Event] = {}
        copies: Counter[int] = Counter()
        values: dict[tuple[object, ...], int] = {}
        after: Memory = {}
        drop: EventInContext | None = None
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
            # One made by hand is only its numbers; a transaction may be a second try of an aborted one.
            told_apart = self.by_hand or send.transactional or not (send.values and stored)
            where = send.topic, send.partition, send.values
            first = send.batch if told_apart else values.setdefault(where, send.batch)
            entry = after.get(memory_key(send), send)
            name = names.get((*memory_key(send), entry.producer_epoch), "")
            # What goes with a connection is told right behind its drop.
            drop = drop if drop and event.kind == Kind.LOST and event.conn == drop.event.conn else None
            fact = EventInContext(index, event, own, judged.get(event.attempt), before, after,
                                  ranges_of(after, send), name, self._others(after, send), arrived,
                                  copies[event.batch] * stored, first != send.batch, awaited, drop)
            if event.kind == Kind.SEND:
                sent.setdefault(event.attempt, fact)
            elif event.kind == Kind.VERDICT:
                judged[event.attempt] = fact
            elif event.kind == Kind.DROP:
                drop = fact
            yield fact
