"""The lanes layout before anything is drawn: which rows there are, how high, and how much room each event needs in them.

Room is measured from the words themselves, so that two texts in one row cannot meet.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from lesson_lib.draw.facts.difference import Marked
from lesson_lib.draw.facts.facts import Fact, facts_of, names_of_ids
from lesson_lib.draw.facts.fork import Fork
from lesson_lib.draw.lanes.cells import other_cells
from lesson_lib.draw.lanes.timeline import Need, Place
from lesson_lib.draw.sheet import marks
from lesson_lib.draw.sheet.style import SMALL, line_height, text_width
from lesson_lib.draw.words import at_marks as labels
from lesson_lib.history import Event, History, Kind

NOTES = (Kind.INIT, Kind.EPOCH, Kind.PRODUCER, Kind.TXN, Kind.TIMEOUT)  # written above a producer's lane
MANY_ATTEMPTS, MANY_EXCEPTIONS = 12, 3
NETWORK = (Kind.LOST, Kind.TORN)
HEIGHTS = {"title": 30, "fork": 20, "told": 46, "try": 18, "producer": 28, "network": 88, "broker": 34, "words": 30, "log": 46,
           "consumer": 46}


@dataclass
class Plan:
    """One run, ready to be placed. `clock` gives the time of the n-th event, where it is not the event's own."""

    history: History
    clock: Mapping[int, int] | None = None
    marked: Marked = frozenset()  # what to tint
    name: str = ""  # what the run is called beside another
    fork: Fork | None = None  # where the other run parts from this one
    ghost: bool = False  # draw only what comes of it after the fork
    facts: list[Fact] = field(init=False)
    drawn: list[Fact] = field(init=False)
    places: dict[int, Place] = field(init=False)
    line: Place | None = field(init=False, default=None)  # the fork's own place; None where this run ended before it
    names: dict[int, str] = field(init=False)

    def __post_init__(self) -> None:
        self.facts = facts_of(self.history)
        future = self.fork.future(self.history) if self.fork and self.ghost else range(len(self.facts))
        self.drawn = [fact for fact in self.facts if fact.index in future]
        self.names = names_of_ids(self.history)
        self.places = dict(self._placed())

    def lane_of(self, fact: Fact) -> str:
        """The producer's lane that an event is written above; what others do goes to the producer that did something last."""
        lanes = self.producers
        before = (one.event.lane for one in reversed(self.facts[:fact.index + 1]) if one.event.lane in lanes)
        return next(before, lanes[0])

    def time(self, index: int) -> int:
        """The moment of the n-th event on the axis of this picture."""
        return self.clock[index] if self.clock else self.facts[index].event.t

    def _placed(self) -> Iterable[tuple[int, Place]]:
        seen: Counter[tuple[int, str]] = Counter()
        acks: dict[tuple[int, int], int] = {}
        least: Counter[int] = Counter()
        for fact in self.facts:
            t, group = self.time(fact.index), group_of(fact.event)
            if self.fork and fact.index == self.fork.at:  # behind all that is at this time so far, before all that follows
                rank = max((r for (when, _), r in seen.items() if when == t), default=0)
                self.line, least[t] = (t, rank), rank + 1
            rank = max(least[t], seen[t, group], acks.get((t, fact.event.batch), 0) if fact.event.kind == Kind.REPORT else 0)
            if fact.event.kind in (Kind.REPORT, Kind.LOST):  # both write into the row of what the application is told
                rank = max(rank, seen[t, "told"])
                seen[t, "told"] = rank + 1
            seen[t, group] = rank + 1
            if fact.event.kind == Kind.ACK:
                acks[t, fact.event.batch] = rank
            yield fact.index, (t, rank)

    @property
    def producers(self) -> list[str]:
        """The lanes of the producers, in order of appearance."""
        lanes = dict.fromkeys(e.lane for e in self.history.of(Kind.SEND, *NOTES))
        return [lane for lane in lanes if lane.startswith("producer")] or ["producer"]

    @property
    def consumers(self) -> list[str]:
        """The lanes of the consumers, if any reads."""
        return list(dict.fromkeys(e.lane for e in self.history.of(*labels.CONSUMER)))

    @property
    def remembers(self) -> bool:
        """Whether the broker has anything to remember in this run."""
        return any(f.memory for f in self.facts)

    @cached_property
    def doubts(self) -> dict[int, int | None]:
        """For the first loss of each batch (an event's index): the index of the report that ends the doubt, None for none."""
        reports = {f.event.batch: f.index for f in self.facts if f.event.kind == Kind.REPORT}
        first: dict[int, int] = {}
        for fact in self.facts:
            if fact.event.kind == Kind.LOST and reports.get(fact.event.batch, fact.index + 1) > fact.index:
                first.setdefault(fact.event.batch, fact.index)
        return {index: reports.get(batch) for batch, index in first.items()}

    @cached_property
    def exceptions(self) -> dict[int, str]:
        """Batch -> the exception to name; with more of them the picture would become too wide."""
        found = self.history.exceptions
        return found if len(found) <= MANY_EXCEPTIONS else {}

    @property
    def told_height(self) -> float:
        """Pixels of the row `application is told`."""
        return HEIGHTS["told"] + (line_height() if self.exceptions else 0)

    @property
    def counts(self) -> bool:
        """Whether times here only count events: those of a real run, and of a run beside one."""
        return bool(self.clock) or self.history.settings.world != "simulated"

    @property
    def brief(self) -> bool:
        """Whether there are so many attempts that error names would make the picture too wide."""
        return len(self.history.attempts) > MANY_ATTEMPTS

    @property
    def unknown(self) -> list[int]:
        """Batches of which the application was told nothing at all."""
        told = {e.batch for e in self.history.reports}
        return [batch for batch in self.history.told if batch >= 0 and batch not in told]

    @property
    def end(self) -> int:
        """The time of the last event."""
        return max((self.time(f.index) for f in self.facts), default=0)

    @property
    def start(self) -> int:
        """The time of the first event."""
        return min((self.time(f.index) for f in self.facts), default=0)

    def needs(self) -> list[Need]:
        """Room that every mark and every text wants."""
        found = [n for fact in self.drawn for n in self._needs_of(fact)]
        for place, batch in self.unknown_places():
            found.append(_centred(place, "told", labels.told_words(str(batch), "unknown")))
        for place, _, text in other_cells(self):
            found.append(Need(place, "log", labels.cell_width(text) / 2, labels.cell_width(text) / 2))
        rows = {need.row for need in found} if self.line else ()
        return [*found, *(Need(self.line, row, 4, 4) for row in sorted(rows))]

    def unknown_places(self) -> list[tuple[Place, int]]:
        """Where the rings of batches go that nobody reported on: at the very end."""
        return [((self.end, 900 + i), batch) for i, batch in enumerate(self.unknown)]

    def _needs_of(self, fact: Fact) -> Iterable[Need]:
        event, place = fact.event, self.places[fact.index]
        if event.kind == Kind.SEND:
            yield Need(place, event.lane, marks.send_width(fact.label), marks.send_width(fact.label))
            yield _centred(place, "try" + event.lane, labels.send_words(fact.send), fact.send.try_no > 1)
        elif event.kind == Kind.ACK:
            yield Need(place, event.lane, 8, 8)
            if event.error:
                yield _centred(place, "code", str(event.error.value))
        elif event.kind in NOTES:
            yield _centred(place, "try" + self.lane_of(fact), self.note_words(fact))
            yield Need(place, self.lane_of(fact), 4, 4)
        elif event.kind == Kind.REPORT:
            yield _centred(place, "told", labels.told_words(str(event.batch), event.what, self.exceptions.get(event.batch, "")))
        elif event.kind == Kind.LOST:
            yield _centred(place, "lost", "lost ")
            if fact.index in self.doubts:
                yield _centred(place, "told", labels.doubt_words(event.batch))
        elif event.kind == Kind.TORN:
            yield _centred(place, "torn", labels.TORN)
            yield Need(place, "lost", 10, 10)
        else:
            yield from self._broker_needs(fact, place)

    def _broker_needs(self, fact: Fact, place: Place) -> Iterable[Need]:
        event = fact.event
        if event.kind == Kind.VERDICT:
            yield Need(place, "broker", marks.verdict_half(fact.shape, fact.label) + 2, marks.verdict_width(fact.shape, fact.label) + 2)
            yield _centred(place, "words", labels.verdict_words(fact, self.brief))
            yield _centred(place, "memory", labels.memory_words(fact))
            if event.what in ("stored", "kept"):
                width = max(labels.cell_width(labels.cell_text(fact)), text_width(labels.below_cell(fact, self.history), SMALL, True)) / 2
                yield Need(place, labels.log_row(event), width, width)
        elif event.kind == Kind.BROKER:
            yield _centred(place, "words", labels.broker_words(event))
            yield Need(place, "broker", 8, 8)
        elif event.kind == Kind.MARKER:
            yield Need(place, labels.log_row(event), 22, 22)
        elif event.kind in labels.CONSUMER:
            yield _centred(place, event.lane, labels.reading_words(event, self.history))

    def note_words(self, fact: Fact) -> str:
        """What is written above a producer's lane."""
        event = fact.event
        who = self.names.get(event.producer_id, "")
        if event.kind in (Kind.INIT, Kind.EPOCH):
            return f"{who} epoch {event.producer_epoch}".strip() if event.producer_epoch >= 0 else event.what or "asks for an id"
        if event.kind == Kind.TIMEOUT:
            return "stops waiting"
        return f"coordinator: {event.what}" if event.lane == "coordinator" else event.what

    @property
    def log_height(self) -> float:
        """Pixels of a log's row: its cells, and below them the word for a copy."""
        lines = max((labels.cell_text(f).count("\n") + 1 for f in self.facts if f.copy), default=1)
        return HEIGHTS["log"] + (lines - 1) * line_height()

    @property
    def memory_height(self) -> float:
        """Pixels of the row `broker remembers`, 0 where there is nothing to remember."""
        lines = max((labels.memory_words(f).count("\n") + 1 for f in self.facts if f.memory), default=0)
        return lines * line_height() + 14 if lines else 0


def _centred(place: Place, row: str, words: str, bold: bool = False) -> Need:
    half = text_width(words, SMALL, bold) / 2 + 3
    return Need(place, row, half, half)


def group_of(event: Event) -> str:
    """Events of one group never share a place."""
    if event.kind in (Kind.VERDICT, Kind.BROKER, Kind.MARKER):
        return "broker"
    if event.kind in NETWORK:
        return "network"
    return "told" if event.kind == Kind.REPORT else event.lane if event.kind in labels.CONSUMER else "producer"
