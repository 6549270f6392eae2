"""The producer of the explorer: the pure `Producer` of the simulation, laid to rest as a value between two
moves.

A search needs clients that can be compared, and it moves the same one in several ways. So a client is a
value, and each of its moves, `send`, `answered`, `disconnected`, `expired`, wakes a `Producer` up, moves it,
and lays it to rest again.

Differs from Kafka in: what `producer` says; and one partition, one record a batch, no back-off, no delivery
timeout while a batch is on the wire.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from functools import cache, cached_property
from operator import itemgetter
from typing import Any, NamedTuple

from lesson_lib.core.batch import Batch
from lesson_lib.core.error_codes import ErrorCode
from lesson_lib.history import Kind
from lesson_lib.sim.messages import ProduceAnswer, ProducerBatch, ProducerSettings
from lesson_lib.sim.producer import Producer

_BY_SEQUENCE = itemgetter(1)
PENDING = ""  # what the application was told of a batch that has not ended


class SentBatch(NamedTuple):
    """A batch as it is on the wire: its numbers stay, whatever the producer decides later."""

    number: int
    producer_id: int
    producer_epoch: int
    base_sequence: int


class Unanswered(NamedTuple):
    """A batch that has numbers and no end; `renumbered` while it was not sent with its new ones yet."""

    number: int
    sequence: int
    renumbered: bool = False


class ClientState(NamedTuple):
    """All that a producer and its application know. `memory` is what the producer itself remembers of the
    partition.

    `wire` is in the order of sending, `waiting` in the order of the next tries.
    """

    told: tuple[str, ...]
    next_batch: int = 0
    producer_id: int = -1
    epoch: int = -1
    memory: tuple[Any, ...] = ()
    wire: tuple[Unanswered, ...] = ()
    waiting: tuple[Unanswered, ...] = ()


@dataclass(frozen=True)
class Client:
    """Which client it is, how many batches it has to send, and how many may be unanswered at once."""

    kind: type[Producer]
    batches: int
    in_flight: int = 1
    idempotence: bool = True

    @cached_property
    def settings(self) -> ProducerSettings:
        """Those of the producer."""
        return ProducerSettings(self.idempotence, in_flight=self.in_flight)

    def start(self) -> ClientState:
        """Before the first send, with an id and epoch 0 when idempotence is on."""
        return _Awake(self, ClientState((PENDING,) * self.batches, 0, 1, 0)).rest()

    def send(self, state: ClientState) -> tuple[ClientState, SentBatch] | None:
        """The next request, a waiting retry first; None while it has to wait or has nothing left."""
        if len(state.wire) >= self.in_flight:  # no need to wake it up
            return None
        awake = _Awake(self, state)
        head = next(filter(awake.producer.may_drain, awake.producer.heads()), None)
        if head is None:
            return None
        sent = awake.producer.transmit(head)
        return awake.rest(), SentBatch(head.number, sent.producer_id, sent.producer_epoch, sent.base_sequence)

    def answered(self, state: ClientState, error: int) -> ClientState:
        """The answer to the oldest request on the wire is here."""
        awake = _Awake(self, state)
        answer = ProduceAnswer(ErrorCode(error), log_start_offset=0)
        awake.producer.answered(awake.producer.in_flight[0], answer)
        return awake.rest()

    def disconnected(self, state: ClientState) -> ClientState:
        """The connection is gone: all that was on the wire has to be sent again."""
        awake = _Awake(self, state)
        awake.producer.disconnected()
        return awake.rest()

    def expired(self, state: ClientState) -> ClientState:
        """The delivery timeout ends the oldest waiting batch, or else one that was never sent."""
        awake = _Awake(self, state)
        awake.producer.expired(awake.producer.queues[0][0])
        return awake.rest()


class _Surroundings:
    """The `Control` of a producer for one move: it collects what the application is told, and has no time."""

    def __init__(self, state: ClientState) -> None:
        self.ends = list(state.told)
        self._ids = [(state.producer_id + 1, 0), (state.producer_id, state.epoch)]

    def new_producer_id(self) -> tuple[int, int]:
        """The one it has, and if it asks again the next one."""
        return self._ids.pop()

    def told(self, batch: ProducerBatch, what: str, offset: int | None, error: ErrorCode, note: str) -> None:
        """The application learns how a batch ended."""
        self.ends[batch.number] = what

    def goes_again(self, batch: ProducerBatch) -> None:
        """As soon as it likes."""

    def abandon(self, batch: ProducerBatch) -> None:
        """No delivery timeout ends a batch on the wire."""

    def happened(self, kind: Kind, what: str, **fields: Any) -> None:
        """`as_history` sees it in the state."""


class _Awake:
    """A producer for one move."""

    def __init__(self, client: Client, state: ClientState) -> None:
        self.batches, self.next_batch, self.around = client.batches, state.next_batch, _Surroundings(state)
        self.producer = producer = client.kind(client.settings, self.around)
        numbered = {one: _numbered(one, producer.producer_id, producer.producer_epoch)
                    for one in sorted((*state.wire, *state.waiting), key=_BY_SEQUENCE)}
        producer.in_flight = [numbered[one] for one in state.wire]
        producer.queues[0] = queue = deque([numbered[one] for one in state.waiting])
        if state.memory:
            producer.recall(0, state.memory, list(numbered.values()))
        for batch in queue:
            batch.retried = True
        if self.next_batch < self.batches:
            queue.append(ProducerBatch(self.next_batch, ("",), 0))

    def rest(self) -> ClientState:
        """All of it as a value. Where a producer will never send again, all that has not ended ends now."""
        producer, waiting, ends = self.producer, list(self.producer.queues[0]), self.around.ends
        following = self.next_batch
        if waiting and waiting[-1].numbered is None:
            waiting.pop()
        elif following < self.batches:
            following += 1
        if producer.stuck or producer.fatal:
            end, following = "unknown" if producer.stuck else "failed", self.batches
            ends = [what or end for what in ends]
        return ClientState(tuple(ends), following, producer.producer_id, producer.producer_epoch,
                           producer.memory(0), _laid_to_rest(producer.in_flight), _laid_to_rest(waiting))


def _numbered(one: Unanswered, producer_id: int, epoch: int) -> ProducerBatch:
    """A batch that got its numbers before."""
    return ProducerBatch(one.number, ("",), 0, tries=1, numbered=_header(producer_id, epoch, one.sequence),
                         renumbered=one.renumbered)


@cache
def _header(producer_id: int, epoch: int, sequence: int) -> Batch:
    return Batch(1, producer_id, epoch, sequence)


def _laid_to_rest(batches: list[ProducerBatch]) -> tuple[Unanswered, ...]:
    return tuple([Unanswered(batch.number, batch.sequence, batch.renumbered) for batch in batches])
