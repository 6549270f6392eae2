"""What tells two brokers apart: a shortest schedule in which one of them decides differently.

Both brokers are given the same requests, side by side, and the search ends where their verdicts differ for the first time.
Up to there the producer saw the same from both; from there on each goes its own way to the end, without more faults.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import NamedTuple

from lesson_lib.core.batch import Batch
from lesson_lib.core.kafka_version import KafkaVersion
from lesson_lib.core.producer_state import Refused, Verdict
from lesson_lib.errors import version_of
from lesson_lib.explorer.as_history import tell_history
from lesson_lib.explorer.producer import Producer
from lesson_lib.explorer.protocol import KINDS, Place, Protocol
from lesson_lib.explorer.script import find_script
from lesson_lib.explorer.search import Graph, search
from lesson_lib.history import History, Settings
from lesson_lib.sim.broker_with_memory import Broker, Handled, State
from lesson_lib.sim.run import simulate
from lesson_lib.sim.wrong_brokers import Mutant, mutant_called

MAX_STATES = 300_000
MOST_IN_FLIGHT = 5
ORDINARY = ("cut", "refuse", "store and answer")
TIERS = (ORDINARY, (*ORDINARY, "restart broker", "fail over", "crash broker"), tuple(KINDS))
FINISHING = ("give up", "handle late", "send", "handle", "answer")
Moves = list[tuple[str, int]]


class Pair(NamedTuple):
    """The states of both brokers, and whether their verdicts ever differed."""

    first: State
    second: State
    differ: bool = False


@dataclass(frozen=True)
class Twins(Broker):
    """Two brokers that are given the same. The producer hears the first one."""

    first: Broker = field(default_factory=Broker)
    second: Broker = field(default_factory=Broker)

    def handle(self, state: State, batch: Batch) -> Handled:
        """Both decide."""
        pair = state.memory or Pair(State(), State())
        one, other = self.first.handle(pair.first, batch), self.second.handle(pair.second, batch)
        differ = pair.differ or kind_of(one.verdict) != kind_of(other.verdict)
        return Handled(State(Pair(one.state, other.state, differ), one.state.log), one.verdict)

    def disconnected(self, state: State) -> State:
        """To both."""
        return self._both(state, "disconnected")

    def restarted(self, state: State) -> State:
        """To both."""
        return self._both(state, "restarted")

    def failed_over(self, state: State) -> State:
        """To both."""
        return self._both(state, "failed_over")

    def _both(self, state: State, what: str) -> State:
        if not state.memory:
            return state
        first, second, differ = state.memory
        return state._replace(memory=Pair(getattr(self.first, what)(first), getattr(self.second, what)(second), differ))


def kind_of(verdict: Verdict) -> tuple[str, int]:
    """What a producer can tell of a verdict, its offset left out."""
    return type(verdict).__name__, verdict.error.value if isinstance(verdict, Refused) else 0


@dataclass(frozen=True, repr=False)
class Difference:
    """The same schedule with the mutant (`history`) and with Kafka's rule (`kafka`). `faults` says what went wrong in it."""

    mutant: Mutant
    history: History
    kafka: History
    faults: str
    moves: Moves = field(repr=False)
    protocol: Protocol = field(repr=False)

    def script(self) -> str | None:
        """A fault script with which `simulate` too tells the two apart, with the same values; None where no script does."""
        kafka, producer = self.protocol.broker.first, self.protocol.producer
        run = partial(simulate, self.protocol.values, in_flight=producer.in_flight, broker=kafka.version, client="java")
        return find_script(self.faults, [step for step, _ in self.moves if step in KINDS], producer.in_flight,
                           len(self.history.attempts), lambda script: run(faults=script).verdicts != run(
                               faults=script, rule=self.mutant.broker(kafka.version)).verdicts)

    def __str__(self) -> str:
        return (f"{self.mutant.belief}\n\nThis broker ({self.mutant.name}), {self.faults or 'no fault'}:\n{self.history}\n\n"
                f"Kafka, the same:\n{self.kafka}")

    __repr__ = __str__


