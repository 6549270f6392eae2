"""A list of events, the logs at the end, and the settings it was run with; answers questions about them.

Nothing is stored twice: attempts, what the application was told and the anomalies are read from the events each time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from lesson_lib.core.error_codes import ErrorCode
from lesson_lib.history.anomalies import Anomaly, find_anomalies
from lesson_lib.history.event import Event, Kind, LogCell, label_of
from lesson_lib.history.kept import Kept, kept_aside

Partition = tuple[str, int]


BY_HAND = "forged by hand"


@dataclass(frozen=True, slots=True)
class Settings:
    """What a run was made with, for captions. `world` is simulated or real; `broker` names whose rule decided.

    `consumer` says in words how one commits, empty where there is none or nobody set it.
    """

    world: str = "simulated"
    idempotence: bool = True
    acks: str = "all"
    in_flight: int = 1
    retries: int | None = None
    broker: str = "4.4"
    client: str = ""
    faults: str = ""
    consumer: str = ""

    @property
    def by_hand(self) -> bool:
        """Whether somebody made the batches by hand: no producer, and no application that is told anything."""
        return self.world == BY_HAND


@dataclass(frozen=True, slots=True)
class Attempt:
    """One produce request from the producer to the broker and back, put together from its events.

    `lost` is empty, request or answer. `verdict` is what the broker did (stored, duplicate, refused, or empty when it never
    arrived), `error` and `offset` belong to it. `answer` is the code that the producer saw, None when it saw none.
    `kept`: the broker said stored and only kept it aside; `released`: the batches that it had kept and stored behind this one.
    """

    number: int
    send: Event
    lost: str = ""
    verdict: str = ""
    error: ErrorCode = ErrorCode.NONE
    offset: int | None = None
    answer: ErrorCode | None = None
    answer_offset: int | None = None
    events: tuple[Event, ...] = ()
    kept: bool = False
    released: tuple[int, ...] = ()

    @property
    def batch(self) -> int:
        """Number of the batch, from 0."""
        return self.send.batch

    @property
    def try_no(self) -> int:
        """1 for the first send of this batch, 2 for its first retry."""
        return self.send.try_no

    @property
    def label(self) -> str:
        """The batch's number, and from the second try on the number of the try: 3, 3·2, 3·3."""
        return label_of(self.send)

    @property
    def arrivals(self) -> int:
        """How often the broker saw this request: 0 where it was lost, 2 where the network repeated it."""
        return sum(event.kind == Kind.VERDICT for event in self.events)

    def at(self, kind: Kind) -> Event | None:
        """The first event of that kind in this attempt."""
        return next((e for e in self.events if e.kind == kind), None)


