"""`simulate`: a producer, a network, a broker and perhaps a consumer, in virtual time; the same arguments give the same run.

Differs from Kafka in: times are chosen for a clean picture (10 ms each way, 4 ms between requests of a burst, 20 ms to
reconnect or back off); only timeouts are as long as they are set.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from lesson_lib.core.kafka_version import KafkaVersion
from lesson_lib.core.partition_log import PartitionLog, Rule
from lesson_lib.core.producer_state import judge
from lesson_lib.faults import Script, parse_script
from lesson_lib.history import History, Kind, Settings
from lesson_lib.sim.arguments import acks_of, check_settings, client_of, count_of, values_of, version_of
from lesson_lib.sim.broker import Broker
from lesson_lib.sim.consumer import Consumer, ConsumerSettings
from lesson_lib.sim.pending import PendingBatch
from lesson_lib.sim.producer import Producer, ProducerSettings
from lesson_lib.sim.world import BURST_MS, THINK_MS, World


class Application:
    """Sends the values; with one in flight it waits to be told about a batch before it sends the next."""

    def __init__(self, world: World, broker: Broker, settings: ProducerSettings, client: type[Producer],
                 batches: Sequence[tuple[tuple[str, ...], int]], resend: bool = False) -> None:
        self.world, self.broker, self.settings, self.client, self.resend = world, broker, settings, client, resend
        self.todo = deque(batches)
        self.untold: dict[PendingBatch, None] = {}
        self.started = 0
        self.start()

    def start(self) -> None:
        """Start a producer, the first or one more after the last was killed."""
        self.started += 1
        self.lane = "producer" if self.started == 1 else f"producer {self.started}"
        if self.started > 1:
            self.world.record(Kind.PRODUCER, "started", lane=self.lane)
        self.producer = self.client(self.world, self.broker, self.settings, self.lane, self.on_told, self.on_killed)
        self.world.clock.after(THINK_MS, self.go_on)

    def go_on(self) -> None:
        """Send the next batch, or with several in flight all that are left."""
        while self.todo and not self.producer.killed:
            self.send(*self.todo.popleft())
            if self.settings.in_flight == 1:
                return

    def send(self, values: tuple[str, ...], partition: int) -> None:
        """One call of the client's `send`."""
        producer = self.producer
        pending = producer.send(values, partition)
        if not pending.done:
            self.untold[pending] = None

    def on_told(self, pending: PendingBatch, what: str) -> None:
        """The producer tells how a batch ended."""
        self.untold.pop(pending, None)
        if self.resend and what != "ok":
            self.todo.appendleft((pending.values, pending.partition))
        if self.settings.in_flight == 1 or self.resend:
            self.world.clock.after(THINK_MS if self.settings.acks else BURST_MS, self.go_on)

    def on_killed(self) -> None:
        """The process is gone; a new one starts, and knows only what is still to be sent and, with `resend`, what was untold."""
        if self.resend:
            self.todo.extendleft((p.values, p.partition) for p in reversed(self.untold))
        self.world.clock.after(3 * THINK_MS, self.start)

    def close(self) -> None:
        """The run is over; of what is left nobody will be told."""
        for pending in self.untold:
            if not self.producer.killed:
                self.world.record(Kind.REPORT, "unknown", lane=self.lane, batch=pending.number, values=pending.values,
                                  partition=pending.partition, note="never told")


def simulate(values_or_count: int | Sequence[str] = 3, *, idempotence: bool = True, acks: str | int = "all",
             retries: int | None = None, in_flight: int = 1, records_per_batch: int = 1, faults: Script = None,
             broker: str | KafkaVersion = "4.4", client: str = "kafka-python", rule: Rule = judge,
             delivery_timeout_ms: int = 120_000, request_timeout_ms: int = 30_000, partitions: int = 1,
             resend: bool = False, consumer: ConsumerSettings | Mapping[str, Any] | bool | None = None) -> History:
    """Send some values through a simulated Kafka and return everything that happened.

    `in_flight=1`: the application waits for each answer before its next send; more: it sends all at once, and at most so
    many requests are unanswered. `client` is "kafka-python" or "java". `rule` decides at the broker. `resend`: the application
    sends again, as a new batch, what it was not told ok of; a killed producer is started again and goes on with the rest.
    `consumer` reads the log at the end: True, or {"commit": "after", "crash_at": 2, "isolation": "read_committed"}.
    LessonError says which argument is wrong and how to put it right.
    """
    script, reader = parse_script(faults), ConsumerSettings.of(consumer)
    version = version_of(broker)
    settings = ProducerSettings(idempotence, acks_of(acks), retries, in_flight, delivery_timeout_ms, request_timeout_ms)
    check_settings(settings)
    values = values_of(values_or_count)
    size = count_of("records_per_batch", records_per_batch)
    batches = [(values[i:i + size], (i // size) % count_of("partitions", partitions)) for i in range(0, len(values), size)]
    world = World(script)
    toy = Broker(world, {p: PartitionLog(version, rule) for p in range(partitions)})
    application = Application(world, toy, settings, client_of(client), batches, resend)
    world.clock.run()
    application.close()
    if reader:
        world.settle()
        Consumer(world, toy, reader).read_all()
    script.check_used(world.attempts)
    return History(tuple(world.events), toy.all_cells(), Settings(
        "simulated", idempotence, "all" if settings.acks == -1 else str(settings.acks), in_flight, retries, str(version),
        client, str(script)))
