"""The transaction coordinator: one entry for each transactional id, and what each request does to it.

It is a pure state machine. `now` (milliseconds) is an argument, and what has to happen elsewhere is a value:
a `Marker` says which control records the caller must append, after which it calls `complete`. Until then the
state is PREPARE_COMMIT or PREPARE_ABORT, the transaction is decided, and a next one has to wait (error 51).

Two transaction versions (KIP-890). In the first the epoch changes only when a producer starts or is fenced,
and sequences continue. In the second (`epoch_bump`) every commit and abort raises the epoch, so that a late
message is always of an old one.

Sources: `TransactionCoordinator`, `TransactionMetadata`, `TransactionState`. Differs from Kafka in: the state
is not itself written to a log, so there is no moment in which a change is under way; ids do not expire after
seven days; no two-phase commit (KIP-939).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from lesson_lib.core.error_codes import ErrorCode
from lesson_lib.core.kafka_version import DEFAULT_VERSION, KafkaVersion
from lesson_lib.core.producer_state import MAX_EPOCH, NO_PRODUCER_EPOCH, NO_PRODUCER_ID, TopicPartition

MAX_TIMEOUT_MS = 900_000  # transaction.max.timeout.ms
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


@dataclass
class TransactionCoordinator:
    """All transactional ids, and the source of every producer id."""

    entries: dict[str, TransactionMetadata] = field(default_factory=dict)
    next_producer_id: int = 0
    version: KafkaVersion = DEFAULT_VERSION

    def new_producer_id(self) -> int:
        """An id that was never given out before."""
        self.next_producer_id += 1
        return self.next_producer_id - 1

    def init_producer_id(self, transactional_id: str | None, timeout_ms: int = 60_000,
                         producer_id: int = NO_PRODUCER_ID,
                         producer_epoch: int = NO_PRODUCER_EPOCH) -> CoordinatorAnswer:
        """Without a transactional id a new id, epoch 0; with one the same id, its epoch raised, which fences.

        `producer_id` and `producer_epoch` are what the producer believes to have (KIP-360), -1 for one that
        starts.
        """
        if transactional_id is None:
            return CoordinatorAnswer(ErrorCode.NONE, self.new_producer_id(), 0)
        if not 0 < timeout_ms <= MAX_TIMEOUT_MS:
            return CoordinatorAnswer(ErrorCode.INVALID_TRANSACTION_TIMEOUT)
        entry = self.entries.get(transactional_id)
        if entry is None:
            entry = TransactionMetadata(transactional_id, self.new_producer_id(), timeout_ms)
            self.entries[transactional_id] = entry
        expected = None if producer_id == NO_PRODUCER_ID else (producer_id, producer_epoch)
        if expected and not entry.may_continue(*expected):
            return CoordinatorAnswer(ErrorCode.PRODUCER_FENCED)
        if entry.state.awaits_markers:
            return CoordinatorAnswer(ErrorCode.CONCURRENT_TRANSACTIONS)
        if entry.state is TxnState.ONGOING:
            return CoordinatorAnswer(ErrorCode.CONCURRENT_TRANSACTIONS, marker=self._fence(entry))
        return self._raise_epoch(entry, timeout_ms, expected)

    def _raise_epoch(self, entry: TransactionMetadata, timeout_ms: int,
                     expected: tuple[int, int] | None) -> CoordinatorAnswer:
        epoch = entry.producer_epoch
        before = epoch if expected else NO_PRODUCER_EPOCH
        if entry.exhausted and (expected is None or expected[1] == epoch):
            entry.previous_producer_id, entry.producer_id = entry.producer_id, self.new_producer_id()
            entry.last_producer_epoch, entry.producer_epoch = before, 0
        elif expected is None or epoch in (NO_PRODUCER_EPOCH, expected[1]):
            entry.last_producer_epoch, entry.producer_epoch = before, epoch + 1
        elif expected[1] != entry.last_producer_epoch:  # else: the same request once more, the same answer
            return CoordinatorAnswer(ErrorCode.PRODUCER_FENCED)
        entry.timeout_ms, entry.state, entry.start = timeout_ms, TxnState.EMPTY, -1
        return entry.answer

    def add_partitions(self, transactional_id: str, producer_id: int, producer_epoch: int,
                       partitions: Iterable[TopicPartition], now: int) -> ErrorCode:
        """Make the partitions part of the transaction; the first ones begin it."""
        if error := self._refused(transactional_id, producer_id, producer_epoch):
            return error
        entry = self.entries[transactional_id]
        if entry.state is not TxnState.ONGOING:
            entry.state, entry.start = TxnState.ONGOING, now
        entry.partitions.update(partitions)
        return ErrorCode.NONE

    def verify(self, transactional_id: str, producer_id: int, producer_epoch: int,
               partition: TopicPartition) -> ErrorCode:
        """Whether the partition is part of the open transaction; 120, in old releases 48, if not."""
        if error := self._refused(transactional_id, producer_id, producer_epoch):
            return error
        if partition in self.entries[transactional_id].partitions:
            return ErrorCode.NONE
        abortable = self.version.answers_transaction_abortable
        return ErrorCode.TRANSACTION_ABORTABLE if abortable else ErrorCode.INVALID_TXN_STATE

    def _refused(self, transactional_id: str, producer_id: int, producer_epoch: int) -> ErrorCode:
        entry = self.entries.get(transactional_id)
        if transactional_id == "":
            return ErrorCode.INVALID_REQUEST
        if entry is None or entry.producer_id != producer_id:
            return ErrorCode.INVALID_PRODUCER_ID_MAPPING
        if entry.producer_epoch != producer_epoch:
            return ErrorCode.PRODUCER_FENCED
        return ErrorCode.CONCURRENT_TRANSACTIONS if entry.state.awaits_markers else ErrorCode.NONE

    def end(self, transactional_id: str, producer_id: int, producer_epoch: int, *, commit: bool,
            epoch_bump: bool = False) -> CoordinatorAnswer:
        """Commit or abort. `epoch_bump`: the second transaction version, EndTxn from version 5."""
        entry = self.entries.get(transactional_id)
        again = entry is not None and epoch_bump and entry.is_repeated(producer_id, producer_epoch)
        if entry is None or (producer_id != entry.producer_id and not again):
            return CoordinatorAnswer(ErrorCode.INVALID_PRODUCER_ID_MAPPING if transactional_id
                                     else ErrorCode.INVALID_REQUEST)
        awaited = epoch_bump and entry.state.awaits_markers
        if not again and (awaited or producer_epoch != entry.producer_epoch):
            return CoordinatorAnswer(ErrorCode.PRODUCER_FENCED)
        if entry.state is TxnState.ONGOING:
            return self._decide(entry, commit, epoch_bump)
        return self._end_outside(entry, commit, again, epoch_bump)

    def _decide(self, entry: TransactionMetadata, commit: bool, epoch_bump: bool) -> CoordinatorAnswer:
        """The commit point: from here on only the markers are missing."""
        if epoch_bump:
            self._bump_for_next(entry)
        entry.state = TxnState.PREPARE_COMMIT if commit else TxnState.PREPARE_ABORT
        overflows = entry.next_producer_id != NO_PRODUCER_ID
        told = (entry.next_producer_id, 0) if overflows else (entry.producer_id, entry.producer_epoch)
        return CoordinatorAnswer(ErrorCode.NONE, *told, entry.marker(commit))

    def _bump_for_next(self, entry: TransactionMetadata) -> None:
        if entry.exhausted:
            entry.next_producer_id = self.new_producer_id()
        entry.last_producer_epoch, entry.producer_epoch = entry.producer_epoch, entry.producer_epoch + 1

    def _end_outside(self, entry: TransactionMetadata, commit: bool, again: bool,
                     epoch_bump: bool) -> CoordinatorAnswer:
        """EndTxn where no transaction is open: a repeated request, an empty abort, or a mistake."""
        if entry.state.awaits_markers:
            same = commit == (entry.state is TxnState.PREPARE_COMMIT)
            error = ErrorCode.CONCURRENT_TRANSACTIONS if same else ErrorCode.INVALID_TXN_STATE
            return CoordinatorAnswer(error)
        ended = {TxnState.COMPLETE_COMMIT: True, TxnState.COMPLETE_ABORT: False}.get(entry.state)
        if ended is commit and (again or not epoch_bump):
            return entry.answer
        if epoch_bump and not commit and not again:
            self._bump_for_next(entry)
            entry.state = TxnState.PREPARE_ABORT
            self.complete(entry.transactional_id)
            return entry.answer
        return CoordinatorAnswer(ErrorCode.INVALID_TXN_STATE)

    def complete(self, transactional_id: str) -> None:
        """Every marker is in its log: the transaction is over."""
        entry = self.entries[transactional_id]
        committed = entry.state is TxnState.PREPARE_COMMIT
        entry.state = TxnState.COMPLETE_COMMIT if committed else TxnState.COMPLETE_ABORT
        entry.partitions = set()
        if entry.next_producer_id != NO_PRODUCER_ID:
            entry.previous_producer_id, entry.producer_id = entry.producer_id, entry.next_producer_id
            entry.producer_epoch, entry.next_producer_id = 0, NO_PRODUCER_ID

    def abort_timed_out(self, now: int) -> list[Marker]:
        """Abort what has been open for longer than its timeout; its producer is fenced by a raised epoch."""
        return [self._fence(entry) for entry in self.entries.values()
                if entry.state is TxnState.ONGOING and entry.start + entry.timeout_ms < now]

    def _fence(self, entry: TransactionMetadata) -> Marker:
        before = entry.producer_epoch if self.version.remembers_epoch_before_fence else NO_PRODUCER_EPOCH
        entry.producer_epoch, entry.last_producer_epoch = entry.producer_epoch + 1, before
        entry.state = TxnState.PREPARE_ABORT
        return entry.marker(commit=False)
