"""What the arrival graph shows of a run: what arrives in which column, and in which of the rows."""

from __future__ import annotations

from dataclasses import dataclass, field

from lesson_lib.core.batch import MAX_SEQUENCE, increment_sequence
from lesson_lib.draw.run_view import EventInContext, Ranges, RunView, range_of, range_words, ranges_of
from lesson_lib.history import Event, Kind

Key = tuple[str, int, int, int]  # topic, partition, producer id, epoch
EARLY, FORGOTTEN = 6, -6  # batches from the expected one: what is further away counts as that


@dataclass(frozen=True, slots=True)
class Arrival:
    """A batch at the broker, or one that was lost on its way there. `first`..`last` is its place on the
    vertical axis.

    `column` counts everything that comes to the broker. `memory` and `known` are the ranges remembered after
    and before.
    """

    fact: EventInContext
    column: int
    first: int
    last: int
    lost: bool
    memory: Ranges = ()
    known: Ranges = ()

    @property
    def residual(self) -> int:
        """Batches from the expected one: 0 is next, -1 the newest remembered, above 0 too early."""
        event, here = self.fact.event, (self.first, self.last)
        if (event.kind == Kind.VERDICT and event.what == "stored") or not self.known:
            return 0
        if here in self.known:
            return self.known.index(here) - len(self.known)
        ahead = (self.first - self.known[-1][1] - 1) & MAX_SEQUENCE
        size = max(1, self.last - self.first + 1)
        # A part of a batch counts as one.
        return min(EARLY, -(-ahead // size)) if ahead < MAX_SEQUENCE // 2 else FORGOTTEN


@dataclass
class Group:
    """What one producer id sent to one partition in one epoch. Not `numbered`: it has no sequences, batches
    count instead.

    `bands` has what is remembered of it from each column on, from its first arrival to the last column of
    all.
    """

    title: str
    numbered: bool
    arrivals: list[Arrival] = field(default_factory=list)
    bands: dict[int, Ranges] = field(default_factory=dict)

    def expected(self, column: int) -> int | None:
        """The sequence that would be next after a column, None where nothing is remembered."""
        band = self.bands.get(column)
        return increment_sequence(band[-1][1], 1) if band else None

    @property
    def last_known(self) -> Ranges:
        """What was remembered of it last."""
        return self.arrivals[-1].memory or self.arrivals[-1].known if self.arrivals else ()


class Chart:
    """Rows by partition, by id as they turn up, and by epoch.

    `columns` are arrivals and what happened to the broker.
    """

    def __init__(self, view: RunView) -> None:
        self.view = view
        self.columns: list[EventInContext] = []
        found: dict[Key, Group] = {}
        for fact in view.events:
            arrives = _arrives(fact.event)
            if arrives:
                send = fact.send
                key = send.topic, send.partition, send.producer_id, send.producer_epoch
                group = found.setdefault(key, Group(self._title(send), send.producer_id >= 0))
                group.arrivals.append(self._arrival(fact, group))
            if arrives or self._happens(fact.event):
                for each in found.values():
                    own = ranges_of(fact.after, each.arrivals[-1].fact.send, of_its_epoch=True)
                    each.bands[len(self.columns)] = own if each.numbered else ()
                self.columns.append(fact)
        ids = list(dict.fromkeys(producer_id for _, _, producer_id, _ in found))
        in_order = sorted(found, key=lambda key: (key[:2], ids.index(key[2]), key[3]))
        self.groups = [found[key] for key in in_order] or [Group("", True)]

    def _arrival(self, fact: EventInContext, group: Group) -> Arrival:
        send, column, lost = fact.send, len(self.columns), fact.event.kind == Kind.LOST
        if send.producer_id < 0:
            return Arrival(fact, column, send.batch, send.batch, lost)
        first, last = range_of(send)
        memory, known = (ranges_of(memory, send, of_its_epoch=True) for memory in (fact.after, fact.before))
        # One across the wrap is drawn at its start; of a replaced epoch, what was remembered last counts.
        return Arrival(fact, column, first, max(first, last), lost, memory, known or group.last_known)

    def _title(self, send: Event) -> str:
        where = f"{send.topic}-{send.partition}  " if len(self.view.partitions) > 1 else ""
        name = f"{self.view.ids.get(send.producer_id)} epoch {send.producer_epoch}"
        return where + (name if send.producer_id >= 0 else "no producer id")

    def name_of(self, arrival: Arrival) -> str:
        """What stands below an arrival; batches made by hand have no numbers but their sequences."""
        by_sequence = self.view.by_hand and arrival.fact.send.producer_id >= 0
        return range_words(arrival.first, arrival.last) if by_sequence else arrival.fact.label

    @property
    def arrivals(self) -> int:
        """How many batches arrived or were lost."""
        return sum(len(group.arrivals) for group in self.groups)

    @property
    def happenings(self) -> dict[int, EventInContext]:
        """Columns in which nothing arrived and something happened to the broker."""
        return {column: fact for column, fact in enumerate(self.columns) if self._happens(fact.event)}

    def _happens(self, event: Event) -> bool:
        """What happens to the broker has a column, and the markers of a log that nobody saw being written."""
        return event.kind == Kind.BROKER or (event.kind == Kind.MARKER and self.view.by_hand)


def _arrives(event: Event) -> bool:
    """Whether it is an arrival, or a request that was lost."""
    return event.kind == Kind.VERDICT or (event.kind == Kind.LOST and event.what == "request")
