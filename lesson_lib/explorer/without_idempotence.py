"""Without idempotence: fewer states, the same ends.

With nothing to recognise a batch by, Kafka's broker stores whatever comes. So there are very many logs: 5 batches, 5 in flight
and 2 faults have 416,261 different ends, and 12,933,268 states on the way to them. Two things make those few:

**One log for many** (`OneForMany`). No decision looks at the log, and what is wrong at an end depends on no more of it than `alike`
says: which batches are in it, whether one is there twice, whether one stands behind a later one, and which is the last. Put the
same batch behind two logs that are alike, and they are alike again. So two states that differ in nothing else have the same
steps from here on, and one may stand for both.

**One order for many** (`PlainProtocol`). Once no fault can follow and no error is on its way, every answer will be ok. To send
and to read an ok then change neither the log nor what the broker is given, nothing else that can happen prevents them or is
prevented by them, and the state after both is the same in either order. So whenever one of them can happen it may as well
happen next, alone: each run that is left out is one that was kept with the same steps in another order, so as long, and
with the same end. Nothing goes round in a circle, for each try ends with an ok or costs a fault.

The whole search still exists, `explore(..., whole=True)`: tests hold both against each other, and that one against TLC.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property

from lesson_lib.core.batch import Batch
from lesson_lib.core.producer_state import judge
from lesson_lib.explorer.ends import Ends, stored
from lesson_lib.explorer.exploration import Exploration, Names, Outcome, anomaly_names, make_outcome, rank
from lesson_lib.explorer.lookups import Known
from lesson_lib.explorer.producer import Producer
from lesson_lib.explorer.protocol import Place, Protocol
from lesson_lib.explorer.search import MAX_STATES, Graph, search
from lesson_lib.sim.broker_with_memory import Broker, Handled, State

Log = tuple[Batch, ...]


def can_be_reduced(producer: Producer, broker: Broker) -> bool:
    """Whether it is Kafka's broker, and gets batches without numbers."""
    return not producer.idempotence and type(broker) is Broker and broker.rule is judge


def alike(log: Log) -> tuple[frozenset[int], bool, bool, int]:
    """All of a log that an anomaly of its end can depend on."""
    numbers = [batch.number for batch in log]
    once = frozenset(numbers)
    return once, len(once) < len(numbers), any(b < a for a, b in zip(numbers, numbers[1:], strict=False)), numbers[-1]


@dataclass(frozen=True)
class OneForMany(Broker):
    """Kafka's broker, with one log in place of all that are alike."""

    logs: dict[tuple[frozenset[int], bool, bool, int], Log] = field(default_factory=dict, compare=False)

    def handle(self, state: State, batch: Batch) -> Handled:
        """Store it, as Kafka does."""
        after, verdict = super().handle(state, batch)
        return Handled(after._replace(log=self.logs.setdefault(alike(after.log), after.log)), verdict)


class PlainProtocol(Protocol):
    """A producer without idempotence; where the order of steps makes no difference, one order."""

    def steps(self, place: Place) -> list[tuple[str, Place]]:
        """Every step, or, once all answers will be ok, first a send or the reading of an answer alone."""
        client, requests, answers, broker, late, left = place
        if left or any(answers):
            return super().steps(place)
        if sent := self.sent[client]:
            return [("send", (sent[0], (*requests, sent[1]), answers, broker, late, left))]
        if answers:
            return [("answer", (self.answered[client, answers[0]], requests, answers[1:], broker, late, left))]
        return super().steps(place)


@dataclass
class Towards(Protocol):
    """The whole protocol, less the steps after which the log is no beginning of `log`."""

    log: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        self.fits = Known(lambda broker: self._numbers(broker) == self.log[:len(self._numbers(broker))])

    def _numbers(self, broker: int) -> tuple[int, ...]:
        return tuple(batch.number for batch in self.brokers[broker].log)

    def steps(self, place: Place) -> list[tuple[str, Place]]:
        """Every step that may lead towards that log."""
        return [step for step in super().steps(place) if self.fits[step[1][3]]]

    def is_end(self, place: Place) -> bool:
        """Whether the run is over, with that log, and not only without a step towards it."""
        return self._numbers(place[3]) == self.log and not super().steps(place)


@dataclass(frozen=True, repr=False)
class PlainExploration(Exploration):
    """What can happen without idempotence. The ends are counted in a diagram; `outcomes` lists them, however many there are."""

    @cached_property
    def _ends(self) -> Ends:
        return Ends(self.graph.protocol, self.graph.start)

    @cached_property
    def outcomes(self) -> list[Outcome]:
        """The different ends: those with the fewest faults first, then those with most told ok, then those with the shortest log."""
        found = [make_outcome(self.graph.protocol, log, end.told, end.anomalies, left) for log, end, left in self._ends]
        return sorted(found, key=lambda one: (*rank(one), len(one.batches), one.batches))

    @cached_property
    def firsts(self) -> dict[Names, Outcome]:
        """For each set of anomalies that a run can end with, the first such outcome."""
        protocol, found = self.graph.protocol, {}
        for place in sorted(self.graph.ends, key=lambda end: (-end[5], -protocol.clients[end[0]].told.count("ok"))):
            names = anomaly_names(protocol, place)
            if names not in found:
                found[names] = make_outcome(protocol, self._log_to(place), protocol.clients[place[0]].told, names, place[5])
        return found

    def _log_to(self, place: Place) -> tuple[int, ...]:
        batches = (stored(self.graph.protocol, step, after) for step, after in self.graph.path(place))
        return tuple(batch for batch in batches if batch is not None)

    @cached_property
    def counts(self) -> Counter[Names]:
        """For each set of anomalies that a run can end with, how many different ends have it."""
        return self._ends.counts()

    def way(self, outcome: Outcome) -> tuple[Graph, Place]:
        """Where the whole search reaches that outcome, if it looks for nothing else."""
        mine = self.graph.protocol
        towards = Towards(mine.producer, Broker(version=mine.broker.version), mine.values, mine.kinds, log=outcome.batches)
        graph = search(towards, self.faults - outcome.left, MAX_STATES)
        return graph, next(end for end in graph.ends if towards.is_end(end) and towards.clients[end[0]].told == outcome.told)
