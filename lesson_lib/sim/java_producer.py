"""The producer of Kafka's own Java client: up to five in flight, retries in sequence order, a local epoch
bump.

Sources: `Sender.completeBatch`, `Sender.canRetry`, `TransactionManager` (`canRetry`,
`bumpIdempotentProducerEpoch`, `maybeResolveSequences`) and
`RecordAccumulator.shouldStopDrainBatchesForPartition`. Differs from Kafka in: an epoch has no upper end. Held
against the real client of Kafka 4.3 by a test.
"""

from __future__ import annotations

from itertools import takewhile
from typing import Any

from lesson_lib.core.error_codes import ErrorCode
from lesson_lib.core.producer_state import Batch, increment_sequence
from lesson_lib.sim.messages import ProduceAnswer, ProducerBatch
from lesson_lib.sim.producer import FORGOTTEN, GAP, Producer


class JavaProducer(Producer):
    """Kafka's Java client without idempotence: what all clients share."""

    client = "java"
    disconnect_error, timeout_error, error_ending = "NetworkException", "TimeoutException", "Exception"
    error_names = {ErrorCode.REQUEST_TIMED_OUT: "TimeoutException",
                   ErrorCode.MESSAGE_TOO_LARGE: "RecordTooLargeException",
                   ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER: "OutOfOrderSequenceException"}


class IdempotentJavaProducer(JavaProducer):
    """With idempotence. `unfinished` holds the batches of a partition that have numbers and no end yet, in
    sequence order.

    `last_acked` is the last sequence of a partition that was acknowledged, `epoch_of` the epoch that its
    sequences are of. `unresolved`: a batch expired after it was sent, and nobody knows whether the broker has
    it. It raises its epoch after an answer (`_needs_new_epoch`), after a batch that failed (`after_failure`)
    and once nothing is left in doubt (`_finish`).
    """

    retried_too = (GAP, FORGOTTEN)  # an earlier batch may still fill the gap

    def init_producer_id(self) -> None:
        """A new id, and nothing remembered of the old one."""
        super().init_producer_id()
        self.unfinished: dict[int, list[ProducerBatch]] = {}
        self.last_acked: dict[int, int] = {}
        self.epoch_of: dict[int, int] = {}
        self.unresolved: set[int] = set()

    def stamp(self, batch: ProducerBatch) -> Batch:
        """Number a batch; a partition takes up a new epoch once nothing of the old one is under way."""
        if self.epoch_of.get(batch.partition, 0) != self.producer_epoch:
            self._restart_sequences(batch.partition)
        self.unfinished.setdefault(batch.partition, []).append(batch)
        return super().stamp(batch)

    def may_drain(self, head: ProducerBatch) -> bool:
        """New batches flow; of those being retried only the first unfinished one: one in flight."""
        unfinished = self.unfinished.get(head.partition, [])
        if head.numbered is not None:
            return unfinished[0] is head
        stale = bool(unfinished) and self.epoch_of.get(head.partition, 0) != self.producer_epoch
        return not stale and head.partition not in self.unresolved

    def reenqueue(self, batch: ProducerBatch) -> None:
        """Back to its place in sequence order."""
        queue, order = self.queues[batch.partition], self.unfinished[batch.partition]
        numbered = takewhile(lambda other: other.numbered is not None, queue)
        queue.insert(sum(order.index(other) < order.index(batch) for other in numbered), batch)

    def on_success(self, batch: ProducerBatch, answer: ProduceAnswer) -> None:
        """Remember the last sequence that was acknowledged."""
        if batch.numbered is not None:
            acked = self.last_acked.get(batch.partition, -1)
            self.last_acked[batch.partition] = max(acked, batch.numbered.last_sequence)
        self._finish(batch)
        super().on_success(batch, answer)

    def on_error(self, batch: ProducerBatch, answer: ProduceAnswer | None) -> None:
        """Errors 45 and 59 are tried again, with a new epoch where nothing of its own explains the gap."""
        if answer and self._needs_new_epoch(batch, answer):
            self._begin_new_epoch(batch.partition)
        super().on_error(batch, answer)

    def _needs_new_epoch(self, batch: ProducerBatch, answer: ProduceAnswer) -> bool:
        if answer.error is GAP:
            waiting = batch.renumbered or batch.sequence != self.last_acked.get(batch.partition, -1) + 1
            return batch.partition in self.unresolved or not waiting
        return answer.error is FORGOTTEN and answer.log_start_offset >= 0 and not batch.renumbered

    def after_failure(self, batch: ProducerBatch, error: ErrorCode | None) -> None:
        """The batch is given up and leaves a gap: later batches start at 0 of a new epoch."""
        if not self.is_retriable(error):
            self._begin_new_epoch(batch.partition)

    def fail(self, batch: ProducerBatch, error: ErrorCode | None) -> None:
        """Give a batch up."""
        self._finish(batch)
        super().fail(batch, error)

    def after_expiry(self, batch: ProducerBatch) -> None:
        """One that was retried leaves the partition unresolved: nothing new until all others ended."""
        if batch.retried:
            self.unresolved.add(batch.partition)
        self._finish(batch)

    def memory(self, partition: int) -> tuple[Any, ...]:
        """And the last sequence that was acknowledged, the epoch, and whether it is unresolved."""
        return (*super().memory(partition), self.last_acked.get(partition, -1),
                self.epoch_of.get(partition, 0), partition in self.unresolved)

    def _finish(self, batch: ProducerBatch) -> None:
        """Where the last one was acknowledged, the broker has the expired one too; else start again."""
        partition, unfinished = batch.partition, self.unfinished.get(batch.partition, [])
        if batch in unfinished:
            unfinished.remove(batch)
        if partition in self.unresolved and not unfinished:
            self.unresolved.discard(partition)
            if self.next_sequence.get(partition, 0) != self.last_acked.get(partition, -1) + 1:
                self._begin_new_epoch(partition)

    def _begin_new_epoch(self, partition: int) -> None:
        """One up, and everything unfinished in this partition is numbered again from 0."""
        self.unresolved.discard(partition)
        self.raise_epoch(partition=partition)
        self._restart_sequences(partition)

    def _restart_sequences(self, partition: int) -> None:
        """Unfinished batches get new numbers from 0 (`TxnPartitionEntry.startSequencesAtBeginning`)."""
        following = 0
        for batch in self.unfinished.get(partition, []):
            if batch.numbered is not None:
                batch.numbered = batch.numbered.again(producer_epoch=self.producer_epoch,
                                                      base_sequence=following)
                batch.renumbered = True
                following = increment_sequence(following, len(batch.values))
        self.next_sequence[partition], self.epoch_of[partition] = following, self.producer_epoch
        self.last_acked.pop(partition, None)
