"""Wrong beliefs about the broker that lessons let lose, each one as a broker that really behaves so.

A belief about the decision alone is a rule with the signature of `judge`. A belief about the memory (what is
remembered, for how long, or that batches wait somewhere) is a `PartitionLog` of its own. `simulate` and
`explore` take both as `rule`. Kafka is none of these; `tests/explorer/beliefs.py` has more of them, which our
own tests have to catch.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any, ClassVar

from lesson_lib.core.error_codes import ErrorCode
from lesson_lib.core.kafka_version import DEFAULT_VERSION, KafkaVersion
from lesson_lib.core.partition_log import PartitionLog
from lesson_lib.core.producer_state import (
    Appended,
    Batch,
    Duplicate,
    ProducerStateEntry,
    Refused,
    Verdict,
    judge,
)


def at_or_below_is_duplicate(entry: ProducerStateEntry | None, batch: Batch, log_end_offset: int,
                             version: KafkaVersion = DEFAULT_VERSION) -> Verdict:
    """Kafka's rule, but a sequence that is not above the highest seen counts as a duplicate."""
    seen = entry and entry.batches and batch.producer_epoch == entry.producer_epoch
    if seen and batch.last_sequence <= entry.last_sequence:
        return Duplicate((entry.duplicate_of(batch) or entry.batches[-1]).base_offset)
    return judge(entry, batch, log_end_offset, version)


def refuse_duplicates(entry: ProducerStateEntry | None, batch: Batch, log_end_offset: int,
                      version: KafkaVersion = DEFAULT_VERSION) -> Verdict:
    """Kafka's rule, but a duplicate is answered with error 45 instead of success."""
    verdict = judge(entry, batch, log_end_offset, version)
    return Refused(ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER) if isinstance(verdict, Duplicate) else verdict


@dataclass(frozen=True, slots=True)
class KeptAside(Appended):
    """Told to the client as Appended, and not in the log: the broker keeps the batch aside."""

    what: ClassVar[str] = "kept"


class DedupeByContent(PartitionLog):
    """Stores the same content once. Numbers mean nothing to it, and the log is all the memory it needs."""

    def append(self, batch: Batch) -> Verdict:
        """Store what is not in the log yet."""
        first = next((one for one in self.batches if one.batch.payload == batch.payload), None)
        if first is not None:
            return Duplicate(first.base_offset)
        self.store(batch)
        return Appended(self.batches[-1].base_offset)

    def memory(self) -> Hashable:
        return ()


@dataclass
class BufferAndSort(PartitionLog):
    """Keeps a batch that comes too early, says ok, and stores it in its turn."""

    kept: list[Batch] = field(init=False, default_factory=list)

    def append(self, batch: Batch) -> Verdict:
        """Keep what is ahead; store the rest by Kafka's rule, and then whatever has become next."""
        ahead = self._batches_ahead(batch)
        if ahead > 0:
            self.kept += [] if batch in self.kept else [batch]
            return KeptAside(self.log_end_offset + ahead)
        verdict = super().append(batch)
        for early in sorted(self.kept, key=lambda b: b.base_sequence):
            if self._batches_ahead(early) == 0:
                super().append(early)
                self.kept.remove(early)
        return verdict

    def _batches_ahead(self, batch: Batch) -> int:
        entry = self.producers.get(batch.producer_id, ProducerStateEntry())
        same = batch.producer_epoch == entry.producer_epoch
        newer = batch.has_producer_id and batch.producer_epoch > entry.producer_epoch
        return batch.base_sequence - (entry.last_sequence + 1 if same else 0) if same or newer else 0

    def restart_clean(self, now: int = 0) -> None:
        """What was kept is lost, and was promised."""
        super().restart_clean(now)
        self.kept = []

    def fail_over(self) -> None:
        super().fail_over()
        self.kept = []

    def memory(self) -> Hashable:
        return super().memory(), tuple(self.kept)

    def recall(self, memory: Any) -> None:
        producers, kept = memory
        super().recall(producers)
        self.kept = list(kept)
