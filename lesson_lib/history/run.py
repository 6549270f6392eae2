"""Everything that one run left behind: its events, the logs at the end, and the settings it was made with.

What follows from the events is worked out once and then remembered, because a picture asks for it many times;
a run never changes. `History` adds the words to it: table and story.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from lesson_lib.core.batch import TopicPartition
from lesson_lib.history.anomalies import Anomaly, find_anomalies
from lesson_lib.history.event import Attempt, Event, Kind, LogCell, attempts_of

BY_HAND, FROM_A_LOG = "made by hand", "found in a log"


@dataclass(frozen=True, slots=True)
class Settings:
    """What a run was made with, for captions. `world` is simulated or real; `broker` names whose rule
    decided.

    `in_flight` is 0 where nobody knows. `consumer` says in words how one commits, empty where there is none
    or nobody set it.
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
        """Whether there are only batches: no producer was seen, no application that is told anything."""
        return self.world in (BY_HAND, FROM_A_LOG)


@dataclass(frozen=True)
class Run:
    """`events` in the order in which they happened; `logs`: (topic, partition) to the final log's cells."""

    events: tuple[Event, ...]
    logs: Mapping[TopicPartition, tuple[LogCell, ...]] = field(default_factory=dict)
    settings: Settings = field(default_factory=Settings)

    def of(self, *kinds: Kind) -> list[Event]:
        """The events of these kinds, in order."""
        return [event for event in self.events if event.kind in kinds]

    @cached_property
    def attempts(self) -> list[Attempt]:
        """Every produce request, in the order in which they were sent."""
        return attempts_of(self.events)

    @property
    def partitions(self) -> list[TopicPartition]:
        """The partitions that have a log here, in order."""
        return sorted(self.logs)

    def log(self, partition: int = 0, topic: str | None = None) -> tuple[LogCell, ...]:
        """The final log of one partition, oldest first; `topic` is needed only where there are several."""
        wanted = [key for key in self.partitions if key[1] == partition and topic in (None, key[0])]
        return self.logs[wanted[0]] if wanted else ()

    def values(self, partition: int = 0, topic: str | None = None) -> list[str]:
        """The values in the final log, markers left out: what a read_uncommitted consumer sees."""
        return [cell.value for cell in self.log(partition, topic) if cell.kind == "data"]

    @cached_property
    def contents(self) -> dict[int, str]:
        """Batch -> its values, where they are known; of a batch that was never sent, from its report."""
        known = {e.batch: " ".join(e.values) for e in self.of(Kind.REPORT, Kind.SEND) if e.batch >= 0}
        return {batch: values for batch, values in known.items() if values}

    @cached_property
    def told(self) -> dict[int, str]:
        """What the application was told of each batch: ok, failed or unknown; nothing where there is none."""
        if self.settings.by_hand:
            return {}
        answers = {e.batch: "unknown" for e in self.events if e.kind == Kind.SEND}
        answers.update({e.batch: e.what for e in self.events if e.kind == Kind.REPORT and e.batch >= 0})
        return dict(sorted(answers.items()))

    @cached_property
    def exceptions(self) -> dict[int, str]:
        """Batch -> the exception, or a client's name for its error, that the application got of it."""
        failed = [e for e in self.of(Kind.REPORT) if e.batch >= 0 and e.what != "ok"]
        return {e.batch: e.note for e in failed if e.note and " " not in e.note}

    @property
    def reports(self) -> list[Event]:
        """Each thing that the application was told, in order; an exception's name is in `note`."""
        return self.of(Kind.REPORT)

    @property
    def verdicts(self) -> list[tuple[int, str, int]]:
        """(batch, stored | duplicate | refused, error code) in the order in which the broker decided."""
        return [(e.batch, e.what, int(e.error)) for e in self.of(Kind.VERDICT)]

    @cached_property
    def anomalies(self) -> list[Anomaly]:
        """What went wrong, by name: see `anomalies`. A forger leaves gaps on purpose."""
        return [] if self.settings.by_hand else find_anomalies(self.events, self.logs, self.told)

    @property
    def anomaly_names(self) -> list[str]:
        """The names alone, each once, sorted."""
        return sorted({anomaly.name for anomaly in self.anomalies})

    @cached_property
    def sent_again(self) -> dict[str, tuple[int, ...]]:
        """Values that the application itself sent more than once, and in which batches; all are stored."""
        batches: dict[tuple[str, ...], list[int]] = {}
        for batch, values in sorted({a.batch: a.send.values for a in reversed(self.attempts)}.items()):
            batches.setdefault(values, []).append(batch)
        return {" ".join(values): tuple(numbers) for values, numbers in batches.items()
                if values and len(numbers) > 1}
