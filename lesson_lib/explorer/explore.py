"""`explore`: not one outcome but every outcome, for every schedule of so many faults, each with a shortest
history.

"Never a duplicate" is then a sentence with a bound that was checked, not a hope. The producer is that of the
simulation (`client`), the broker's log is `core`'s, what may happen next is `moves`, the walk is `search`;
`replay` plays a path in it. One order is kept throughout: the ends with the fewest faults first, of those the
ones with most told ok, then the nearest.

Differs from Kafka in: what these modules say. A restart of the broker, a new leader and a delivery timeout
happen only where `kinds` names them. With idempotence and one partition a duplicate needs the epoch bump of
the Java client, which numbers again what may be stored already; what leads to it is a narrowed window (a
clean restart, six in flight) or, before 4.5, a new partition whose first batch was refused and whose second
one lost its ack.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from lesson_lib.core.kafka_version import KafkaVersion
from lesson_lib.core.partition_log import PartitionLog, Rule
from lesson_lib.core.producer_state import judge
from lesson_lib.errors import LessonError, count_of, explains_arguments, values_of, version_of
from lesson_lib.explorer.client import ExploredClient
from lesson_lib.explorer.moves import KINDS, USUAL_KINDS, Moves, SearchState
from lesson_lib.explorer.replay import replay
from lesson_lib.explorer.search import MAX_STATES, SearchGraph, search, too_large
from lesson_lib.history import Event, History, Kind, LogCell, Settings, find_anomalies
from lesson_lib.history.link import Link, link_to, noted
from lesson_lib.sim.messages import ProducerSettings
from lesson_lib.sim.run import client_of, log_of, name_of
from lesson_lib.sim.world import TOPIC
from lesson_lib.text_table import wrap_output

FAILURES = ("copy", "lost write", "hole", "reordered")
ANOMALIES = (*FAILURES, "aborted read", "read again")
AnomalyNames = tuple[str, ...]


@dataclass(frozen=True)
class RunEnd:
    """One way in which a run can end. `logs` has the values of each partition in order, `told` what the
    application heard of each batch.

    `state` is where the search first came to it, with as few faults as it takes.
    """

    logs: tuple[tuple[str, ...], ...]
    told: tuple[str, ...]
    anomalies: AnomalyNames
    state: SearchState = field(repr=False, compare=False)

    @property
    def log(self) -> tuple[str, ...]:
        """The values of all partitions, one partition after the other."""
        return tuple(value for log in self.logs for value in log)

    @property
    def words(self) -> str:
        logs = " | ".join(" ".join(log) or "empty" for log in self.logs)
        return f"log{'s' * (len(self.logs) > 1)}: {logs}; told: {' '.join(self.told)}"

    def __str__(self) -> str:
        return f"{self.words}  {', '.join(self.anomalies) or 'no anomaly'}"


@dataclass(frozen=True, repr=False)
class Exploration:
    """Everything that can happen within a bound. Prints as a small table; `sentence` says what was proved."""

    graph: SearchGraph = field(repr=False)
    faults: int
    settings: Settings
    call: str = ""

    def link(self) -> Link:
        """An address that opens this exploration in a browser copy."""
        return link_to(self.call)

    @property
    def states(self) -> int:
        """How many distinct states were visited."""
        return len(self.graph.came_from)

    @cached_property
    def outcomes(self) -> list[RunEnd]:
        """The different ends: the fewest faults first, then most told ok, then the fewest steps."""
        moves, found = self.graph.moves, dict[Hashable, RunEnd]()
        for state in sorted((SearchState(*end) for end in self.graph.ends), key=lambda end: -end.left):
            told = moves.clients[state.client].state.told
            batches = tuple(tuple(one.number for one in log.batches) for log in moves.brokers[state.broker])
            if (batches, told) not in found:
                logs = tuple(tuple(moves.values[number] for number in log) for log in batches)
                found[batches, told] = RunEnd(logs, told, anomaly_names(moves, state), state)
        return sorted(found.values(), key=lambda one: (-one.state.left, -one.told.count("ok")))

    @cached_property
    def by_anomalies(self) -> dict[AnomalyNames, list[RunEnd]]:
        """For each set of anomalies that a run can end with, the different ends that have it."""
        found: dict[AnomalyNames, list[RunEnd]] = {}
        for one in self.outcomes:
            found.setdefault(one.anomalies, []).append(one)
        return found

    @property
    def anomaly_names(self) -> list[str]:
        """The names of all anomalies that can happen, sorted."""
        return sorted(set().union(*self.by_anomalies))

    def find(self, anomaly: str) -> History | None:
        """A shortest history with that anomaly (fewest faults, then most told ok), or None."""
        if anomaly not in ANOMALIES:
            raise LessonError(f"There is no anomaly {anomaly!r}; choose one of: {', '.join(ANOMALIES)}.")
        found = next((one for one in self.outcomes if anomaly in one.anomalies), None)
        return found and self.history(found)

    def history(self, outcome: RunEnd | int) -> History:
        """A shortest history that ends so, or as the n-th of `outcomes` does. Its `settings.faults` says in a
        script's words what went wrong.
        """
        end = self.outcomes[outcome] if isinstance(outcome, int) else outcome
        run = replay(self.graph.moves, self.graph.start, self.graph.path_to(end.state), self.settings)
        number = next((n for n, one in enumerate(self.outcomes) if one is end), None)
        return run if number is None else replace(run, call=f"{self.call}.history({number})")

    @property
    def sentence(self) -> str:
        """What this exploration proves, with its bound."""
        moves, names = self.graph.moves, self.anomaly_names
        partitions = moves.client.partitions
        where = f" on {partitions} partitions" if partitions > 1 else ""
        size = f"{len(moves.values)} batches{where}, {self.settings.in_flight} in flight"
        bound = f"{self.faults} fault{'s' * (self.faults != 1)} ({', '.join(moves.kinds)})"
        if names:
            never = [name for name in FAILURES if name not in names]
            without = f" This can't: {', '.join(never)}." if never else ""
            return f"With {size} and at most {bound}, this can happen: {', '.join(names)}.{without}"
        return (f"No schedule of at most {bound} leads to an anomaly with {size}: "
                f"all {self.states:,} states were visited.")

    def __str__(self) -> str:
        ends = len(self.outcomes)
        lines = [f"A run can end in {ends:,} way{'s' * (ends != 1)}. "
                 f"(The search met {self.states:,} states in {self.graph.transitions:,} steps.)",
                 f"{'ways':>7}  {'what went wrong':<32}  for example"]
        lines += [f"{len(those):>7,}  {', '.join(names) or 'no anomaly':<32}  {those[0].words}"
                  for names, those in sorted(self.by_anomalies.items())]
        return "\n".join([*lines, wrap_output(self.sentence)])

    __repr__ = __str__


def anomaly_names(moves: Moves, state: SearchState) -> AnomalyNames:
    """The names of what is wrong in a state, sorted."""
    told, partitions = moves.clients[state.client].state.told, moves.client.partitions
    sent = [Event(0, Kind.SEND, batch=batch, topic=TOPIC, partition=batch % partitions)
            for batch in range(len(told))]
    logs = {(TOPIC, partition): [LogCell(offset, batch.payload[0], batch.number, offset)
                                 for offset, batch in enumerate(log.batches)]
            for partition, log in enumerate(moves.brokers[state.broker])}
    return tuple(sorted({a.name for a in find_anomalies(sent, logs, dict(enumerate(told)))}))


@explains_arguments
@noted
def explore(batches: int | Sequence[str] = 3, in_flight: int = 1, faults: int = 1, *,
            partitions: int = 1, idempotence: bool = True, broker: str | KafkaVersion = "4.4",
            rule: Rule | PartitionLog = judge, client: str = "java", kinds: Collection[str] = USUAL_KINDS,
            max_states: int = MAX_STATES) -> Exploration:
    """Walk every schedule of at most `faults` faults and return all ends.

    `batches` is a number or the values, to one partition after the other; `kinds` names the faults that may
    happen (`KINDS`). kafka-python has one batch of a partition in flight when idempotence is on, whatever
    `in_flight` says. LessonError for more than `max_states` states, with the largest bounds that have fewer.
    """
    values, window = values_of(batches), count_of("in_flight", in_flight)
    in_turn = count_of("partitions", partitions)
    if client == "kafka-python" and idempotence:
        window = min(window, in_turn)
    log = log_of(version_of(broker), rule)
    kind, producer = client_of(client, idempotence), ProducerSettings(idempotence, in_flight=window)
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if unknown := [kind for kind in kinds if kind not in KINDS]:
        raise LessonError(f"The explorer has no fault {unknown[0]!r}; choose from: {', '.join(KINDS)}.")
    if not isinstance(faults, int) or faults < 0:
        raise LessonError(f"faults must be a whole number from 0, not {faults!r}.")

    def moves(number: int) -> Moves:
        return Moves(ExploredClient(kind, producer, number, in_turn), log, values[:number], tuple(kinds))

    graph = search(moves(len(values)), faults, max_states)
    if graph is None:
        raise too_large(moves, len(values), faults, max_states)
    settings = Settings("simulated", idempotence, "all", window, None, name_of(log, rule), client)
    return Exploration(graph, faults, settings)
