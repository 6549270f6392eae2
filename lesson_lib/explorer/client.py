"""The client of the explorer: the pure `Producer` of the simulation and its application, between two moves.

A search needs clients that can be compared, and it moves the same one in several ways. So each move, `sends`,
`answered`, `disconnected`, `expired`, leaves the client as it is and returns another.

Differs from Kafka in: what `producer` says; and one record a batch, no delivery timeout while a batch is on
the wire; a back-off may be over or not, which matters only beside another partition.
"""

from __future__ import annotations

from collections import deque
from typing import Any, NamedTuple, TypeVar

from lesson_lib.core.error_codes import ErrorCode
from lesson_lib.sim.messages import ProduceAnswer, ProducerBatch, ProducerSettings
from lesson_lib.sim.producer import Producer, ProducerHost

PENDING = ""  # what the application was told of a batch that has not ended
T = TypeVar("T")
_CONTAINERS = {list, set, deque, dict}  # all that a producer keeps anything in: others would be shared


class SentBatch(NamedTuple):
    """A batch with its numbers, as it is on the wire; they stay, whatever the producer decides later.

    `renumbered` while the producer has given it new ones, and not sent it with them yet.
    """

    number: int
    producer_id: int
    producer_epoch: int
    base_sequence: int
    renumbered: bool


class ClientState(NamedTuple):
    """All that a producer and its application know. `memories`: what the producer itself remembers of each
    partition.

    `wire` is in the order of sending, `waiting` in the order of the next tries, partition by partition.
    """

    told: tuple[str, ...]
    producer_id: int
    epoch: int
    memories: tuple[tuple[Any, ...], ...]
    wire: tuple[SentBatch, ...]
    waiting: tuple[SentBatch, ...]


class _UntimedHost(ProducerHost):
    """Collects what it is told, and has no time: so nothing waits for its next try, and no timeout ends a
    batch on the wire. `replay` writes down what happens.
    """

    def __init__(self, batches: int) -> None:
        self.producer_ids, self.ends = 0, [PENDING] * batches

    def new_producer_id(self) -> tuple[int, int]:
        self.producer_ids += 1
        return self.producer_ids, 0

    def told(self, batch: ProducerBatch, what: str, offset: int | None, error: ErrorCode, note: str) -> None:
        self.ends[batch.number] = what


class ExploredClient:
    """Has so many batches to send, to so many partitions in turn, all handed over at once."""

    state: ClientState

    def __init__(self, kind: type[Producer], settings: ProducerSettings, batches: int,
                 partitions: int = 1) -> None:
        self.partitions, self._host = partitions, _UntimedHost(batches)
        self.producer = kind(settings, self._host)
        for number in range(batches):
            position, partition = divmod(number, partitions)
            self.producer.send(ProducerBatch(number, ("",), partition, position=position))
        self._rest()

    def sends(self) -> list[tuple[ExploredClient, SentBatch]]:
        """Each request that may be the next one, with what it leads to; none while all have to wait."""
        found: list[tuple[ExploredClient, SentBatch]] = []
        for head in filter(self.producer.may_drain, self.producer.heads()):
            after = self._copy()
            after.producer.transmit(after.producer.queues[head.partition][0])
            found.append((after._rest(), after.state.wire[-1]))
            if not head.retried:  # what was never sent does not back off
                break
        return found

    def answered(self, error: int) -> ExploredClient:
        """The answer to the oldest request on the wire is here."""
        after, answer = self._copy(), ProduceAnswer(ErrorCode(error), log_start_offset=0)
        after.producer.answered(after.producer.in_flight[0], answer)
        return after._rest()

    def disconnected(self) -> ExploredClient:
        """The connection is gone: all that was on the wire has to be sent again."""
        after = self._copy()
        after.producer.disconnected()
        return after._rest()

    def expired(self) -> ExploredClient:
        """The delivery timeout ends the oldest batch that is not on the wire."""
        after = self._copy()
        after.producer.expired(oldest_waiting(after.producer))
        return after._rest()

    def _copy(self) -> ExploredClient:
        other, producer, host = _twin(self), _twin(self.producer), _twin(self._host)
        other.producer, other._host, producer.host, host.ends = producer, host, host, [*host.ends]
        batches = {batch: _twin(batch) for batch in producer.in_flight}
        for queue in producer.queues.values():
            # Of what was never sent only the first can go out now; all clients share the rest, told or not.
            for batch in (one for n, one in enumerate(queue) if one.tries or not n):
                batches[batch] = _twin(batch)
                batches[batch].told = PENDING
        for name, value in vars(self.producer).items():
            if type(value) in _CONTAINERS:
                setattr(producer, name, _copied(value, batches))
        return other

    def _rest(self) -> ExploredClient:
        producer = self.producer
        queued = [batch for queue in producer.queues.values() for batch in queue if batch.tries]
        memories = tuple([producer.memory(partition) for partition in range(self.partitions)])
        ids = producer.producer_id, producer.producer_epoch
        self.state = ClientState(tuple(self._host.ends), *ids, memories,
                                 tuple(map(_sent, producer.in_flight)), tuple(map(_sent, queued)))
        return self


def oldest_waiting(producer: Producer) -> ProducerBatch:
    """The batch that was handed over first, of those that are not on the wire."""
    return min((queue[0] for queue in producer.queues.values() if queue), key=lambda batch: batch.number)


def _sent(batch: ProducerBatch) -> SentBatch:
    if (sent := batch.numbered) is None:  # the epoch has risen and taken its numbers away
        return SentBatch(batch.number, -1, -1, -1, batch.renumbered)
    return SentBatch(batch.number, sent.producer_id, sent.producer_epoch, sent.base_sequence,
                     batch.renumbered)


def _twin(one: T) -> T:
    other = object.__new__(type(one))
    other.__dict__ = one.__dict__.copy()
    return other


def _copied(value: Any, batches: dict[ProducerBatch, ProducerBatch]) -> Any:
    """What a producer remembers, once more, with other `batches`: `deepcopy` takes twenty times as long."""
    kind = type(value)
    if kind is dict:
        return {key: _copied(one, batches) if type(one) in _CONTAINERS else one
                for key, one in value.items()}
    return kind([batches.get(one, one) for one in value])
