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
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from time import time  # by name: the toy's clock is that on the wall, in every world
from typing import Any, NamedTuple

from lesson_lib.core.error_codes import ErrorCode
from lesson_lib.core.partition_log import PartitionLog
from lesson_lib.core.producer_state import Appended, Batch, Duplicate
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
ROOM = {"producer_id": 2**63, "producer_epoch": 2**15, "base_sequence": 2**31}  # of a field in the header


def error_words(code: int) -> str:
    """Number and name of an error; only the number where the course has no name for it."""
    return ErrorCode(code).words if code in list(ErrorCode) else f"error {code}"


@dataclass(frozen=True, slots=True)
class ForgeAnswer:
    """What a broker answered to one forged batch. Offset and time are -1 where there is none."""

    error: int
    base_offset: int = -1
    log_append_time_ms: int = -1

    @property
    def verdict(self) -> str:
        """stored, duplicate or refused."""
        return "refused" if self.error else "stored" if self.log_append_time_ms == -1 else "duplicate"

    def __str__(self) -> str:
        return {"refused": f"refused: {error_words(self.error)}",
                "stored": f"stored at offset {self.base_offset}",
                "duplicate": f"duplicate of offset {self.base_offset}: success, nothing stored"}[self.verdict]

    __repr__ = __str__


class MemoryRow(NamedTuple):
    """One producer id on one partition. -1 stands for none."""

    producer_id: int
    epoch: int
    last_sequence: int
    txn_start_offset: int

    @property
    def cells(self) -> tuple[str, ...]:
        """What the table shows."""
        opened = "none open" if self.txn_start_offset < 0 else str(self.txn_start_offset)
        last = "none in this epoch" if self.last_sequence < 0 else str(self.last_sequence)
        return str(self.producer_id), str(self.epoch), last, opened


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
        match self.log.append(batch.again(payload=tuple(value.decode() for value in values))):
            case Appended(base_offset):
                return ForgeAnswer(0, base_offset)
            case Duplicate(base_offset, timestamp):
                return ForgeAnswer(0, base_offset, timestamp)
            case refused:
                return ForgeAnswer(refused.error)

    def now(self) -> int:
        """The time of the cell: the toy is in no world."""
        return int(time() * 1000)

    def memory(self) -> list[MemoryRow]:
        """The toy's memory; unlike a broker's answer it could show all five ranges (`log.producers`)."""
        return [MemoryRow(producer_id, known.producer_epoch, known.last_sequence,
                          -1 if known.current_txn_first_offset is None else known.current_txn_first_offset)
                for producer_id, known in self.log.producers.items()]


@dataclass
class BrokerBench:
    """A bench on a partition of a real broker."""

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
        return ForgeAnswer(part.error_code, part.base_offset, part.log_append_time_ms)

    def now(self) -> int:
        """The time in the broker's world."""
        return self.client.now()

    def memory(self) -> list[MemoryRow]:
        """The broker's memory, by DescribeProducers."""
        answer = self.client.ask(requests.describe_producers(self.topic, [self.partition]))
        return [MemoryRow(p.producer_id, p.producer_epoch, p.last_sequence, p.current_txn_start_offset)
                for p in answer.topics[0].partitions[0].active_producers]


