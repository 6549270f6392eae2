"""A path of the explorer, played once more by the simulation's own producer, connection and broker.

So it can be drawn, named and compared like every other run, and an end that was found is one that the toy
really comes to.

Nothing here happens by itself: the clock moves 10 ms a step, and each step does what a timer of the
simulation would have done.
"""

from __future__ import annotations

from dataclasses import replace

from lesson_lib.explorer.client import oldest_waiting
from lesson_lib.explorer.moves import REFUSE, STORE_AND_ANSWER, Moves, SearchState, Steps
from lesson_lib.faults import BROKER_WORDS, DELIVER, Fault, FaultScript
from lesson_lib.history import History, Settings
from lesson_lib.sim.messages import ProduceAnswer, ProduceRequest
from lesson_lib.sim.network import ToyConnection
from lesson_lib.sim.sender import Sender
from lesson_lib.sim.toy_broker import ToyBroker
from lesson_lib.sim.world import ToyWorld

STEP_MS = 10
ANSWERS = {"handle": DELIVER, "refuse": Fault("refuse", (REFUSE,)),
           "store and answer": Fault("store and answer", (STORE_AND_ANSWER,))}


class Replay:
    """`wire`: requests that the broker has not handled, `answers`: what the producer has not read, `late`:
    requests of dead connections, each with its connection. `faults`: what went wrong, in a script's words.
    """

    def __init__(self, moves: Moves) -> None:
        client, self.world, self.faults = moves.client, ToyWorld(FaultScript()), list[str]()
        self.moves = moves
        self.broker = ToyBroker(self.world, {p: replace(moves.log) for p in range(client.partitions)})
        self.sender = Sender(self.world, self.broker, client.producer.settings, type(client.producer),
                             "producer")
        for number, value in enumerate(moves.values):
            self.sender.send((value,), number % client.partitions)
        self.wire: list[ProduceRequest] = []
        self.answers: list[tuple[ProduceRequest, ProduceAnswer]] = []
        self.late: list[tuple[ToyConnection, list[ProduceRequest]]] = []

    def walk(self, start: SearchState, path: Steps) -> None:
        before = start
        for step, after in ((step, SearchState(*after)) for step, after in path):
            self.world.clock.now += STEP_MS
            self._take(step, before, after)
            before = after

    def _take(self, step: str, before: SearchState, after: SearchState) -> None:
        match step:
            case "send":
                self._send(after.requests[-1])
            case "handle" | "refuse" | "store and answer":
                self._handle(ANSWERS[step])
            case "answer":
                self._connection.deliver(*self.answers.pop(0))
            case "handle late":
                late = enumerate(before.late)
                self._handle_late(next(i for i, old in late if after.late[i:i + 1] != (old,)))
            case "give up":
                told, at_last = (self.moves.clients[state.client].state.told for state in (before, after))
                self._give_up(before, sum(old != new for old, new in zip(told, at_last, strict=True)))
            case "delivery timeout":
                self.faults.append(f"delivery timeout of batch {oldest_waiting(self.sender.producer).number}")
                self._expire()
            case _:
                self._drop(step)

    @property
    def _connection(self) -> ToyConnection:
        assert self.sender.connection is not None
        return self.sender.connection

    def _send(self, request: int) -> None:
        number, heads = self.moves.requests[request].number, self.sender.producer.heads()
        self.sender.transmit(next(head for head in heads if head.number == number))
        self.wire.append(self._connection.unanswered[-1])

    def _handle(self, fault: Fault) -> None:
        request = self.wire.pop(0)
        request.fault, request.arrived = fault, True
        if fault is not DELIVER:
            self.faults.append(f"{request.attempt}: {fault}")
        self.answers.append((request, self.broker.handle(request)))

    def _handle_late(self, which: int) -> None:
        """A request of a dead connection is handled; its answer has nowhere to go."""
        connection, requests = self.late[which]
        request = requests.pop(0)
        request.arrived, request.lost = True, False
        self.broker.handle(request)
        connection.lose(request)
        self.late = [old for old in self.late if old[1]]

    def _give_up(self, before: SearchState, batches: int) -> None:
        """After one of many rounds of tries before a delivery timeout; each leads back to where it began."""
        for _, request in self.moves.sent[before.client]:
            self._send(request)
            self.world.clock.now += STEP_MS
            self._handle(DELIVER)
            self.world.clock.now += STEP_MS
            self._connection.deliver(*self.answers.pop())
            self.world.clock.now += STEP_MS
        for _ in range(batches):
            self._expire()

    def _expire(self) -> None:
        producer = self.sender.producer
        producer.expired(oldest_waiting(producer))

    def _drop(self, step: str) -> None:
        """The connection is gone with all unanswered on it; with `late` the broker still has requests."""
        arriving = self.wire if step == "late" else []
        self.faults.append(f"{arriving[0].attempt}: late" if arriving else self._cut())
        for request in arriving:
            request.lost = True  # for the producer; nobody draws it as lost
        self._connection.drop("what it carried arrives late" if arriving else "")
        if step in BROKER_WORDS:
            self.broker.happen(step)
            self.faults.append(f"{self.world.attempts + 1}: {step}")
        if arriving:
            self.late.append((self._connection, arriving))
        self.wire, self.answers = [], []

    def _cut(self) -> str:
        """The line of a fault script for a connection that drops, at the first attempt that had no answer."""
        first, handled = self._connection.unanswered[0].attempt, len(self.answers)
        if handled + len(self.wire) == 1:
            return f"{first}: lose {'ack' if handled else 'request'}"
        return f"{first}: cut {handled} 0"


def replay(moves: Moves, start: SearchState, path: Steps, settings: Settings) -> History:
    """The path as a History; its settings have the faults in a script's words, as far as it has words."""
    played = Replay(moves)
    played.walk(start, path)
    settings = replace(settings, faults="; ".join(played.faults))
    return History(tuple(played.world.events), played.broker.cells(), settings)
