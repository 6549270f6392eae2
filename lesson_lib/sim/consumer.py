"""A consumer that hands the records to its application one by one and commits its position, before or after;
it may crash between.

Its application has handled a record where there is a READ event. `commit="after"` reads some records twice
after a crash, `commit="before"` never hands some over. With `read_committed` it is the consumer, not the
broker, that leaves aborted records out.

Differs from Kafka in: it starts when the producers are done, commits after every record, and is alone in its
group.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from lesson_lib.core.partition_log import PartitionLog
from lesson_lib.errors import LessonError
from lesson_lib.history import Kind
from lesson_lib.history.link import noted_line
from lesson_lib.sim.toy_broker import ToyBroker
from lesson_lib.sim.world import BURST_MS, THINK_MS, ToyWorld

COMMITS = {"after": ("read", "commit"), "before": ("commit", "read"), "never": ("read",)}
ISOLATIONS = ("read_uncommitted", "read_committed")


@dataclass(frozen=True, slots=True)
class ConsumerSettings:
    """`crash_at`: it crashes once, while it deals with the n-th record, from 1."""

    commit: str = "after"
    crash_at: int | None = None
    isolation: str = "read_uncommitted"

    @classmethod
    def of(cls, given: Mapping[str, Any] | bool | None) -> ConsumerSettings | None:
        """Read {"commit": "after", "crash_at": 2}; True for the defaults. LessonError says what is wrong."""
        if given is None or isinstance(given, bool):
            return cls() if given else None
        if not isinstance(given, Mapping) or not set(given) <= {"commit", "crash_at", "isolation"}:
            raise LessonError("consumer is True or a dict with some of commit, crash_at and isolation, "
                              f"such as {{'commit': 'after', 'crash_at': 2}}, not {given!r}.")
        made = cls(**given)
        for name, value, known in (("commit", made.commit, COMMITS),
                                   ("isolation", made.isolation, ISOLATIONS)):
            if value not in known:
                raise LessonError(f"The consumer's {name} must be one of {', '.join(known)}, not {value!r}.")
        if made.crash_at is not None and (not isinstance(made.crash_at, int) or made.crash_at < 1):
            raise LessonError("crash_at counts the consumer's records from 1, such as 2. "
                              f"It can't be {made.crash_at!r}.")
        return made

    @property
    def words(self) -> str:
        """The settings, for captions; a crash is seen there anyway."""
        commits = "never commits" if self.commit == "never" else f"commits {self.commit} handling"
        return f"consumer {commits}" + (f", {self.isolation}" if self.isolation != ISOLATIONS[0] else "")


class Consumer:
    """Reads every partition from its committed position to the end, partition by partition."""

    def __init__(self, world: ToyWorld, broker: ToyBroker, settings: ConsumerSettings,
                 lane: str = "consumer") -> None:
        self.world, self.broker, self.settings, self.lane = world, broker, settings, lane
        self.lines, self.name_in_call = list[str](), lane  # see `Transactions.consumer`
        self.committed: dict[int, int] = {}
        self.position: dict[int, int] = {}
        self.dealt_with = 0

    def read_all(self) -> None:
        """Read to the end; after a crash start again from the committed positions."""
        self.poll()
        if self.dealt_with == self.settings.crash_at:
            self.position = dict(self.committed)
            self.world.clock.now += 2 * THINK_MS
            self.world.record(Kind.CONSUMER, "started", lane=self.lane)
            self.poll()
        if (self.settings.crash_at or 0) > self.dealt_with:
            raise LessonError(f"The consumer never crashed: it handled only {self.dealt_with} records. "
                              f"Choose crash_at from 1 to {self.dealt_with}.")

    @noted_line
    def poll(self) -> list[str]:
        """Every record that became visible since; read_committed stops at the last stable offset."""
        read_committed = self.settings.isolation == "read_committed"
        records = [(partition, *record) for partition, log in self.broker.logs.items()
                   for record in visible_records(log, self.position.get(partition, 0), read_committed)]
        if not records:
            self.world.clock.now += THINK_MS
            self.world.record(Kind.POLL, lane=self.lane)
        read = takewhile(lambda record: self._deal_with(*record), records)
        return [value for _, _, value, _ in read]

    def _deal_with(self, partition: int, offset: int, value: str, base_offset: int) -> bool:
        """Hand one record over and commit, in the order of the settings; False where it crashes between."""
        self.dealt_with += 1
        for wait, step in zip((THINK_MS, BURST_MS), COMMITS[self.settings.commit], strict=False):
            self.world.clock.now += wait
            if step == "read":
                self.position[partition] = offset + 1
                batch = self.broker.batch_at.get((partition, base_offset), -1)
                self.world.record(Kind.READ, lane=self.lane, partition=partition, offset=offset,
                                  values=(value,), batch=batch)
            else:
                self.committed[partition] = offset + 1
                self.world.record(Kind.POSITION, lane=self.lane, partition=partition, offset=offset + 1)
            if self.dealt_with == self.settings.crash_at:
                self.world.clock.now += BURST_MS
                self.world.record(Kind.CONSUMER, "crashed", lane=self.lane)
                return False
        return True


def visible_records(log: PartitionLog, position: int, read_committed: bool) -> Iterator[tuple[int, str, int]]:
    """(offset, value, base offset) from `position` on, less what is aborted (`CompletedFetch`)."""
    rows = log.aborted_between(position, log.log_end_offset) if read_committed else []
    aborted = deque(sorted(rows, key=lambda row: row.first_offset))
    aborting: set[int] = set()
    for stored in log.read(position, read_committed=read_committed):
        while aborted and aborted[0].first_offset <= stored.last_offset:
            aborting.add(aborted.popleft().producer_id)
        if stored.batch.control:
            aborting.discard(stored.batch.producer_id)
        elif not (stored.batch.transactional and stored.batch.producer_id in aborting):
            yield from ((stored.base_offset + i, value, stored.base_offset)
                        for i, value in enumerate(stored.batch.payload) if stored.base_offset + i >= position)
