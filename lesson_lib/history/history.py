"""Everything that one run left behind: its events, the logs at the end, the settings it was made with; and
its table.

What follows from the events is worked out once and then remembered, because a picture asks for it many times;
a run never changes. The table is selectable, testable, and the same wherever a notebook is opened.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from lesson_lib.core.producer_state import TopicPartition
from lesson_lib.history.event import (
    NOWHERE,
    Anomaly,
    Attempt,
    Event,
    Kind,
    LogCell,
    attempts_of,
    find_anomalies,
    range_of,
    range_words,
    split_later,
)
from lesson_lib.history.link import Link, link_to
from lesson_lib.text_table import aligned

HEADINGS = ("request", "batch", "try", "sequence", "arrival", "broker", "answer")
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
class History:
    """Everything that one run left behind.

    `events` in the order in which they happened; `logs`: (topic, partition) to the final log's cells; `call`
    is the Python that made it, where that is known.
    """

    events: tuple[Event, ...]
    logs: Mapping[TopicPartition, tuple[LogCell, ...]] = field(default_factory=dict)
    settings: Settings = field(default_factory=Settings)
    call: str = field(default="", repr=False, compare=False)

    def link(self) -> Link:
        """An address that opens this run, its picture and a playground on it, in a browser copy."""
        return link_to(self.call)

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
        """What the application was told of each batch: ok, failed or unknown; nothing where there is none.

        Of a batch that was too large and was split nothing is told: its records go on in smaller ones.
        """
        if self.settings.by_hand:
            return {}
        split = split_later(self.events)
        answers = {e.batch: "unknown" for e in self.events if e.kind == Kind.SEND and e.batch not in split}
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
        """What went wrong, by name: see `Anomaly`. A forger leaves gaps on purpose."""
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

    def table(self) -> str:
        """The run as a short text table: one line a request, then the log, then what the application was
        told.
        """
        head, *lines = aligned([HEADINGS, *map(_row, self.attempts)])
        return "\n".join([head, *_in_order(self, lines), *_at_the_end(self)])

    def __str__(self) -> str:
        return self.table()


def _row(attempt: Attempt) -> tuple[str, ...]:
    send, answer = attempt.send, "lost" if attempt.lost == "answer" else ""
    name = f"{send.batch} ({' '.join(send.values)})" if send.values else str(send.batch)
    epoch = f" epoch {send.producer_epoch}" if send.producer_epoch > 0 else ""
    sequence = "none" if send.base_sequence < 0 else range_words(*range_of(send)) + epoch
    arrived = ("no news", "arrived", "arrived twice")[min(attempt.arrivals, 2)]
    if attempt.answer:
        answer = attempt.answer.words
    elif attempt.answer is not None:
        offset = attempt.answer_offset
        answer = "ok, no offset" if offset == NOWHERE else f"ok, offset {offset}"
    return (str(attempt.number), name, str(attempt.try_no), sequence,
            "lost" if attempt.lost == "request" else arrived, attempt.verdict_words, answer)


_HAPPENS = (Kind.BROKER, Kind.WORK, Kind.PRODUCER, Kind.CONSUMER, Kind.EPOCH, Kind.TXN)


def _in_order(run: History, lines: Sequence[str]) -> Iterator[str]:
    """The lines of the attempts, and between them what else a reader must know, each at its place in time.

    Only a simulation has a clock, elsewhere the attempts around it must do.
    """
    happened: dict[int, list[str]] = defaultdict(list)
    for index, event in enumerate(run.events):
        if event.kind in _HAPPENS:
            place, when = _place(run, index), f"at {event.t} ms"
            if run.settings.world != "simulated":
                before, after = run.attempts[place:], run.attempts[-1:]
                when = (f"before request {before[0].number}" if before
                        else f"after request {after[0].number}" if after else "before any request")
            happened[place].append(f"  {when}: {_happening(event)}")
    for place in range(len(lines) + 1):
        yield from happened[place]
        yield from lines[place:place + 1]


def _place(run: History, index: int) -> int:
    """How many attempts come before an event: for the broker those that arrived, else those sent."""
    broker = run.events[index].kind == Kind.BROKER
    sent = {e.attempt for e in run.events[:index] if e.kind == Kind.SEND}
    arrive = {e.attempt for e in run.events[index:] if e.kind == Kind.VERDICT} if broker else set()
    late = (n for n, a in enumerate(run.attempts) if a.number not in sent or a.number in arrive)
    return next(late, len(run.attempts))


def _happening(event: Event) -> str:
    note = f" ({event.note})" if event.note else ""
    words = {Kind.BROKER: f"the broker {event.what}",
             Kind.WORK: f"{event.lane} works on {' '.join(event.values)}",
             Kind.TXN: f"{event.lane}, transaction: {event.what}"}
    return words.get(event.kind, f"{event.lane} {event.what}") + note


def _at_the_end(run: History) -> Iterator[str]:
    """The logs; what the application was told; what each consumer read, and where it got nothing."""
    for (topic, number), log in sorted(run.logs.items()):
        cells = (f"{cell.offset}:{cell.value if cell.kind == 'data' else cell.kind.upper()}" for cell in log)
        name = f" {topic}-{number}" if len(run.logs) > 1 else ""
        yield f"log{name}:  {'  '.join(cells) or 'empty'}"
    if not run.settings.by_hand:
        why = {batch: f": {name}" for batch, name in run.exceptions.items()}
        told = (f"{run.contents.get(b, b)} {what}{why.get(b, '')}" for b, what in run.told.items())
        yield f"told: {'  '.join(told) or 'nothing'}"
    read: dict[str, list[str]] = defaultdict(list)
    for event in run.of(Kind.READ, Kind.POLL):
        record = f"{event.offset}:{' '.join(event.values)}"
        read[event.lane].append(record if event.kind == Kind.READ else "(receives nothing)")
    for lane, records in sorted(read.items()):
        yield f"{lane} read:  {'  '.join(records)}"
