"""The producer of the explorer: one partition, numbered batches, at most so many unanswered requests on one connection.

A client is a value, and each of its moves makes another value: `send`, `answered`, `disconnected`, `expired`. Nothing
else happens to a producer. What is unanswered is on the wire or waits for its next try.

With idempotence the retries leave in the order of their sequences, and one alone while a second one waits. Without it
each goes back to the front of the queue, so those of one torn connection leave in reverse. Error 45 on the batch that
should have been next makes the Java client raise its epoch and number again what is unanswered; on any other batch it
only tries again, because an earlier one is missing. kafka-python has one batch in flight and takes a new producer id.

Sources: `Sender`, `TransactionManager`, `RecordAccumulator`; kafka/producer/sender.py. Differs from Kafka in: one record a
batch, no delivery timeout while a batch is on the wire, and no backoff.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from lesson_lib.core.error_codes import ErrorCode

OK, FAILED, UNKNOWN, PENDING = "ok", "failed", "unknown", ""


class Request(NamedTuple):
    """A produce request as it is on the wire: its numbers stay, whatever the producer decides later."""

    batch: int
    producer_id: int
    producer_epoch: int
    base_sequence: int


class Unanswered(NamedTuple):
    """A batch that the producer still has to bring home; `renumbered` while it was not sent with its new sequence yet."""

    batch: int
    sequence: int
    renumbered: bool = False


class Client(NamedTuple):
    """All that a producer knows. `wire` is in the order of sending, `waiting` in the order of the next tries."""

    told: tuple[str, ...]
    producer_id: int = 1
    epoch: int = 0
    next_batch: int = 0
    next_sequence: int = 0
    last_acked: int = -1
    wire: tuple[Unanswered, ...] = ()
    waiting: tuple[Unanswered, ...] = ()
    unresolved: bool = False

    def tell(self, batch: int, what: str) -> Client:
        """The application learns what became of a batch."""
        return self._replace(told=(*self.told[:batch], what, *self.told[batch + 1:]))


@dataclass(frozen=True)
class Producer:
    """How Kafka's Java client moves. `in_flight` bounds the unanswered requests on the connection."""

    batches: int
    in_flight: int = 1
    idempotence: bool = True

    def start(self) -> Client:
        """Before the first send, with an id and epoch 0 when idempotence is on."""
        client = Client((PENDING,) * self.batches)
        return client if self.idempotence else client._replace(producer_id=-1, epoch=-1, next_sequence=-1)

    def send(self, client: Client) -> tuple[Client, Request] | None:
        """The next request, a waiting retry first; None while the producer has to wait for answers or has nothing left."""
        if len(client.wire) == self.in_flight:
            return None
        if client.waiting:
            batch = client.waiting[0]
            if self.idempotence and any(other.sequence < batch.sequence for other in client.wire):
                return None
            batch, client = batch._replace(renumbered=False), client._replace(waiting=client.waiting[1:])
        elif client.next_batch == self.batches or client.unresolved:
            return None
        else:
            batch = Unanswered(client.next_batch, client.next_sequence)
            client = client._replace(next_batch=client.next_batch + 1, next_sequence=client.next_sequence + self.idempotence)
        return (client._replace(wire=(*client.wire, batch)),
                Request(batch.batch, client.producer_id, client.epoch, batch.sequence))

    def answered(self, client: Client, error: int) -> Client:
        """The answer to the oldest request on the wire is here."""
        batch, client = client.wire[0], client._replace(wire=client.wire[1:])
        if error in (ErrorCode.NONE, ErrorCode.DUPLICATE_SEQUENCE_NUMBER):
            acked = max(client.last_acked, batch.sequence)
            return self._resolve(client._replace(last_acked=acked).tell(batch.batch, OK))
        if error in (ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER, ErrorCode.UNKNOWN_PRODUCER_ID) and self.idempotence:
            return self._out_of_order(client, batch, error)
        if ErrorCode(error).retriable:
            return self._try_again(client, batch)
        client = client.tell(batch.batch, FAILED)
        return self._raise_epoch(client) if self.idempotence else client

    def disconnected(self, client: Client) -> Client:
        """The connection is gone: all that was on the wire has to be sent again."""
        torn, client = client.wire, client._replace(wire=())
        for batch in torn:
            client = self._try_again(client, batch)
        return client

    def expired(self, client: Client) -> Client:
        """The delivery timeout ends the oldest waiting batch, or else one that was never sent: the application knows nothing."""
        if not client.waiting:
            return client._replace(next_batch=client.next_batch + 1).tell(client.next_batch, UNKNOWN)
        batch, client = client.waiting[0], client._replace(waiting=client.waiting[1:])
        return self._resolve(client._replace(unresolved=self.idempotence).tell(batch.batch, UNKNOWN))

    def _try_again(self, client: Client, batch: Unanswered) -> Client:
        waiting = (batch, *client.waiting)
        return client._replace(waiting=tuple(sorted(waiting, key=lambda b: b.sequence)) if self.idempotence else waiting)

    def _out_of_order(self, client: Client, batch: Unanswered, error: int) -> Client:
        """`TransactionManager.canRetry`: wait for an earlier batch, or, if there is none, raise the epoch."""
        earlier_is_missing = error == ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER and batch.sequence != client.last_acked + 1
        client, unresolved = self._try_again(client, batch), client.unresolved
        return client if not unresolved and (batch.renumbered or earlier_is_missing) else self._raise_epoch(client)

    def _raise_epoch(self, client: Client) -> Client:
        """`bumpIdempotentProducerEpoch`: one epoch up, and everything unanswered is numbered again from 0."""
        ordered = sorted((*client.wire, *client.waiting), key=lambda b: b.sequence)
        again = {b: Unanswered(b.batch, number, True) for number, b in enumerate(ordered)}
        return client._replace(epoch=client.epoch + 1, next_sequence=len(ordered), last_acked=-1, unresolved=False,
                               wire=tuple(again[b] for b in client.wire), waiting=tuple(again[b] for b in client.waiting))

    def _resolve(self, client: Client) -> Client:
        """`maybeResolveSequences`: nothing unanswered after a timeout. Was the last number used also acknowledged?"""
        if not client.unresolved or client.wire or client.waiting:
            return client
        continues = client.last_acked + 1 == client.next_sequence
        return client._replace(unresolved=False) if continues else self._raise_epoch(client)


@dataclass(frozen=True)
class KafkaPythonProducer(Producer):
    """kafka-python 3: with idempotence one in flight; 45, 47 and 59 fail the batch and bring a new producer id."""

    def _out_of_order(self, client: Client, batch: Unanswered, error: int) -> Client:
        return self._raise_epoch(client.tell(batch.batch, FAILED))

    def _raise_epoch(self, client: Client) -> Client:
        return client._replace(producer_id=client.producer_id + 1, next_sequence=0, last_acked=-1)

    def _resolve(self, client: Client) -> Client:
        """After a delivery timeout 3.0.12 neither asks for a new id nor sends again: everything else times out too."""
        if not client.unresolved:
            return client
        return client._replace(next_batch=self.batches, told=tuple(what or UNKNOWN for what in client.told))
