"""A producer as a state machine: batches wait in a queue per partition, get their numbers when they are first drained, stay
the same batch through every retry, and end when the application is told ok, failed or unknown.

This class is `kafka-python` 3.0: with idempotence at most one batch of a partition is in flight; a batch that must go again
goes to the front of its queue, so that several of them come out reversed where idempotence is off; errors 45, 47 and 59
fail the batch and a new producer id is asked for; a retried batch that expires leaves an idempotent producer stuck.
`java_producer` changes what Kafka's own client does differently.

Differs from Kafka in: no metadata, no memory limit, a batch is one request, too large a batch is not split; the back-off
doubles with every try without an upper limit, so that a run up to the delivery timeout stays short; more than five in flight are
allowed with idempotence, so that one can see why a real client refuses that.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from lesson_lib.core.batch import Batch, increment_sequence
from lesson_lib.core.error_codes import ErrorCode
from lesson_lib.history import Kind
from lesson_lib.history.outcome import exception_name, outcome_of
from lesson_lib.sim.broker import Answer, Broker
from lesson_lib.sim.network import Connection, Request
from lesson_lib.sim.pending import PendingBatch
from lesson_lib.sim.world import BACKOFF_MS, BURST_MS, World

NEEDS_NEW_ID = (ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER, ErrorCode.INVALID_PRODUCER_EPOCH, ErrorCode.UNKNOWN_PRODUCER_ID)


@dataclass(frozen=True, slots=True)
class ProducerSettings:
    """As the real clients' settings; times in milliseconds, `retries` None for no limit but the delivery timeout."""

    idempotence: bool = True
    acks: int = -1
    retries: int | None = None
    in_flight: int = 1
    delivery_timeout_ms: int = 120_000
    request_timeout_ms: int = 30_000


