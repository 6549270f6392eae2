"""librdkafka's producer (confluent-kafka), where it differs: after an error it waits until nothing is in flight, then sends again in order.

With idempotence every error drains its partition. Error 45 behind a batch that failed is expected, and so the epoch is raised by one,
without a request, for all partitions; 45 on the next in line is fatal, and nothing is sent any more. A batch whose fate is open
counts as stored once a later one was acknowledged: told ok, without an offset. That is how the hole of KAFKA-15591 stays unnoticed.
A batch that expires in flight closes its connection, and what was in flight with it goes again with the new epoch: stored, maybe, twice.

Sources: rdkafka_request.c (`rd_kafka_handle_Produce_error` and its two neighbours for idempotence) and rdkafka_idempotence.c.
Differs from librdkafka in: its back-off is up to a fifth longer or shorter, so that batches which an error answer sent back
leave in one burst or in several, different each time; here in one. It asks for metadata then, and such a request counts as in flight
too, so that at times fewer batches are; here there are none. It looks only once a second which requests have timed out. Where its
last broker went away it starts again from the bootstrap servers (`metadata.recovery.strategy`) and at times closes the new connection
with that; here never. A batch that expires while the connection is down leaves a gap that only the next error 45 mends; here the epoch
rises at once. Of what waits after a fatal error it drops some (`_PURGE_QUEUE`) and lets the rest expire, as its threads happen to
run; here all expire. Every try counts against `retries`; there only one that may have stored something. Held against librdkafka 2.16
by a test.
"""

from __future__ import annotations

from typing import Any

from lesson_lib.core.batch import increment_sequence
from lesson_lib.core.error_codes import ErrorCode
from lesson_lib.history import Kind
from lesson_lib.sim.broker import Answer
from lesson_lib.sim.messages import PendingBatch
from lesson_lib.sim.producer import Producer

GAP, FORGOTTEN = ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER, ErrorCode.UNKNOWN_PRODUCER_ID
STORED_NOTHING = (GAP, FORGOTTEN, ErrorCode.NOT_LEADER_OR_FOLLOWER, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)


