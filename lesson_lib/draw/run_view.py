"""A run as a picture needs it: each event with what a reader must know beside it, everything derived once."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import compress

from lesson_lib.core.error_codes import ErrorCode
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


def memory_key(send: Event) -> MemoryKey:
    return send.topic, send.partition, send.producer_id


def shape_of(what: str, error: ErrorCode) -> str:
    """Which mark a verdict gets: stored, kept, duplicate, refused, or fenced for two of the errors."""
    return "fenced" if what == "refused" and error in _FENCES else what


@dataclass(frozen=True, slots=True, eq=False)
class EventInContext:
    """The n-th event of a run, from 0.

    `lane` is the producer's lane that it is written above: its own, else that of the last event. `sent` is
    the send of its attempt, `judged` the last verdict on that attempt before it. `before` and `after` are
    what the broker remembers. `arrived` are the batches that come into the log with it, `copy` is 1 for the
    first time that this batch is stored, 2 for the second, 0 where nothing is stored. `again`: its values are
    in that log already, from an earlier batch: the application sent them again. `drop`: a lost message went
    with its connection.
    """

    view: RunView
    index: int
    event: Event
    lane: str
    sent: EventInContext | None
    judged: EventInContext | None
    before: Memory
    after: Memory
    arrived: tuple[Event, ...]
    copy: int
    again: bool
    drop: EventInContext | None

    @property
    def step(self) -> int:
        """The step at which it is told."""
        return self.view.steps[self.index]

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
        return shape_of(self.event.what, self.event.error)

    @property
    def log(self) -> TopicPartition | None:
        """The log that it is about."""
        wanted = self.send.topic, self.send.partition
        return wanted if wanted in self.view.history.logs else None

    @property
    def cell(self) -> LogCell | None:
        """What lies at its offset in the end."""
        return self.view.cells.get((self.log, self.event.offset))

    @property
    def aborted(self) -> bool:
        return self.cell is not None and self.cell.txn == "aborted"

    @property
    def in_log(self) -> bool:
        """Whether the batch lies in the final log: a wrong broker may say so of one that it never wrote."""
        logs = self.view.history.logs
        return not logs or any(cell.batch == self.send.batch for cell in logs.get(self.log or ("", 0), ()))

    @property
    def message(self) -> str:
        """What arrives with it, or is lost: a request or an answer; a drop is one too."""
        lost = "request" if self.event.what == "request" else "answer"
        return {Kind.VERDICT: "request", Kind.ACK: "answer", Kind.DROP: "drop"}.get(self.event.kind, lost)

    @property
    def surprising(self) -> bool:
        """Whether something goes otherwise than planned."""
        what = self.event.what
        expected = {Kind.VERDICT: what == "stored" and self.copy <= 1, Kind.REPORT: what == "ok",
                    Kind.TXN: what not in ("fenced", "refused", "timed out")}
        return not expected.get(self.event.kind, self.event.kind not in _SURPRISES)

    def is_marked(self, aspect: str, try_no: int = 0) -> bool:
        """Whether something about its batch is to be tinted."""
        return (aspect, self.event.batch, try_no) in self.view.marked

    def ranges(self, memory: Memory, *, of_its_epoch: bool = False) -> Ranges:
        """What a memory has of its producer id; `of_its_epoch`: nothing where another epoch is there now."""
        entry = memory.get(memory_key(self.send))
        if entry is None or (of_its_epoch and entry.producer_epoch != self.send.producer_epoch):
            return ()
        return tuple((batch.first_sequence, batch.last_sequence) for batch in entry.batches)

    @property
    def whose(self) -> str:
        """What to call the memory of its producer id where a run has several."""
        key = memory_key(self.send)
        return self.view.memory_names.get((*key, self.after.get(key, self.send).producer_epoch), "")

    @property
    def others(self) -> list[str]:
        """Who else has batches in the memory of its partition."""
        ids, (*where, own) = self.view.ids, memory_key(self.send)
        return [ids[owner] for (*there, owner), entry in self.after.items()
                if there == where and owner != own and entry.batches and owner in ids]


class RunView:
    """One run, the n-th of a picture, called `name` beside another; what is in `marked` differs between them.

    `steps` are those at which its events are told, `clock` has their times where these only count: both are
    set when two runs are told together.
    """

    def __init__(self, history: History, name: str = "", marked: Marked = frozenset(),
                 number: int = 0) -> None:
        self.history, self.name, self.marked, self.number = history, name, marked, number
        self.partitions = history.partitions
        self.timed = history.settings.world == "simulated"  # in milliseconds; elsewhere times only count
        self.by_hand = history.settings.by_hand
        self.awaits_answers = history.settings.acks != "0"
        ids = dict.fromkeys(e.producer_id for e in history.events if e.producer_id >= 0)
        # An id that somebody made up keeps its number, the others are called as they turn up.
        self.ids = {one: f"P{one if self.by_hand else n}" for n, one in enumerate(ids, 1)}
        self.cells = {(key, cell.offset): cell for key, cells in history.logs.items() for cell in cells}
        lanes = dict.fromkeys(e.lane for e in history.events if e.lane.startswith("producer"))
        self.producers = list(lanes) or ["producer"]
        self.consumers = list(dict.fromkeys(e.lane for e in history.of(*CONSUMER)))
        self.events = list(self._in_context())
        self.steps: Sequence[int] = range(len(self.events))
        self.last = len(self.events) - 1 if self.events else None  # the step at which the end is known
        self.clock: Sequence[int] = ()

    @cached_property
    def memory_names(self) -> dict[tuple[str, int, int, int], str]:
        """What to call the memory of a partition, id and epoch: by what is not the same for all of them."""
        sent = [attempt.send for attempt in self.history.attempts if attempt.send.producer_id >= 0]
        owners = dict.fromkeys((*memory_key(send), send.producer_epoch) for send in sent)
        topics, numbers, *shown = [len(set(part)) > 1 for part in zip(*owners, strict=True)] or [False] * 4
        return {(t, n, p, e): " ".join(compress((f"{t}-{n}", self.ids[p], f"epoch {e}"),
                                                (topics or numbers, *shown))) for t, n, p, e in owners}

    def _in_context(self) -> Iterator[EventInContext]:
        logs: PartitionLogs = defaultdict(
            lambda: PartitionLog(rule=lambda entry, batch, end, version: Appended(end)))
        sent, judged = dict[int, EventInContext](), dict[int, EventInContext]()
        kept, first_with = dict[int, Event](), dict[tuple[object, ...], int]()
        copies: Counter[int] = Counter()
        after: Memory = {}
        drop: EventInContext | None = None
        lane = self.producers[0]
        for index, event in enumerate(self.history.events):
            own, lane = sent.get(event.attempt), event.lane if event.lane in self.producers else lane
            send, before = own.event if own else event, after
            what = event.what if event.kind == Kind.VERDICT else ""
            if what == "kept":
                kept[event.batch] = replace(event, what="stored")
            # What was kept aside is remembered once it is in the log, behind the one that it waited for.
            behind = [kept[batch] for batch in event.behind if batch in kept]
            for one, request in ((event, send), *zip(behind, behind, strict=True)):
                after = remembered(logs, one, request, after)
            arrived = (event, *behind) if what == "stored" else ()
            copies.update(one.batch for one in arrived)
            # One made by hand is only its numbers; a transaction may be a second try of an aborted one.
            compared = arrived and send.values and not (self.by_hand or send.transactional)
            where = send.topic, send.partition, send.values
            again = bool(compared) and first_with.setdefault(where, send.batch) != send.batch
            # What goes with a connection is told right behind its drop.
            drop = drop if drop and event.kind == Kind.LOST and event.conn == drop.event.conn else None
            fact = EventInContext(self, index, event, lane, own, judged.get(event.attempt), before, after,
                                  arrived, copies[event.batch] if arrived else 0, again, drop)
            if event.kind == Kind.SEND:
                sent.setdefault(event.attempt, fact)
            elif event.kind == Kind.VERDICT:
                judged[event.attempt] = fact
            elif event.kind == Kind.DROP:
                drop = fact
            yield fact


PartitionLogs = defaultdict[TopicPartition, PartitionLog]


def remembered(logs: PartitionLogs, event: Event, send: Event, before: Memory) -> Memory:
    """What the broker remembers after the next event, which belongs to the request `send`.

    `logs` are `core`'s own, fed with the run's events. What was stored is appended again whatever the rule
    would say, so it is right for a wrong broker too.
    """
    if event.kind == Kind.VERDICT and event.what == "stored" and send.producer_id >= 0:
        logs[send.topic, send.partition].append(Batch(
            max(1, send.record_count), send.producer_id, send.producer_epoch, send.base_sequence,
            send.transactional))
    elif event.kind == Kind.MARKER:
        logs[event.topic, event.partition].append_marker(
            event.producer_id, event.producer_epoch, commit=event.what == "commit")
    elif event.kind == Kind.BROKER and event.what in BROKER_FAULTS:
        for log in logs.values():
            befall(log, BROKER_FAULTS[event.what])
    else:
        return before
    return {(*key, producer_id): entry for key, log in logs.items()
            for producer_id, entry in log.producers.items()}
