"""THE RULE: what a partition leader does with a batch, given what it remembers of the batch's producer.

The leader keeps one entry per producer id and partition: the epoch, the ranges of the last five batches with
their offsets and times, and where an open transaction begins. No message ids, no hashes, no buffer, no
session. A batch is then, in this order,

1. a duplicate, if one of those five ranges is exactly its own: success, with the offset of the first copy;
2. fenced, if its epoch is older: error 47;
3. out of order, if it is not exactly next: error 45. Nothing is stored, kept for later or sorted;
4. in the wrong state, if it is plain while a transaction of its id is open here: error 48;
5. appended.

Of a batch the rule sees who sent it, which numbers it carries, how many records, and whether it is
transactional. One `base_sequence` stands in the header; records carry no number of their own: record `i` has
sequence `base_sequence + i`.
Sequences count records, are kept per (producer id, epoch, partition), and go from 2147483647 to 0.

Sources: `DefaultRecordBatch` (org.apache.kafka.common.record.internal); `ProducerStateEntry`,
`ProducerAppendInfo` and `ProducerStateManager` (org.apache.kafka.storage.internals.log). Differs from Kafka
in: a batch's records are an opaque `payload`, because the rule never looks at them; the verification entries
of KIP-890 are in `partition_log`; snapshots are values, not files.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

from lesson_lib.core.error_codes import ErrorCode
from lesson_lib.core.kafka_version import DEFAULT_VERSION, KafkaVersion

BATCHES_TO_RETAIN = 5
MAX_EPOCH = 32_767
MAX_SEQUENCE = 2**31 - 1
NO_PRODUCER_ID = -1
NO_PRODUCER_EPOCH = -1
NO_SEQUENCE = -1

TopicPartition = tuple[str, int]


def increment_sequence(sequence: int, by: int) -> int:
    """The sequence `by` records later, 0..MAX_SEQUENCE (`DefaultRecordBatch.incrementSequence`)."""
    return (sequence + by) & MAX_SEQUENCE


def decrement_sequence(sequence: int, by: int) -> int:
    """The sequence `by` records earlier, 0..MAX_SEQUENCE (`DefaultRecordBatch.decrementSequence`)."""
    return (sequence - by) & MAX_SEQUENCE


@dataclass(frozen=True, slots=True)
class Batch:
    """One batch for one partition, as a producer sends it.

    `producer_id`, `producer_epoch` and `base_sequence` are -1 when idempotence is off. `max_timestamp` is in
    milliseconds since 1970, chosen by the client. `payload` is whatever the caller stores: values in the
    simulation, the batch's bytes on the wire.
    """

    record_count: int = 1
    producer_id: int = NO_PRODUCER_ID
    producer_epoch: int = NO_PRODUCER_EPOCH
    base_sequence: int = NO_SEQUENCE
    transactional: bool = False
    control: bool = False
    max_timestamp: int = 0
    payload: Any = ()

    @property
    def has_producer_id(self) -> bool:
        """Whether the broker keeps any memory for this batch."""
        return self.producer_id > NO_PRODUCER_ID

    def sequence_of(self, record: int) -> int:
        """Sequence of a record, counted from 0 in the batch; -1 where the batch has no sequence."""
        first = self.base_sequence
        return NO_SEQUENCE if first == NO_SEQUENCE else increment_sequence(first, record)

    @property
    def last_sequence(self) -> int:
        """Sequence of the last record, wrapped; -1 where the batch has no sequence."""
        return self.sequence_of(self.record_count - 1)

    def again(self, **changes: Any) -> Batch:
        """A copy with some fields changed."""
        return replace(self, **changes)


@dataclass(frozen=True, slots=True)
class Appended:
    """The batch may be stored, from `base_offset` on."""

    what: ClassVar[str] = "stored"
    base_offset: int


@dataclass(frozen=True, slots=True)
class Duplicate:
    """The batch was in the log already: a success, nothing stored, offset and time of the first copy."""

    what: ClassVar[str] = "duplicate"
    base_offset: int
    timestamp: int = -1


@dataclass(frozen=True, slots=True)
class Refused:
    """Nothing was stored."""

    what: ClassVar[str] = "refused"
    error: ErrorCode


Verdict = Appended | Duplicate | Refused


@dataclass(frozen=True, slots=True)
class BatchMetadata:
    """What is remembered of an appended batch: its sequences, its offset, its newest timestamp (ms)."""

    first_sequence: int
    last_sequence: int
    base_offset: int
    timestamp: int = 0

    @property
    def last_offset(self) -> int:
        return self.base_offset + decrement_sequence(self.last_sequence, self.first_sequence)


@dataclass(frozen=True, slots=True)
class ProducerStateEntry:
    """The memory of one producer id on one partition. `batches` is oldest first, at most five long."""

    producer_epoch: int = NO_PRODUCER_EPOCH
    batches: tuple[BatchMetadata, ...] = ()
    last_timestamp: int = -1
    current_txn_first_offset: int | None = None
    coordinator_epoch: int = -1

    @property
    def last_sequence(self) -> int:
        """Sequence of the last record appended in this epoch, -1 when there is none."""
        return self.batches[-1].last_sequence if self.batches else NO_SEQUENCE

    def duplicate_of(self, batch: Batch) -> BatchMetadata | None:
        """The remembered batch with the same epoch and exactly the same range, if any."""
        if batch.producer_epoch != self.producer_epoch:
            return None
        first, last = batch.base_sequence, batch.last_sequence
        for seen in self.batches:
            if seen.first_sequence == first and seen.last_sequence == last:
                return seen
        return None

    def is_next(self, sequence: int) -> bool:
        """Whether `sequence` follows directly on what this entry remembers, wrapping from 2147483647 to 0."""
        return sequence == self.last_sequence + 1 or (sequence == 0 and self.last_sequence == MAX_SEQUENCE)

    def has_forgotten(self, batch: Batch) -> bool:
        """Whether a batch ends before all that is remembered, by the check of Kafka 1.0."""
        return bool(self.batches) and 0 < batch.last_sequence < self.batches[0].first_sequence

    def after(self, batch: Batch, base_offset: int) -> ProducerStateEntry:
        """The entry once `batch` is in the log; a new epoch forgets the old ranges."""
        kept = self.batches if batch.producer_epoch == self.producer_epoch else ()
        seen = BatchMetadata(batch.base_sequence, batch.last_sequence, base_offset, batch.max_timestamp)
        opened = self.current_txn_first_offset
        if batch.transactional and opened is None:
            opened = base_offset
        return replace(self, producer_epoch=batch.producer_epoch, batches=(*kept, seen)[-BATCHES_TO_RETAIN:],
                       last_timestamp=batch.max_timestamp, current_txn_first_offset=opened)

    def fences_marker(self, producer_epoch: int, transaction_version: int) -> bool:
        """`checkProducerEpoch`: an older epoch; with transaction version 2 an equal one too, unless it is a
        retry.

        Under version 2 every end raises the epoch, so an equal one is of an earlier transaction
        (KAFKA-19446); where none is open the marker was written before, and may be again (KAFKA-19999).
        """
        if transaction_version < 2 or producer_epoch != self.producer_epoch:
            return producer_epoch < self.producer_epoch
        return self.current_txn_first_offset is not None and producer_epoch != MAX_EPOCH

    def after_marker(self, producer_epoch: int, coordinator_epoch: int, timestamp: int) -> ProducerStateEntry:
        """The entry once a marker is in the log: no transaction is open, a newer epoch forgets the ranges."""
        kept = self.batches if producer_epoch == self.producer_epoch else ()
        return replace(self, producer_epoch=producer_epoch, batches=kept, last_timestamp=timestamp,
                       current_txn_first_offset=None, coordinator_epoch=coordinator_epoch)


def judge(entry: ProducerStateEntry | None, batch: Batch, log_end_offset: int,
          version: KafkaVersion = DEFAULT_VERSION) -> Verdict:
    """Decide on a client's batch; changes nothing. `entry` is None for an id that is not known here."""
    if not batch.has_producer_id:
        return Appended(log_end_offset)
    if entry is not None and (seen := entry.duplicate_of(batch)):
        return Duplicate(seen.base_offset, seen.timestamp)
    error = (_epoch_error(entry, batch) or _sequence_error(entry, batch, log_end_offset, version)
             or _txn_error(entry, batch))
    return Refused(error) if error else Appended(log_end_offset)


