"""`lab.run`: the experiment of `simulate`, with kafka-python's producer, over TCP, through the fault proxy.

The application in it sends value after value and waits for each answer, or with several in flight sends all at once. A killed
producer is followed by a new one, which knows only what was not yet sent.
"""

from __future__ import annotations

import queue
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from kafka.errors import IllegalStateError, KafkaTimeoutError

from lesson_lib.history import Event, Kind
from lesson_lib.live.clients import LabFuture, LabProducer
from lesson_lib.live.recording import Recording

TICK, IDLE_SECONDS, GRACE_SECONDS, NOTICE_SECONDS = 0.02, 5.0, 1.5, 0.05
Part = tuple[tuple[str, ...], int]  # the values of one batch, and its partition


@dataclass(eq=False)
class Sent:
    """One batch that was handed to the client. `answer` is None while nothing is known."""

    part: Part
    stamp: float
    future: LabFuture
    done: bool = False
    error: Exception | None = None


@dataclass
class Application:
    """Hands the batches of one run to a producer, and to another one where the first is killed."""

    topic: str
    recording: Recording
    new_producer: Callable[[], LabProducer]
    check: Callable[[], None]
    in_flight: int
    timeout_seconds: float
    resend: bool = False
    started: int = 0
    answers: queue.SimpleQueue[Sent] = field(default_factory=queue.SimpleQueue)

    def run(self, parts: Sequence[Part]) -> None:
        """Until every batch is settled or nothing more can become of it."""
        todo = deque(parts)
        self._start()
        while todo and not self._stuck:
            sent = self._send(todo)
            self._wait(sent)
            if self.recording.killed:
                self._restart(todo, sent)
            elif self.resend:
                todo.extendleft(s.part for s in reversed(sent) if s.error is not None)
        self._never_told(todo)
        self.recording.wait_until(lambda: self.recording.open_attempts == 0, IDLE_SECONDS)

    def _start(self) -> None:
        self.started += 1
        self.producer = self.new_producer()
        self._stuck = False

    def _restart(self, todo: deque[Part], sent: list[Sent]) -> None:
        """The process is gone; a new one starts."""
        self.recording.wait_until(lambda: self.recording.open_attempts == 0, IDLE_SECONDS)
        if self.resend:
            todo.extendleft(s.part for s in reversed(sent) if not s.done)
        self.recording.killed = False
        self.recording.told = self.recording.promised
        if todo:
            self.recording.note(Event(0, Kind.PRODUCER, "started", f"producer {self.started + 1}"))
            self._start()

    def _send(self, todo: deque[Part]) -> list[Sent]:
        """The next batch, or with several in flight all of them."""
        parts = [todo.popleft()] if self.in_flight == 1 or self.resend else [todo.popleft() for _ in range(len(todo))]
        self.recording.promised += len(parts)
        sent = []
        for index, part in enumerate(parts):
            try:
                sent.append(self._send_one(part))
            except IllegalStateError:  # killed meanwhile: the rest was never handed over
                todo.extendleft(reversed(parts[index:]))
                break
        return sent

    def _send_one(self, part: Part) -> Sent:
        values, partition = part
        futures = [self.producer.send(self.topic, value.encode(), partition=partition) for value in values]
        self.producer.seal(self.topic, partition)
        sent = Sent(part, time.monotonic(), futures[0])
        futures[0].add_callback(lambda _: self._answered(sent, None))
        futures[0].add_errback(lambda error: self._answered(sent, error))
        return sent

    def _answered(self, sent: Sent, error: Exception | None) -> None:
        sent.done, sent.error = not self.producer.killed, error
        self.answers.put(sent)

    def _wait(self, sent: list[Sent]) -> None:
        """Until all of these are settled, the producer is killed or stuck, or the time is over."""
        waiting, end = set(sent), time.monotonic() + self.timeout_seconds + GRACE_SECONDS
        while waiting and not (self.recording.killed or self._stuck) and time.monotonic() < end:
            try:
                one = self.answers.get(timeout=TICK)
            except queue.Empty:
                self.check()
                continue
            waiting.discard(one)
            self._look_whether_stuck(one)
        if self.producer.config["acks"] == 0:
            self._wait_for_the_wire()

    def _wait_for_the_wire(self) -> None:
        """With acks=0 the client says ok before anything was sent: wait for it, and for the client to notice a torn connection."""
        record = self.recording
        record.wait_until(lambda: len(record.book) >= record.promised and record.open_attempts == 0, IDLE_SECONDS)
        if record.events and record.events[-1].kind in (Kind.TORN, Kind.LOST):
            time.sleep(NOTICE_SECONDS)

    def _look_whether_stuck(self, sent: Sent) -> None:
        """kafka-python drops its id once a retried batch expires, and never asks for another: it sends nothing any more."""
        retried = any(e.kind == Kind.SEND and e.try_no > 1 for e in self.recording.events)
        if isinstance(sent.error, KafkaTimeoutError) and self.producer.config["enable_idempotence"] and retried:
            self._stuck = True
            self.recording.note(Event(0, Kind.PRODUCER, "stuck", self.recording.lane(self.producer.client_id),
                                      note="it dropped its id and never asks for a new one"))

    def _never_told(self, todo: deque[Part]) -> None:
        """Of the batch that the stuck producer was given next, nobody is told anything."""
        if todo and self._stuck:
            self.recording.report(self.producer.client_id, self.topic, todo[0][1], 0, "unknown", note="never told", values=todo[0][0])


def in_parts(values: Sequence[str], size: int, partitions: int) -> list[Part]:
    """Values in batches of `size`, one partition after the other."""
    return [(tuple(values[i:i + size]), (i // size) % partitions) for i in range(0, len(values), size)]


def producer_options(idempotence: bool, acks: Any, retries: int | None, in_flight: int, records_per_batch: int,
                     delivery_timeout_ms: int, request_timeout_ms: int) -> dict[str, Any]:
    """kafka-python's names for the settings of a run."""
    lingers = {"batch_size": 1} if records_per_batch == 1 else {"linger_ms": max(0, delivery_timeout_ms - request_timeout_ms)}
    tries = {} if retries is None else {"retries": retries}
    return {"enable_idempotence": idempotence, "acks": acks, "max_in_flight_requests_per_connection": in_flight,
            "delivery_timeout_ms": delivery_timeout_ms, "request_timeout_ms": request_timeout_ms, **lingers, **tries}
