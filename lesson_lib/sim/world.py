"""What everything in a simulation shares: the clock, the fault script, the counters, and the list of events."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from lesson_lib.faults import Fault, FaultScript
from lesson_lib.history import Event, Kind
from lesson_lib.sim.clock import Clock

TOPIC = "toy"
ONE_WAY_MS = 10     # from the producer to the broker, and back again
HALF_WAY_MS = 5     # where a lost message is drawn
BURST_MS = 2        # between two requests of a burst: all of it is under way before anything can tear
BACKOFF_MS = 20     # between a failure and the second try, reconnecting included; it doubles with every try
THINK_MS = 10       # what the application takes between an answer and its next send


@dataclass
class World:
    """One simulated run in the making."""

    script: FaultScript
    topic: str = TOPIC
    clock: Clock = field(default_factory=Clock)
    events: list[Event] = field(default_factory=list)
    attempts: int = 0
    batches: int = 0
    connections: int = 0
    producer_ids: int = 0

    def record(self, kind: Kind, what: str = "", **fields: Any) -> None:
        """Write down what happens now."""
        self.events.append(Event(self.clock.now, kind, what, **{"topic": self.topic} | fields))

    def settle(self) -> None:
        """Back to the last thing that happened: timers that found nothing to do have moved the clock on."""
        self.clock.now = self.events[-1].t if self.events else 0

    def next_attempt(self) -> tuple[int, Fault]:
        """The number of the next produce request, from 1, and its fate."""
        self.attempts += 1
        return self.attempts, self.script.at(self.attempts)

    def next_batch(self) -> int:
        """The number of the next batch, from 0."""
        self.batches += 1
        return self.batches - 1

    def next_connection(self) -> int:
        """The number of the next connection, from 1."""
        self.connections += 1
        return self.connections

    def next_producer_id(self) -> int:
        """A producer id that was never given out before, from 1."""
        self.producer_ids += 1
        return self.producer_ids
