"""`lab.run`: the experiment of `simulate`, with kafka-python's producer, over TCP, through the fault proxy.

The application in it sends value after value and waits for each answer, or with several in flight sends all
at once. A killed producer is followed by a new one, which knows only what was not yet sent.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from kafka.errors import KafkaError, KafkaTimeoutError

from lesson_lib.errors import LessonError
from lesson_lib.history import Event, Kind, Settings
from lesson_lib.lab.as_history import NEVER_TOLD
from lesson_lib.lab.clients import LabFuture, LabProducer
from lesson_lib.proxy.recording import Recording

TICK, IDLE_SECONDS, GRACE_SECONDS = 0.02, 5.0, 1.5
ENDS = {"commit": "committed", "abort": "aborted"}
TROUBLE = (KafkaError, LessonError)  # the second: a wait that nobody ends, or a producer that was killed
NewBatch = tuple[tuple[str, ...], int]  # the values of one batch, and its partition


def send_batch(producer: LabProducer, topic: str, part: NewBatch) -> LabFuture:
    """Hand over these values as one batch; the future of the first."""
    values, partition = part
    futures = [producer.send(topic, value.encode(), partition=partition) for value in values]
    producer.seal(topic, partition)
    return futures[0]


@dataclass(eq=False)
class HandedOverBatch:
    """One batch that was handed to a client. `done` once the application was told about it."""

    part: NewBatch
    client_id: str
    timestamp: int
    done: bool = False
    error: Exception | None = None


@dataclass
class LiveApplication:
    """Hands the batches of one run to a producer, and to another one where the first is killed."""

    topic: str
    recording: Recording
    new_producer: Callable[[], LabProducer]
    timeout_seconds: float
    resend: bool = False
    started: int = 0
    answers: deque[HandedOverBatch] = field(default_factory=deque)
    handed_over: list[HandedOverBatch] = field(default_factory=list)

    def run(self, parts: Sequence[NewBatch]) -> None:
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
        self.recording.wait_until_idle(IDLE_SECONDS)
        self._never_told(todo)

    def _start(self) -> None:
        self.started += 1
        self._stuck, self.producer = False, self.new_producer()
        if (self.recording.max_in_flight or 0) > 1:
            # Until the client may ask for Metadata again. After error 6 it then asks at once, ahead of the
            # batch that it sends again; else it's a race for the last slot.
            self.producer.partitions_for(self.topic)
            time.sleep(self.producer.config["retry_backoff_ms"] / 1000)

    def _restart(self, todo: deque[NewBatch], sent: list[HandedOverBatch]) -> None:
        """The process is gone; a new one starts."""
        self.recording.wait_until_idle(IDLE_SECONDS)
        if self.resend:
            todo.extendleft(s.part for s in reversed(sent) if not s.done)
        self.recording.killed.clear()
        self.recording.untold.clear()
        if todo:
            self.recording.note(Event(0, Kind.PRODUCER, "started", f"producer {self.started + 1}"))
            self._start()

    def _send(self, todo: deque[NewBatch]) -> list[HandedOverBatch]:
        """The next batch, or where nothing is waited for all of them."""
        one_by_one = self.resend or (self.recording.max_in_flight == 1 and self.recording.asks_for_answers)
        parts = [todo.popleft() for _ in range(1 if one_by_one else len(todo))]
        self.recording.hand_over(partition for _, partition in parts)
        sent = []
        for part in parts:
            try:
                sent.append(self._send_one(part))
            except TROUBLE:
                if not self.recording.killed:
                    raise
                # Killed meanwhile: as if it had been a moment later, or the run would depend on luck.
                sent.append(HandedOverBatch(part, self.producer.client_id, 0))
                self.handed_over.append(sent[-1])
        return sent

    def _send_one(self, part: NewBatch) -> HandedOverBatch:
        future = send_batch(self.producer, self.topic, part)
        sent = HandedOverBatch(part, self.producer.client_id, future.timestamp)
        self.handed_over.append(sent)
        future.add_callback(lambda _: self._answered(sent, None))
        future.add_errback(lambda error: self._answered(sent, error))
        return sent

    def _answered(self, sent: HandedOverBatch, error: Exception | None) -> None:
        sent.done, sent.error = not self.producer.killed, error
        with self.recording.changed:
            if sent.done:
                self.recording.untold[sent.part[1]] -= 1
            self.answers.append(sent)
            self.recording.changed.notify_all()

    def _wait(self, sent: list[HandedOverBatch]) -> None:
        """Until all of these are settled, the producer is killed or stuck, or the time is over."""
        waiting, end = set(sent), time.monotonic() + self.timeout_seconds + GRACE_SECONDS
        while waiting and not (self.recording.killed or self._stuck) and time.monotonic() < end:
            if not self.recording.wait_until(lambda: self.answers, TICK):
                self.producer.check_broker()
                continue
            waiting.discard(one := self.answers.popleft())
            self._look_whether_stuck(one)
        if not self.recording.asks_for_answers:  # the client says ok before anything was sent
            self.recording.wait_until(self.recording.window_full, IDLE_SECONDS)

    def _look_whether_stuck(self, sent: HandedOverBatch) -> None:
        """Once a retried batch expires, kafka-python drops its id, asks for no other, and sends no more."""
        expired = isinstance(sent.error, KafkaTimeoutError) and self.producer.config["enable_idempotence"]
        if expired and any(e.kind == Kind.SEND and e.try_no > 1 for e in self.recording.events):
            self._stuck = True
            self.recording.note(Event(0, Kind.PRODUCER, "stuck", self.recording.lane(self.producer.client_id),
                                      note="it dropped its id and never asks for a new one"))

    def _never_told(self, todo: deque[NewBatch]) -> None:
        """What was handed over and not answered: it waits in a stuck producer, or died with a killed one."""
        if todo and self._stuck:
            self.handed_over.append(HandedOverBatch(todo[0], self.producer.client_id, 0))
        for sent in self.handed_over:
            if not sent.done:
                values, partition = sent.part
                self.recording.report(sent.client_id, sent.timestamp, Event(
                    0, Kind.REPORT, "unknown", values=values, topic=self.topic, partition=partition,
                    note=NEVER_TOLD))


@dataclass
class LiveTransaction:
    """All values in one transaction, by an application written by the book; `end` is what it wants: commit
    or abort.

    It waits for each answer. Where anything fails, it asks for an abort; where that fails too, it closes the
    producer and does not know what became of the transaction. What it learns is written down as it learns it.
    """

    topic: str
    recording: Recording
    new_producer: Callable[[], LabProducer]
    end: str

    def run(self, parts: Sequence[NewBatch]) -> None:
        """Until the application knows how it ended, or will never know."""
        producer = self.new_producer()
        try:
            producer.init_transactions()
            producer.begin_transaction()
            for part in parts:
                self.recording.hand_over([part[1]])
                send_batch(producer, self.topic, part).get()
            self._finish(producer, self.end)
        except TROUBLE as error:
            if not self.recording.killed:  # then nobody is left to give up
                self._give_up(producer, error)
        self.recording.wait_until_idle(IDLE_SECONDS)

    def _finish(self, producer: LabProducer, end: str) -> None:
        producer.commit_transaction() if end == "commit" else producer.abort_transaction()
        self._learns(producer, ENDS[end])

    def _give_up(self, producer: LabProducer, why: Exception) -> None:
        self._learns(producer, "failed", type(why).__name__)
        try:
            self._finish(producer, "abort")
        except TROUBLE as error:
            self._learns(producer, "unknown", type(error).__name__)

    def _learns(self, producer: LabProducer, what: str, why: str = "") -> None:
        lane = self.recording.lane(producer.client_id)
        self.recording.note(Event(0, Kind.TXN, what, lane, transactional=True, note=why))


def in_batches(values: Sequence[str], size: int, partitions: int) -> list[NewBatch]:
    """Values in batches of `size`, one partition after the other."""
    return [(tuple(values[i:i + size]), (i // size) % partitions) for i in range(0, len(values), size)]


def producer_options(settings: Settings, records_per_batch: int, delivery_timeout_ms: int,
                     request_timeout_ms: int) -> dict[str, Any]:
    """kafka-python's names for the settings of a run."""
    longest = max(0, delivery_timeout_ms - request_timeout_ms)
    lingers = {"batch_size": 1} if records_per_batch == 1 else {"linger_ms": longest}
    tries = {} if settings.retries is None else {"retries": settings.retries}
    return {"enable_idempotence": settings.idempotence,
            "acks": settings.acks if settings.acks == "all" else int(settings.acks),
            "max_in_flight_requests_per_connection": settings.in_flight,
            "delivery_timeout_ms": delivery_timeout_ms, "request_timeout_ms": request_timeout_ms,
            "metrics_enabled": False,  # nobody gets this producer to ask it
            **lingers, **tries}
