"""What the proxy and the lab's clients saw, written down as it happens: the raw material of a `History`.

The proxy's thread writes down what passes through it, the clients' threads what applications are told.
Attempts are numbered from 1, one for each partition of each Produce request. Batches, connections, producer
ids and lanes get their numbers when they first appear, so the same script gives the same numbers on every
broker.

Of the requests to coordinators a picture needs new producer ids and epochs, and the steps of transactions.
No client tells a broker that a transaction begins; the first partition that is added to it stands for that.

Which batch is it, and was it stored before? There are no batch numbers on the wire; we work them out from the
bytes. A client resends a batch byte for byte. With idempotence, producer id, epoch and base sequence identify
a batch, and its records show whether it is a forgery with the same numbers. Without idempotence there are the
records alone. Their timestamps tell two calls of `send` apart, since the lab's producer uses none twice. A
client that gives a failed batch new numbers (a new epoch) still sends the same records, so that is the same
batch too, until the producer gets an ok for it.
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from itertools import count
from typing import Any, NamedTuple

from lesson_lib.core.error_codes import ErrorCode
from lesson_lib.core.producer_state import TopicPartition
from lesson_lib.faults import Fault, FaultScript
from lesson_lib.history import Event, Kind
from lesson_lib.wire.messages import API_KEYS, Request
from lesson_lib.wire.record_batch import LOG_OVERHEAD, Header, read_header, records_in

INIT_PRODUCER_ID, END_TXN, ADD_PARTITIONS = (
    API_KEYS[api] for api in ("InitProducerId", "EndTxn", "AddPartitionsToTxn"))
STEPS = {ADD_PARTITIONS: "add partition", API_KEYS["AddOffsetsToTxn"]: "offsets", END_TXN: "commit"}
MOST_VALUES, MOST_BYTES = 64, 64 * 1024  # of a larger batch a picture shows the count, not the values
MOST_STORED = 10_000
FENCED = (ErrorCode.INVALID_PRODUCER_EPOCH, ErrorCode.PRODUCER_FENCED)


class BatchKey(NamedTuple):
    """What makes two batches the same one: partition, numbers, and the records with their timestamps."""

    topic: str
    partition: int
    producer_id: int
    producer_epoch: int
    base_sequence: int
    content: bytes

    @classmethod
    def of(cls, topic: str, partition: int, records: bytes) -> BatchKey:
        """ValueError when the bytes are no batch of format 2."""
        header = read_header(records)
        if header.magic != 2:
            raise ValueError(f"a batch of format {header.magic}")
        content = records[27:43] + records[57:LOG_OVERHEAD + header.batch_length]  # no numbers, no checksum
        return cls(topic, partition, header.producer_id, header.producer_epoch, header.base_sequence,
                   blake2b(content, digest_size=16).digest())


class BatchValues(NamedTuple):
    """`shown`: the values as text, none of them if the batch is too large to show. `content`: a digest of all
    of them, empty if the batch can't be unpacked here."""

    shown: tuple[str, ...] = ()
    content: str = ""


@dataclass(slots=True)
class KnownBatch:
    """A batch that was sent. `tries` counts the requests with it; `acknowledged`: the producer got an ok."""

    number: int
    header: Header
    values: BatchValues
    tries: int = 0
    acknowledged: bool = False


class BatchBook:
    """Numbers batches from 0 in the order in which they are first seen."""

    def __init__(self) -> None:
        self._batches: list[KnownBatch] = []
        self._by_key: dict[BatchKey, KnownBatch] = {}
        self._by_content: dict[tuple[str, str, int, bytes], KnownBatch] = {}
        self._by_place: dict[tuple[str, str, int], list[KnownBatch]] = {}

    def __len__(self) -> int:
        return len(self._batches)

    def sent(self, client_id: str, key: BatchKey, records: bytes) -> KnownBatch:
        """The batch in a produce request, one try further."""
        batch = self._known(client_id, key)
        if batch is None:
            batch = KnownBatch(len(self._batches), read_header(records), values_in(records))
            self._batches.append(batch)
            self._by_place.setdefault((client_id, key.topic, key.partition), []).append(batch)
            self._by_key[key] = self._by_content[client_id, key.topic, key.partition, key.content] = batch
        batch.tries += 1
        return batch

    def acknowledge(self, number: int) -> None:
        """The producer got an ok for this batch, so the same bytes from now on are another batch."""
        self._batches[number].acknowledged = True

    def number_of(self, topic: str, partition: int, records: bytes) -> int:
        """The number of a batch in a log, -1 if nobody saw it being sent."""
        known = self._by_key.get(BatchKey.of(topic, partition, records))
        return known.number if known else -1

    def number_at(self, client_id: str, topic: str, partition: int, timestamp: int) -> int:
        """The number of that client's batch which holds a record with this timestamp (ms), -1: there is none.

        For the lab's own clients, whose timestamps only grow.
        """
        batches = self._by_place.get((client_id, topic, partition), [])
        index = bisect_right(batches, timestamp, key=lambda batch: batch.header.base_timestamp) - 1
        found = index >= 0 and timestamp <= batches[index].header.max_timestamp
        return batches[index].number if found else -1

    def _known(self, client_id: str, key: BatchKey) -> KnownBatch | None:
        found = self._by_key.get(key)
        if key.producer_id < 0:
            return None if found and found.acknowledged else found
        if found is None:  # perhaps it was sent before with other numbers
            found = self._by_content.get((client_id, key.topic, key.partition, key.content))
            if found is None or found.acknowledged or (
                    found.header.producer_id == key.producer_id and
                    found.header.producer_epoch == key.producer_epoch):
                return None
            self._by_key[key] = found
        return found


