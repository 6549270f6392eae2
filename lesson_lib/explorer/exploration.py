"""What `explore` found: every way in which a run can end, how often with which anomaly, and a shortest history of each.

One order is kept throughout: the ends with the fewest faults first, of those the ones with most told ok, then the nearest.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from functools import cached_property, partial

from lesson_lib.errors import LessonError
from lesson_lib.explorer.as_history import log_cells, tell_history
from lesson_lib.explorer.protocol import KINDS, Place, Protocol
from lesson_lib.explorer.script import find_script, same_end
from lesson_lib.explorer.search import Graph
from lesson_lib.history import Event, History, Kind, Settings, find_anomalies
from lesson_lib.sim.run import simulate
from lesson_lib.text_table import wrap_output

FAILURES = ("duplicate", "lost write", "hole", "reordered")
ANOMALIES = (*FAILURES, "aborted read", "nonmonotonic poll")
Names = tuple[str, ...]


@dataclass(frozen=True)
class Outcome:
    """One way in which a run can end. `log` has the values in order, `told` what the application heard of each batch.

    `batches` are those of the log, by their numbers; `left` is how many of the faults it can do without.
    """

    log: tuple[str, ...]
    told: tuple[str, ...]
    anomalies: Names
    batches: tuple[int, ...] = field(repr=False, compare=False)
    left: int = field(repr=False, compare=False)

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
        """How many distinct states were visited."""
        return len(self.graph.came_from)

    @property
    def transitions(self) -> int:
        """How many steps lead from one state to another."""
        return self.graph.transitions

    @cached_property
    def _places(self) -> dict[tuple[tuple[int, ...], tuple[str, ...]], Place]:
        """Of the states that end alike, the first one with the fewest faults."""
        protocol, places = self.graph.protocol, {}
        for place in sorted(self.graph.ends, key=lambda end: -end[5]):
            batches = tuple(batch.number for batch in protocol.brokers[place[3]].log)
            places.setdefault((batches, protocol.clients[place[0]].told), place)
        return places

    @cached_property
    def outcomes(self) -> list[Outcome]:
        """The different ends: those with the fewest faults first, then those with most told ok, then those in fewest steps."""
        protocol = self.graph.protocol
        return sorted((make_outcome(protocol, batches, told, anomaly_names(protocol, place), place[5])
                       for (batches, told), place in self._places.items()), key=rank)

    @cached_property
    def firsts(self) -> dict[Names, Outcome]:
        """For each set of anomalies that a run can end with, the first such outcome."""
        found: dict[Names, Outcome] = {}
        for one in self.outcomes:
            found.setdefault(one.anomalies, one)
        return found

    @cached_property
    def counts(self) -> Counter[Names]:
        """For each set of anomalies that a run can end with, how many different ends have it."""
        return Counter(one.anomalies for one in self.outcomes)

    @property
    def anomaly_names(self) -> list[str]:
        """The names of all anomalies that can happen, sorted."""
        return sorted({name for names in self.firsts for name in names})

    def find(self, anomaly: str) -> History | None:
        """A shortest history with that anomaly (fewest faults, then most told ok), None where there is none within the bound."""
        if anomaly not in ANOMALIES:
            raise LessonError(f"There is no anomaly {anomaly!r}; choose one of: {', '.join(ANOMALIES)}.")
        found = self._with(anomaly)
        return found and self.history(found)

    def _with(self, anomaly: str) -> Outcome | None:
        return next((one for names, one in self.firsts.items() if anomaly in names), None)

    def history(self, outcome: Outcome) -> History:
        """A shortest history that ends so. Its `settings.faults` is the script of its faults."""
        return history_to(*self.way(outcome), self.settings)

    def way(self, outcome: Outcome) -> tuple[Graph, Place]:
        """Where that outcome is reached in the fewest steps."""
        return self.graph, self._places[outcome.batches, outcome.told]

    def script(self, anomaly: str) -> str | None:
        """A fault script with which `simulate` comes to the same log and tells the same; None where it cannot.

        Called with the same values, in flight, client, broker and rule, that is.
        """
        found = self._with(anomaly)
        if found is None:
            return None
        graph, place = self.way(found)
        history, protocol = history_to(graph, place, self.settings), graph.protocol
        run = partial(simulate, protocol.values, in_flight=self.settings.in_flight, idempotence=self.settings.idempotence,
                      broker=protocol.broker.version, client=self.settings.client, rule=protocol.broker)
        return find_script(history.settings.faults, [step for step, _ in graph.path(place) if step in KINDS],
                           self.settings.in_flight, len(history.attempts), lambda script: same_end(run(faults=script), history))

    @property
    def sentence(self) -> str:
        """What this exploration proves, with its bound."""
        protocol, names = self.graph.protocol, self.anomaly_names
        size = f"{protocol.producer.batches} batches, {protocol.producer.in_flight} in flight"
        bound = f"{_faults(self.faults)} ({', '.join(protocol.kinds)})"
        if names:
            never = [name for name in FAILURES if name not in names]
            without = f"; never: {', '.join(never)}" if never else ""
            return f"With {size} and at most {bound}, there can be: {', '.join(names)}{without}."
        return f"No schedule of at most {bound} leads to an anomaly with {size}: all {self.states:,} states were visited."

    def __str__(self) -> str:
        lines = [f"{self.states:,} states, {self.transitions:,} steps, {self.counts.total():,} different ends"]
        for names, first in sorted(self.firsts.items()):
            lines.append(f"{self.counts[names]:>7,}  {', '.join(names) or 'no anomaly':<32}  e.g. log {' '.join(first.log) or 'empty'}"
                         f"  told {' '.join(first.told)}")
        return "\n".join([*lines, wrap_output(self.sentence)])

    __repr__ = __str__


def rank(outcome: Outcome) -> tuple[int, int]:
    """What the order of outcomes goes by first."""
    return -outcome.left, -outcome.told.count("ok")


def make_outcome(protocol: Protocol, batches: tuple[int, ...], told: tuple[str, ...], names: Names, left: int) -> Outcome:
    """An outcome with the values that belong to the batches."""
    return Outcome(tuple(protocol.values[batch] for batch in batches), told, names, batches, left)


def anomaly_names(protocol: Protocol, place: Place) -> Names:
    """The names of what is wrong in a state, sorted."""
    client, log = protocol.clients[place[0]], protocol.brokers[place[3]].log
    sent = [Event(0, Kind.SEND, batch=batch, topic="toy") for batch in range(client.next_batch)]
    return tuple(sorted({a.name for a in find_anomalies(sent, log_cells(log), dict(enumerate(client.told)))}))


def history_to(graph: Graph, place: Place, settings: Settings) -> History:
    """A shortest history that leads to a state."""
    history, script = tell_history(graph.protocol, graph.start, graph.path(place), settings)
    return replace(history, settings=replace(settings, faults=script))


def _faults(number: int) -> str:
    return f"{number} fault{'s' * (number != 1)}"
