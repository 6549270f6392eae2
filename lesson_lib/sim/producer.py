"""A producer as a state machine: batches wait in a queue per partition, get their numbers when they are first drained, stay
the same batch through every retry, and end when the application is told ok, failed or unknown.

What the clients have in common is here. In what they differ is in `kafka_python_producer`, `java_producer` and `librdkafka_producer`:
which batch may go next, where one that must go again is put, which errors are tried again, and what a failure costs.

Differs from Kafka in: no metadata, no memory limit, a batch is one request, too large a batch is not split; the back-off
doubles with every try without an upper limit, so that a run up to the delivery timeout stays short; more than five in flight are
allowed with idempotence, so that one can see why a real client refuses that.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from lesson_lib.core.batch import Batch, increment_sequence
from lesson_lib.core.error_codes import ErrorCode
from lesson_lib.history import Kind
from lesson_lib.history.attempt import exception_name, outcome_of
from lesson_lib.sim.broker import Answer, Broker
from lesson_lib.sim.messages import PendingBatch, ProducerSettings
from lesson_lib.sim.network import Connection, Request
from lesson_lib.sim.world import BACKOFF_MS, BURST_MS, World


class Producer:
    """Common to all clients; calls `on_told(batch, what)` when the application learns how a batch ended."""

    client = ""

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
        count, first = len(pending.values), -1
        if self.settings.idempotence:
            first = self.next_sequence.get(pending.partition, 0)
            self.next_sequence[pending.partition] = increment_sequence(first, count)
        pending.stamped = Batch(count, self.producer_id, self.producer_epoch, first, max_timestamp=pending.created,
                                payload=pending.values)

    # what the clients do differently

    def may_drain(self, head: PendingBatch) -> bool:
        """Whether the first batch of a queue may be sent now."""
        return True

    def requeue(self, pending: PendingBatch) -> None:
        """Put back a batch that has to go again: to the front, whatever stands there (`RecordAccumulator.reenqueue`)."""
        self.queues[pending.partition].appendleft(pending)

    def is_retriable(self, error: ErrorCode | None) -> bool:
        """Whether a batch with that answer is sent again; None is a broken connection."""
        return error is None or error.retriable

    def after_failure(self, pending: PendingBatch, error: ErrorCode | None) -> None:
        """What else happens once a batch was given up."""

    def after_expiry(self, pending: PendingBatch) -> None:
        """What else happens once the delivery timeout of a batch is over."""

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
        if len(self.in_flight) >= self.settings.in_flight:
            return None
        heads = sorted((q[0] for q in self.queues.values() if q), key=lambda b: b.number)
        for head in heads:
            if head.not_before > self.world.clock.now:
                self.wake(head.not_before)
            elif self.may_drain(head):
                return self.queues[head.partition].popleft()
        return None

    def _transmit(self, pending: PendingBatch) -> None:
        if pending.stamped is None:
            self.stamp(pending)
        pending.tries += 1
        pending.reset = False
        attempt, fault = self.world.next_attempt()
        request = Request(attempt, pending, pending.stamped, fault, self.settings.acks, try_no=pending.tries)
        connection = self._connected()
        self.world.record(Kind.SEND, lane=self.lane, conn=connection.number, **request.identity, **request.numbers)
        self._free_at = self.world.clock.now + BURST_MS
        self._dispatch(request, connection)
        if fault.name == "kill producer":
            self.world.clock.after(1, self.kill)

    def _dispatch(self, request: Request, connection: Connection) -> None:
        pending = request.pending
        if self.settings.acks:
            self.in_flight[pending] = request
            wait = self.settings.request_timeout_ms
            request.timer = self.world.clock.after(wait, lambda: self.time_out(request, connection, f"no answer in {wait} ms"))
        connection.send(request)
        if not self.settings.acks:
            self.report(pending, "ok", note="no answer was asked for")

    def _connected(self) -> Connection:
        if self.connection is None or self.connection.closed:
            self.connection = Connection(self.world, self.broker, self)
        return self.connection

    # what comes back

    def on_answer(self, request: Request, answer: Answer) -> None:
        """The oldest unanswered request has its answer."""
        pending = request.pending
        self.in_flight.pop(pending, None)
        self.world.record(Kind.ACK, lane=self.lane, error=answer.error, offset=None if answer.error else answer.offset,
                          **request.identity)
        if not pending.done:
            self.on_success(pending, answer) if succeeded(answer) else self.on_error(pending, answer.error, answer.log_start_offset)
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

    def time_out(self, request: Request, connection: Connection, why: str) -> None:
        """Wait no longer for this answer: the connection is closed."""
        if not self.killed:
            self.world.record(Kind.TIMEOUT, lane=self.lane, conn=connection.number, note=why, **request.identity)
            connection.tear("the producer closed it")

    def on_success(self, pending: PendingBatch, answer: Answer) -> None:
        """Kafka stored it, now or earlier."""
        self.report(pending, "ok", offset=answer.offset if answer.offset >= 0 else None)

    def on_error(self, pending: PendingBatch, error: ErrorCode | None, log_start_offset: int = -1) -> None:
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

    def expire(self, pending: PendingBatch) -> None:
        """The delivery timeout is over: told unknown, whether or not it is in the log; its request still counts as in flight."""
        if self.killed or self.stuck:
            return
        self._forget(pending)
        self.report(pending, "unknown", note=exception_name(self.client, timed_out=True))
        self.after_expiry(pending)
        self.wake()

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
        if pending in self.queues.get(pending.partition, ()):
            self.queues[pending.partition].remove(pending)


def succeeded(answer: Answer) -> bool:
    """Error 46 means that the broker has it already; clients count it as success."""
    return answer.error in (ErrorCode.NONE, ErrorCode.DUPLICATE_SEQUENCE_NUMBER)