class DuplicateFinder:
    """Tells what the broker did with a batch: both ok, but a duplicate has the offset of its first copy."""

    def __init__(self) -> None:
        self._offsets: OrderedDict[tuple[TopicPartition, int, int, int, int], int] = OrderedDict()

    def verdict(self, partition: TopicPartition, header: Header, error: int, base_offset: int) -> str:
        """stored, duplicate or refused."""
        if error:
            return "refused"
        who = header.producer_id, header.producer_epoch
        key = (partition, *who, header.base_sequence, header.records_count)
        if header.producer_id >= 0 and self._offsets.get(key) == base_offset:
            return "duplicate"
        self._offsets[key] = base_offset
        if len(self._offsets) > MOST_STORED:
            self._offsets.popitem(last=False)
        return "stored"


def values_in(records: bytes) -> BatchValues:
    """The values of a batch, as far as they can be read."""
    try:
        values = [as_text(record.value) for record in records_in(records)]
    except Exception:  # noqa: BLE001 - no codec, wrong checksum, a record cut off: not the proxy's to judge
        return BatchValues()
    small = len(values) <= MOST_VALUES and max(len(records), sum(map(len, values))) <= MOST_BYTES
    return BatchValues(tuple(values) if small else (), content_of(values))


def content_of(values: Iterable[str]) -> str:
    """The digest of these values, in order."""
    digest = blake2b(digest_size=16)
    for value in values:
        data = value.encode("utf-8", "surrogatepass")
        digest.update(len(data).to_bytes(4, "big"))  # else "ab", "c" would be "a", "bc"
        digest.update(data)
    return digest.hexdigest()


def as_text(value: bytes | None) -> str:
    """A record's value as a picture shows it: UTF-8, else Python's notation."""
    if value is None:
        return "null"
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return repr(value)


@dataclass(eq=False, slots=True)
class BatchInFlight:
    """One batch in one request. Its events are made from `event`; `rides_along`: it's not the first batch of
    the request.
    """

    event: Event
    header: Header
    rides_along: bool = False

    @property
    def partition(self) -> TopicPartition:
        return self.event.topic, self.event.partition


class DeliveryReport(NamedTuple):
    """What an application was told about its record with this timestamp (ms), `after` so many events."""

    client_id: str
    timestamp: int
    told: Event
    after: int


