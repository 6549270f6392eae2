"""librdkafka's producer (confluent-kafka): after an error it waits until nothing is in flight, then sends
again in order.

With idempotence every error drains its partition. Error 45 behind a batch that failed is expected, and so the
epoch is raised by one, without a request, for all partitions; 45 on the next in line is fatal, and nothing is
sent any more. A batch whose fate is open counts as stored once a later one was acknowledged: told ok, without
an offset. That is how the hole of KAFKA-15591 stays unnoticed. A batch that expires in flight closes its
connection, and what was in flight with it goes again with the new epoch: stored, maybe, twice.

Sources: rdkafka_request.c (`rd_kafka_handle_Produce_error` and its two neighbours for idempotence) and
rdkafka_idempotence.c. Differs from librdkafka in: its back-off is up to a fifth longer or shorter, so that
batches which an error answer sent back leave in one burst or in several, different each time; here in one. It
asks for metadata then, and such a request counts as in flight too, so that at times fewer batches are; here
there are none. It looks only once a second which requests have timed out. Where its last broker went away it
starts again from the bootstrap servers (`metadata.recovery.strategy`) and at times closes the new connection
with that; here never. A batch that expires while the connection is down leaves a gap that only the next error
45 ends; here the epoch rises at once. Of what waits after a fatal error it drops some (`_PURGE_QUEUE`) and
lets the rest expire, as its threads happen to run; here all expire. Every try counts against `retries`; there
only one that may have stored something. Held against librdkafka 2.16 by a test.
"""

from __future__ import annotations

from itertools import chain
from typing import Any

from lesson_lib.core.error_codes import ErrorCode
from lesson_lib.core.producer_state import Batch, increment_sequence
from lesson_lib.history import Kind
from lesson_lib.sim.messages import ProduceAnswer, ProducerBatch, ProducerSettings
from lesson_lib.sim.producer import FORGOTTEN, GAP, Producer, ProducerHost

STORED_NOTHING = (GAP, FORGOTTEN, ErrorCode.NOT_LEADER_OR_FOLLOWER, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)


class LibrdkafkaProducer(Producer):
    """librdkafka without idempotence, where 46 is a failure."""

    client = "librdkafka"
    disconnect_error, timeout_error = "_TRANSPORT", "_MSG_TIMED_OUT"
    error_names = {error: error.name for error in ErrorCode} | {
        ErrorCode.CORRUPT_MESSAGE: "INVALID_MSG",
        ErrorCode.UNKNOWN_TOPIC_OR_PARTITION: "UNKNOWN_TOPIC_OR_PART",
        ErrorCode.NOT_LEADER_OR_FOLLOWER: "NOT_LEADER_FOR_PARTITION",
        ErrorCode.MESSAGE_TOO_LARGE: "MSG_SIZE_TOO_LARGE"}
    successes = (ErrorCode.NONE,)

    def reenqueue(self, batch: ProducerBatch) -> None:
        """Back to its place in the order of `send` (`rd_kafka_retry_msgq`)."""
        queue = self.queues[batch.partition]
        queue.insert(sum(other.number < batch.number for other in queue), batch)

    def after_expiry(self, batch: ProducerBatch) -> None:
        """Its request gets no more time, and all in flight goes again."""
        if batch in self.in_flight:
            self.host.abandon(batch)


