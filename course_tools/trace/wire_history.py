"""A run of somebody's application, as far as the wire tells it.

The proxy sees requests, answers and the log, and nothing of what the application was told. So here an ok is
an answer without an error that reached the client. Two more things differ from the history of a run that the
course makes itself:

- Some clients stamp a retry anew, split a batch, or compress it again, so a retry need not have the bytes of
  the first try. It is known by its numbers (producer id, epoch, sequence) together with its values, and under
  a new epoch by its values alone, as long as the first try has no ok. Other values under the same numbers
  are another batch, which the broker then takes for a duplicate of the first: a lost write.
- A batch of a producer without idempotence has no numbers. Equal values, sent again after the first try
  failed, look like a retry and may be two records of the application: a *suspected* copy. So do the pieces of
  a batch that was split and went on under a new epoch, whose numbers say nothing of the first try. Where
  nothing had failed, equal values and even equal bytes are two records: a constant, sent twice within a
  millisecond. An application that repeats a value by itself leaves nothing to suspect in it: it cannot be
  told.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property

from lesson_lib.core.batch import TopicPartition
from lesson_lib.history import Anomaly, Event, History, Kind, LogCell, find_anomalies

SUSPECTED = "suspected copy"
OF_A_BATCH = (Kind.SEND, Kind.LOST, Kind.VERDICT, Kind.ACK, Kind.TIMEOUT)


class WireHistory(History):
    """What was seen between a client and its broker."""

    @property
    def told(self) -> dict[int, str]:
        """Nothing: that cannot be seen here."""
        return {}

    def table(self) -> str:
        """As of any run, without the line on what the application was told."""
        return "\n".join(line for line in super().table().splitlines() if not line.startswith("told:"))

    @cached_property
    def acknowledged(self) -> dict[int, str]:
        """`ok` for each batch whose ok reached the client."""
        return {event.batch: "ok" for event in self.of(Kind.ACK) if not event.error}

    @cached_property
    def anomalies(self) -> list[Anomaly]:
        """As of any run, without holes where the values came another way, and with suspected copies."""
        found = find_anomalies(self.events, self.logs, self.acknowledged)
        return [*(self._in_words(one) for one in found if not self._is_covered(one)), *_suspected(self)]

    @property
    def cannot_be_told(self) -> bool:
        """Whether there are batches without numbers: a copy of one looks like another record."""
        return any(event.producer_id < 0 for event in self.of(Kind.SEND))

    def _is_covered(self, anomaly: Anomaly) -> bool:
        """A batch that is missing under its own number, while each of its values is in the log."""
        if anomaly.name != "hole":
            return False
        sent = next(event for event in self.of(Kind.SEND) if event.batch == anomaly.batches[0])
        stored = {cell.value for cell in self.logs.get((sent.topic, sent.partition), ())}
        known = any(e.batch == sent.batch and e.what == "duplicate" for e in self.of(Kind.VERDICT))
        return known or bool(sent.values) and set(sent.values) <= stored

    @staticmethod
    def _in_words(anomaly: Anomaly) -> Anomaly:
        if anomaly.name != "lost write":
            return anomaly
        batch = anomaly.batches[0]
        return replace(anomaly, sentence=f"the broker's ok for batch {batch} reached the client, and the "
                       "batch is not in the log.")


def _suspected(run: WireHistory) -> Iterator[Anomaly]:
    """Batches whose values came again after a failure, whole or split or joined, and that are both in the
    log.

    Only where numbers do not say it (without any, or under another producer id or epoch), and not where the
    application repeats the value when nothing has failed.
    """
    stored = {cell.batch for cells in run.logs.values() for cell in cells if cell.txn != "aborted"}
    seen: dict[int, Event] = {}
    failed: set[int] = set()
    repeated: set[tuple[str, ...]] = set()
    found: list[tuple[Event, Event]] = []
    for event in run.events:
        if event.kind == Kind.SEND and event.batch in stored and event.batch not in seen:
            alike = [one for one in seen.values() if event.values and _may_be_copy(event, one)]
            found += [(one, event) for one in alike if one.batch in failed]
            repeated |= {event.values for one in alike if one.batch not in failed}
            seen[event.batch] = event
        failed = _failed_after(event, failed)
    yield from (_suspicion(*pair) for pair in found if pair[1].values not in repeated)


def _failed_after(event: Event, failed: set[int]) -> set[int]:
    """The batches whose last try has failed, once this has happened too."""
    if event.kind in (Kind.LOST, Kind.TIMEOUT) or (event.kind == Kind.ACK and event.error):
        return failed | {event.batch}
    return failed - {event.batch} if event.kind in (Kind.ACK, Kind.SEND) else failed


def _may_be_copy(event: Event, earlier: Event) -> bool:
    place, numbers = (event.lane, event.topic, event.partition), (event.producer_id, event.producer_epoch)
    if place != (earlier.lane, earlier.topic, earlier.partition):
        return False
    if event.producer_id >= 0 and numbers == (earlier.producer_id, earlier.producer_epoch):
        return False
    return _is_part(event.values, earlier.values) or _is_part(earlier.values, event.values)


def _is_part(part: tuple[str, ...], whole: tuple[str, ...]) -> bool:
    """Whether `part` is in `whole` in one piece."""
    return any(whole[at:at + len(part)] == part for at in range(len(whole) - len(part) + 1))


def _suspicion(earlier: Event, event: Event) -> Anomaly:
    held = "hold the same values" if event.values == earlier.values else "have values in common"
    return Anomaly(SUSPECTED, (earlier.batch, event.batch),
                   f"batches {earlier.batch} and {event.batch} of one producer {held}, the second was sent "
                   "before the first had an ok, and both are in the log.")


def from_the_wire(run: History) -> WireHistory:
    """The same run with retries recognised by what they are, and cells of the log given to their batches."""
    seen = BatchesByContent()
    events = tuple(map(seen.renumbered, run.events))
    logs = {key: tuple(_with_batch(cells, key, events, seen.same_bytes)) for key, cells in run.logs.items()}
    return WireHistory(events, logs, run.settings)


class BatchesByContent:
    """Counts batches and their tries anew, whatever bytes a retry has.

    `same_bytes`: the batches that have the same bytes, by the number that the run has for these bytes. With
    a producer's numbers, the same bytes are the same batch. Without, they are the same batch again only after
    its last try failed; else another record of the application.
    """

    def __init__(self) -> None:
        self.same_bytes: dict[int, list[int]] = {}
        self._tries: Counter[int] = Counter()
        self._of_request: dict[int, tuple[int, int]] = {}  # batch and try
        self._waiting: dict[int, Event] = {}  # idempotent batches without an ok
        self._failed: set[int] = set()

    def renumbered(self, event: Event) -> Event:
        """The next event, under the number of its batch and of its try."""
        if event.kind == Kind.SEND and event.batch >= 0:
            batch = self._sent(event)
            self._tries[batch] += 1
            self._of_request[event.attempt] = batch, self._tries[batch]
        if event.kind not in OF_A_BATCH or event.attempt not in self._of_request:
            return event
        batch, try_no = self._of_request[event.attempt]
        event = replace(event, batch=batch, try_no=try_no)
        self._failed = _failed_after(event, self._failed)
        if event.kind == Kind.ACK and not event.error:
            self._waiting.pop(batch, None)
        return event

    def _sent(self, event: Event) -> int:
        alike = self.same_bytes.setdefault(event.batch, [])
        if event.producer_id < 0:
            again = [one for one in alike if one in self._failed]
        else:
            again = alike or [one for one, first in self._waiting.items() if _is_retry(event, first)]
        batch = again[0] if again else len(self._tries)
        if batch not in alike:
            self.same_bytes[event.batch] = [*alike, batch]
        if event.producer_id >= 0 and not again:
            self._waiting[batch] = event
        return batch


def _is_retry(event: Event, earlier: Event) -> bool:
    place = (event.lane, event.topic, event.partition, event.values)
    if not event.values or place != (earlier.lane, earlier.topic, earlier.partition, earlier.values):
        return False
    same_producer = (event.producer_id, event.producer_epoch) == (earlier.producer_id, earlier.producer_epoch)
    return event.base_sequence == earlier.base_sequence if same_producer else event.producer_id >= 0


def _with_batch(cells: Iterable[LogCell], key: TopicPartition, events: Iterable[Event],
                same_bytes: Mapping[int, Sequence[int]]) -> Iterator[LogCell]:
    """Cells under the number of their batch: that of the bytes where these have one, else the one that was
    stored there, else in order one of those with these bytes of which no answer says where they are.

    A broker may write other bytes than it was sent, such as its own time (LogAppendTime).
    """
    stored = {event.offset: event.batch for event in events if (event.topic, event.partition) == key
              and event.kind == Kind.VERDICT and event.what == "stored"}
    left = {data: [one for one in alike if one not in stored.values()] for data, alike in same_bytes.items()}
    at: dict[int, int] = {}  # base offset -> batch
    for cell in cells:
        if cell.base_offset not in at:
            alike = same_bytes.get(cell.batch, ())
            if alike and cell.producer_id >= 0:
                at[cell.base_offset] = alike[0]
            elif cell.base_offset in stored:
                at[cell.base_offset] = stored[cell.base_offset]
            else:
                free = left.get(cell.batch) or list(alike[:1]) or [-1]
                at[cell.base_offset] = free.pop(0)
        yield replace(cell, batch=at[cell.base_offset])
