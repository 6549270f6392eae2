"""A bench for hand-made batches: any producer id, any epoch, any sequence, and the broker's verdict in words.

`forge(target)` works on the toy (`PartitionLog`), on a lab, and on any broker by its address. A broker
never asks whether a producer id was given to the client that uses it, so every number may be made up.

On the wire "stored" and "duplicate" look almost alike: error 0 and an offset. Apache Kafka gives the
difference away by the append time: it stays -1 for what was just stored (on a topic with timestamps by the
client) and is set for a duplicate.

In the history of a bench there is no application: nobody is told anything, and a batch that is missing from
the log is no anomaly. A batch is the same batch again, another try of it, when it has the same producer id,
epoch and range.
"""

from __future__ import annotations

import re
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from time import time  # by name: the toy's clock is that on the wall, in every world
from typing import Any

from lesson_lib.core.error_codes import ErrorCode
from lesson_lib.core.partition_log import PartitionLog
from lesson_lib.core.producer_state import Appended, Batch, Duplicate, Verdict
from lesson_lib.errors import LessonError, version_of
from lesson_lib.history import Event, History, Kind, LogCell, Settings
from lesson_lib.history.history import BY_HAND
from lesson_lib.history.link import call_text
from lesson_lib.text_table import aligned, html_table
from lesson_lib.wire import requests
from lesson_lib.wire.record_batch import batch_bytes
from lesson_lib.wire.requests import RawClient, make_topic

TOPIC = "forged"
MEMORY_HEADINGS = ("producer id", "epoch", "last sequence", "transaction open since offset")


def error_words(code: int) -> str:
    """Number and name of an error; only the number where the course has no name for it."""
    return ErrorCode(code).words if code in list(ErrorCode) else f"error {code}"


@dataclass(frozen=True, slots=True)
class ForgeAnswer:
    """What a broker answered to one forged batch. Offsets and times are -1 where there is none."""

    error: int
    base_offset: int = -1
    log_append_time_ms: int = -1
    log_start_offset: int = -1

    @property
    def verdict(self) -> str:
        """stored, duplicate or refused."""
        return "refused" if self.error else "stored" if self.log_append_time_ms == -1 else "duplicate"

    def __str__(self) -> str:
        if self.error:
            return f"refused: {error_words(self.error)}"
        return f"stored at offset {self.base_offset}" if self.verdict == "stored" else (
            f"duplicate of offset {self.base_offset}: success, nothing stored")

    __repr__ = __str__


@dataclass(frozen=True, slots=True)
class MemoryRow:
    """One producer id on one partition. -1 stands for none; `last_timestamp` in milliseconds since 1970."""

    producer_id: int
    epoch: int
    last_sequence: int
    last_timestamp: int = -1
    coordinator_epoch: int = -1
    txn_start_offset: int = -1

    @property
    def cells(self) -> tuple[str, ...]:
        opened = "none open" if self.txn_start_offset < 0 else str(self.txn_start_offset)
        last = "none in this epoch" if self.last_sequence < 0 else str(self.last_sequence)
        return (str(self.producer_id), str(self.epoch), last, opened)


@dataclass(frozen=True, slots=True)
class MemoryTable:
    """All producer ids of one partition. A broker tells the last sequence only; the ranges stay inside it."""

    rows: tuple[MemoryRow, ...]

    def __str__(self) -> str:
        lines = aligned([MEMORY_HEADINGS, *(row.cells for row in self.rows)], between=" | ")
        return "\n".join(lines if self.rows else [*lines, "(nobody is remembered)"])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        cells = [row.cells for row in self.rows] or [("nobody", "", "", "")]
        return html_table("What the leader remembers", MEMORY_HEADINGS, cells)


@dataclass
class ToyBench:
    """A bench on a `PartitionLog`, in this process."""

    log: PartitionLog

    @property
    def name(self) -> str:
        """Whose rule decides."""
        return str(self.log.version)

    def produce(self, batch: Batch, values: Sequence[bytes], transactional_id: str | None) -> ForgeAnswer:
        """Let the toy's rule decide."""
        return _as_answer(self.log.append(batch.again(payload=tuple(v.decode() for v in values))), self.log)

    def now(self) -> int:
        """The time of the cell: the toy is in no world."""
        return int(time() * 1000)

    def memory(self) -> list[MemoryRow]:
        """The toy's memory; unlike a broker's answer it could show all five ranges (`log.producers`)."""
        return [MemoryRow(pid, e.producer_epoch, e.last_sequence, e.last_timestamp, e.coordinator_epoch,
                          -1 if e.current_txn_first_offset is None else e.current_txn_first_offset)
                for pid, e in self.log.producers.items()]


