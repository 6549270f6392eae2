"""THE PRODUCER as a pure state machine: no clock, no network. The simulation drives it by time, the explorer
by a search.

Batches wait in a queue per partition, get their numbers when they are first sent, stay the same batch through
every retry, and end when the application is told ok, failed or unknown. What happens to a producer are its
methods:

    send           the application hands over a batch
    transmit       a batch leaves; `heads` and `may_drain` say which may
    answered       the answer to a request is here
    disconnected   the connection is gone, with all that was unanswered on it
    expired        the delivery timeout of a batch is over

What follows from them (somebody is told, an epoch is raised, a batch waits for its next try) it tells its
`host`. A client is a subclass, and its idempotent form one of that: which batch may go next, where one that
must go again is put, which errors are tried again, what a failure costs. kafka-python's are here;
`java_producer` and `librdkafka_producer` have the others.

Differs from Kafka in: no metadata, though kafka-python's requests for it count as in flight; no memory limit;
too large a batch is not split; a batch is one request, where kafka-python sends the first batches of all
partitions together (`shares_requests`, with which the tests compare the two: pictures and explorer leave it
off); more than five in flight are allowed with idempotence, so that one can see why a real client refuses
that.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from operator import attrgetter
from typing import Any, Protocol

from lesson_lib.core.error_codes import ErrorCode
from lesson_lib.core.producer_state import Batch, increment_sequence
from lesson_lib.history import Kind
from lesson_lib.history.event import outcome_of
from lesson_lib.sim.messages import ProduceAnswer, ProducerBatch, ProducerSettings

_by_number = attrgetter("number")
GAP, FORGOTTEN = ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER, ErrorCode.UNKNOWN_PRODUCER_ID


class ProducerHost(Protocol):
    """The world around a producer: whom it asks, and whom it tells; it leaves out what it has no use for."""

    def new_producer_id(self) -> tuple[int, int]:
        """A producer id and its epoch, from the broker."""

    def told(self, batch: ProducerBatch, what: str, offset: int | None, error: ErrorCode, note: str) -> None:
        """The application learns how a batch ended."""

    def back_off(self, batch: ProducerBatch) -> None:
        """The batch is back in its queue, and waits for its next try."""

    def abandon(self, batch: ProducerBatch) -> None:
        """Wait no longer for the answer to a batch: close the connection."""

    def happened(self, kind: Kind, what: str, **fields: Any) -> None:
        """Something that is worth writing down, such as a new epoch."""


class Producer:
    """What all clients share. `stuck`: it will never send again. `fatal`: the error that ended it.

    `disconnect_error` and `timeout_error` are what the client raises where the connection broke, and where a
    batch expired; `error_names` where a broker's error has not that error's own name with `error_ending`.
    `shares_requests`: the first batches of all partitions leave together, in one request.
    `successes`: the answers after which a batch is in the log; 46 says that the broker has it already.
    `retried_too`, `given_up`: the errors at which the client does not do what Kafka calls retriable or not.
    `asking_for_metadata`: those after which the client asks for Metadata, in a request that counts as in
    flight until `metadata_behind` so many answers has come.
    """

    client = disconnect_error = timeout_error = error_ending = ""
    error_names: Mapping[ErrorCode, str] = {}
    successes: tuple[ErrorCode, ...] = (ErrorCode.NONE, ErrorCode.DUPLICATE_SEQUENCE_NUMBER)
    retried_too: tuple[ErrorCode, ...] = ()
    given_up: tuple[ErrorCode, ...] = ()
    asking_for_metadata: tuple[ErrorCode, ...] = ()
    metadata_behind = 0
    shares_requests = False
    fatal: ErrorCode | None = None

    def __init__(self, settings: ProducerSettings, host: ProducerHost) -> None:
        self.settings, self.host = settings, host
        self.queues: dict[int, deque[ProducerBatch]] = {}
        self.in_flight: list[ProducerBatch] = []
        self.next_sequence: dict[int, int] = {}
        self.producer_id = self.producer_epoch = -1
        self.stuck = False
        if settings.idempotence:
            self.init_producer_id()

    def init_producer_id(self) -> None:
        """A new id, every partition from sequence 0 (`InitProducerId`)."""
        self.producer_id, self.producer_epoch = self.host.new_producer_id()
        self.next_sequence.clear()

    # what happens to it

    def send(self, batch: ProducerBatch) -> None:
        """Put a batch into the queue of its partition, or fail it at once after a fatal error."""
        self.queues.setdefault(batch.partition, deque()).append(batch)
        if self.fatal is not None:
            self.fail(batch, self.fatal)

    def heads(self) -> list[ProducerBatch]:
        """The first batch of each queue, in the order of `send`; none while the window is full."""
        requests = len(self.in_flight) + (self.metadata_behind > 0)
        if self.shares_requests:
            requests -= sum(batch.rides_along for batch in self.in_flight)
        if self.stuck or requests >= self.settings.in_flight:
            return []
        return sorted([queue[0] for queue in self.queues.values() if queue], key=_by_number)

    def transmit(self, batch: ProducerBatch) -> Batch:
        """The first batch of its queue leaves; returns what is on the wire."""
        self.queues[batch.partition].popleft()
        numbered = batch.numbered or self.stamp(batch)
        batch.tries += 1
        batch.renumbered = False
        if self.settings.acks:
            self.in_flight.append(batch)
        return numbered

    def answered(self, batch: ProducerBatch, answer: ProduceAnswer) -> None:
        """The answer to a batch is here; nobody waits for that of one that has expired."""
        self.in_flight.remove(batch)
        if answer.error in self.asking_for_metadata:
            self.metadata_behind = len(self.in_flight)
        elif self.metadata_behind:
            self.metadata_behind -= 1
        if not batch.told:
            succeeded = answer.error in self.successes
            self.on_success(batch, answer) if succeeded else self.on_error(batch, answer)

    def disconnected(self) -> None:
        """Everything unanswered is tried again, oldest first."""
        lost, self.in_flight, self.metadata_behind = self.in_flight, [], 0
        for batch in lost:
            if not batch.told:
                self.on_error(batch, None)

    def expired(self, batch: ProducerBatch) -> None:
        """Told unknown, whether or not it is in the log; its request still counts as in flight."""
        self._forget(batch)
        self.tell(batch, "unknown", note=self.timeout_error)
        self.after_expiry(batch)

    # what the clients do differently

    def may_drain(self, head: ProducerBatch) -> bool:
        """Whether the first batch of a queue may be sent now."""
        return True

    def stamp(self, batch: ProducerBatch) -> Batch:
        """Give a batch its numbers; they stay the same through every retry."""
        count, first = len(batch.values), -1
        if self.settings.idempotence:
            first = self.next_sequence.get(batch.partition, 0)
            self.next_sequence[batch.partition] = increment_sequence(first, count)
        batch.numbered = Batch(count, self.producer_id, self.producer_epoch, first,
                               max_timestamp=batch.created, payload=batch.values)
        return batch.numbered

    def reenqueue(self, batch: ProducerBatch) -> None:
        """Put back a batch that has to go again: to the front (`RecordAccumulator.reenqueue`)."""
        self.queues[batch.partition].appendleft(batch)

    def is_retriable(self, error: ErrorCode | None) -> bool:
        """Whether a batch with that answer is sent again; None is a broken connection."""
        return error is None or error in self.retried_too or (error.retriable and error not in self.given_up)

    def may_retry(self, batch: ProducerBatch) -> bool:
        """Whether tries are left and the batch still belongs to the current producer id."""
        left = self.settings.retries is None or batch.tries <= self.settings.retries
        return left and batch.numbered is not None and batch.numbered.producer_id == self.producer_id

    def on_success(self, batch: ProducerBatch, answer: ProduceAnswer) -> None:
        """Kafka stored it, now or earlier."""
        self.tell(batch, "ok", offset=answer.offset if answer.offset >= 0 else None)

    def on_error(self, batch: ProducerBatch, answer: ProduceAnswer | None) -> None:
        """Send again, or fail; no answer where the connection broke."""
        error = answer.error if answer else None
        if self.may_retry(batch) and self.is_retriable(error):
            batch.retried = True
            self.host.back_off(batch)
            self.reenqueue(batch)
        else:
            self.fail(batch, error)
            self.after_failure(batch, error)

    def after_failure(self, batch: ProducerBatch, error: ErrorCode | None) -> None:
        """What else happens once a batch was given up."""

    def after_expiry(self, batch: ProducerBatch) -> None:
        """What else happens once the delivery timeout of a batch is over."""

    # telling the application

    def fail(self, batch: ProducerBatch, error: ErrorCode | None) -> None:
        """Tell the application what its client's exception says: failed, or unknown where it cannot know."""
        self._forget(batch)
        self.tell(batch, outcome_of(error), error=error or ErrorCode.NONE, note=self.exception_name(error))

    @classmethod
    def exception_name(cls, error: ErrorCode | None) -> str:
        """The exception that the application gets; None: the connection broke."""
        if error is None:
            return cls.disconnect_error
        return cls.error_names.get(error, error.name.title().replace("_", "") + cls.error_ending)

    def tell(self, batch: ProducerBatch, what: str, *, offset: int | None = None,
             error: ErrorCode = ErrorCode.NONE, note: str = "") -> None:
        """Tell the application, once."""
        batch.told = what
        self.host.told(batch, what, offset, error, note)

    def raise_epoch(self, **fields: Any) -> None:
        """One up, locally: no request is sent, the broker learns of it from the next batch."""
        self.producer_epoch += 1
        self.host.happened(Kind.EPOCH, f"raises its epoch to {self.producer_epoch}",
                              producer_id=self.producer_id, producer_epoch=self.producer_epoch, **fields)

    def memory(self, partition: int) -> tuple[Any, ...]:
        """What it remembers of a partition beside its batches: by that the explorer tells two apart."""
        numbers = (self.next_sequence.get(partition, 0), self.stuck) if self.settings.idempotence else ()
        return self.metadata_behind, *numbers

    def _forget(self, batch: ProducerBatch) -> None:
        if batch in self.queues.get(batch.partition, ()):
            self.queues[batch.partition].remove(batch)


