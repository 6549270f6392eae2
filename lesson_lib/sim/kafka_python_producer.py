"""kafka-python 3.0.12's producer, where it differs: one batch of a partition in flight, retries reversed, a new id after 45.

With idempotence a partition is muted while a batch of it is in flight. Without it several are, and after a loss each goes to the front
of the queue in turn, so that they come out reversed. Errors 45, 47 and 59 fail the batch, and a new producer id is asked for; any
other error that is not retriable ends an idempotent producer. A retried batch that expires leaves an idempotent producer
stuck: it drops its id and never asks for another.

Sources: kafka/producer/sender.py, transaction_manager.py and record_accumulator.py of that release; measured through a proxy.
"""

from __future__ import annotations

from lesson_lib.core.error_codes import ErrorCode
from lesson_lib.history import Kind
from lesson_lib.sim.messages import PendingBatch
from lesson_lib.sim.producer import Producer

NEEDS_NEW_ID = (ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER, ErrorCode.INVALID_PRODUCER_EPOCH, ErrorCode.UNKNOWN_PRODUCER_ID)


class KafkaPythonProducer(Producer):
    """`fatal` is the error after which every send fails, if there was one."""

    client = "kafka-python"
    fatal: ErrorCode | None = None

    def send(self, values: tuple[str, ...], partition: int) -> PendingBatch:
        """Put one batch in the queue, or fail it at once after a fatal error."""
        pending = super().send(values, partition)
        if self.fatal is not None:
            self.fail(pending, self.fatal)
        return pending

    def may_drain(self, head: PendingBatch) -> bool:
        """kafka-python mutes a partition while a batch of it is in flight (`guarantee_message_order`)."""
        return not self.settings.idempotence or all(b.partition != head.partition for b in self.in_flight)

    def is_retriable(self, error: ErrorCode | None) -> bool:
        """kafka-python does not try again after 2, CORRUPT_MESSAGE."""
        return error is None or (error.retriable and error is not ErrorCode.CORRUPT_MESSAGE)

    def after_failure(self, pending: PendingBatch, error: ErrorCode | None) -> None:
        """A sequence or epoch error costs the producer its id; any other that is not retriable ends an idempotent one."""
        if not self.settings.idempotence or error is None or self.is_retriable(error):
            return
        if error in NEEDS_NEW_ID:
            self.world.record(Kind.EPOCH, "asks for a new producer id", lane=self.lane, producer_id=self.producer_id)
            self.init_producer_id()
            return
        self.fatal = error
        for pending in [p for q in self.queues.values() for p in q]:
            self.fail(pending, error)

    def after_expiry(self, pending: PendingBatch) -> None:
        """kafka-python drops its id once a retried batch expires, and never asks for another: it sends nothing any more."""
        if self.settings.idempotence and pending.retried and not self.stuck:
            self.stuck = True
            self.world.record(Kind.PRODUCER, "stuck", lane=self.lane, note="it dropped its id and never asks for a new one")
