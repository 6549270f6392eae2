"""What the proxy and the lab's clients saw, written down as it happens: the raw material of a `History`.

Written to by the proxy's thread (frames) and by the clients' threads (what the application was told). Attempts count from 1,
one for each partition of each Produce request; batches, connections, producer ids and lanes are numbered in the order in which
they first show up, so that the same script gives the same numbers on every broker. `true_ids` has the real producer ids.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from lesson_lib.core.error_codes import ErrorCode
from lesson_lib.faults import FaultScript
from lesson_lib.history import Event, Kind
from lesson_lib.proxy.batch_numbers import BatchBook, batch_key
from lesson_lib.wire.record_batch import Header, read_header


@dataclass(slots=True)
class Attempt:
    """One batch on its way: the template of its events, and how far it came."""

    event: Event
    client_id: str
    header: Header
    settled: bool = False
    answered: bool = False


@dataclass(frozen=True, slots=True)
class Report:
    """What the application was told about the record with this timestamp, when `after` events had been written."""

    client_id: str
    topic: str
    partition: int
    timestamp: int
    what: str
    offset: int | None
    error: ErrorCode
    note: str
    after: int
    values: tuple[str, ...] = ()


@dataclass
class Recording:
    """One stretch of traffic under one fault script.

    `only` restricts it to these client ids. `in_flight`: how many batches the application of a run keeps unanswered, None where
    nobody knows; of the `promised` batches that it hands to its client, it was told about `told` so far.
    """

    script: FaultScript = field(default_factory=FaultScript)
    only: set[str] | None = None
    in_flight: int | None = None
    asks_for_answers: bool = True
    promised: int = 0
    told: int = 0
    events: list[Event] = field(default_factory=list)
    reports: list[Report] = field(default_factory=list)
    book: BatchBook = field(default_factory=BatchBook)
    true_ids: dict[int, int] = field(default_factory=dict)
    acks: set[int] = field(default_factory=set)
    attempts: int = 0
    open_attempts: int = 0
    killed: bool = False
    closed: bool = False
    changed: threading.Condition = field(default_factory=lambda: threading.Condition())
    _lanes: dict[str, str] = field(default_factory=dict)
    _ids: dict[str, tuple[int, int, str]] = field(default_factory=dict)
    _introduced: set[str] = field(default_factory=set)
    _connections: int = 0

    def note(self, event: Event) -> None:
        """Write one event down, its `t` being its place."""
        with self.changed:
            if not self.closed:
                self.events.append(replace(event, t=len(self.events)))
            self.changed.notify_all()

    def close(self) -> None:
        """Take no more notes."""
        with self.changed:
            self.closed = True

    def wants(self, client_id: str) -> bool:
        """Whether traffic of that client is written down and has faults."""
        return not self.closed and (self.only is None or client_id in self.only)

    @property
    def is_full(self) -> bool:
        """Whether the client has sent all that it can send before it sees another answer; True where nobody knows."""
        if self.in_flight is None or self.killed or self.closed:
            return True
        if not self.asks_for_answers:
            return len(self.book) >= self.promised
        return self.open_attempts >= min(self.in_flight, self.promised - self.told)

    def lane(self, client_id: str) -> str:
        """`producer` for the first client that produces or asks for an id, then `producer 2`."""
        number = len(self._lanes) + 1
        return self._lanes.setdefault(client_id, "producer" if number == 1 else f"producer {number}")

    def next_connection(self) -> int:
        """The number of a connection on which a batch is sent for the first time, from 1."""
        self._connections += 1
        return self._connections

    def producer_id(self, true_id: int) -> int:
        """1, 2 ... for the producer ids in the order in which they are met; -1 stays -1."""
        if true_id < 0:
            return -1
        known = next((short for short, true in self.true_ids.items() if true == true_id), None)
        short = known or len(self.true_ids) + 1
        self.true_ids[short] = true_id
        return short

    @property
    def acks_words(self) -> str:
        """The acks that the requests asked for, as in `Settings`; several, where producers differed."""
        return " and ".join("all" if acks == -1 else str(acks) for acks in sorted(self.acks)) or "all"

    @staticmethod
    def can_number(records: bytes) -> bool:
        """Whether the bytes begin as a batch of today's format."""
        try:
            return bool(batch_key("", 0, records))
        except ValueError:
            return False

    def send(self, client_id: str, conn: int, topic: str, partition: int, records: bytes) -> Attempt:
        """A batch was sent. ValueError when the bytes are no batch (`can_number`)."""
        batch = self.book.sent(client_id, topic, partition, records)
        header = read_header(records)
        self.attempts += 1
        self._introduce(client_id)
        event = Event(0, Kind.SEND, "", self.lane(client_id), self.attempts, batch.number, batch.tries, batch.values, topic, partition,
                      conn, self.producer_id(header.producer_id), header.producer_epoch, header.base_sequence,
                      header.records_count, header.transactional)
        self.open_attempts += 1
        self.note(event)
        return Attempt(event, client_id, header)

    def note_about(self, attempt: Attempt, kind: Kind) -> None:
        """An event of this kind about an attempt."""
        self.note(replace(attempt.event, kind=kind))

    def kill(self, event: Event) -> None:
        """The producer is dead; nobody will be told anything."""
        self.note(event)
        with self.changed:
            self.killed = True
            self.changed.notify_all()

    def init(self, client_id: str, true_id: int, epoch: int, transactional_id: str = "") -> None:
        """A producer got its id and epoch."""
        if client_id in self._introduced and not transactional_id:
            self.note(Event(0, Kind.EPOCH, "asks for a new producer id", self.lane(client_id)))
        self._ids[client_id] = (true_id, epoch, transactional_id)
        self._introduced.discard(client_id)
        self._introduce(client_id)

    def in_transaction(self, lane: str) -> bool:
        """Whether the last that was heard of this producer's transactions is not an end."""
        heard = [event.what for event in self.events if event.kind == Kind.TXN and event.lane == lane]
        return bool(heard) and heard[-1] not in ("commit", "abort", "fenced")

    def has_ended(self, producer_id: int) -> bool:
        """Whether the transaction of this producer was ended last we heard, so that its marker must come."""
        lanes = {event.lane for event in self.events if event.kind == Kind.TXN and event.producer_id == producer_id}
        return bool(lanes) and not any(map(self.in_transaction, lanes))

    def adopt_ids(self, other: Recording) -> None:
        """Take over which producers have which ids, as producers outlive a recording; each is introduced when it sends."""
        self._ids = dict(other._ids)

    def _introduce(self, client_id: str) -> None:
        if client_id in self._ids and client_id not in self._introduced:
            true_id, epoch, transactional_id = self._ids[client_id]
            self._introduced.add(client_id)
            self.note(Event(0, Kind.INIT, "", self.lane(client_id), producer_id=self.producer_id(true_id), producer_epoch=epoch,
                            note=transactional_id))

    def lost(self, attempt: Attempt, what: str) -> None:
        """The request or the answer of an attempt is lost."""
        self.note(replace(attempt.event, kind=Kind.LOST, what=what))
        self.settle(attempt)

    def verdict(self, attempt: Attempt, what: str, error: int, offset: int | None) -> None:
        """The broker decided: stored, duplicate or refused."""
        self.note(replace(attempt.event, kind=Kind.VERDICT, what=what, lane="broker", error=ErrorCode(error), offset=offset))

    def ack(self, attempt: Attempt, error: int, offset: int | None) -> None:
        """The answer goes to the producer."""
        if not error:
            self.book.settle(attempt.event.batch)
        attempt.answered = True
        self.note(replace(attempt.event, kind=Kind.ACK, error=ErrorCode(error), offset=offset))
        self.settle(attempt)

    def settle(self, attempt: Attempt) -> None:
        """Nothing more will become of this attempt."""
        with self.changed:
            self.open_attempts -= not attempt.settled
            attempt.settled = True
            self.changed.notify_all()

    def report(self, client_id: str, topic: str, partition: int, timestamp: int, what: str, offset: int | None = None,
               error: ErrorCode = ErrorCode.NONE, note: str = "", values: tuple[str, ...] = ()) -> None:
        """The application was told about a record."""
        with self.changed:
            if not self.closed and (self.only is None or client_id in self.only):
                self.told += 1
                self.reports.append(Report(client_id, topic, partition, timestamp, what, offset, error, note,
                                           len(self.events), values))
            self.changed.notify_all()

    def wait_until(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Wait for something that events change; False when the time is over."""
        with self.changed:
            return self.changed.wait_for(condition, seconds)
