"""One transactional id as the coordinator keeps it, and what the coordinator says: answers, and markers to
append.

Sources: `TransactionMetadata`, `TransactionState`. Differs from Kafka in: what `transactions` says.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from lesson_lib.core.batch import NO_PRODUCER_EPOCH, NO_PRODUCER_ID, TopicPartition
from lesson_lib.core.error_codes import ErrorCode
from lesson_lib.core.producer_state import MAX_EPOCH

EXHAUSTED_EPOCH = MAX_EPOCH - 1  # the last one that a producer is given


class TxnState(StrEnum):
    """Where a transactional id stands, in the words of DescribeTransactions."""

    EMPTY = "Empty"
    ONGOING = "Ongoing"
    PREPARE_COMMIT = "PrepareCommit"
    PREPARE_ABORT = "PrepareAbort"
    COMPLETE_COMMIT = "CompleteCommit"
    COMPLETE_ABORT = "CompleteAbort"

    @property
    def awaits_markers(self) -> bool:
        """Decided, but the markers are not all in the logs yet."""
        return self in (TxnState.PREPARE_COMMIT, TxnState.PREPARE_ABORT)


@dataclass(frozen=True, slots=True)
class Marker:
    """Control records to append, one to each of `partitions`; then `complete(transactional_id)`."""

    transactional_id: str
    producer_id: int
    producer_epoch: int
    commit: bool
    partitions: tuple[TopicPartition, ...]


@dataclass(frozen=True, slots=True)
class CoordinatorAnswer:
    """What the producer is told, and the markers that follow from the request."""

    error: ErrorCode = ErrorCode.NONE
    producer_id: int = NO_PRODUCER_ID
    producer_epoch: int = NO_PRODUCER_EPOCH
    marker: Marker | None = None


@dataclass(slots=True)
class TransactionMetadata:
    """One transactional id. `start` is when the first partition of its latest transaction was added."""

    transactional_id: str
    producer_id: int
    timeout_ms: int
    producer_epoch: int = NO_PRODUCER_EPOCH
    previous_producer_id: int = NO_PRODUCER_ID
    last_producer_epoch: int = NO_PRODUCER_EPOCH
    next_producer_id: int = NO_PRODUCER_ID
    state: TxnState = TxnState.EMPTY
    partitions: set[TopicPartition] = field(default_factory=set)
    start: int = -1

    @property
    def exhausted(self) -> bool:
        """Whether the producer id has no further epoch to give."""
        return self.producer_epoch >= EXHAUSTED_EPOCH

    @property
    def answer(self) -> CoordinatorAnswer:
        """Success, with the producer id and epoch as they are now."""
        return CoordinatorAnswer(ErrorCode.NONE, self.producer_id, self.producer_epoch)

    def may_continue(self, producer_id: int, producer_epoch: int) -> bool:
        """Whether a producer that names its id holds it now, or repeats the request that gave it another.

        As in Kafka the epoch is looked at only when it is raised, not before what is open is aborted: so a
        predecessor that asks for a new epoch by itself, as kafka-python's does, takes a successor with an
        open transaction down (`TransactionCoordinator.prepareInitProducerIdTransit`).
        """
        return (self.producer_epoch == NO_PRODUCER_EPOCH or producer_id == self.producer_id
                or (producer_id == self.previous_producer_id and producer_epoch >= EXHAUSTED_EPOCH))

    def is_repeated(self, producer_id: int, producer_epoch: int) -> bool:
        """EndTxn of the second version once more: its epoch is the one before."""
        if self.state in (TxnState.EMPTY, TxnState.ONGOING):
            return False
        before = (self.previous_producer_id, EXHAUSTED_EPOCH)
        overflowed = self.producer_epoch == 0 and (producer_id, producer_epoch) == before
        return overflowed or (producer_id == self.producer_id and producer_epoch + 1 == self.producer_epoch)

    def marker(self, commit: bool) -> Marker:
        """What ends its transaction in every partition that took part."""
        partitions = tuple(sorted(self.partitions))
        return Marker(self.transactional_id, self.producer_id, self.producer_epoch, commit, partitions)