@dataclass
class Recording:
    """One stretch of traffic under one fault script.

    `client_ids`: the clients that are recorded, None for all. `max_in_flight`: how many unanswered requests
    the client of a run may have, None if nobody knows; `one_of_each`: at most one batch of each partition is
    in them. `handed_over` counts the batches that the application has given to its producer; `untold` counts,
    by partition, those whose outcome it still waits for. A partition is `backing_off` while its next batch is
    one that failed and waits for its next try. `short_ids`: real producer ids -> 1, 2 ... in the order in
    which they appear; `connections` numbers those on which a batch is sent.
    """

    script: FaultScript = field(default_factory=FaultScript)
    client_ids: set[str] | None = None
    max_in_flight: int | None = None
    one_of_each: bool = False
    asks_for_answers: bool = True
    handed_over: int = 0
    untold: Counter[int] = field(default_factory=Counter)
    events: list[Event] = field(default_factory=list)
    reports: list[DeliveryReport] = field(default_factory=list)
    book: BatchBook = field(default_factory=BatchBook)
    short_ids: dict[int, int] = field(default_factory=dict)
    connections: Iterator[int] = field(default_factory=lambda: count(1))
    acks: set[int] = field(default_factory=set)
    unasked: set[int] = field(default_factory=set)  # attempts with acks=0
    apis: set[int] = field(default_factory=set)  # what clients asked of the broker
    topics: dict[str, int] = field(default_factory=dict)  # what it said last of each that they asked about
    attempts: int = 0
    asked: Counter[str] = field(default_factory=Counter)  # requests to coordinators, of each kind
    batches_in_flight: list[BatchInFlight] = field(default_factory=list)
    backing_off: set[int] = field(default_factory=set)
    killed: set[str] = field(default_factory=set)  # lanes of producers
    closed: bool = False
    changed: threading.Condition = field(default_factory=lambda: threading.Condition())
    _lanes: dict[str, str] = field(default_factory=dict)
    _ids: dict[str, tuple[int, int, str]] = field(default_factory=dict)
    _introduced: set[str] = field(default_factory=set)

    def note(self, event: Event, **changes: Any) -> None:
        """Write one event down, with these fields changed; its `t` is its place."""
        with self.changed:
            if not self.closed:
                self.events.append(replace(event, t=len(self.events), **changes))
            self.changed.notify_all()

    def close(self) -> None:
        """Take no more notes."""
        with self.changed:
            self.closed = True

    def wants(self, client_id: str) -> bool:
        """Whether traffic of that client is written down and has faults."""
        return not self.closed and (self.client_ids is None or client_id in self.client_ids)

    def wait_until(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Wait for something that events change; False when the time is over."""
        with self.changed:
            return self.changed.wait_for(condition, seconds)

    def wait_until_idle(self, seconds: float) -> bool:
        """Wait until no batch is in flight any more; False when the time is over."""
        return self.wait_until(lambda: not self.batches_in_flight, seconds)

    def window_full(self, others: int = 0) -> bool:
        """Whether the client will send no batch before it sees another answer; True if nobody knows.

        `others` counts its unanswered requests without a batch. Each takes a place: after error 6
        kafka-python asks for Metadata, and a batch that is to be resent may have to wait for that answer.
        """
        if self.max_in_flight is None or self.killed or self.closed:
            return True
        if not self.asks_for_answers:
            return len(self.book) >= self.handed_over
        sent = Counter(batch.event.partition for batch in self.batches_in_flight)
        requests = sum(not batch.rides_along for batch in self.batches_in_flight) + others
        sends_more = any(count > sent[partition] and partition not in self.backing_off
                         and not (self.one_of_each and sent[partition])
                         for partition, count in self.untold.items())
        return requests >= self.max_in_flight or not sends_more

    def hand_over(self, partitions: Iterable[int]) -> None:
        """The application hands over a batch for each of these."""
        with self.changed:
            before = self.untold.total()
            self.untold.update(partitions)
            self.handed_over += self.untold.total() - before

    # numbers and names

    def lane(self, client_id: str) -> str:
        """`producer` for the first client that produces or asks for an id, then `producer 2`."""
        number = len(self._lanes) + 1
        return self._lanes.setdefault(client_id, "producer" if number == 1 else f"producer {number}")

    def producer_id(self, true_id: int) -> int:
        """The short form of a real producer id; -1 stays -1."""
        return -1 if true_id < 0 else self.short_ids.setdefault(true_id, len(self.short_ids) + 1)

    @property
    def acks_words(self) -> str:
        """The acks that the requests asked for, as in `Settings`; several, where producers differed."""
        return " and ".join("all" if acks == -1 else str(acks) for acks in sorted(self.acks)) or "all"

    # what becomes of a batch

    def send(self, client_id: str, conn: int, key: BatchKey, records: bytes,
             rides_along: bool = False) -> BatchInFlight:
        """The client sends a batch, in a request of its own or in the same one as the batch before it."""
        batch, header = self.book.sent(client_id, key, records), read_header(records)
        self.attempts += 1
        self._introduce(client_id)
        event = Event(0, Kind.SEND, "", self.lane(client_id), self.attempts, batch.number, batch.tries,
                      batch.values.shown, key.topic, key.partition, conn,
                      self.producer_id(header.producer_id), header.producer_epoch, header.base_sequence,
                      header.records_count, header.transactional, content=batch.values.content)
        self.backing_off.discard(key.partition)
        self.batches_in_flight.append(sent := BatchInFlight(event, header, rides_along))
        self.note(event)
        return sent

    def verdict(self, sent: BatchInFlight, what: str, error: int, base_offset: int) -> None:
        """The broker decided: stored, duplicate or refused."""
        self.note(sent.event, kind=Kind.VERDICT, what=what, lane="broker", error=ErrorCode(error),
                  offset=None if error else base_offset)

    def ack(self, sent: BatchInFlight, error: int, base_offset: int) -> None:
        """The answer goes to the producer."""
        if not error:
            self.book.acknowledge(sent.event.batch)
        self.note(sent.event, kind=Kind.ACK, error=ErrorCode(error), offset=None if error else base_offset)
        self.complete(sent)

    def note_lost(self, sent: BatchInFlight, what: str) -> None:
        """The request or the answer is lost."""
        self.note(sent.event, kind=Kind.LOST, what=what)
        self.complete(sent)

    def complete(self, sent: BatchInFlight) -> None:
        """This batch is no longer in flight: it was answered or lost, or gets no answer."""
        with self.changed:
            if sent in self.batches_in_flight:
                self.batches_in_flight.remove(sent)
            self.changed.notify_all()

    def back_off(self, client_id: str, partition: int) -> None:
        """The client puts a failed batch back at the head of its queue, and sends none there for a while."""
        with self.changed:
            if self.wants(client_id):
                self.backing_off.add(partition)
            self.changed.notify_all()

    def report(self, client_id: str, timestamp: int, told: Event) -> None:
        """The application was told about the record of this timestamp (ms)."""
        with self.changed:
            if self.wants(client_id):
                self.reports.append(DeliveryReport(client_id, timestamp, told, len(self.events)))
            self.changed.notify_all()

    # who a producer is

    def kill(self, client_id: str) -> None:
        """The producer is dead; its application is told nothing any more."""
        with self.changed:
            self.killed.add(self.lane(client_id))
            self.note(Event(0, Kind.PRODUCER, "killed", self.lane(client_id)))

    def init(self, client_id: str, true_id: int, epoch: int, transactional_id: str = "") -> None:
        """A producer got its id and epoch."""
        if client_id in self._introduced and not transactional_id:
            self.note(Event(0, Kind.EPOCH, "asks for a new producer id", self.lane(client_id)))
        self._ids[client_id] = (true_id, epoch, transactional_id)
        self._introduced.discard(client_id)
        self._introduce(client_id)

    def adopt_ids(self, other: Recording) -> None:
        """Take over the ids of producers, which outlive a recording; each is introduced when it sends."""
        self._ids = dict(other._ids)

    def _introduce(self, client_id: str) -> None:
        if client_id in self._ids and client_id not in self._introduced:
            true_id, epoch, transactional_id = self._ids[client_id]
            self._introduced.add(client_id)
            self.note(Event(0, Kind.INIT, "", self.lane(client_id), producer_id=self.producer_id(true_id),
                            producer_epoch=epoch, note=transactional_id))

    def in_transaction(self, lane: str) -> bool:
        """Whether this producer has, as far as was heard, a transaction that hasn't ended."""
        heard = [event.what for event in self.events if event.kind == Kind.TXN and event.lane == lane]
        return bool(heard) and heard[-1] in ("begin", "add partition", "offsets")

    def ask(self, api: str) -> Fault:
        """Count one more request to a coordinator; the fault that the script has for it."""
        self.asked[api] += 1
        return self.script.at(self.asked[api], api)

    def check_used(self) -> None:
        """LessonError for a fault of the script that never happened."""
        self.script.check_used(self.attempts, self.asked)

    def has_ended(self, producer_id: int) -> bool:
        """Whether this producer's last transaction was ended as far as was heard, so its marker must come."""
        lanes = [e.lane for e in self.events if e.kind == Kind.TXN and e.producer_id == producer_id]
        return bool(lanes) and not self.in_transaction(lanes[-1])  # only its newest lane counts


def note_coordination(recording: Recording, request: Request, answer: Any) -> None:
    """Note what a request to a coordinator and its answer mean; nothing for any other request."""
    if request.body is None or not recording.wants(request.client_id):
        return
    if request.api_key in STEPS:
        _write_step(recording, request, answer)
    elif request.api_key == INIT_PRODUCER_ID:
        who, name = request.client_id, request.body.transactional_id or ""
        if answer.error_code in FENCED:
            recording.note(Event(0, Kind.TXN, "fenced", recording.lane(who),
                                 error=ErrorCode(answer.error_code), note=name))
        elif not answer.error_code:
            recording.init(who, answer.producer_id, answer.producer_epoch, name)


def _write_step(recording: Recording, request: Request, answer: Any) -> None:
    """Note a step of a transaction: one that was accepted, or refused because the producer is fenced."""
    if request.api_key == ADD_PARTITIONS:
        prefix, errors = "v3_and_below_", [
            partition.partition_error_code for topic in answer.results_by_topic_v3_and_below
            for partition in topic.results_by_partition]
    else:
        prefix, errors = "", [answer.error_code]
    error = next(filter(None, errors), 0)
    if error and error not in FENCED:
        return
    aborts = request.api_key == END_TXN and not request.body.committed
    what = "fenced" if error else "abort" if aborts else STEPS[request.api_key]
    true_id, epoch = (getattr(request.body, prefix + name) for name in ("producer_id", "producer_epoch"))
    about = Event(0, Kind.TXN, what, recording.lane(request.client_id),
                  producer_id=recording.producer_id(true_id), producer_epoch=epoch, transactional=True,
                  error=ErrorCode(error))
    if what == "add partition" and not recording.in_transaction(about.lane):
        recording.note(about, what="begin")
    recording.note(about)
