"""What the arrival graph shows of a history: columns in the order of arrival, rows for each partition, producer id and epoch."""

from __future__ import annotations

from dataclasses import dataclass, field

from lesson_lib.core.batch import MAX_SEQUENCE, increment_sequence
from lesson_lib.draw.facts.broker_memory import Ranges, Remembered, range_of
from lesson_lib.draw.facts.facts import Fact, facts_of, names_of_ids, range_words
from lesson_lib.history import History, Kind

Key = tuple[str, int, int, int]  # topic, partition, producer id, epoch


@dataclass(frozen=True, slots=True)
class Arrival:
    """A batch at the broker, or one that was lost on its way there. `first`..`last` is its place on the vertical axis.

    `column` counts everything that comes to the broker. `memory` and `known` are the ranges remembered after and before it.
    """

    fact: Fact
    column: int
    first: int
    last: int
    lost: bool
    memory: Ranges = ()
    known: Ranges = ()


@dataclass
class Group:
    """What one producer id sent to one partition in one epoch. Not `numbered`: it has no sequences, batches count instead.

    `bands` has what is remembered of it from each column on, from its first arrival to the last column of all.
    """

    title: str
    numbered: bool
    arrivals: list[Arrival] = field(default_factory=list)
    bands: dict[int, Ranges] = field(default_factory=dict)

    def since(self, column: int) -> list[Arrival]:
        """What came from a column on."""
        return [arrival for arrival in self.arrivals if arrival.column >= column]

    def known(self, memory: Remembered) -> Ranges:
        """What is remembered of it; of an epoch that was replaced, what was remembered last."""
        if not self.arrivals:
            return ()
        return memory.of_its_epoch(self.arrivals[-1].fact.send) or self.arrivals[-1].memory or self.arrivals[-1].known

    def expected(self, column: int) -> int | None:
        """The sequence that would be next after a column, None where nothing is remembered."""
        band = self.bands.get(column)
        return increment_sequence(band[-1][1], 1) if band else None


@dataclass
class Chart:
    """The rows, and for each column the event that it stands for: an arrival, or something that happened to the broker.

    Batches made `by_hand` have no numbers but their sequences.
    """

    by_hand: bool = False
    groups: list[Group] = field(default_factory=list)
    columns: list[Fact] = field(default_factory=list)

    def name_of(self, arrival: Arrival) -> str:
        """What stands below an arrival."""
        by_sequence = self.by_hand and arrival.fact.send.producer_id >= 0
        return range_words(arrival.first, arrival.last) if by_sequence else arrival.fact.label

    @property
    def arrivals(self) -> int:
        """How many batches arrived or were lost."""
        return sum(len(group.arrivals) for group in self.groups)

    @property
    def keeps(self) -> bool:
        """Whether the broker kept anything aside."""
        return any(fact.kept for fact in self.columns)

    def column_of(self, event: int) -> int:
        """The first column from an event on; behind the last one where no more came."""
        return next((column for column, fact in enumerate(self.columns) if fact.index >= event), len(self.columns))

    @property
    def happenings(self) -> list[tuple[int, Fact]]:
        """Columns in which nothing arrived and something happened."""
        return [(column, fact) for column, fact in enumerate(self.columns) if fact.event.kind == Kind.BROKER]


def chart_of(history: History) -> Chart:
    """Rows in the order of their first arrival."""
    groups: dict[Key, Group] = {}
    chart, memory = Chart(history.settings.by_hand), Remembered()
    ids = names_of_ids(history)
    sends = {attempt.number: attempt.send for attempt in history.attempts}
    for fact in facts_of(history):
        group = groups.setdefault(key, Group(_title(history, key, ids), key[2] >= 0)) if (key := _key(fact)) else None
        known = group.known(memory) if group else ()
        for one in () if fact.kept else (fact.event, *fact.released):
            memory.see(one, sends.get(one.attempt, one))
        if group:
            group.arrivals.append(_arrival(fact, len(chart.columns), memory.of_its_epoch(fact.send), known))
        if group or fact.event.kind == Kind.BROKER:
            for each in groups.values():
                each.bands[len(chart.columns)] = memory.of_its_epoch(each.arrivals[-1].fact.send) if each.numbered else ()
            chart.columns.append(fact)
    chart.groups = list(groups.values())
    return chart


def _key(fact: Fact) -> Key | None:
    """The row of an arrival or of a request that was lost, None for everything else."""
    event, send = fact.event, fact.send
    if event.kind == Kind.VERDICT or event.kind == Kind.LOST and event.what == "request":
        return send.topic, send.partition, send.producer_id, send.producer_epoch
    return None


def _arrival(fact: Fact, column: int, memory: Ranges, known: Ranges) -> Arrival:
    lost = fact.event.kind == Kind.LOST
    if fact.send.producer_id < 0:
        return Arrival(fact, column, fact.send.batch, fact.send.batch, lost)
    first, last = range_of(fact.send)
    return Arrival(fact, column, first, max(first, last), lost, memory, known)  # one across the wrap is drawn at its start


def _title(history: History, key: Key, ids: dict[int, str]) -> str:
    topic, partition, producer_id, epoch = key
    where = f"{topic}-{partition}  " if len(history.partitions) > 1 else ""
    return where + (f"{ids[producer_id]} epoch {epoch}" if producer_id >= 0 else "no producer id")


def residual(arrival: Arrival) -> int:
    """Batches from where the next one was expected: 0 is next, -1 the newest remembered, above 0 too early, -6 forgotten."""
    event = arrival.fact.event
    if event.kind == Kind.VERDICT and event.what == "stored" and not arrival.fact.kept or not arrival.known:
        return 0
    if (arrival.first, arrival.last) in arrival.known:
        return arrival.known.index((arrival.first, arrival.last)) - len(arrival.known)
    size = max(1, arrival.last - arrival.first + 1)
    ahead = (arrival.first - arrival.known[-1][1] - 1) & MAX_SEQUENCE
    return min(6, -(-ahead // size)) if ahead < MAX_SEQUENCE // 2 else -6  # a part of a batch counts as one
