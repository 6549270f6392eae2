"""The history of batches that somebody made by hand.

There is no application: nobody is told anything, and a batch that is missing from the log is no anomaly. A
batch is the same batch again, another try of it, when it has the same producer id, epoch and range.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from lesson_lib.core.error_codes import ErrorCode
from lesson_lib.core.producer_state import Batch
from lesson_lib.history.event import Event, Kind, LogCell
from lesson_lib.history.history import BY_HAND, History, Settings

TOPIC = "forged"


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


def history_by_hand(handed: Sequence[JudgedBatch], broker: str = "4.4") -> History:
    """Everything that was handed over, in order, and the log as far as these batches are in it."""
    numbers: dict[object, int] = {}
    tries: Counter[int] = Counter()
    events: list[Event] = []
    log: list[LogCell] = []
    for n, one in enumerate(handed):
        # Plain batches are never the same.
        number = numbers.setdefault(one.identity if one.batch.has_producer_id else n, len(numbers))
        tries[number] += 1
        events += _events(one, n, number, tries[number])
        log += _cells(one, number) if one.verdict == "stored" else ()
    idempotence = any(one.batch.has_producer_id for one in handed)
    settings = Settings(BY_HAND, idempotence, broker=broker, client="by hand")
    return History(tuple(events), {(TOPIC, 0): tuple(log)}, settings)


def _events(one: JudgedBatch, n: int, number: int, try_no: int) -> Iterator[Event]:
    """The request, the verdict and the answer."""
    batch = one.batch
    send = Event(3 * n, Kind.SEND, attempt=n + 1, batch=number, try_no=try_no, values=one.values, topic=TOPIC,
                 producer_id=batch.producer_id, producer_epoch=batch.producer_epoch,
                 base_sequence=batch.base_sequence, record_count=batch.record_count,
                 transactional=batch.transactional)
    answered = replace(send, t=3 * n + 2, kind=Kind.ACK, offset=one.offset, error=one.error)
    yield from (send, replace(answered, t=3 * n + 1, kind=Kind.VERDICT, what=one.verdict, lane="broker"),
                answered)


def _cells(one: JudgedBatch, number: int) -> Iterator[LogCell]:
    first, batch = one.offset or 0, one.batch
    for i, value in enumerate(one.values):
        yield LogCell(first + i, value, number, first, producer_id=batch.producer_id,
                      producer_epoch=batch.producer_epoch, sequence=batch.sequence_of(i))