def _epoch_error(entry: ProducerStateEntry | None, batch: Batch) -> ErrorCode | None:
    """`ProducerAppendInfo.checkProducerEpoch`: an older epoch is fenced, one below "none" of anybody."""
    newest = entry.producer_epoch if entry else NO_PRODUCER_EPOCH
    return ErrorCode.INVALID_PRODUCER_EPOCH if batch.producer_epoch < newest else None


def _sequence_error(entry: ProducerStateEntry | None, batch: Batch, log_end_offset: int,
                    version: KafkaVersion) -> ErrorCode | None:
    """`ProducerAppendInfo.checkSequence`: exactly next, or 0 for a new epoch; unknown ids by version."""
    first = batch.base_sequence
    if entry is None or entry.producer_epoch == NO_PRODUCER_EPOCH:
        return None if first == 0 else _unknown_id_error(log_end_offset, version)
    if batch.producer_epoch != entry.producer_epoch:
        return None if first == 0 else ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER
    if version.answers_46_for_forgotten and entry.has_forgotten(batch):
        return ErrorCode.DUPLICATE_SEQUENCE_NUMBER
    if entry.is_next(first):
        return None
    forgotten = not entry.batches and version.answers_unknown_after_marker
    return ErrorCode.UNKNOWN_PRODUCER_ID if forgotten else ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER


def _unknown_id_error(log_end_offset: int, version: KafkaVersion) -> ErrorCode | None:
    """An unknown id that does not start at 0: 59 before 2.5, then stored, 45 on a new log from 4.5."""
    if not version.accepts_unknown_producer_ids:
        return ErrorCode.UNKNOWN_PRODUCER_ID
    if version.checks_first_sequence_of_new_log and log_end_offset == 0:
        return ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER
    return None


def _txn_error(entry: ProducerStateEntry | None, batch: Batch) -> ErrorCode | None:
    """`ProducerAppendInfo.appendDataBatch`: no plain batch while this id has a transaction open here."""
    if entry is not None and entry.current_txn_first_offset is not None and not batch.transactional:
        return ErrorCode.INVALID_TXN_STATE
    return None