class IdempotentLibrdkafkaProducer(LibrdkafkaProducer):
    """With idempotence. `next_ack` and `next_error` are the sequences at which each partition expects its
    next success and next error.

    `draining` are the partitions that wait until nothing of theirs is in flight, `raising` whether all wait
    for a new epoch. `uncertain` batches may be stored. `first` is the position of the batch that got
    sequence 0 in this epoch. `culprit` is the batch whose answer was fatal.
    """

    successes = Producer.successes
    retried_too = (GAP, FORGOTTEN)  # unless they are fatal
    culprit: ProducerBatch | None = None
    raising = False

    def __init__(self, settings: ProducerSettings, host: ProducerHost) -> None:
        super().__init__(settings, host)
        self.draining: set[int] = set()
        self.uncertain: set[ProducerBatch] = set()
        self._expect_zero()

    def _expect_zero(self) -> None:
        self.next_ack: dict[int, int] = {}
        self.next_error: dict[int, int] = {}
        self.first: dict[int, int] = {}

    def send(self, batch: ProducerBatch) -> None:
        """Put a batch into its queue, or fail it at once after a fatal error."""
        if self.fatal is None:
            super().send(batch)
        else:
            self.tell(batch, "failed", error=self.fatal, note="_FATAL")

    def stamp(self, batch: ProducerBatch) -> Batch:
        """A sequence counts what was sent since the epoch's first batch, also what has ended (`msgid`)."""
        first = self.first.setdefault(batch.partition, batch.position)
        self.next_sequence[batch.partition] = increment_sequence(0, batch.position - first)
        return super().stamp(batch)

    # what may be sent

    def heads(self) -> list[ProducerBatch]:
        """Where a drain has ended, the epoch rises first, for all partitions: what waits is numbered again,
        from 0 (`rd_kafka_idemp_drain_done`).
        """
        self.draining &= {batch.partition for batch in self.in_flight}
        if self.raising and not self.in_flight and self.fatal is None:
            self.raising = False
            self._expect_zero()
            for batch in chain.from_iterable(self.queues.values()):
                batch.numbered = None
            self.raise_epoch()
        return super().heads()

    def may_drain(self, head: ProducerBatch) -> bool:
        """Not while the partition drains, or all of them for a new epoch; after a fatal error never again."""
        return self.fatal is None and not self.raising and head.partition not in self.draining

    # what comes back

    def on_success(self, batch: ProducerBatch, answer: ProduceAnswer) -> None:
        """It covers what was sent before it, 46 the batch alone."""
        partition, following = batch.partition, following_sequence(batch)
        if answer.error or self.next_error.get(partition, 0) == self.next_ack.get(partition, 0):
            self.next_error[partition] = following
        self.next_ack[partition] = following
        if not answer.error:
            for earlier in [other for other in self.queues[partition] if other.number < batch.number]:
                self._forget(earlier)
                self.tell(earlier, "ok", note="a later one was acknowledged")
        super().on_success(batch, answer)

    def on_error(self, batch: ProducerBatch, answer: ProduceAnswer | None) -> None:
        """The partition drains, and a sequence error costs the epoch or the producer."""
        error = answer.error if answer else None
        if error in (GAP, FORGOTTEN):
            self._judge_sequence_error(batch, error)
        if error not in STORED_NOTHING:
            self.uncertain.add(batch)
        self.draining.add(batch.partition)
        self.next_error[batch.partition] = following_sequence(batch)
        super().on_error(batch, answer)

    def _judge_sequence_error(self, batch: ProducerBatch, error: ErrorCode) -> None:
        """45 is explained by an earlier failure, 59 where nothing can be stored; else it is the end."""
        if error is GAP:
            explained = batch.sequence > self.next_ack.get(batch.partition, 0)
        else:
            expected = self.next_error.get(batch.partition, 0)
            explained = batch not in self.uncertain and batch.sequence == expected
        if explained:
            self.raising = True
        else:
            self.fatal, self.culprit = error, batch
            self.host.happened(Kind.PRODUCER, "stuck", note=f"fatal error {error.words}")

    def may_retry(self, batch: ProducerBatch) -> bool:
        """Not the batch whose answer was fatal."""
        return batch is not self.culprit and super().may_retry(batch)

    def after_failure(self, batch: ProducerBatch, error: ErrorCode | None) -> None:
        """A batch that is given up leaves a gap: the rest starts at 0 of a new epoch."""
        self.raising = True

    def after_expiry(self, batch: ProducerBatch) -> None:
        """So does one that was sent."""
        self.raising = self.raising or batch.tries > 0
        super().after_expiry(batch)

    def memory(self, partition: int) -> tuple[Any, ...]:
        """What it expects of the partition, and what it waits for."""
        draining = partition in self.draining & {batch.partition for batch in self.in_flight}
        uncertain = tuple(sorted(batch.number for batch in self.uncertain
                                 if batch.partition == partition and not batch.told))
        return (self.next_ack.get(partition, 0), self.next_error.get(partition, 0),
                self.first.get(partition), draining, uncertain, self.raising, self.fatal)


def following_sequence(batch: ProducerBatch) -> int:
    """The sequence right behind a batch."""
    return increment_sequence(batch.sequence, len(batch.values))