@dataclass
class BrokerBench:
    client: RawClient
    topic: str
    partition: int = 0
    name: str = "a broker"

    def produce(self, batch: Batch, values: Sequence[bytes], transactional_id: str | None) -> ForgeAnswer:
        """Send a Produce request made by hand."""
        data = batch_bytes(values, producer_id=batch.producer_id, producer_epoch=batch.producer_epoch,
                           base_sequence=batch.base_sequence, transactional=batch.transactional,
                           timestamp=batch.max_timestamp)
        request = requests.produce(self.topic, self.partition, data, transactional_id=transactional_id)
        part = self.client.ask(request).responses[0].partition_responses[0]
        return ForgeAnswer(part.error_code, part.base_offset, part.log_append_time_ms, part.log_start_offset)

    def now(self) -> int:
        """The time in the broker's world."""
        return self.client.now()

    def memory(self) -> list[MemoryRow]:
        """The broker's memory, by DescribeProducers."""
        answer = self.client.ask(requests.describe_producers(self.topic, [self.partition]))
        return [MemoryRow(p.producer_id, p.producer_epoch, p.last_sequence, p.last_timestamp,
                          p.coordinator_epoch, p.current_txn_start_offset)
                for p in answer.topics[0].partitions[0].active_producers]


@dataclass(frozen=True, slots=True)
class JudgedBatch:
    """One batch that was handed to a broker, with the broker's verdict: stored, duplicate or refused."""

    batch: Batch
    values: tuple[str, ...]
    verdict: str
    offset: int | None = None
    error: ErrorCode = ErrorCode.NONE

    @property
    def identity(self) -> tuple[int, int, int, int]:
        """What makes two of them the same batch to a broker."""
        batch = self.batch
        return batch.producer_id, batch.producer_epoch, batch.base_sequence, batch.record_count


@dataclass
class Forge:
    """Sends hand-made batches to one partition and says what the broker made of each. `bench.name` is for
    captions.
    """

    bench: ToyBench | BrokerBench
    sent: int = 0
    handed: list[JudgedBatch] = field(default_factory=list)

    def close(self) -> None:
        """Let go of the connection, if there is one."""
        if isinstance(self.bench, BrokerBench):
            self.bench.client.close()

    @property
    def topic(self) -> str:
        """The topic that the batches go to; "" where there is no broker."""
        return self.bench.topic if isinstance(self.bench, BrokerBench) else ""

    def send(self, producer_id: int = -1, epoch: int = 0, base_sequence: int = 0, count: int = 1, *,
             transactional: bool = False, transactional_id: str | None = None,
             values: Sequence[str] | None = None) -> ForgeAnswer:
        """Send one batch of `count` records; without a producer id a plain one, as with idempotence off."""
        numbers = (producer_id, epoch, base_sequence) if producer_id >= 0 else (-1, -1, -1)
        given = self._values(numbers, count) if values is None else values
        self.sent += len(given)
        batch = _checked(Batch(len(given), *numbers, transactional=transactional,
                               max_timestamp=self.bench.now()))
        answer = self.bench.produce(batch, [value.encode() for value in given], transactional_id)
        offset = None if answer.error else answer.base_offset
        self.handed.append(JudgedBatch(batch, tuple(given), answer.verdict, offset, ErrorCode(answer.error)))
        return answer

    def _values(self, numbers: tuple[int, int, int], count: int) -> Sequence[str]:
        """New ones; those of the first time for a batch that was sent before."""
        before = (h.values for h in self.handed if h.identity == (*numbers, count) and numbers[0] >= 0)
        return next(before, [f"f{self.sent + n}" for n in range(count)])

    def history(self) -> History:
        """Everything that was sent from this bench, for `show(bench.history(), layout="arrivals")`."""
        return replace(history_by_hand(self.handed, broker=self.bench.name), call=self._call())

    def _call(self) -> str:
        """The Python that does the same to the toy; "" where the toy says something else."""
        version = self.bench.name if re.fullmatch(r"[\d.]+", self.bench.name) else "4.4"
        again, lines = forge(version), [f"bench = {call_text('forge', [version], {})}"]
        for one in self.handed:
            batch, more = one.batch, dict[str, Any]()
            numbers = (batch.producer_id, batch.producer_epoch, batch.base_sequence)
            if batch.transactional:
                more["transactional"] = True
            if tuple(again._values(numbers, batch.record_count)) != one.values:
                more["values"] = list(one.values)
            elif batch.record_count > 1:
                more["count"] = batch.record_count
            given = numbers if batch.has_producer_id else ()
            again.send(*given, **more)
            lines.append(call_text("bench.send", given, more))
        answers = [[(one.verdict, one.offset) for one in bench.handed] for bench in (self, again)]
        return "\n".join([*lines, "bench.history()"]) if answers[0] == answers[1] else ""

    def describe_producers(self) -> MemoryTable:
        """What the broker remembers of each producer id on this partition."""
        return MemoryTable(tuple(sorted(self.bench.memory(), key=lambda row: row.producer_id)))

    def batches(self) -> list[bytes]:
        """The bytes of every batch in the log, oldest first, for `explain_header`. The toy has none."""
        if not isinstance(self.bench, BrokerBench):
            raise LessonError("The toy stores no bytes: forge on a broker, "
                              "or give the Batch itself to explain_header.")
        return fetch_batches(self.bench.client, self.bench.topic, self.bench.partition)


