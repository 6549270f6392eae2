"""The history of batches that somebody made by hand.

There is no application: nobody is told anything, and a batch that is missing from the log is no anomaly. A
batch is the same batch again, another try of it, when it has the same producer id, epoch and range.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lesson_lib.core.batch import Batch
from lesson_lib.core.error_codes import ErrorCode
from lesson_lib.history.event import Event, Kind, LogCell
from lesson_lib.history.history import BY_HAND, History, Settings


@dataclass(frozen=True, slots=True)
class JudgedBatch:
    """One batch that was handed to a broker, with the broker's verdict: stored, duplicate or refused."""

    batch: Batch
    values: tuple[str, ...]
    verdict: str
    offset: int | None = None
    error: ErrorCode = ErrorCode.NONE

    @property
    def identity(self) -> tuple[int, int, int, int]:
        """What makes two of them the same batch to a broker."""
        batch = self.batch
        return batch.producer_id, batch.producer_epoch, batch.base_sequence, batch.record_count


def history_by_hand(handed: Sequence[JudgedBatch], topic: str = "forged", partition: int = 0,
                    broker: str = "4.4") -> History:
    """Everything that was handed over, in order, and the log as far as these batches are in it."""
    numbered = list(_numbered(handed))
    log = [cell for number, one in numbered if one.verdict == "stored" for cell in _cells(one, number)]
    events = [event for n, (number, one) in enumerate(numbered)
              for event in _events(handed, n, number, topic, partition)]
    idempotence = any(one.batch.has_producer_id for one in handed)
    settings = Settings(BY_HAND, idempotence, broker=broker, client="by hand")
    return History(tuple(events), {(topic, partition): tuple(log)}, settings)


def _numbered(handed: Sequence[JudgedBatch]) -> Iterator[tuple[int, JudgedBatch]]:
    """Each with the number of its batch; plain batches are never the same."""
    numbers: dict[object, int] = {}
    for n, one in enumerate(handed):
        key: object = one.identity if one.batch.has_producer_id else n
        yield numbers.setdefault(key, len(numbers)), one


def _events(handed: Sequence[JudgedBatch], n: int, number: int, topic: str,
            partition: int) -> Iterator[Event]:
    """The request, the verdict and the answer."""
    one, batch = handed[n], handed[n].batch
    tries = sum(other.identity == one.identity for other in handed[:n + 1]) if batch.has_producer_id else 1
    send = dict(attempt=n + 1, batch=number, try_no=tries, values=one.values, topic=topic,
                partition=partition, producer_id=batch.producer_id, producer_epoch=batch.producer_epoch,
                base_sequence=batch.base_sequence, record_count=batch.record_count,
                transactional=batch.transactional)
    outcome = dict(offset=one.offset, error=one.error)
    yield Event(3 * n, Kind.SEND, **send)  # type: ignore[arg-type]
    yield Event(3 * n + 1, Kind.VERDICT, one.verdict, "broker", **send, **outcome)  # type: ignore[arg-type]
    yield Event(3 * n + 2, Kind.ACK, **send, **outcome)  # type: ignore[arg-type]


def _cells(one: JudgedBatch, number: int) -> Iterator[LogCell]:
    first, batch = one.offset or 0, one.batch
    for i, value in enumerate(one.values):
        yield LogCell(first + i, value, number, first, producer_id=batch.producer_id,
                      producer_epoch=batch.producer_epoch, sequence=batch.sequence_of(i))
