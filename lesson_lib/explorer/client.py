"""The producer of the explorer: the pure `Producer` of the simulation, laid to rest as a value between two
moves.

A search needs clients that can be compared, and it moves the same one in several ways. So a client is a
value, and each of its moves, `sends`, `answered`, `disconnected`, `expired`, wakes a `Producer` up, moves it,
and lays it to rest again.

Differs from Kafka in: what `producer` says; and one record a batch, no delivery timeout while a batch is on
the wire; a back-off may be over or not, which matters only beside another partition.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, NamedTuple

from lesson_lib.core.error_codes import ErrorCode
from lesson_lib.core.producer_state import Batch
from lesson_lib.sim.messages import ProduceAnswer, ProducerBatch, ProducerSettings
from lesson_lib.sim.producer import Producer, ProducerHost

PENDING = ""  # what the application was told of a batch that has not ended


class SentBatch(NamedTuple):
    """A batch with its numbers, as it is on the wire; they stay, whatever the producer decides later.

    `renumbered` while the producer has given it new ones, and not sent it with them yet.
    """

    number: int
    producer_id: int = -1
    producer_epoch: int = -1
    base_sequence: int = -1
    renumbered: bool = False


class ClientState(NamedTuple):
    """All that a producer and its application know. `memories`: what the producer itself remembers of each
    partition.

    `wire` is in the order of sending, `waiting` in the order of the next tries, partition by partition.
    """

    told: tuple[str, ...]
    producer_id: int = -1
    epoch: int = -1
    memories: tuple[tuple[Any, ...], ...] = ()
    wire: tuple[SentBatch, ...] = ()
    waiting: tuple[SentBatch, ...] = ()


@dataclass(frozen=True)
class ExploredClient:
    """Which client it is, how many batches it has to send to how many partitions in turn, and how many may be
    unanswered at once.
    """

    kind: type[Producer]
    batches: int
    in_flight: int = 1
    idempotence: bool = True
    partitions: int = 1

    @cached_property
    def settings(self) -> ProducerSettings:
        return ProducerSettings(self.idempotence, in_flight=self.in_flight)

    def start(self) -> ClientState:
        """Before the first send, with an id and epoch 0 when idempotence is on."""
        return _Awake(self, ClientState((PENDING,) * self.batches, 1, 0)).rest()

    def sends(self, state: ClientState) -> list[tuple[ClientState, SentBatch]]:
        """Each request that may be the next one, with what it leads to; none while all have to wait."""
        found: list[tuple[ClientState, SentBatch]] = []
        while len(state.wire) < self.in_flight:
            awake = _Awake(self, state)
            heads = [head for head in awake.producer.heads() if awake.producer.may_drain(head)][len(found):]
            if not heads:
                break
            sent = awake.producer.transmit(heads[0])
            found.append((awake.rest(), SentBatch(heads[0].number, *_numbers(sent))))
            if not heads[0].retried or len(heads) == 1:  # what was never sent does not back off
                break
        return found

    def answered(self, state: ClientState, error: int) -> ClientState:
        """The answer to the oldest request on the wire is here."""
        answer = ProduceAnswer(ErrorCode(error), log_start_offset=0)
        return self._moved(state, lambda producer: producer.answered(producer.in_flight[0], answer))

    def disconnected(self, state: ClientState) -> ClientState:
        """The connection is gone: all that was on the wire has to be sent again."""
        return self._moved(state, lambda producer: producer.disconnected())

    def expired(self, state: ClientState) -> ClientState:
        """The delivery timeout ends the oldest batch that is not on the wire."""
        return self._moved(state, lambda producer: producer.expired(oldest_waiting(producer)))

    def _moved(self, state: ClientState, move: Callable[[Producer], None]) -> ClientState:
        awake = _Awake(self, state)
        move(awake.producer)
        return awake.rest()


def oldest_waiting(producer: Producer) -> ProducerBatch:
    """The batch that was handed over first, of those that are not on the wire."""
    return min((queue[0] for queue in producer.queues.values() if queue), key=lambda batch: batch.number)


class _Awake(ProducerHost):
    """A producer for one move, and its host: that collects what the application is told, and has no time, so
    nothing waits for its next try and no timeout ends a batch on the wire. `replay` writes down what happens.
    """

    def __init__(self, client: ExploredClient, state: ClientState) -> None:
        self.ends = list(state.told)
        self._ids = [(state.producer_id + 1, 0), (state.producer_id, state.epoch)]
        self.producer = producer = client.kind(client.settings, self)
        self.partitions = client.partitions
        producer.in_flight = [self._woken(one) for one in state.wire]
        waiting = [self._woken(one) for one in state.waiting]
        unanswered = producer.in_flight + waiting
        taken = {batch.number for batch in unanswered}
        fresh = [self._batch(number) for number, end in enumerate(state.told)
                 if end == PENDING and number not in taken]
        producer.queues = {partition: deque() for partition in range(client.partitions)}
        for batch in waiting:
            batch.retried = True
        for batch in waiting + fresh:
            producer.queues[batch.partition].append(batch)
        unanswered.sort(key=lambda batch: batch.sequence)
        for partition, memory in enumerate(state.memories):
            if memory:
                producer.recall(partition, memory, [one for one in unanswered if one.partition == partition])

    def _batch(self, number: int, **fields: Any) -> ProducerBatch:
        position, partition = divmod(number, self.partitions)
        return ProducerBatch(number, ("",), partition, position=position, **fields)

    def _woken(self, sent: SentBatch) -> ProducerBatch:
        """A batch that was sent before; the epoch may have risen and taken its numbers away."""
        number, *numbers, renumbered = sent
        lost = self.producer.settings.idempotence and sent.base_sequence < 0
        return self._batch(number, tries=1, renumbered=renumbered,
                           numbered=None if lost else _header(*numbers))

    def rest(self) -> ClientState:
        """All of it as a value."""
        producer = self.producer
        queued = [batch for queue in producer.queues.values() for batch in queue if batch.tries]
        memories = tuple([producer.memory(partition) for partition in producer.queues])
        return ClientState(tuple(self.ends), producer.producer_id, producer.producer_epoch, memories,
                           _laid_to_rest(producer.in_flight), _laid_to_rest(queued))

    def new_producer_id(self) -> tuple[int, int]:
        """The one it has, and if it asks again the next one."""
        return self._ids.pop()

    def told(self, batch: ProducerBatch, what: str, offset: int | None, error: ErrorCode, note: str) -> None:
        """The application learns how a batch ended."""
        self.ends[batch.number] = what


@cache
def _header(producer_id: int, epoch: int, sequence: int) -> Batch:
    return Batch(1, producer_id, epoch, sequence)


def _numbers(batch: Batch | None) -> tuple[int, ...]:
    return (batch.producer_id, batch.producer_epoch, batch.base_sequence) if batch else ()


def _laid_to_rest(batches: Iterable[ProducerBatch]) -> tuple[SentBatch, ...]:
    return tuple([SentBatch(batch.number, *_numbers(batch.numbered), renumbered=batch.renumbered)
                  for batch in batches])