class LibrdkafkaProducer(Producer):
    """`next_ack` and `next_error` are the sequences at which each partition expects its next success and its next error.

    `draining` are the partitions that wait until nothing of theirs is in flight, `raising` whether all wait for a new epoch. `uncertain`
    batches may be stored. `position` counts the records sent before a batch, `first` is the position of sequence 0 in this epoch.
    """

    client = "librdkafka"
    fatal: ErrorCode | None = None
    culprit: PendingBatch | None = None  # whose answer was fatal
    raising = False

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.position: dict[PendingBatch, int] = {}
        self.records: dict[int, int] = {}
        self.draining: set[int] = set()
        self.uncertain: set[PendingBatch] = set()
        self._expect_zero()

    def _expect_zero(self) -> None:
        self.next_ack: dict[int, int] = {}
        self.next_error: dict[int, int] = {}
        self.first: dict[int, int] = {}

    def send(self, values: tuple[str, ...], partition: int) -> PendingBatch:
        """Put one batch in the queue, or fail it at once after a fatal error."""
        pending = super().send(values, partition)
        self.position[pending] = self.records.get(partition, 0)
        self.records[partition] = self.position[pending] + len(values)
        if self.fatal is not None:
            self.report(pending, "failed", error=self.fatal, note="_FATAL")
        return pending

    def stamp(self, pending: PendingBatch) -> None:
        """A sequence counts what the application sent since the first batch of the epoch, also what has ended in between (`msgid`)."""
        if self.settings.idempotence:
            first = self.first.setdefault(pending.partition, self.position[pending])
            self.next_sequence[pending.partition] = increment_sequence(0, self.position[pending] - first)
        super().stamp(pending)

    # what may be sent

    def _next(self) -> PendingBatch | None:
        self._end_of_drain()
        return super()._next()

    def _end_of_drain(self) -> None:
        if self.settings.idempotence:
            self.draining &= {pending.partition for pending in self.in_flight}
            if self.raising and not self.in_flight and self.fatal is None:
                self._raise_epoch()

    def may_drain(self, head: PendingBatch) -> bool:
        """Not while the partition drains, or all of them for a new epoch; after a fatal error never again."""
        if not self.settings.idempotence:
            return True
        return self.fatal is None and not self.raising and head.partition not in self.draining

    def requeue(self, pending: PendingBatch) -> None:
        """Back to its place in the order of `send`, with and without idempotence (`rd_kafka_retry_msgq`)."""
        queue = self.queues[pending.partition]
        queue.insert(sum(other.number < pending.number for other in queue), pending)

    def _raise_epoch(self) -> None:
        """Locally, for all partitions: what waits is numbered again, from 0 (`rd_kafka_idemp_drain_done`)."""
        self.raising = False
        self.producer_epoch += 1
        self._expect_zero()
        for queue in self.queues.values():
            for pending in queue:
                pending.stamped = None
        self.world.record(Kind.EPOCH, f"raises its epoch to {self.producer_epoch}", lane=self.lane, producer_id=self.producer_id,
                          producer_epoch=self.producer_epoch)

    # what comes back

    def on_success(self, pending: PendingBatch, answer: Answer) -> None:
        """An acknowledgement covers what was sent before it, 46 the batch alone, and without idempotence it is a failure."""
        if not self.settings.idempotence and answer.error:
            self.fail(pending, answer.error)
            return
        if self.settings.idempotence:
            self._note_success(pending, answer)
        super().on_success(pending, answer)

    def _note_success(self, pending: PendingBatch, answer: Answer) -> None:
        partition, following = pending.partition, following_sequence(pending)
        if answer.error or self.next_error.get(partition, 0) == self.next_ack.get(partition, 0):
            self.next_error[partition] = following
        self.next_ack[partition] = following
        if not answer.error:
            self._acknowledge_before(pending)

    def _acknowledge_before(self, pending: PendingBatch) -> None:
        for earlier in [other for other in self.queues[pending.partition] if other.number < pending.number]:
            self._forget(earlier)
            self.report(earlier, "ok", note="a later one was acknowledged")

    def on_error(self, pending: PendingBatch, error: ErrorCode | None, log_start_offset: int = -1) -> None:
        """With idempotence the partition drains, and a sequence error costs the epoch or the producer."""
        if self.settings.idempotence:
            if error in (GAP, FORGOTTEN):
                self._judge_sequence_error(pending, error)
            if error not in STORED_NOTHING:
                self.uncertain.add(pending)
            self.draining.add(pending.partition)
            self.next_error[pending.partition] = following_sequence(pending)
        super().on_error(pending, error, log_start_offset)

    def _judge_sequence_error(self, pending: PendingBatch, error: ErrorCode) -> None:
        """45 is explained by an earlier failure, 59 where nothing of the batch can be stored; else the producer is at its end."""
        if error is GAP:
            explained = pending.sequence > self.next_ack.get(pending.partition, 0)
        else:
            explained = pending not in self.uncertain and pending.sequence == self.next_error.get(pending.partition, 0)
        if explained:
            self.raising = True
        else:
            self.fatal, self.culprit = error, pending
            self.world.record(Kind.PRODUCER, "stuck", lane=self.lane, note=f"fatal error {error.words}")

    def may_retry(self, pending: PendingBatch) -> bool:
        """Not the batch whose answer was fatal."""
        return pending is not self.culprit and super().may_retry(pending)

    def is_retriable(self, error: ErrorCode | None) -> bool:
        """With idempotence 45 and 59 too, unless they are fatal."""
        return super().is_retriable(error) or (self.settings.idempotence and error in (GAP, FORGOTTEN))

    def after_failure(self, pending: PendingBatch, error: ErrorCode | None) -> None:
        """A batch that is given up leaves a gap: the rest starts at 0 of a new epoch."""
        self.raising = self.settings.idempotence

    def after_expiry(self, pending: PendingBatch) -> None:
        """So does one that was sent and has expired; its request gets no more time than the batch had, and all in flight goes again."""
        self.raising = self.settings.idempotence and (self.raising or pending.tries > 0)
        if pending in self.in_flight and self.connection:
            self.time_out(self.in_flight[pending], self.connection, "its batch has expired")


def following_sequence(pending: PendingBatch) -> int:
    """The sequence right behind a batch."""
    return increment_sequence(pending.sequence, len(pending.values))
