"""`lab.run(..., transaction="commit")`: all values in one transaction, by an application written by the book.

It waits for each answer. Where anything fails, it asks for an abort; where that fails too, it closes the
producer and does not know what became of the transaction. What it learns is written down as it learns it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kafka.errors import KafkaError

from lesson_lib.errors import LessonError
from lesson_lib.history import Event, Kind
from lesson_lib.lab.clients import LabProducer
from lesson_lib.lab.run import IDLE_SECONDS, Part
from lesson_lib.proxy.recording import Recording

ENDS = {"commit": "committed", "abort": "aborted"}
TROUBLE = (KafkaError, LessonError)  # the second: a wait that nobody ends, or a producer that was killed


@dataclass
class LiveTransaction:
    """One transaction; `end` is what the application wants of it: commit or abort."""

    topic: str
    recording: Recording
    new_producer: Callable[[], LabProducer]
    end: str

    def run(self, parts: Sequence[Part]) -> None:
        """Until the application knows how it ended, or will never know."""
        producer = self.new_producer()
        try:
            producer.init_transactions()
            producer.begin_transaction()
            for values, partition in parts:
                self._send(producer, values, partition)
            self._finish(producer, self.end)
        except TROUBLE as error:
            self._give_up(producer, error)
        self.recording.wait_until(lambda: self.recording.open_attempts == 0, IDLE_SECONDS)

    def _send(self, producer: LabProducer, values: tuple[str, ...], partition: int) -> None:
        self.recording.handed_over += 1
        futures = [producer.send(self.topic, value.encode(), partition=partition) for value in values]
        producer.seal(self.topic, partition)
        futures[0].get()

    def _finish(self, producer: LabProducer, end: str) -> None:
        producer.commit_transaction() if end == "commit" else producer.abort_transaction()
        self._learns(producer, ENDS[end])

    def _give_up(self, producer: LabProducer, why: Exception) -> None:
        if self.recording.killed:  # then nobody is left to give up
            return
        self._learns(producer, "failed", type(why).__name__)
        try:
            self._finish(producer, "abort")
        except TROUBLE as error:
            self._learns(producer, "unknown", type(error).__name__)

    def _learns(self, producer: LabProducer, what: str, why: str = "") -> None:
        lane = self.recording.lane(producer.client_id)
        self.recording.note(Event(0, Kind.TXN, what, lane, transactional=True, note=why))