@dataclass(frozen=True)
class History:
    """Everything that one run left behind. `logs` maps (topic, partition) to the cells of the final log."""

    events: tuple[Event, ...]
    logs: Mapping[Partition, tuple[LogCell, ...]] = field(default_factory=dict)
    settings: Settings = field(default_factory=Settings)

    @property
    def attempts(self) -> list[Attempt]:
        """Every produce request, in the order in which they were sent."""
        grouped: dict[int, list[Event]] = {}
        for event in self.events:
            if event.attempt:
                grouped.setdefault(event.attempt, []).append(event)
        found = [_attempt(number, events) for number, events in sorted(grouped.items())]
        kept = self.kept
        aside = {self.events[n].attempt for n in kept.aside}
        behind = {self.events[n].attempt: tuple(self.events[m].batch for m in those) for n, those in kept.released.items()}
        return [replace(a, kept=a.number in aside, released=behind.get(a.number, ())) for a in found] if aside else found

    @property
    def kept(self) -> Kept:
        """What the broker said ok to and kept aside, see `kept`."""
        return kept_aside(self.events, self.logs, self.settings.world)

    @property
    def partitions(self) -> list[Partition]:
        """The partitions that have a log here, in order."""
        return sorted(self.logs)

    def log(self, partition: int = 0, topic: str | None = None) -> tuple[LogCell, ...]:
        """The final log of one partition, oldest first; `topic` is needed only where there are several."""
        found = [cells for (name, number), cells in sorted(self.logs.items())
                 if number == partition and topic in (None, name)]
        return found[0] if found else ()

    def values(self, partition: int = 0, topic: str | None = None) -> list[str]:
        """The values in the final log, markers left out: what a read_uncommitted consumer sees."""
        return [cell.value for cell in self.log(partition, topic) if cell.kind == "data"]

    @property
    def told(self) -> dict[int, str]:
        """What the application was told of each batch: ok, failed or unknown (told nothing, or nothing that decides it)."""
        answers = {e.batch: "unknown" for e in self.events if e.kind == Kind.SEND}
        answers.update({e.batch: e.what for e in self.events if e.kind == Kind.REPORT and e.batch >= 0})
        return dict(sorted(answers.items()))

    @property
    def exceptions(self) -> dict[int, str]:
        """Batch -> the exception, or a client's name for its error, that the application got of it."""
        return {e.batch: e.note for e in self.of(Kind.REPORT) if e.batch >= 0 and e.what != "ok" and e.note and " " not in e.note}

    @property
    def reports(self) -> list[Event]:
        """Each thing that the application was told, in order, with the offset or the exception's name in `note`."""
        return self.of(Kind.REPORT)

    @property
    def verdicts(self) -> list[tuple[int, str, int]]:
        """(batch, stored | duplicate | refused, error code) in the order in which the broker decided."""
        return [(e.batch, e.what, int(e.error)) for e in self.of(Kind.VERDICT)]

    @property
    def anomalies(self) -> list[Anomaly]:
        """What went wrong, by name: see `anomalies`."""
        return find_anomalies(self.events, self.logs, self.told)

    @property
    def anomaly_names(self) -> list[str]:
        """The names alone, each once, sorted."""
        return sorted({anomaly.name for anomaly in self.anomalies})

    @property
    def sent_again(self) -> dict[str, tuple[int, ...]]:
        """Values that the application itself sent more than once, and the batches in which it did; Kafka stores all of them."""
        batches: dict[tuple[str, ...], list[int]] = {}
        for batch, values in sorted({a.batch: a.send.values for a in reversed(self.attempts)}.items()):
            batches.setdefault(values, []).append(batch)
        return {" ".join(values): tuple(numbers) for values, numbers in batches.items() if values and len(numbers) > 1}

    def of(self, *kinds: Kind) -> list[Event]:
        """The events of these kinds, in order."""
        return [event for event in self.events if event.kind in kinds]

    def until(self, t: int) -> History:
        """The same run with only the events up to and including time `t` (the final logs stay)."""
        return History(tuple(e for e in self.events if e.t <= t), self.logs, self.settings)

    def table(self) -> str:
        """The run as a short text table, one line an attempt."""
        from lesson_lib.history.table import as_table
        return as_table(self)

    def story(self) -> str:
        """The run in a sentence or two, for alt text."""
        from lesson_lib.history.story import as_story
        return as_story(self)

    def __str__(self) -> str:
        return self.table()


def _attempt(number: int, events: Iterable[Event]) -> Attempt:
    by_kind: dict[Kind, Event] = {}
    kept = tuple(events)
    for event in kept:
        by_kind.setdefault(event.kind, event)
    verdict, ack, lost = by_kind.get(Kind.VERDICT), by_kind.get(Kind.ACK), by_kind.get(Kind.LOST)
    return Attempt(number, by_kind.get(Kind.SEND, kept[0]), lost.what if lost else "", verdict.what if verdict else "",
                   verdict.error if verdict else ErrorCode.NONE, verdict.offset if verdict else None,
                   ack.error if ack else None, ack.offset if ack else None, kept)