def history_by_hand(handed: Sequence[JudgedBatch], broker: str = "4.4") -> History:
    """Everything that was handed over, in order, and the log as far as these batches are in it."""
    numbers: dict[object, int] = {}
    tries: Counter[int] = Counter()
    events: list[Event] = []
    log: list[LogCell] = []
    for n, one in enumerate(handed):
        # Plain batches are never the same.
        number = numbers.setdefault(one.identity if one.batch.has_producer_id else n, len(numbers))
        tries[number] += 1
        events += _events(one, n, number, tries[number])
        log += _cells(one, number) if one.verdict == "stored" else ()
    idempotence = any(one.batch.has_producer_id for one in handed)
    settings = Settings(BY_HAND, idempotence, broker=broker, client="by hand")
    return History(tuple(events), {(TOPIC, 0): tuple(log)}, settings)


def _events(one: JudgedBatch, n: int, number: int, try_no: int) -> Iterator[Event]:
    """The request, the verdict and the answer."""
    batch = one.batch
    send = Event(3 * n, Kind.SEND, attempt=n + 1, batch=number, try_no=try_no, values=one.values, topic=TOPIC,
                 producer_id=batch.producer_id, producer_epoch=batch.producer_epoch,
                 base_sequence=batch.base_sequence, record_count=batch.record_count,
                 transactional=batch.transactional)
    answered = replace(send, t=3 * n + 2, kind=Kind.ACK, offset=one.offset, error=one.error)
    yield from (send, replace(answered, t=3 * n + 1, kind=Kind.VERDICT, what=one.verdict, lane="broker"),
                answered)


def _cells(one: JudgedBatch, number: int) -> Iterator[LogCell]:
    first, batch = one.offset or 0, one.batch
    for i, value in enumerate(one.values):
        yield LogCell(first + i, value, number, first, producer_id=batch.producer_id,
                      producer_epoch=batch.producer_epoch, sequence=batch.sequence_of(i))


def forge(target: Any, topic: str | None = None, partition: int = 0) -> Forge:
    """A bench on a `PartitionLog`, a release whose rule the toy follows ("4.5"), a lab, or `host:port`.

    Without `topic` a broker gets a new one; a lab deletes it when it stops. LessonError when nothing answers
    or the topic cannot be made.
    """
    if isinstance(target, str) and re.fullmatch(r"\d+\.\d+(\.\d+)?", target):  # an IP has one number more
        target = PartitionLog(version_of(target))
    if isinstance(target, PartitionLog):
        return Forge(ToyBench(target))
    client = RawClient(target if isinstance(target, str) else target.address)
    name = getattr(getattr(target, "choice", None), "name", BrokerBench.name)
    return Forge(BrokerBench(client, topic or _new_topic(target, client), partition, name))


def fetch_batches(target: Any, topic: str, partition: int = 0) -> list[bytes]:
    """The bytes of every batch of a partition as the broker serves them, oldest first.

    `target` is a lab, an address or a `RawClient`. LessonError when the broker does not know the partition.
    """
    if not isinstance(target, RawClient):
        with RawClient(target if isinstance(target, str) else target.address) as client:
            return fetch_batches(client, topic, partition)
    start = target.ask(requests.list_offsets(topic, [partition], requests.EARLIEST)).topics[0].partitions[0]
    if start.error_code:
        raise LessonError(f"The broker does not show {topic}-{partition}: {error_words(start.error_code)}.")
    return list(requests.batches(target, topic, partition, start.offset))


def _new_topic(target: Any, client: RawClient) -> str:
    if hasattr(target, "topics"):  # a lab, whose topics carry the learner's suffix
        return target.topic("forge")
    name = f"forge-{uuid.uuid4().hex[:8]}"
    try:
        make_topic(client, name)
    except (RuntimeError, OSError, LookupError) as error:
        raise LessonError(f"{error}. Name a topic that exists: forge(…, topic='orders').") from None
    return name


def _checked(batch: Batch) -> Batch:
    """LessonError for numbers that do not fit into their header fields."""
    for name, bits in (("producer_id", 63), ("producer_epoch", 15), ("base_sequence", 31)):
        number, most = getattr(batch, name), (1 << bits) - 1
        if not -most - 1 <= number <= most:
            raise LessonError(f"{name.removeprefix('producer_')} must be from {-most - 1} to {most}: "
                              f"the field in the header has no room for {number}.")
    return batch


def _as_answer(verdict: Verdict, log: PartitionLog) -> ForgeAnswer:
    if isinstance(verdict, Appended):
        return ForgeAnswer(0, verdict.base_offset, -1, log.log_start_offset)
    if isinstance(verdict, Duplicate):
        return ForgeAnswer(0, verdict.base_offset, verdict.timestamp, log.log_start_offset)
    return ForgeAnswer(verdict.error, log_start_offset=log.log_start_offset)
