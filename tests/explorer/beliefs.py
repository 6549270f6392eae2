"""Wrong beliefs about the broker, by name: those of the lessons and some more, to try our own tests and pictures on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from lesson_lib.core.kafka_version import DEFAULT_VERSION, KafkaVersion
from lesson_lib.core.partition_log import PartitionLog
from lesson_lib.core.producer_state import Appended, Batch, Duplicate, ProducerStateEntry, Verdict, judge
from lesson_lib.explorer.wrong_brokers import (
    BufferAndSort,
    DedupeByContent,
    at_or_below_is_duplicate,
    refuse_duplicates,
)

Entry = ProducerStateEntry | None
MakesLog = Callable[[], PartitionLog]


def greater_is_accepted(entry: Entry, batch: Batch, log_end_offset: int, version: KafkaVersion = DEFAULT_VERSION) -> Verdict:
    """Kafka's rule, but a gap is no error."""
    if entry and batch.producer_epoch == entry.producer_epoch and batch.base_sequence > entry.last_sequence:
        return Appended(log_end_offset)
    return judge(entry, batch, log_end_offset, version)


def window_of_one(entry: Entry, batch: Batch, log_end_offset: int, version: KafkaVersion = DEFAULT_VERSION) -> Verdict:
    """Kafka's rule, with the last batch remembered instead of the last five."""
    return judge(entry and replace(entry, batches=entry.batches[-1:]), batch, log_end_offset, version)


def window_without_epoch(entry: Entry, batch: Batch, log_end_offset: int, version: KafkaVersion = DEFAULT_VERSION) -> Verdict:
    """Kafka's rule, but a range that is remembered counts as a duplicate whatever its epoch."""
    seen = entry and entry.duplicate_of(batch.again(producer_epoch=entry.producer_epoch))
    return Duplicate(seen.base_offset) if seen else judge(entry, batch, log_end_offset, version)


class ForgetOnFailover(PartitionLog):
    """The memory is the leader's own and dies with it."""

    def fail_over(self) -> None:
        """The new leader knows nobody."""
        self.producers = {}


class MemoryOfConnection(PartitionLog):
    """The memory belongs to the connection."""

    def disconnected(self) -> None:
        """The next connection begins with nothing."""
        self.producers = {}


BELIEFS: dict[str, MakesLog] = {
    "at or below is duplicate": partial(PartitionLog, rule=at_or_below_is_duplicate),
    "greater is accepted": partial(PartitionLog, rule=greater_is_accepted),
    "dedupe by content": DedupeByContent,
    "buffer and sort": BufferAndSort,
    "window of one": partial(PartitionLog, rule=window_of_one),
    "window without epoch": partial(PartitionLog, rule=window_without_epoch),
    "forget on failover": ForgetOnFailover,
    "45 to a duplicate": partial(PartitionLog, rule=refuse_duplicates),
    "memory of connection": MemoryOfConnection,
}
