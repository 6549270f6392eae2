"""A record batch as the rule sees it: who sent it, which numbers it carries, how many records.

One `base_sequence` stands in the header of a batch; records carry no number of their own. Record `i` has
sequence `base_sequence + i`. Sequences count records, are kept per (producer id, epoch, partition), and go
from 2147483647 to 0.

Source: `DefaultRecordBatch` (org.apache.kafka.common.record.internal). Differs from Kafka in: the records
themselves are an opaque `payload`, because the rule never looks at them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

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
