"""The application above the producer: when it sends, and what it does about a batch that it was not told ok of.

Kafka removes the copies that its client makes. A value that the application sends again is a new batch, and is stored again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from lesson_lib.errors import LessonError
from lesson_lib.history import Kind
from lesson_lib.sim.broker import Broker
from lesson_lib.sim.messages import PendingBatch, ProducerSettings
from lesson_lib.sim.producer import Producer
from lesson_lib.sim.world import BURST_MS, THINK_MS, World

RESENDS_LIMIT = 50


class Application:
    """Sends the values; with one in flight it waits to be told about a batch before it sends the next."""

    def __init__(self, world: World, broker: Broker, settings: ProducerSettings, client: type[Producer],
                 batches: Sequence[tuple[tuple[str, ...], int]], resend: bool = False) -> None:
        self.world, self.broker, self.settings, self.client, self.resend = world, broker, settings, client, resend
        self.todo = deque(batches)
        self.untold: dict[PendingBatch, None] = {}
        self.started = self.resends = 0
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
            self.resends += 1
            if self.resends > RESENDS_LIMIT:
                raise LessonError(f"The application sent {' '.join(pending.values)} again and again, for the fault does not end; "
                                  "give it an end, such as '1-3: lose ack'.")
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
