"""The producer of Kafka's own Java client, where it differs: up to five in flight, retries in sequence order, a local epoch bump.

Sources: `Sender.completeBatch`, `Sender.canRetry`, `TransactionManager` (`canRetry`, `bumpIdempotentProducerEpoch`,
`maybeResolveSequences`) and `RecordAccumulator.shouldStopDrainBatchesForPartition`. Differs from Kafka in: an epoch has no
upper end. Held against the real client of Kafka 4.3 by a test.
"""

from __future__ import annotations

from itertools import takewhile

from lesson_lib.core.batch import increment_sequence
from lesson_lib.core.error_codes import ErrorCode
from lesson_lib.history import Kind
from lesson_lib.sim.broker import Answer
from lesson_lib.sim.messages import PendingBatch
from lesson_lib.sim.producer import Producer


class JavaProducer(Producer):
    """`unfinished` holds the batches of a partition that have numbers and no end yet, in sequence order."""

    client = "java"

    def init_producer_id(self) -> None:
        """A new id, and nothing remembered of the old one."""
        super().init_producer_id()
        self.unfinished: dict[int, list[PendingBatch]] = {}
        self.last_acked: dict[int, int] = {}
        self.epoch_of: dict[int, int] = {}
        self.unresolved: set[int] = set()

    def stamp(self, pending: PendingBatch) -> None:
        """Number a batch; a partition takes up a new epoch once nothing of the old one is under way."""
        if self.settings.idempotence:
            if self.epoch_of.get(pending.partition, 0) != self.producer_epoch:
                self._restart_sequences(pending.partition)
            self.unfinished.setdefault(pending.partition, []).append(pending)
        super().stamp(pending)

    def may_drain(self, head: PendingBatch) -> bool:
        """New batches flow; of those being retried only the first unfinished one, which makes it one in flight."""
        if not self.settings.idempotence:
            return True
        unfinished = self.unfinished.get(head.partition, [])
        if head.stamped is not None:
            return unfinished[0] is head
        stale = bool(unfinished) and self.epoch_of.get(head.partition, 0) != self.producer_epoch
        return not stale and head.partition not in self.unresolved

    def requeue(self, pending: PendingBatch) -> None:
        """Back to its place in sequence order; without idempotence to the front, as in `RecordAccumulator.reenqueue`."""
        if not self.settings.idempotence:
            super().requeue(pending)
            return
        queue, order = self.queues[pending.partition], self.unfinished[pending.partition]
        numbered = takewhile(lambda other: other.stamped is not None, queue)
        queue.insert(sum(order.index(other) < order.index(pending) for other in numbered), pending)

    def on_success(self, pending: PendingBatch, answer: Answer) -> None:
        """Remember the last sequence that was acknowledged."""
        if self.settings.idempotence and pending.stamped is not None:
            acked = self.last_acked.get(pending.partition, -1)
            self.last_acked[pending.partition] = max(acked, pending.stamped.last_sequence)
        self._finish(pending)
        super().on_success(pending, answer)

    def on_error(self, pending: PendingBatch, error: ErrorCode | None, log_start_offset: int = -1) -> None:
        """Errors 45 and 59 are tried again, with a new epoch where nothing of its own explains the gap."""
        if self.settings.idempotence and self._needs_new_epoch(pending, error, log_start_offset):
            self._raise_epoch(pending.partition)
        super().on_error(pending, error, log_start_offset)

    def _needs_new_epoch(self, pending: PendingBatch, error: ErrorCode | None, log_start_offset: int) -> bool:
        if error is ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER:
            waiting = pending.reset or pending.sequence != self.last_acked.get(pending.partition, -1) + 1
            return pending.partition in self.unresolved or not waiting
        return error is ErrorCode.UNKNOWN_PRODUCER_ID and log_start_offset >= 0 and not pending.reset

    def is_retriable(self, error: ErrorCode | None) -> bool:
        """Sequence errors are, with idempotence: an earlier batch may still fill the gap."""
        own = (ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER, ErrorCode.UNKNOWN_PRODUCER_ID) if self.settings.idempotence else ()
        return error is None or error.retriable or error in own

    def after_failure(self, pending: PendingBatch, error: ErrorCode | None) -> None:
        """The batch is given up and leaves a gap: later batches start at 0 of a new epoch."""
        if self.settings.idempotence and error is not None and not self.is_retriable(error):
            self._raise_epoch(pending.partition)

    def fail(self, pending: PendingBatch, error: ErrorCode | None) -> None:
        """Give a batch up."""
        self._finish(pending)
        super().fail(pending, error)

    def after_expiry(self, pending: PendingBatch) -> None:
        """An expired batch that was retried leaves the partition unresolved: nothing new until all others have ended."""
        if self.settings.idempotence:
            if pending.retried:
                self.unresolved.add(pending.partition)
            self._finish(pending)

    def _finish(self, pending: PendingBatch) -> None:
        unfinished = self.unfinished.get(pending.partition, []) if self.settings.idempotence else []
        if pending in unfinished:
            unfinished.remove(pending)
        if self.settings.idempotence and pending.partition in self.unresolved and not unfinished:
            self._resolve(pending.partition)

    def _resolve(self, partition: int) -> None:
        """Where the last one was acknowledged, the broker has the expired one too; else start again (`maybeResolveSequences`)."""
        self.unresolved.discard(partition)
        if self.next_sequence.get(partition, 0) != self.last_acked.get(partition, -1) + 1:
            self._raise_epoch(partition)

    def _raise_epoch(self, partition: int) -> None:
        """Locally: no request is sent, the broker learns of it from the next batch (`bumpIdempotentProducerEpoch`)."""
        self.producer_epoch += 1
        self.unresolved.discard(partition)
        self._restart_sequences(partition)
        self.world.record(Kind.EPOCH, f"raises its epoch to {self.producer_epoch}", lane=self.lane, partition=partition,
                          producer_id=self.producer_id, producer_epoch=self.producer_epoch)

    def _restart_sequences(self, partition: int) -> None:
        """Unfinished batches of the partition get new numbers from 0 (`TxnPartitionEntry.startSequencesAtBeginning`)."""
        following = 0
        for pending in self.unfinished.get(partition, []):
            if pending.stamped is not None:
                pending.stamped = pending.stamped.again(producer_epoch=self.producer_epoch, base_sequence=following)
                pending.reset = True
                following = increment_sequence(following, len(pending.values))
        self.next_sequence[partition], self.epoch_of[partition] = following, self.producer_epoch
        self.last_acked.pop(partition, None)
