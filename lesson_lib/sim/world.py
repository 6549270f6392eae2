"""What everything in a simulation shares: virtual time, the fault script, the counters, and the list of
events.

Time is a heap of things to do, each at its millisecond; equal times run in the order in which they were asked
for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from heapq import heappop, heappush
from itertools import count
from typing import Any

from lesson_lib.faults import FaultScript
from lesson_lib.history import Event, Kind
from lesson_lib.sim.messages import ProduceRequest

TOPIC = "toy"
ONE_WAY_MS = 10     # from the producer to the broker, and back again
HALF_WAY_MS = 5     # where a lost message is drawn
BURST_MS = 2        # between two requests of a burst: all of it is under way before the connection can drop
RECONNECT_MS = 10   # between a drop and the next connection, on which what needn't wait goes first
BACKOFF_MS = 20     # between a failure and the second try; it doubles with every try
THINK_MS = 10       # what the application takes between an answer and its next send
WITH_HEADER = (Kind.SEND, Kind.VERDICT)


@dataclass(slots=True)
class Timer:
    """Something that will be done at its time unless it is cancelled."""

    act: Callable[[], None] | None

    def cancel(self) -> None:
        """Never do it; a cancelled timer does not move the clock either."""
        self.act = None


class Clock:
    """`now` is in virtual milliseconds and jumps from one timer to the next."""

    def __init__(self) -> None:
        self.now = 0
        self._heap: list[tuple[int, int, Timer]] = []
        self._asked = 0

    def at(self, t: int, act: Callable[[], None]) -> Timer:
        """Do `act` at time `t`, or at once where `t` is past."""
        timer = Timer(act)
        self._asked += 1
        heappush(self._heap, (max(t, self.now), self._asked, timer))
        return timer

    def after(self, delay: int, act: Callable[[], None]) -> Timer:
        """Do `act` in `delay` milliseconds."""
        return self.at(self.now + delay, act)

    def run(self) -> None:
        """Until nothing is left to do."""
        while self._heap:
            t, _, timer = heappop(self._heap)
            if timer.act is not None:
                self.now = t
                timer.act()


@dataclass
class ToyWorld:
    """One simulated run in the making."""

    script: FaultScript
    topic: str = TOPIC
    clock: Clock = field(default_factory=Clock)
    events: list[Event] = field(default_factory=list)
    attempts: int = 0
    producer_ids: int = 0
    batch_numbers: Iterator[int] = field(default_factory=count)
    connection_numbers: Iterator[int] = field(default_factory=partial(count, 1))

    def record(self, kind: Kind, what: str = "", **fields: Any) -> None:
        """Write down what happens now."""
        fields.setdefault("topic", self.topic)
        self.events.append(Event(self.clock.now, kind, what, **fields))

    def record_request(self, kind: Kind, request: ProduceRequest, what: str = "", **fields: Any) -> None:
        """Write down what happens to a request; a send and a verdict say the batch's header too."""
        batch, sent = request.batch, request.sent
        if kind in WITH_HEADER:
            fields |= {"producer_id": sent.producer_id, "producer_epoch": sent.producer_epoch,
                       "base_sequence": sent.base_sequence, "record_count": sent.record_count,
                       "transactional": sent.transactional}
        self.events.append(Event(
            self.clock.now, kind, what, attempt=request.attempt, batch=batch.number, try_no=request.try_no,
            values=batch.values, topic=self.topic, partition=batch.partition, **fields))

    def run(self) -> None:
        """Until nothing is left to do, and back to the last thing that happened: timers that found nothing to
        do have moved the clock on.
        """
        self.clock.run()
        self.clock.now = self.events[-1].t if self.events else 0

    def new_producer_id(self, lane: str) -> tuple[int, int]:
        """A producer id that was never given out before, from 1, and epoch 0 (`InitProducerId`)."""
        self.producer_ids += 1
        self.record(Kind.INIT, lane=lane, producer_id=self.producer_ids, producer_epoch=0)
        return self.producer_ids, 0