class KafkaPythonProducer(Producer):
    """kafka-python 3.0.12 without idempotence: several batches of a partition are in flight, and after a loss
    each goes to the front of the queue in turn, so that they come out reversed.

    Sources: kafka/producer/sender.py, transaction_manager.py, record_accumulator.py; measured through a
    proxy.
    """

    client = "kafka-python"
    disconnect_error, timeout_error, error_ending = "KafkaConnectionError", "KafkaTimeoutError", "Error"
    asking_for_metadata = (ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, ErrorCode.NOT_LEADER_OR_FOLLOWER,
                           ErrorCode.NETWORK_EXCEPTION, ErrorCode.KAFKA_STORAGE_ERROR,
                           ErrorCode.FENCED_LEADER_EPOCH)
    error_names = {ErrorCode.CORRUPT_MESSAGE: "CorruptRecordError",
                   ErrorCode.NOT_LEADER_OR_FOLLOWER: "NotLeaderForPartitionError",
                   ErrorCode.REQUEST_TIMED_OUT: "RequestTimedOutError",
                   ErrorCode.MESSAGE_TOO_LARGE: "MessageSizeTooLargeError"}
    given_up = (ErrorCode.CORRUPT_MESSAGE,)


class IdempotentKafkaPythonProducer(KafkaPythonProducer):
    """With idempotence: one batch of a partition in flight, a new id after 45.

    Errors 45, 47 and 59 fail the batch, and a new producer id is asked for, once for all batches that had the
    old one; any other error that is not retriable ends the producer. A retried batch that expires leaves it
    stuck: it drops its id and never asks for another.
    """

    def may_drain(self, head: ProducerBatch) -> bool:
        """A partition is muted while a batch of it is in flight (`guarantee_message_order`)."""
        return all(batch.partition != head.partition for batch in self.in_flight)

    def after_failure(self, batch: ProducerBatch, error: ErrorCode | None) -> None:
        """A sequence or epoch error costs the id; any other ends the producer."""
        if error is None or self.is_retriable(error):
            return
        if error in (GAP, FORGOTTEN, ErrorCode.INVALID_PRODUCER_EPOCH):
            if batch.numbered and batch.numbered.producer_id == self.producer_id:
                self.host.happened(Kind.EPOCH, "asks for a new producer id", producer_id=self.producer_id)
                self.init_producer_id()
            return
        self.fatal = error
        for waiting in [b for queue in self.queues.values() for b in queue]:
            self.fail(waiting, error)

    def after_expiry(self, batch: ProducerBatch) -> None:
        """After a retried batch it drops its id and never asks for another: it sends nothing any more."""
        if batch.retried and not self.stuck:
            self.stuck = True
            self.host.happened(Kind.PRODUCER, "stuck",
                                  note="it dropped its id and never asks for a new one")