@dataclass
class Forge:
    """Sends hand-made batches to one partition and says what the broker made of each. `bench.name` is for
    captions. `events` and `cells` are its history so far, `tries` the requests of each batch, `calls` the
    arguments that make the same again.
    """

    bench: ToyBench | BrokerBench
    sent: int = 0
    events: list[Event] = field(default_factory=list)
    cells: list[LogCell] = field(default_factory=list)
    tries: dict[tuple[int, ...], list[Event]] = field(default_factory=dict)
    calls: list[tuple[tuple[int, ...], dict[str, Any]]] = field(default_factory=list)

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
        count = max(0, count) if values is None else len(values)
        identity = (*numbers, count) if producer_id >= 0 else (len(self.calls),)  # a plain batch is no other
        tries = self.tries.get(identity)
        usual = tries[0].values if tries else tuple(f"f{self.sent + n}" for n in range(count))
        given = usual if values is None else tuple(values)
        batch = Batch(count, *numbers, transactional=transactional, max_timestamp=self.bench.now())
        _check(batch)
        answer = self.bench.produce(batch, [value.encode() for value in given], transactional_id)
        self.sent += count
        self._note(batch, given, self.tries.setdefault(identity, []), answer)
        more: dict[str, Any] = {"transactional": True} if transactional else {}
        more |= {"values": list(given)} if given != usual else {"count": count} if count > 1 else {}
        self.calls.append((numbers if batch.has_producer_id else (), more))
        return answer

    def _note(self, batch: Batch, values: tuple[str, ...], tries: list[Event], answer: ForgeAnswer) -> None:
        """The request, the verdict, the answer, and what is in the log with it."""
        t, who = len(self.events), (batch.producer_id, batch.producer_epoch)
        number = tries[0].batch if tries else len(self.tries) - 1
        send = Event(t, Kind.SEND, attempt=len(self.calls) + 1, batch=number, try_no=len(tries) + 1,
                     values=values, topic=TOPIC, producer_id=batch.producer_id,
                     producer_epoch=batch.producer_epoch, base_sequence=batch.base_sequence,
                     record_count=batch.record_count, transactional=batch.transactional)
        answered = replace(send, t=t + 2, kind=Kind.ACK, error=ErrorCode(answer.error),
                           offset=None if answer.error else answer.base_offset)
        verdict = replace(answered, t=t + 1, kind=Kind.VERDICT, what=answer.verdict, lane="broker")
        self.events += send, verdict, answered
        tries.append(send)
        if answer.verdict == "stored":
            first = answer.base_offset
            self.cells += [LogCell(first + n, value, number, first, "data", "", *who, batch.sequence_of(n))
                           for n, value in enumerate(values)]

    def history(self) -> History:
        """Everything that was sent from this bench, for `show(bench.history(), layout="arrivals")`."""
        settings = Settings(BY_HAND, any(event.producer_id >= 0 for event in self.events),
                            broker=self.bench.name, client="by hand")
        return History(tuple(self.events), {(TOPIC, 0): tuple(self.cells)}, settings, self._call())

    def _call(self) -> str:
        """The Python that does the same to the toy; "" where the toy says something else."""
        version = self.bench.name if re.fullmatch(r"[\d.]+", self.bench.name) else "4.4"
        again = forge(version)
        for given, more in self.calls:
            again.send(*given, **more)
        ours, theirs = ([(event.what, event.offset) for event in bench.events] for bench in (self, again))
        if ours != theirs:
            return ""
        lines = [call_text("bench.send", given, more) for given, more in self.calls]
        return "\n".join([f"bench = {call_text('forge', [version], {})}", *lines, "bench.history()"])

    def describe_producers(self) -> MemoryTable:
        """What the broker remembers of each producer id on this partition."""
        return MemoryTable(tuple(sorted(self.bench.memory())))


def _check(batch: Batch) -> None:
    """LessonError for numbers that do not fit into their header fields."""
    for name, room in ROOM.items():
        number = getattr(batch, name)
        if not -room <= number < room:
            raise LessonError(f"{name.removeprefix('producer_')} must be from {-room} to {room - 1}: "
                              f"the field in the header has no room for {number}.")


def forge(target: Any, topic: str | None = None, partition: int = 0) -> Forge:
    """A bench on a `PartitionLog`, a release whose rule the toy follows ("4.5"), a lab, or `host:port`.

    Without `topic` a broker gets a new one; a lab deletes it when it stops. LessonError when nothing answers
    or the topic cannot be made.
    """
    if isinstance(target, str) and re.fullmatch(r"\d+\.\d+(\.\d+)?", target):  # an IP has one number more
        target = PartitionLog(version_of(target))
    if isinstance(target, PartitionLog):
        return Forge(ToyBench(target))
    client = RawClient(_address(target))
    name = getattr(getattr(target, "choice", None), "name", BrokerBench.name)
    return Forge(BrokerBench(client, topic or _new_topic(target, client), partition, name))


def fetch_batches(target: Any, topic: str, partition: int = 0) -> list[bytes]:
    """The bytes of every batch of a partition as the broker serves them, oldest first.

    `target` is a lab or an address. LessonError when the broker does not know the partition.
    """
    with RawClient(_address(target)) as client:
        listed = client.ask(requests.list_offsets(topic, [partition], requests.EARLIEST))
        start = listed.topics[0].partitions[0]
        if start.error_code:
            raise LessonError(f"The broker does not show {topic}-{partition}: "
                              f"{error_words(start.error_code)}.")
        return list(requests.batches(client, topic, partition, start.offset))


def _address(target: Any) -> str:
    address = target if isinstance(target, str) else getattr(target, "address", None)
    if not isinstance(address, str):
        raise LessonError(f"Name a lab, or a broker as host:port, not {target!r:.60}.")
    return address


def _new_topic(target: Any, client: RawClient) -> str:
    if hasattr(target, "topics"):  # a lab, whose topics carry the learner's suffix
        return target.topic("forge")
    name = f"forge-{uuid.uuid4().hex[:8]}"
    try:
        make_topic(client, name)
    except (RuntimeError, OSError, LookupError) as error:
        raise LessonError(f"{error}. Name a topic that exists: forge(…, topic='orders').") from None
    return name
