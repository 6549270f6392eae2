"""`explore`: not one outcome but every outcome, for every schedule of so many faults, each with a shortest history.

"Never a duplicate" is then a sentence with a bound that was checked, not a hope. The producer is `explore_producer`, the
broker `explore_broker`, the walk `explore_search`; a path becomes a History in `explore_history`.

Differs from Kafka in: what these modules say. A restart of the broker, a new leader and a delivery timeout happen only
where `kinds` names them. With idempotence a duplicate needs the epoch bump of the Java client, which numbers again what
may be stored already; what leads to it is a narrowed window (a clean restart, six in flight) or, before 4.5, a new
partition whose first batch was refused and whose second one lost its ack.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial

from lesson_lib.core.kafka_version import KafkaVersion
from lesson_lib.core.producer_state import judge
from lesson_lib.errors import LessonError
from lesson_lib.history import Event, History, Kind, Settings, find_anomalies
from lesson_lib.sim.arguments import count_of, values_of, version_of
from lesson_lib.sim.explore_broker import Broker, Rule
from lesson_lib.sim.explore_history import log_cells, tell_history
from lesson_lib.sim.explore_producer import KafkaPythonProducer, Producer
from lesson_lib.sim.explore_protocol import KINDS, USUAL_KINDS, Place, Protocol
from lesson_lib.sim.explore_script import find_script, same_end
from lesson_lib.sim.explore_search import Graph, search
from lesson_lib.sim.run import simulate

CLIENTS = {"java": Producer, "kafka-python": KafkaPythonProducer}
MAX_STATES = 500_000
FAILURES = ("duplicate", "lost write", "hole", "reordered")
ANOMALIES = (*FAILURES, "aborted read", "nonmonotonic poll")


@dataclass(frozen=True)
class Outcome:
    """One way in which a run can end. `log` has the values in order, `told` what the application heard of each batch."""

    log: tuple[str, ...]
    told: tuple[str, ...]
    anomalies: tuple[str, ...]
    place: Place = field(repr=False, compare=False)

    def __str__(self) -> str:
        return f"log {' '.join(self.log) or 'empty'} · told {' '.join(self.told)} · {', '.join(self.anomalies) or 'no anomaly'}"


@dataclass(frozen=True, repr=False)
class Exploration:
    """Everything that can happen within a bound. Prints as a small table; `sentence` says what was proved."""

    graph: Graph = field(repr=False)
    faults: int
    settings: Settings

    @property
    def states(self) -> int:
        """How many distinct states there are."""
        return len(self.graph.came_from)

    @property
    def transitions(self) -> int:
        """How many steps lead from one state to another."""
        return self.graph.transitions

    @cached_property
    def outcomes(self) -> list[Outcome]:
        """The different ends: those with the fewest faults first, then those with most told ok, then those in fewest steps."""
        protocol = self.graph.protocol
        places: dict[tuple[tuple[int, ...], tuple[str, ...]], Place] = {}
        for place in sorted(self.graph.ends, key=lambda end: -end[5]):
            log, told = protocol.brokers[place[3]].log, protocol.clients[place[0]].told
            places.setdefault((tuple(batch.number for batch in log), told), place)
        found = [Outcome(tuple(protocol.values[batch] for batch in log), told, _anomaly_names(protocol, place), place)
                 for (log, told), place in places.items()]
        return sorted(found, key=lambda o: (-o.place[5], -o.told.count("ok")))

    @property
    def anomaly_names(self) -> list[str]:
        """The names of all anomalies that can happen, sorted."""
        return sorted({name for outcome in self.outcomes for name in outcome.anomalies})

    def find(self, anomaly: str) -> History | None:
        """A shortest history with that anomaly (fewest faults, then most told ok), None where there is none within the bound."""
        if anomaly not in ANOMALIES:
            raise LessonError(f"There is no anomaly {anomaly!r}; choose one of: {', '.join(ANOMALIES)}.")
        found = self._with(anomaly)
        return found and self.history(found)

    def history(self, outcome: Outcome) -> History:
        """A shortest history that ends so. Its `settings.faults` is the script of its faults."""
        return history_to(self.graph, self.faults, outcome.place, self.settings)

    def script(self, anomaly: str) -> str | None:
        """A fault script with which `simulate` comes to the same log and tells the same; None where it cannot.

        Called with the same values, in flight, client, broker and rule, that is.
        """
        found = self._with(anomaly)
        if found is None:
            return None
        history, protocol = self.history(found), self.graph.protocol
        kinds = [step for step, _ in self.graph.path(found.place) if step in KINDS]
        run = partial(simulate, protocol.values, in_flight=self.settings.in_flight, idempotence=self.settings.idempotence,
                      broker=protocol.broker.version, client=self.settings.client, rule=protocol.broker)
        return find_script(history.settings.faults, kinds, self.settings.in_flight, len(history.attempts),
                           lambda script: same_end(run(faults=script), history))

    def _with(self, anomaly: str) -> Outcome | None:
        return next((o for o in self.outcomes if anomaly in o.anomalies), None)

    @property
    def sentence(self) -> str:
        """What this exploration proves, with its bound."""
        protocol, names = self.graph.protocol, self.anomaly_names
        size = f"{protocol.producer.batches} batches, {protocol.producer.in_flight} in flight"
        if names:
            never = [name for name in FAILURES if name not in names]
            without = f"; never: {', '.join(never)}" if never else ""
            return f"With {size} and at most {_faults(self.faults)}, there can be: {', '.join(names)}{without}."
        return (f"No schedule of at most {_faults(self.faults)} ({', '.join(protocol.kinds)}) leads to an anomaly with {size}: "
                f"all {self.states:,} states were visited.")

    def __str__(self) -> str:
        lines = [f"{self.states:,} states, {self.transitions:,} steps, {len(self.outcomes):,} different ends"]
        shown = {o.anomalies: o for o in reversed(self.outcomes)}
        for names, first in sorted(shown.items()):
            times = sum(o.anomalies == names for o in self.outcomes)
            lines.append(f"{times:>7,}  {', '.join(names) or 'no anomaly':<32}  e.g. log {' '.join(first.log) or 'empty'}"
                         f"  told {' '.join(first.told)}")
        return "\n".join([*lines, self.sentence])

    __repr__ = __str__


def _faults(number: int) -> str:
    return f"{number} fault{'s' * (number != 1)}"


def _anomaly_names(protocol: Protocol, place: Place) -> tuple[str, ...]:
    client, log = protocol.clients[place[0]], protocol.brokers[place[3]].log
    sent = [Event(0, Kind.SEND, batch=batch, topic="toy") for batch in range(client.next_batch)]
    return tuple(sorted({a.name for a in find_anomalies(sent, log_cells(log), dict(enumerate(client.told)))}))


def history_to(graph: Graph, faults: int, place: Place, settings: Settings) -> History:
    """A shortest history that leads to a state."""
    path = graph.path(place)
    history, script = tell_history(graph.protocol, graph.protocol.start(faults), path, settings)
    return replace(history, settings=replace(settings, faults=script))


def explore(batches: int | Sequence[str] = 3, in_flight: int = 1, faults: int = 1, *, idempotence: bool = True,
            broker: str | KafkaVersion = "4.4", rule: Rule | Broker = judge, client: str = "java",
            kinds: Collection[str] = USUAL_KINDS, max_states: int = MAX_STATES) -> Exploration:
    """Walk every schedule of at most `faults` faults and return all ends.

    `batches` is a number or the values; `kinds` names the faults that may happen (`KINDS`). kafka-python has one batch in
    flight when idempotence is on, whatever `in_flight` says. LessonError for more than `max_states` states.
    """
    values = values_of(batches)
    if client not in CLIENTS:
        raise LessonError(f"The explorer knows no client {client!r}; choose one of: {', '.join(CLIENTS)}.")
    if unknown := [kind for kind in kinds if kind not in KINDS]:
        raise LessonError(f"The explorer knows no fault {unknown[0]!r}; choose from: {', '.join(KINDS)}.")
    if not isinstance(faults, int) or faults < 0:
        raise LessonError(f"faults must be a whole number from 0, not {faults!r}.")
    window = 1 if client == "kafka-python" and idempotence else count_of("in_flight", in_flight)
    producer = CLIENTS[client](len(values), window, idempotence)
    version = version_of(broker)
    toy = rule if isinstance(rule, Broker) else Broker(rule, version)
    graph = search(Protocol(producer, toy, values, tuple(kinds)), faults, max_states)
    return Exploration(graph, faults, Settings("simulated", idempotence, "all", window, None, toy.name, client))
