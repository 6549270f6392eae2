"""A process with an idempotent producer and no transactions, for comparison: it commits its position after, and apart from, its result."""

from __future__ import annotations

from lesson_lib.history import Kind
from lesson_lib.sim.kafka_python_producer import KafkaPythonProducer
from lesson_lib.sim.pending import ProducerSettings
from lesson_lib.sim.transactions import INPUT_TOPIC, Transactions
from lesson_lib.sim.world import ONE_WAY_MS


class PlainSession:
    """Every new one has a new producer id."""

    def __init__(self, kafka: Transactions) -> None:
        self.kafka, self.world = kafka, kafka.world
        number = self.world.producer_ids + 1
        self.inner = KafkaPythonProducer(kafka.world, kafka.broker, ProducerSettings(), "producer" if number == 1 else f"producer {number}",
                                         lambda pending, what: None, lambda: None)

    def send(self, value: str) -> None:
        """Send one record and wait."""
        self.inner.send((value,), 0)
        self.world.clock.run()
        self.world.settle()

    def send_offsets(self, position: int) -> None:
        """Commit the position in the input."""
        self.world.clock.now += ONE_WAY_MS
        self.kafka.position = position
        self.world.record(Kind.POSITION, lane="consumer", topic=INPUT_TOPIC, offset=position)

    def kill(self) -> None:
        """The process dies."""
        self.inner.kill()
