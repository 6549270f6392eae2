"""One connection between a producer and the broker, and what can go wrong on it.

Requests arrive in order and the broker answers them in order, so no message in the middle can go missing
alone: a fault ends the whole connection. The connection's `Fate` says what still comes through before that.
Everything sent before the faulty request is handled and answered as usual. A connection can also stay open
while nothing comes through any more; then the producer's request timeout closes it.

Differs from Kafka in: a restarting broker keeps its connections.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from functools import partial
from typing import Protocol

from lesson_lib.faults import Fate
from lesson_lib.history import Kind
from lesson_lib.sim.messages import ProduceAnswer, ProduceRequest
from lesson_lib.sim.toy_broker import ToyBroker
from lesson_lib.sim.world import BURST_MS, HALF_WAY_MS, ONE_WAY_MS, ToyWorld


class Caller(Protocol):
    """Who sends on a connection: a producer."""

    lane: str
    killed: bool

    def sends_more(self) -> bool:
        """Whether it can send something before it sees another answer."""

    def on_answer(self, request: ProduceRequest, answer: ProduceAnswer) -> None:
        """The oldest unanswered request has its answer."""

    def on_drop(self) -> None:
        """The connection is gone, with everything that was unanswered on it."""


class ToyConnection:
    """Messages arrive in the order in which they were sent, until the connection drops."""

    def __init__(self, world: ToyWorld, broker: ToyBroker, caller: Caller) -> None:
        self.world, self.clock, self.broker, self.caller = world, world.clock, broker, caller
        self.number = next(world.connection_numbers)
        self.unanswered: deque[ProduceRequest] = deque()
        self.fate = Fate()
        self.closed = False
        self._next_answer = 0

    def send(self, *together: ProduceRequest) -> None:
        """Send one request: `together` has a part for each batch in it. What will become of it depends on the
        order of the requests alone.
        """
        handled, answered = self.fate.take(together[0].fault)
        self.unanswered.extend(together)
        for request in together:
            request.handled, request.answered = handled, answered
            if not handled:
                self._stop_half_way(request)
        if handled:
            self.clock.after(ONE_WAY_MS, lambda: self._arrive(together))

    def _arrive(self, together: Sequence[ProduceRequest], repeated: bool = False) -> None:
        """The broker reads a request, decides on each batch, and answers."""
        if self.closed and not repeated:
            return
        for request in together:
            request.arrived = True
        answers = [self.broker.handle(request) for request in together]
        if together[0].fault.name == "repeat" and not repeated:
            self.clock.after(1, lambda: self._arrive(together, repeated=True))
        elif together[0].acks == 0:
            self._complete_without_answer(together, answers)
        else:
            self._answer(together, answers)

    def _answer(self, together: Sequence[ProduceRequest], answers: Sequence[ProduceAnswer]) -> None:
        fault = together[0].fault
        delay = fault.numbers[0] if fault.name == "delay" else 0
        at = max(self._next_answer, self.clock.now + ONE_WAY_MS + delay)
        for request, answer in zip(together, answers, strict=True):
            if request.answered:
                self.clock.at(at, partial(self.deliver, request, answer))
                self._next_answer = at + BURST_MS  # the producer may send one more in between
            else:
                self._stop_half_way(request)

    def _complete_without_answer(self, together: Sequence[ProduceRequest],
                           answers: Sequence[ProduceAnswer]) -> None:
        """With acks=0 there is no answer; after an error the broker closes the connection."""
        for request in together:
            self.unanswered.remove(request)
        if any(answer.error for answer in answers):
            self.drop("the broker closed it")
        elif not together[0].answered:
            self.clock.after(ONE_WAY_MS, self._drop_if_due)

    def deliver(self, request: ProduceRequest, answer: ProduceAnswer) -> None:
        """The producer reads an answer."""
        if not self.closed:
            self.unanswered.popleft()
            self.lose(request) if self.caller.killed else self.caller.on_answer(request, answer)
            if self.fate.drops_now:
                self._drop_when_quiet()

    def _stop_half_way(self, request: ProduceRequest) -> None:
        """The message is lost half way, or with a connection that drops when it would have arrived."""
        if self.fate.drops:
            self.clock.after(ONE_WAY_MS, self._drop_if_due)
        else:
            self.clock.after(HALF_WAY_MS, lambda: self.lose(request))

    def _drop_when_quiet(self) -> None:
        """Drop once the producer has sent what it can: this answer may let it send one more. The proxy does
        the same.
        """
        if self.caller.sends_more():
            self.clock.after(BURST_MS, self._drop_when_quiet)
        else:
            self.clock.after(1, self._drop_if_due)

    def _drop_if_due(self) -> None:
        """Drop the connection once everything has arrived that the fault lets through."""
        if self.fate.drops_now and not any(r.answered or (r.handled and not r.arrived)
                                           for r in self.unanswered):
            self.drop()

    def lose(self, request: ProduceRequest) -> None:
        """Note, once, that the request is lost, or its answer if the request had arrived."""
        if not request.lost:
            request.lost = True
            self.world.record_request(Kind.LOST, request, "answer" if request.arrived else "request",
                                      lane=self.caller.lane, conn=self.number)

    def drop(self, note: str = "") -> None:
        """End the connection; everything that is unanswered on it is lost."""
        if self.closed:
            return
        self.closed = True
        self.broker.disconnected()
        if not self.caller.killed:
            self.world.record(Kind.DROP, conn=self.number, lane=self.caller.lane, note=note)
        for request in self.unanswered:
            self.lose(request)
        self.caller.on_drop()
