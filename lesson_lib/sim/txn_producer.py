"""A transactional producer: an idempotent one whose id, epoch and transactions belong to the coordinator.

Differs from Kafka in: the coordinator answers at once; a retried EndTxn is not simulated; of the clients' differences only kafka-python's
"one batch of a partition in flight" is here. After a send that failed or expired, this producer can only abort, as Java's does;
kafka-python 3.0.12 commits after an expired send, as lesson 7 shows on the real client, and after a refused one its next
transaction begins with error 45.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lesson_lib.core.batch import TopicPartition
from lesson_lib.core.error_codes import ErrorCode
from lesson_lib.core.transaction_metadata import Answer, Marker
from lesson_lib.core.transactions import TransactionCoordinator
from lesson_lib.history import Kind
from lesson_lib.sim.broker import Broker
from lesson_lib.sim.kafka_python_producer import KafkaPythonProducer
from lesson_lib.sim.messages import PendingBatch, ProducerSettings
from lesson_lib.sim.world import ONE_WAY_MS, World


class TxnProducer(KafkaPythonProducer):
    """`added`: the partitions of the open transaction, that of the offsets included; `error`: why it cannot be committed."""

    def __init__(self, world: World, broker: Broker, lane: str, transactional_id: str, timeout_ms: int, version: int,
                 coordinator: TransactionCoordinator, write: Callable[[Marker], None]) -> None:
        self.transactional_id, self.timeout_ms, self.version = transactional_id, timeout_ms, version
        self.coordinator, self.write = coordinator, write
        self.added: set[TopicPartition] = set()
        self.error: ErrorCode | None = None
        super().__init__(world, broker, ProducerSettings(), lane, lambda pending, what: None, lambda: None)

    def init_producer_id(self) -> None:
        """The same id with its epoch raised: whoever had it before is fenced, and its open transaction aborted first."""
        answer = self._asked()
        if answer.marker:
            self.write(answer.marker)
            answer = self._asked()
        self.producer_id, self.producer_epoch = answer.producer_id, answer.producer_epoch
        self.next_sequence.clear()
        self.world.record(Kind.INIT, lane=self.lane, producer_id=self.producer_id, producer_epoch=self.producer_epoch,
                          note=self.transactional_id)

    def _asked(self) -> Answer:
        return self.coordinator.init_producer_id(self.transactional_id, self.timeout_ms)

    def stamp(self, pending: PendingBatch) -> None:
        """Number a batch and mark it as transactional."""
        super().stamp(pending)
        pending.stamped = pending.stamped and pending.stamped.again(transactional=True)

    def add(self, topic: str, partition: int, what: str = "add partition") -> None:
        """Make the partition part of the transaction; the coordinator refuses where this producer is fenced."""
        where = topic, partition
        if where in self.added:
            return
        now = self.world.clock.now
        if error := self.coordinator.add_partitions(self.transactional_id, self.producer_id, self.producer_epoch, [where], now):
            self.refuse(error)
            return
        self.added.add(where)
        self.say(what, topic=topic, partition=partition)

    def end(self, commit: bool) -> Answer | None:
        """EndTxn: once the coordinator has decided, the transaction is committed, though no marker is written yet."""
        self.say("commit" if commit else "abort")
        self.world.clock.now += ONE_WAY_MS
        answer = self.coordinator.end(self.transactional_id, self.producer_id, self.producer_epoch, commit=commit,
                                      epoch_bump=self.version == 2)
        self.added.clear()
        if answer.error:
            self.refuse(answer.error)
            return None
        self.say("prepare commit" if commit else "prepare abort", lane="coordinator")
        return answer

    def ended(self, answer: Answer, commit: bool) -> None:
        """The application is told. Transaction version 2: the answer holds the next epoch, sequences start at 0 again."""
        self.world.clock.now += ONE_WAY_MS
        self.say("committed" if commit else "aborted")
        self.error = None
        if self.version == 2:
            self.producer_id, self.producer_epoch = answer.producer_id, answer.producer_epoch
            self.next_sequence.clear()

    def after_failure(self, pending: PendingBatch, error: ErrorCode | None) -> None:
        """A failed batch: this transaction can only be aborted; an old epoch ends the producer."""
        if error is ErrorCode.INVALID_PRODUCER_EPOCH:
            self.refuse(ErrorCode.PRODUCER_FENCED)
        else:
            self.error = error or ErrorCode.REQUEST_TIMED_OUT
            if error is not None and pending.stamped:  # it was not stored, so its numbers are free (`adjustSequencesDueToFailedBatch`)
                self.next_sequence[pending.partition] = pending.stamped.base_sequence

    def refuse(self, error: ErrorCode) -> None:
        """Fenced, or told that this cannot be done: only close() is left (`ProducerFencedException`)."""
        self.error = self.fatal = error
        self.say("fenced" if error is ErrorCode.PRODUCER_FENCED else "refused", error=error)

    def say(self, what: str, **more: Any) -> None:
        """Write down a step of the transaction."""
        self.world.record(Kind.TXN, what, **{"lane": self.lane, "producer_id": self.producer_id,
                                             "producer_epoch": self.producer_epoch, "note": self.transactional_id} | more)
