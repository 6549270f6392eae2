"""A process with an idempotent producer and no `transactional_id`, for comparison: nothing that it sends belongs together."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from lesson_lib.errors import LessonError
from lesson_lib.history import Kind
from lesson_lib.sim.kafka_python_producer import KafkaPythonProducer
from lesson_lib.sim.messages import ProducerSettings
from lesson_lib.sim.world import ONE_WAY_MS

if TYPE_CHECKING:
    from lesson_lib.sim.transactions import Transactions


class PlainProducer(KafkaPythonProducer):
    """Its ids come from where those of transactional producers come from, so that no two are the same."""

    def __init__(self, kafka: Transactions, lane: str) -> None:
        self.coordinator = kafka.coordinator
        super().__init__(kafka.world, kafka.broker, ProducerSettings(), lane, lambda pending, what: None, lambda: None)

    def init_producer_id(self) -> None:
        """A new id, epoch 0."""
        answer = self.coordinator.init_producer_id(None)
        self.producer_id, self.producer_epoch = answer.producer_id, answer.producer_epoch
        self.next_sequence.clear()
        self.world.record(Kind.INIT, lane=self.lane, producer_id=self.producer_id, producer_epoch=self.producer_epoch)


class PlainSession:
    """Every new one has a new producer id, and none knows of another."""

    def __init__(self, kafka: Transactions, lane: str) -> None:
        self.kafka, self.world = kafka, kafka.world
        self.inner = PlainProducer(kafka, lane)

    def send(self, *values: str, partition: int = 0) -> str:
        """Send one batch and wait; returns what the application is told."""
        if self.inner.killed:
            raise LessonError("This producer was killed; start another with kafka.producer().")
        self.kafka.check_partition(partition)
        self.world.clock.now += ONE_WAY_MS
        pending = self.inner.send(tuple(map(str, values)), partition)
        self.world.clock.run()
        self.world.settle()
        return self.kafka.told(pending.number)

    def send_offsets(self, position: int) -> None:
        """Commit the position in the input, a step of its own."""
        self.world.clock.now += ONE_WAY_MS
        self.kafka.commit_position(position)

    def kill(self) -> None:
        """The process dies."""
        self.world.clock.now += ONE_WAY_MS
        self.inner.kill()

    def begin(self) -> NoReturn:
        """LessonError: there is no transaction without a transactional id."""
        raise LessonError('A transaction needs a transactional id: start the producer with kafka.producer("shop").')

    commit = abort = begin
