"""A producer process in virtual time: moves the pure `Producer` by clock, connection and timers (Java's
`Sender` thread); and the application that sends with it.

Differs from Kafka in: the back-off doubles with every try without an upper limit, so that a run up to the
delivery timeout stays short. With acks=0 a producer dies between two requests; a real one has sent all that
it has by the time anybody could kill it, and told the application ok.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from lesson_lib.core.error_codes import ErrorCode
from lesson_lib.errors import LessonError
from lesson_lib.faults import DELIVER
from lesson_lib.history import Kind
from lesson_lib.sim.messages import ProduceAnswer, ProducerBatch, ProduceRequest, ProducerSettings
from lesson_lib.sim.network import Caller, ToyConnection
from lesson_lib.sim.producer import Producer, ProducerHost
from lesson_lib.sim.toy_broker import ToyBroker
from lesson_lib.sim.world import BACKOFF_MS, BURST_MS, RECONNECT_MS, THINK_MS, Timer, ToyWorld

RESENDS_LIMIT = 50


class Application:
    """Sends the values, all at once; with one in flight it waits to be told about a batch before it sends the
    next, where there is an answer to wait for.
    """

    def __init__(self, world: ToyWorld, broker: ToyBroker, settings: ProducerSettings, client: type[Producer],
                 batches: Sequence[tuple[tuple[str, ...], int]], resend: bool = False) -> None:
        self.world, self.broker, self.settings = world, broker, settings
        self.client, self.resend = client, resend
        self.todo = deque(batches)
        self.untold: dict[ProducerBatch, None] = {}
        self.died: dict[ProducerBatch, None] = {}  # with a killed producer, untold
        self.one_by_one = settings.in_flight == 1 and settings.acks != 0
        self.started = self.resends = 0
        self.start()

    def start(self) -> None:
        """Start a producer, the first or one more after the last was killed."""
        self.started += 1
        self.lane = "producer"
        if self.started > 1:
            self.lane = f"producer {self.started}"
            self.world.record(Kind.PRODUCER, "started", lane=self.lane)
        self.sender = Sender(self.world, self.broker, self.settings, self.client, self.lane, self)
        self.world.clock.after(THINK_MS, self.go_on)

    def go_on(self) -> None:
        """Send the next batch, or all that are left."""
        while self.todo and not self.sender.killed:
            batch = self.sender.send(*self.todo.popleft())
            if not batch.told:
                self.untold[batch] = None
            if self.one_by_one:
                return

    def on_told(self, batch: ProducerBatch, what: str) -> None:
        """The producer tells how a batch ended."""
        self.untold.pop(batch, None)
        if self.resend and what != "ok":
            self._send_again(batch)
        if self.one_by_one or self.resend:
            self.world.clock.after(THINK_MS, self.go_on)

    def on_killed(self) -> None:
        """A new process starts; it knows what is still to be sent and, with `resend`, what was untold."""
        for batch in reversed(self.untold) if self.resend else ():
            self._send_again(batch)
        self.died |= self.untold
        self.untold = {}
        self.world.clock.after(3 * THINK_MS, self.start)

    def _send_again(self, batch: ProducerBatch) -> None:
        self.todo.appendleft((batch.values, batch.partition))
        self.resends += 1
        if self.resends > RESENDS_LIMIT + self.settings.in_flight:
            raise LessonError(f"The application sent {' '.join(batch.values)} again and again, because "
                              "the fault never ends. Give it an end, such as '1-3: lose ack'.")

    def close(self) -> None:
        """The run is over; of what is left nobody will be told."""
        for batch in (*self.died, *self.untold):
            self.world.record(Kind.REPORT, "unknown", lane=self.lane, batch=batch.number, values=batch.values,
                              partition=batch.partition, note="never told")


class Sender(ProducerHost, Caller):
    """One process; `new_id` gives out producer ids, by default the world."""

    def __init__(self, world: ToyWorld, broker: ToyBroker, settings: ProducerSettings,
                 client: type[Producer], lane: str, application: Application | None = None,
                 new_id: Callable[[str], tuple[int, int]] | None = None) -> None:
        self.world, self.clock, self.broker, self.settings = world, world.clock, broker, settings
        self.lane, self.application, self.new_id = lane, application, new_id or world.new_producer_id
        self.connection: ToyConnection | None = None
        self.killed = False
        self.records: Counter[int] = Counter()
        self.expiries: dict[ProducerBatch, Timer] = {}
        self.timers: dict[ProducerBatch, Timer] = {}
        self._asked_at = -BACKOFF_MS  # for Metadata
        self._free_at = 0
        self._wake_time: int | None = None
        self.producer = client(settings, self)

    def send(self, values: tuple[str, ...], partition: int) -> ProducerBatch:
        """One call of the client's `send`; the delivery timeout of the batch starts now."""
        position = self.records[partition]
        batch = ProducerBatch(next(self.world.batch_numbers), values, partition, self.clock.now, position)
        self.records[partition] += len(values)
        self.expiries[batch] = self.clock.after(self.settings.delivery_timeout_ms, lambda: self.expire(batch))
        self.producer.send(batch)
        self.wake()
        return batch

    def kill(self) -> None:
        """The process dies: nobody is told anything, requests under way may still arrive."""
        self.killed = True
        self.world.record(Kind.PRODUCER, "killed", lane=self.lane)
        if self.application:
            self.application.on_killed()

    # by the clock

    def wake(self, at: int = 0) -> None:
        """Look for something to send at that time, or as soon as the producer is free."""
        t = max(at, self._free_at, self.clock.now)
        if self._wake_time is None or t < self._wake_time:
            self._wake_time = t
            self.clock.at(t, lambda: self._pump(t))

    def _pump(self, asked_for: int) -> None:
        """What leaves next: one batch, or one of each partition."""
        if self._wake_time != asked_for:
            return
        together: list[ProducerBatch] = []
        self._wake_time = None
        for head in () if self.killed else self.producer.heads():
            if head.not_before > self.clock.now:
                self.wake(head.not_before)
            elif self.producer.may_drain(head):
                together.append(head)
                if not self.producer.shares_requests:
                    break
        if together:
            self.transmit(*sorted(together, key=lambda batch: batch.partition))
            self.wake()

    def transmit(self, *together: ProducerBatch) -> None:
        """A request leaves with these batches, on a new connection where there is none."""
        requests: list[ProduceRequest] = []
        fault, acks = DELIVER, self.settings.acks
        for batch in together:
            batch.rides_along, sent = bool(requests), self.producer.transmit(batch)
            self.world.attempts += 1
            if fault is DELIVER:
                fault = self.world.script.at(self.world.attempts)
            requests.append(ProduceRequest(self.world.attempts, batch, sent, batch.tries, acks=acks))
        if self.connection is None or self.connection.closed:
            self.connection = ToyConnection(self.world, self.broker, self)
        for request in requests:
            request.fault = fault
            self.world.record_request(Kind.SEND, request, lane=self.lane, conn=self.connection.number)
            if acks:
                wait = partial(self.time_out, request)
                self.timers[request.batch] = self.clock.after(self.settings.request_timeout_ms, wait)
        self._free_at = self.clock.now + BURST_MS
        self.connection.send(*requests)
        if not acks:
            for batch in together:
                self.producer.tell(batch, "ok", note="no answer was asked for")
        if fault.name == "kill producer":
            self.clock.after(1, self.kill)

    def expire(self, batch: ProducerBatch) -> None:
        """The delivery timeout is over."""
        if not (self.killed or self.producer.stuck):
            self.producer.expired(batch)
            self.wake()

    def time_out(self, request: ProduceRequest, why: str = "") -> None:
        """Wait no longer for this answer: the connection is closed."""
        why = why or f"no answer in {self.settings.request_timeout_ms} ms"
        if not self.killed and self.connection:
            self.world.record_request(Kind.TIMEOUT, request, lane=self.lane, conn=self.connection.number,
                                      note=why)
            self.connection.drop("the producer closed it")

    # by the connection

    def sends_more(self) -> bool:
        heads = [] if self.killed else self.producer.heads()
        return any(head.not_before <= self.clock.now and self.producer.may_drain(head) for head in heads)

    def on_answer(self, request: ProduceRequest, answer: ProduceAnswer) -> None:
        self.timers.pop(request.batch).cancel()
        self.world.record_request(Kind.ACK, request, lane=self.lane, error=answer.error,
                                  offset=None if answer.error else answer.offset)
        self.producer.answered(request.batch, answer)
        if answer.error in self.producer.asking_for_metadata:
            self._asked_at = self.clock.now
        self.wake()

    def on_drop(self) -> None:
        for timer in self.timers.values():
            timer.cancel()
        self.timers.clear()
        if not self.killed:
            self.producer.disconnected()
        # It connects for the next batch, or earlier: to ask for Metadata.
        due = [queue[0].not_before for queue in self.producer.queues.values() if queue]
        self._free_at = max(self.clock.now, min([self._asked_at + BACKOFF_MS, *due])) + RECONNECT_MS
        self._wake_time = None
        self.wake()

    # what the producer wants from the world

    def new_producer_id(self) -> tuple[int, int]:
        return self.new_id(self.lane)

    def told(self, batch: ProducerBatch, what: str, offset: int | None, error: ErrorCode, note: str) -> None:
        self.expiries.pop(batch).cancel()
        self.world.record(Kind.REPORT, what, lane=self.lane, batch=batch.number, values=batch.values,
                          partition=batch.partition, offset=offset, error=error, note=note)
        if self.application:
            self.application.on_told(batch, what)

    def back_off(self, batch: ProducerBatch) -> None:
        """It waits, twice as long with every try."""
        batch.not_before = self.clock.now + (BACKOFF_MS << batch.tries - 1)

    def abandon(self, batch: ProducerBatch) -> None:
        awaited = self.connection.unanswered if self.connection else ()
        if request := next((request for request in awaited if request.batch is batch), None):
            self.time_out(request, "its batch has expired")

    def happened(self, kind: Kind, what: str, **fields: Any) -> None:
        self.world.record(kind, what, lane=self.lane, **fields)