def tell_apart(mutant: str | Mutant, broker: str | KafkaVersion = "4.4", *, kinds: Collection[str] | None = None,
               faults: int = 2, batches: int = 6) -> Difference | None:
    """The shortest history in which a mutant's verdict is not Kafka's: fewest faults, then batches, in flight, steps.

    Torn connections and errors are tried first, then restarts too, then everything else; or else the `kinds` that are named.
    None where there is none with so many `faults` and `batches` and five in flight. LessonError for an unknown name.
    """
    mutant, version = mutant_called(mutant), version_of(broker)
    for left, these, values, in_flight in _bounds(faults, batches, (tuple(kinds),) if kinds is not None else TIERS):
        twins = Twins(first=Broker(version=version), second=mutant.broker(version))
        protocol = Protocol(Producer(len(values), in_flight), twins, values, these)
        graph = search(protocol, left, MAX_STATES, lambda place, p=protocol: _differ(p, place))
        if graph.wanted is not None:
            return _difference(mutant, version, graph, left)
    return None


def _bounds(most_faults: int, most_batches: int, tiers: tuple[tuple[str, ...], ...]
            ) -> Iterator[tuple[int, tuple[str, ...], tuple[str, ...], int]]:
    """Faults, their kinds, the values, how many in flight; the smallest first."""
    for faults in range(most_faults + 1):
        for kinds in tiers if faults else tiers[:1]:
            for batches in range(1, most_batches + 1):
                for in_flight in range(1, min(batches, MOST_IN_FLIGHT) + 1):
                    yield faults, kinds, tuple(f"m{i}" for i in range(batches)), in_flight
                    yield faults, kinds, ("m0",) * batches, in_flight


def _differ(protocol: Protocol, place: Place) -> bool:
    memory = protocol.brokers[place[3]].memory
    return bool(memory) and memory.differ


def _difference(mutant: Mutant, version: KafkaVersion, graph: Graph, faults: int) -> Difference:
    moves, twins = moves_to(graph, faults), graph.protocol
    histories = [told(Protocol(twins.producer, broker, twins.values, twins.kinds), faults, moves)
                 for broker in (mutant.broker(version), Broker(version=version))]
    return Difference(mutant, *histories, histories[0].settings.faults, moves, twins)


def moves_to(graph: Graph, faults: int) -> Moves:
    """The path to the wanted state as moves that another broker can follow: the step, and which of that name it is."""
    moves, before = [], graph.protocol.start(faults)
    for step, after in graph.path(graph.wanted) if graph.wanted else []:
        same = [place for name, place in graph.protocol.steps(before) if name == step]
        moves.append((step, same.index(after)))
        before = after
    return moves


def told(protocol: Protocol, faults: int, moves: Moves) -> History:
    """The moves as far as this broker lets them be made, and then to the end without faults."""
    place, path = protocol.start(faults), []
    for name, nth in moves:
        path.append(_move(protocol.steps(place), name, nth))
        place = path[-1][1]
    while step := next((name for name in FINISHING if name in dict(protocol.steps(place))), None):
        path.append(_move(protocol.steps(place), step, 0))
        place = path[-1][1]
    settings = Settings("simulated", True, "all", protocol.producer.in_flight, None, protocol.broker.name, "java")
    history, script = tell_history(protocol, protocol.start(faults), path, settings)
    return replace(history, settings=replace(settings, faults=script))


def _move(steps: list[tuple[str, Place]], name: str, nth: int) -> tuple[str, Place]:
    """The nth step of that name. A broker that refuses cannot store and answer with an error: there it only handles."""
    same = [step for step in steps if step[0] == name] or [step for step in steps if step[0] == "handle"]
    return same[min(nth, len(same) - 1)]