class Producer:
    """kafka-python's producer; calls `on_told(batch, what)` when the application learns how a batch ended."""

    client = "kafka-python"

    def __init__(self, world: World, broker: Broker, settings: ProducerSettings, lane: str,
                 on_told: Callable[[PendingBatch, str], None], on_killed: Callable[[], None]) -> None:
        self.world, self.broker, self.settings, self.lane = world, broker, settings, lane
        self.on_told, self.on_killed = on_told, on_killed
        self.queues: dict[int, deque[PendingBatch]] = {}
        self.in_flight: dict[PendingBatch, Request] = {}
        self.next_sequence: dict[int, int] = {}
        self.producer_id = self.producer_epoch = -1
        self.connection: Connection | None = None
        self.killed = self.stuck = False
        self.fatal: ErrorCode | None = None
        self._free_at = 0
        self._wake_time: int | None = None
        if settings.idempotence:
            self.init_producer_id()

    # what the application does

    def send(self, values: tuple[str, ...], partition: int) -> PendingBatch:
        """Put one batch in the queue; its delivery timeout starts now."""
        pending = PendingBatch(self.world.next_batch(), values, partition, self.world.clock.now)
        pending.expiry = self.world.clock.after(self.settings.delivery_timeout_ms, lambda: self.expire(pending))
        self.queues.setdefault(partition, deque()).append(pending)
        if self.fatal is not None:
            self.fail(pending, self.fatal)
        self.wake()
        return pending

    # ids and numbers

    def init_producer_id(self) -> None:
        """A new id, epoch 0, every partition from sequence 0 (`InitProducerId` without a transactional id)."""
        self.producer_id, self.producer_epoch = self.world.next_producer_id(), 0
        self.next_sequence.clear()
        self.world.record(Kind.INIT, lane=self.lane, producer_id=self.producer_id, producer_epoch=0)

    def stamp(self, pending: PendingBatch) -> None:
        """Give a batch its numbers; they stay the same through every retry."""
        count = len(pending.values)
        if not self.settings.idempotence:
            pending.stamped = Batch(count, max_timestamp=pending.created, payload=pending.values)
            return
        first = self.next_sequence.get(pending.partition, 0)
        self.next_sequence[pending.partition] = increment_sequence(first, count)
        pending.stamped = Batch(count, self.producer_id, self.producer_epoch, first, max_timestamp=pending.created,
                                payload=pending.values)

    # sending

    def wake(self, at: int = 0) -> None:
        """Look for something to send at that time, or as soon as the producer is free."""
        t = max(at, self._free_at, self.world.clock.now)
        if self._wake_time is None or t < self._wake_time:
            self._wake_time = t
            self.world.clock.at(t, lambda: self._pump(t))

    def _pump(self, asked_for: int) -> None:
        if self._wake_time == asked_for:
            self._wake_time = None
            if not (self.killed or self.stuck) and (pending := self._next()):
                self._transmit(pending)
                self.wake()

    def _next(self) -> PendingBatch | None:
        """Take the batch to send now out of its queue, if there is one."""
        if len(self.in_flight) >= self.settings.in_flight and self.settings.acks:
            return None
        heads = sorted((q[0] for q in self.queues.values() if q), key=lambda b: b.number)
        for head in heads:
            if head.not_before > self.world.clock.now:
                self.wake(head.not_before)
            elif self.may_drain(head):
                return self.queues[head.partition].popleft()
        return None

    def may_drain(self, head: PendingBatch) -> bool:
        """kafka-python mutes a partition while a batch of it is in flight (`guarantee_message_order`)."""
        return not self.settings.idempotence or all(b.partition != head.partition for b in self.in_flight)

    def _transmit(self, pending: PendingBatch) -> None:
        if pending.stamped is None:
            self.stamp(pending)
        pending.tries += 1
        pending.reset = False
        attempt, fault = self.world.next_attempt()
        request = Request(attempt, pending, pending.stamped, fault, self.settings.acks)
        connection = self._connected()
        self._record_send(request, connection)
        self._free_at = self.world.clock.now + BURST_MS
        self._dispatch(request, connection)
        if fault.name == "kill producer":
            self.world.clock.after(1, self.kill)

    def _dispatch(self, request: Request, connection: Connection) -> None:
        pending = request.pending
        if self.settings.acks:
            self.in_flight[pending] = request
            wait = self.settings.request_timeout_ms
            request.timer = self.world.clock.after(wait, lambda: self._time_out(request, connection))
        connection.send(request)
        if not self.settings.acks:
            self.report(pending, "ok", note="no answer was asked for")

    def _connected(self) -> Connection:
        if self.connection is None or self.connection.closed:
            self.connection = Connection(self.world, self.broker, self)
        return self.connection

    def _record_send(self, request: Request, connection: Connection) -> None:
        batch, pending = request.batch, request.pending
        self.world.record(Kind.SEND, lane=self.lane, attempt=request.attempt, batch=pending.number, try_no=pending.tries,
                          values=pending.values, partition=pending.partition, conn=connection.number,
                          producer_id=batch.producer_id, producer_epoch=batch.producer_epoch,
                          base_sequence=batch.base_sequence, record_count=batch.record_count)

    # what comes back

    def on_answer(self, request: Request, answer: Answer) -> None:
        """The oldest unanswered request has its answer."""
        pending = request.pending
        self.in_flight.pop(pending, None)
        self.world.record(Kind.ACK, lane=self.lane, attempt=request.attempt, batch=pending.number, try_no=pending.tries,
                          values=pending.values, partition=pending.partition, error=answer.error,
                          offset=None if answer.error else answer.offset)
        if not pending.done:
            self.on_success(pending, answer) if succeeded(answer) else self.on_error(pending, answer.error)
        self.wake()

    def on_torn(self, requests: list[Request]) -> None:
        """Everything unanswered is tried again, oldest first."""
        self._free_at = self.world.clock.now + BACKOFF_MS
        for request in requests:
            self.in_flight.pop(request.pending, None)
        for request in requests:
            if not (request.pending.done or self.killed):
                self.on_error(request.pending, None)
        self.wake()

    def _time_out(self, request: Request, connection: Connection) -> None:
        if not self.killed:
            self.world.record(Kind.TIMEOUT, lane=self.lane, attempt=request.attempt, batch=request.pending.number,
                              try_no=request.pending.tries, values=request.pending.values, conn=connection.number,
                              partition=request.pending.partition, note=f"no answer in {self.settings.request_timeout_ms} ms")
            connection.tear("the producer closed it")

    def on_success(self, pending: PendingBatch, answer: Answer) -> None:
        """Kafka stored it, now or earlier."""
        self.report(pending, "ok", offset=answer.offset if answer.offset >= 0 else None)

    def on_error(self, pending: PendingBatch, error: ErrorCode | None) -> None:
        """Send again, or fail; `error` is None where the connection broke."""
        if self.may_retry(pending) and self.is_retriable(error):
            pending.retried = True
            pending.not_before = self.world.clock.now + (BACKOFF_MS << pending.tries - 1)
            self.requeue(pending)
        else:
            self.fail(pending, error)
            self.after_failure(pending, error)

    def may_retry(self, pending: PendingBatch) -> bool:
        """Whether tries are left and the batch still belongs to the current producer id."""
        left = self.settings.retries is None or pending.tries <= self.settings.retries
        return left and pending.stamped is not None and pending.stamped.producer_id == self.producer_id

    def is_retriable(self, error: ErrorCode | None) -> bool:
        """kafka-python does not try again after 2, CORRUPT_MESSAGE."""
        return error is None or (error.retriable and error is not ErrorCode.CORRUPT_MESSAGE)

    def requeue(self, pending: PendingBatch) -> None:
        """To the front of the queue, whatever stands there (`RecordAccumulator.reenqueue`)."""
        self.queues[pending.partition].appendleft(pending)

    def after_failure(self, pending: PendingBatch, error: ErrorCode | None) -> None:
        """A sequence or epoch error costs the producer its id; any other that is not retriable ends an idempotent one."""
        if not self.settings.idempotence or error is None or self.is_retriable(error):
            return
        if error in NEEDS_NEW_ID:
            self.world.record(Kind.EPOCH, "asks for a new producer id", lane=self.lane, producer_id=self.producer_id)
            self.init_producer_id()
            return
        self.fatal = error
        for pending in [p for q in self.queues.values() for p in q]:
            self.fail(pending, error)

    def expire(self, pending: PendingBatch) -> None:
        """The delivery timeout is over: told unknown, whether or not it is in the log."""
        if pending.done or self.killed or self.stuck:
            return
        self._forget(pending)
        self.report(pending, "unknown", note=exception_name(self.client, timed_out=True))
        self.after_expiry(pending)
        self.wake()

    def after_expiry(self, pending: PendingBatch) -> None:
        """kafka-python drops its id once a retried batch expires, and never asks for another: it sends nothing any more."""
        if self.settings.idempotence and pending.retried and not self.stuck:
            self.stuck = True
            self.world.record(Kind.PRODUCER, "stuck", lane=self.lane, note="it dropped its id and never asks for a new one")

    def kill(self) -> None:
        """The process dies: nobody is told anything, requests under way may still arrive."""
        self.killed = True
        self.world.record(Kind.PRODUCER, "killed", lane=self.lane)
        self.on_killed()

    # telling the application

    def fail(self, pending: PendingBatch, error: ErrorCode | None) -> None:
        """Tell the application what its client's exception says: failed, or unknown where it cannot know."""
        self._forget(pending)
        self.report(pending, outcome_of(error), error=error or ErrorCode.NONE, note=exception_name(self.client, error))

    def report(self, pending: PendingBatch, what: str, *, offset: int | None = None, error: ErrorCode = ErrorCode.NONE,
               note: str = "") -> None:
        """Tell the application, once."""
        pending.done = True
        if pending.expiry:
            pending.expiry.cancel()
        self.world.record(Kind.REPORT, what, lane=self.lane, batch=pending.number, values=pending.values,
                          partition=pending.partition, offset=offset, error=error, note=note)
        self.on_told(pending, what)

    def _forget(self, pending: PendingBatch) -> None:
        self.in_flight.pop(pending, None)
        if pending in self.queues.get(pending.partition, ()):
            self.queues[pending.partition].remove(pending)


def succeeded(answer: Answer) -> bool:
    """Error 46 means that the broker has it already; clients count it as success."""
    return answer.error in (ErrorCode.NONE, ErrorCode.DUPLICATE_SEQUENCE_NUMBER)

