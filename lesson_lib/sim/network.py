"""One connection between a producer and the broker, and what can go wrong on it.

Requests arrive in order, the broker answers them in order, and so no message in the middle can go missing alone. All
tearing faults are one: from attempt n on, the connection carries K more requests to the broker and J answers back, then
it is gone, and whatever was under way with it. `lose request` is `cut 0 0`, `lose ack` is `cut 1 0`. Everything sent before
attempt n is handled and answered as usual. The silent forms stop at the same place but do not tear: nothing comes
through any more, until the producer's request timeout closes the connection.

Differs from Kafka in: one batch is one request; a restarting broker keeps its connections.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any, Protocol

from lesson_lib.core import batch as core
from lesson_lib.faults import Fault
from lesson_lib.history import Kind
from lesson_lib.sim.broker import Answer, Broker
from lesson_lib.sim.clock import Timer
from lesson_lib.sim.messages import PendingBatch
from lesson_lib.sim.world import HALF_WAY_MS, ONE_WAY_MS, World

CUTS = {"lose request": (0, 0), "lose ack": (1, 0), "lose request silently": (0, 0), "lose ack silently": (1, 0)}


@dataclass(eq=False, slots=True)
class Request:
    """A produce request under way. `handled`, `answered`: whether it will be; the rest is how far it came."""

    attempt: int
    pending: PendingBatch
    batch: core.Batch
    fault: Fault
    acks: int = -1
    handled: bool = True
    answered: bool = True
    arrived: bool = False
    lost: bool = False
    timer: Timer | None = None
    try_no: int = 0
    place_in_cut: int = 0  # 1 for the first request that a cut is about

    @property
    def identity(self) -> dict[str, Any]:
        """The fields of an event that say which request it is about."""
        return {"attempt": self.attempt, "batch": self.pending.number, "try_no": self.try_no, "values": self.pending.values,
                "partition": self.pending.partition}

    @property
    def numbers(self) -> dict[str, Any]:
        """The fields of an event that are in the header of the batch."""
        return {"producer_id": self.batch.producer_id, "producer_epoch": self.batch.producer_epoch,
                "base_sequence": self.batch.base_sequence, "record_count": self.batch.record_count,
                "transactional": self.batch.transactional}


class Client(Protocol):
    """Who sends on a connection: a producer."""

    lane: str
    killed: bool

    def on_answer(self, request: Request, answer: Answer) -> None:
        """The oldest unanswered request has its answer."""

    def on_torn(self, requests: list[Request]) -> None:
        """The connection is gone; these had no answer, oldest first."""


class Connection:
    """In order both ways, until it is cut."""

    def __init__(self, world: World, broker: Broker, client: Client) -> None:
        self.world, self.broker, self.client = world, broker, client
        self.number = world.next_connection()
        self.unanswered: deque[Request] = deque()
        self.closed = False
        self._cut: tuple[int, int] | None = None
        self._silent = False
        self._since_cut = 0
        self._last_arrival = self._last_answer = 0

    def send(self, request: Request) -> None:
        """Put a request on its way; what will become of it is settled by the order of requests alone."""
        self._begin_cut(request.fault)
        if self._cut:
            handled, answered = self._cut
            request.handled, request.answered = self._since_cut < handled, self._since_cut < answered
            self._since_cut += 1
            request.place_in_cut = self._since_cut
        self.unanswered.append(request)
        self._last_arrival = max(self._last_arrival, self.world.clock.now + ONE_WAY_MS)
        if request.handled:
            self.world.clock.at(self._last_arrival, lambda: self._arrive(request))
        else:
            self._stop_half_way(request)

    def _begin_cut(self, fault: Fault) -> None:
        if self._cut is None and (cut := CUTS.get(fault.name) or (fault.numbers if fault.name == "cut" else None)):
            self._cut = (cut[0], cut[1])
            self._silent = fault.name.endswith("silently")

    def _arrive(self, request: Request) -> None:
        """The broker reads a request, decides, and answers."""
        if self.closed:
            return
        request.arrived = True
        answer = self.broker.handle(request)
        if request.fault.name == "repeat":
            self.world.clock.after(1, lambda: self._answer(request, self.broker.handle(request)))
        else:
            self._answer(request, answer)

    def _answer(self, request: Request, answer: Answer) -> None:
        if request.acks == 0:
            self._settle_unanswered(request, answer)
        elif request.answered:
            delay = request.fault.numbers[0] if request.fault.name == "delay" else 0
            self._last_answer = max(self._last_answer, self.world.clock.now + ONE_WAY_MS + delay)
            self.world.clock.at(self._last_answer, lambda: self._deliver(request, answer))
        else:
            self._stop_half_way(request)

    def _settle_unanswered(self, request: Request, answer: Answer) -> None:
        """acks=0: no answer; where there was an error, the broker closes the connection."""
        self.unanswered.remove(request)
        if answer.error:
            self.tear("the broker closed it")
        elif not request.answered:
            self.world.clock.after(ONE_WAY_MS, self._tear_if_due)

    def _deliver(self, request: Request, answer: Answer) -> None:
        if self.client.killed:
            self._lose(request)
        elif not self.closed:
            self._done(self.unanswered.popleft())
            self.client.on_answer(request, answer)
            self._tear_if_due()

    def _stop_half_way(self, request: Request) -> None:
        """It is lost in the middle, and when it should have come through the connection tears, with all behind it."""
        if self._silent or request.handled or request.place_in_cut == 1:
            self.world.clock.after(HALF_WAY_MS, lambda: self._lose(request))
        self.world.clock.after(ONE_WAY_MS, self._tear_if_due)

    def _tear_if_due(self) -> None:
        """Tear once all that the cut lets through is through."""
        if self._cut and not self._silent and not self.closed and self._since_cut >= max(self._cut[0], 1):
            if not any(r.answered or (r.handled and not r.arrived) for r in self.unanswered):
                self.tear()

    def _lose(self, request: Request) -> None:
        if not request.lost:
            request.lost = True
            self.world.record(Kind.LOST, "answer" if request.arrived else "request", lane=self.client.lane, conn=self.number,
                              **request.identity)

    def tear(self, note: str = "") -> None:
        """The connection is gone, with everything unanswered."""
        if not self.closed:
            self.closed = True
            self.broker.disconnected()
            for request in self.unanswered:
                self._done(request)
                self._lose(request)
            self.world.record(Kind.TORN, conn=self.number, lane=self.client.lane, note=note)
            self.client.on_torn([r for r in self.unanswered if r.acks != 0])

    def _done(self, request: Request) -> None:
        """Nobody waits for this request any more."""
        if request.timer:
            request.timer.cancel()
