"""One partition's log on its leader: batches at offsets, the memory of producers, and what transactions leave
behind.

`append` runs the checks in Kafka's order and returns the rule's verdict. The memory can be lost and found
again as on a real broker: every restart, clean or not, keeps one batch per producer id (that is all a
snapshot holds), a failover finds all of it at the follower, and an id is forgotten by the timestamp of its
last batch. A wrong belief about this memory is a subclass (`explorer/wrong_brokers.py`).

Sources: `UnifiedLog`, `LogValidator.validateBatch`, `ProducerStateManager`, `VerificationStateEntry`. Differs
from Kafka in: no segments, no compaction, no replication lag (the high watermark is the log end), one leader
epoch. The replica that leads after a failover was up all the time. A verification has no guard object,
because here nothing happens between the coordinator's answer and the append; its entry does not expire.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field, replace
from typing import Any

from lesson_lib.core.error_codes import ErrorCode
from lesson_lib.core.kafka_version import DEFAULT_VERSION, KafkaVersion
from lesson_lib.core.producer_state import (
    NO_SEQUENCE,
    Appended,
    Batch,
    ProducerStateEntry,
    Refused,
    Verdict,
    judge,
)

Rule = Callable[[ProducerStateEntry | None, Batch, int, KafkaVersion], Verdict]
PRODUCER_ID_EXPIRATION_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class StoredBatch:
    """A batch at its place: it fills the offsets `base_offset`..`last_offset`."""

    base_offset: int
    batch: Batch
    committed: bool | None = None  # markers only: True commit, False abort
    coordinator_epoch: int = -1    # markers only

    @property
    def last_offset(self) -> int:
        return self.base_offset + self.batch.record_count - 1


@dataclass(frozen=True, slots=True)
class AbortedTxn:
    """A row of the aborted transaction index: first offset of the data, offset of the marker."""

    producer_id: int
    first_offset: int
    last_offset: int


@dataclass(frozen=True, slots=True)
class VerificationStateEntry:
    """A producer id whose transactional batch waits for the coordinator (KIP-890, KAFKA-14920, KAFKA-18202).

    The lowest sequence that asked must be stored first: otherwise a later batch, verified sooner, could slip
    in before it. The entry goes when the transaction is open in the log, or when a marker arrives.
    `epoch_bump`: the producer uses the second transaction version.
    """

    producer_epoch: int
    lowest_sequence: int
    epoch_bump: bool = False

    def refuses(self, batch: Batch, entry: ProducerStateEntry | None) -> bool:
        """Later than the lowest; with an epoch bump, not 0 where nothing is known (`checkSequence`)."""
        unknown = entry is None or not entry.batches
        starts_late = self.epoch_bump and unknown and batch.base_sequence != 0
        return batch.base_sequence > self.lowest_sequence or starts_late


@dataclass
class PartitionLog:
    """A leader's log. `rule` is replaced by lessons that try out a wrong rule. `replace(log)` is an empty log
    of the same kind.
    """

    version: KafkaVersion = DEFAULT_VERSION
    rule: Rule = judge
    batches: list[StoredBatch] = field(init=False, default_factory=list)
    producers: dict[int, ProducerStateEntry] = field(init=False, default_factory=dict)
    aborted: list[AbortedTxn] = field(init=False, default_factory=list)
    verifying: dict[int, VerificationStateEntry] = field(init=False, default_factory=dict)
    log_start_offset: int = field(init=False, default=0)
    log_end_offset: int = field(init=False, default=0)

    @property
    def last_stable_offset(self) -> int:
        """Where the oldest open transaction begins, else the log end: read_committed stops here."""
        opened = (e.current_txn_first_offset for e in self.producers.values())
        first = min((offset for offset in opened if offset is not None), default=self.log_end_offset)
        if first >= self.log_start_offset:
            return first
        # DeleteRecords took that beginning (`maybeIncrementFirstUnstableOffset`)
        left = self.batches and self.version.last_stable_offset_is_start_of_batch
        return self.batches[0].base_offset if left else self.log_start_offset

    def append(self, batch: Batch) -> Verdict:
        """Judge a client's batch and, where the verdict is Appended, store it.

        `LogValidator` comes before the rule: no batch is empty, a marker, or with an id and no sequence.
        """
        if batch.record_count < 1 or batch.control or (batch.has_producer_id and batch.base_sequence < 0):
            return Refused(ErrorCode.INVALID_RECORD)
        entry, verifying = self.producers.get(batch.producer_id), self.verifying.get(batch.producer_id)
        verdict = self.rule(entry, batch, self.log_end_offset, self.version)
        if isinstance(verdict, Appended):
            if verifying and verifying.refuses(batch, entry):
                return Refused(ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER)
            self.store(batch)
        return verdict

    def needs_verification(self, batch: Batch) -> bool:
        """Whether the leader asks the coordinator first: the batch would open a transaction here."""
        entry = self.producers.get(batch.producer_id)
        if not batch.transactional or entry is None or entry.current_txn_first_offset is None:
            return batch.transactional
        return self.version.verifies_each_epoch and entry.producer_epoch != batch.producer_epoch

    def start_verification(self, batch: Batch, epoch_bump: bool = False) -> None:
        """Remember the newest epoch's lowest sequence that asks (`maybeCreateVerificationStateEntry`)."""
        known = self.verifying.get(batch.producer_id)
        if known is None or batch.producer_epoch > known.producer_epoch:
            known = VerificationStateEntry(batch.producer_epoch, batch.base_sequence, epoch_bump)
        elif batch.producer_epoch == known.producer_epoch:
            known = replace(known, lowest_sequence=min(known.lowest_sequence, batch.base_sequence))
        self.verifying[batch.producer_id] = known

    def append_marker(self, producer_id: int, producer_epoch: int, *, commit: bool,
                      coordinator_epoch: int = 0, timestamp: int = 0, payload: object = (),
                      transaction_version: int = 1) -> Verdict:
        """Store a commit or abort marker, which takes one offset (`appendEndTxnMarker`)."""
        entry = self.producers.get(producer_id, ProducerStateEntry())
        if entry.fences_marker(producer_epoch, transaction_version):
            return Refused(ErrorCode.INVALID_PRODUCER_EPOCH)
        if coordinator_epoch < entry.coordinator_epoch:
            return Refused(ErrorCode.TRANSACTION_COORDINATOR_FENCED)
        marker = Batch(1, producer_id, producer_epoch, NO_SEQUENCE, True, True, timestamp, payload)
        offset = self.log_end_offset
        if entry.current_txn_first_offset is not None and not commit:
            self.aborted.append(AbortedTxn(producer_id, entry.current_txn_first_offset, offset))
        self.store(marker, commit, coordinator_epoch)
        return Appended(offset)

    def store(self, batch: Batch, committed: bool | None = None, coordinator_epoch: int = -1) -> None:
        """Put it at the end of the log, and remember it; the last two are a marker's."""
        stored = StoredBatch(self.log_end_offset, batch, committed, coordinator_epoch)
        self.batches.append(stored)
        self.log_end_offset += batch.record_count
        self._remember(stored)
        if batch.transactional:
            self.verifying.pop(batch.producer_id, None)

    def _remember(self, stored: StoredBatch) -> None:
        batch = stored.batch
        if batch.has_producer_id:
            entry = self.producers.get(batch.producer_id, ProducerStateEntry())
            self.producers[batch.producer_id] = (
                entry.after_marker(batch.producer_epoch, stored.coordinator_epoch, batch.max_timestamp)
                if batch.control else entry.after(batch, stored.base_offset))

    def read(self, offset: int, *, read_committed: bool = False) -> list[StoredBatch]:
        """Batches from the one that holds `offset` on; read_committed stops at the last stable offset."""
        end = self.last_stable_offset if read_committed else self.log_end_offset
        start = bisect_left(self.batches, offset, key=lambda stored: stored.last_offset)
        stop = bisect_left(self.batches, end, key=lambda stored: stored.base_offset)
        return self.batches[start:stop] if offset < end else []

    def aborted_between(self, first: int, end: int) -> list[AbortedTxn]:
        """Rows of the aborted index that overlap the offsets `first`..`end`-1."""
        return [a for a in self.aborted if a.last_offset >= first and a.first_offset < end]

    def restart_clean(self, now: int = 0) -> None:
        """A clean shutdown writes a snapshot: the last batch of each id, no more (`writeSnapshot`)."""
        self.verifying = {}
        self.producers = {pid: replace(e, batches=e.batches[-1:]) for pid, e in self.producers.items()}
        self.forget_idle_ids(now)

    def restart_after_crash(self, now: int = 0) -> None:
        """Recovery reads the log and leaves one batch of each id, as a clean stop does (`LogLoader`)."""
        self.rebuild_from_log()
        self.restart_clean(now)

    def rebuild_from_log(self) -> None:
        """The memory as the log alone gives it: epochs, open transactions, up to five batches of each id."""
        self.producers, self.verifying = {}, {}
        for stored in self.batches:
            self._remember(stored)

    def fail_over(self) -> None:
        """A follower becomes leader. It built its memory from the headers; no restart cost it anything."""
        here = self.producers
        self.rebuild_from_log()
        self.producers = {pid: max(self.producers.get(pid, entry), entry, key=lambda one: len(one.batches))
                          for pid, entry in here.items()}  # it may have copied what is deleted by now

    def disconnected(self) -> None:
        """A client's connection is gone, which means nothing to Kafka: no memory belongs to a connection."""

    def memory(self) -> Hashable:
        """What it remembers beside its batches, as a value: the explorer keeps its logs as values."""
        return tuple(sorted(self.producers.items()))

    def recall(self, memory: Any) -> None:
        self.producers = dict(memory)

    def forget_idle_ids(self, now: int, expiration_ms: int = PRODUCER_ID_EXPIRATION_MS) -> list[int]:
        """Drop and return ids whose last timestamp is `expiration_ms` old at `now` (`isProducerExpired`)."""
        idle = [pid for pid, e in self.producers.items()
                if e.current_txn_first_offset is None and now - e.last_timestamp >= expiration_ms]
        for pid in idle:
            del self.producers[pid]
        return idle

    def delete_records(self, before_offset: int) -> int:
        """DeleteRecords: raise the log start offset, and return it; from 2.4 the memory stays."""
        self.log_start_offset = max(self.log_start_offset, min(before_offset, self.log_end_offset))
        self.batches = [b for b in self.batches if b.last_offset >= self.log_start_offset]
        if self.version.forgets_deleted_ids:  # `ProducerStateManager.truncateHead`
            start = self.log_start_offset
            left = {pid: replace(entry, batches=tuple(b for b in entry.batches if b.last_offset >= start))
                    for pid, entry in self.producers.items()}
            self.producers = {pid: entry for pid, entry in left.items() if entry.batches}
        return self.log_start_offset
