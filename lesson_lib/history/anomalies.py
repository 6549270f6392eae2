"""What can be wrong with a run, and how each is recognised. Three have another name in Jepsen's analyses of
Kafka: a copy is a *duplicate* there (which is here what the broker recognises, and doesn't store), read again
a *nonmonotonic poll*, skipped a *poll skip*.

| name | what it means |
|---|---|
| copy | one batch, sent by one `send`, lies in the log more than once |
| lost write | the application was told ok, and the batch is not in the log |
| reordered | of one producer's batches on a partition, a later one lies before an earlier one |
| aborted read | a batch that was reported failed, or is of an aborted transaction, is stored and readable |
| hole | a batch is missing while a later one of the same producer and partition is stored |
| read again | a consumer read an offset that it, or its predecessor in the group, had read already |
| skipped | a position was committed behind a record that no consumer of the group ever read |

A value that the application itself sent twice is no anomaly: Kafka was asked twice. "unknown" is none either.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass

from lesson_lib.core.error_codes import ErrorCode
from lesson_lib.history.event import Event, Kind, LogCell
from lesson_lib.text_table import times


@dataclass(frozen=True, slots=True)
class Anomaly:
    """A name from the table above, the batches it is about, and a sentence."""

    name: str
    batches: tuple[int, ...]
    sentence: str

    def __str__(self) -> str:
        return f"{self.name}: {self.sentence}"


def find_anomalies(events: Sequence[Event], logs: Mapping[tuple[str, int], Sequence[LogCell]],
                   told: Mapping[int, str]) -> list[Anomaly]:
    """Every anomaly of a finished run, in the order of the table."""
    split = split_later(events)
    sent = {batch: first for batch, first in _batches_sent(events).items() if batch not in split}
    stored = {cell.batch for cells in logs.values() for cell in cells if cell.kind == "data"}
    found = [a for cells in logs.values() for a in (*_copies(cells), *_reordered(cells, sent))]
    return [*found, *_lost_writes(stored, told, sent), *_failed_and_stored(stored, told),
            *_aborted_reads(events, logs), *_holes(stored, sent), *_polls(events), *_skips(events, logs)]


def _batches_sent(events: Iterable[Event]) -> dict[int, Event]:
    """The first send of each batch."""
    sent: dict[int, Event] = {}
    for event in events:
        if event.kind == Kind.SEND:
            sent.setdefault(event.batch, event)
    return sent


def split_later(events: Iterable[Event]) -> set[int]:
    """The batches that were too large for the broker, and whose records their client sent again in smaller
    ones: the first of those begins at the same sequence, or without sequences with the same record.
    """
    sent: dict[int, Event] = {}
    too_large: list[Event] = []
    found: set[int] = set()
    for event in events:
        if event.error == ErrorCode.MESSAGE_TOO_LARGE and event.kind == Kind.VERDICT and event.batch in sent:
            too_large.append(sent[event.batch])
        elif event.kind == Kind.SEND:
            if event.batch not in sent:
                found |= {large.batch for large in too_large if _begins_as(event, large)}
            sent[event.batch] = event
    return found


def _begins_as(small: Event, large: Event) -> bool:
    same = (small.lane, small.topic, small.partition) == (large.lane, large.topic, large.partition)
    begins = (small.base_sequence == large.base_sequence if large.base_sequence >= 0
              else small.values[:1] == large.values[:1] != ())
    return same and begins and small.record_count < large.record_count


def _places(cells: Iterable[LogCell]) -> list[tuple[int, int]]:
    """(batch, offset of its first record) for each time that a batch is in the log, in order."""
    return list(dict.fromkeys((c.batch, c.base_offset) for c in cells if c.kind == "data" and c.batch >= 0))


def _copies(cells: Sequence[LogCell]) -> list[Anomaly]:
    offsets: dict[int, list[str]] = {}
    for batch, offset in _places(cells):
        offsets.setdefault(batch, []).append(str(offset))
    return [Anomaly("copy", (batch,),
                    f"batch {batch} is in the log {times(len(where))}, at offsets {', '.join(where)}.")
            for batch, where in offsets.items() if len(where) > 1]


def _reordered(cells: Sequence[LogCell], sent: Mapping[int, Event]) -> list[Anomaly]:
    order = [batch for batch, _ in _places(cells) if batch in sent]
    pairs = [(a, b) for a, b in zip(order, order[1:], strict=False) if b < a and sent[a].lane == sent[b].lane]
    return [Anomaly("reordered", (late, early), f"batch {early} comes after batch {late} in the log.")
            for late, early in pairs]


def _lost_writes(stored: Container[int], told: Mapping[int, str], sent: Mapping[int, Event]) -> list[Anomaly]:
    return [Anomaly("lost write", (batch,),
                    f"the application was told ok for batch {batch}, and it is not in the log.")
            for batch, answer in told.items() if answer == "ok" and batch in sent and batch not in stored]


def _failed_and_stored(stored: Container[int], told: Mapping[int, str]) -> list[Anomaly]:
    return [Anomaly("aborted read", (batch,), f"batch {batch} was reported failed, and it is in the log.")
            for batch, answer in told.items() if answer == "failed" and batch in stored]


def _aborted_reads(events: Iterable[Event],
                   logs: Mapping[tuple[str, int], Sequence[LogCell]]) -> list[Anomaly]:
    aborted = {(*where, cell.offset): cell.batch for where, cells in logs.items() for cell in cells
               if cell.txn == "aborted" and cell.kind == "data"}
    return [Anomaly("aborted read", (aborted[e.topic, e.partition, e.offset],),
                    f"{e.lane} read offset {e.offset}, which was aborted.")
            for e in events if e.kind == Kind.READ and (e.topic, e.partition, e.offset) in aborted]


def _holes(stored: Container[int], sent: Mapping[int, Event]) -> list[Anomaly]:
    later: dict[tuple[str, str, int], int] = {}
    found = []
    for batch, first in sorted(sent.items(), reverse=True):
        key = first.lane, first.topic, first.partition
        if batch in stored:
            later[key] = batch
        elif key in later:
            found.append(Anomaly("hole", (batch,),
                                 f"batch {batch} is missing, while the later batch {later[key]} is stored."))
    return found[::-1]


def _skips(events: Iterable[Event], logs: Mapping[tuple[str, int], Sequence[LogCell]]) -> list[Anomaly]:
    ends: dict[tuple[str, int], int] = {}
    read: set[tuple[str, int, int | None]] = set()
    for event in events:
        where = event.topic, event.partition
        if event.kind == Kind.POSITION:
            ends[where] = max(event.offset or 0, ends.get(where, 0))
        elif event.kind == Kind.READ:
            read.add((*where, event.offset))
    missed = [cell for where, end in ends.items() for cell in logs.get(where, ()) if cell.offset < end
              and cell.kind == "data" and cell.txn != "aborted" and (*where, cell.offset) not in read]
    return [Anomaly("skipped", (cell.batch,), f"offset {cell.offset} was passed over: no consumer read it.")
            for cell in missed]


def _polls(events: Iterable[Event]) -> list[Anomaly]:
    seen: set[tuple[str, str, int, int | None]] = set()
    found = []
    for event in events:
        if event.kind == Kind.READ:
            key = (event.lane, event.topic, event.partition, event.offset)
            if key in seen:
                found.append(Anomaly("read again", (event.batch,),
                                     f"offset {event.offset} was read more than once."))
            seen.add(key)
    return found
