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

import itertools
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
    run = _told_apart(run)
    numbers = _first_tries(run.events)
    events = tuple(_renumbered(run.events, numbers))
    logs = {key: tuple(_with_batch(cells, key, events, numbers)) for key, cells in run.logs.items()}
    return WireHistory(events, logs, run.settings)


def _told_apart(run: History) -> History:
    """Without numbers, equal bytes are the same batch again only after its last try failed; else they are
    another record of the application, under a number of its own."""
    sent = [event for event in run.events if event.kind == Kind.SEND and event.batch >= 0]
    numbers = itertools.count()
    now: dict[int, list[int]] = {}  # number by the bytes -> the numbers of all that have these bytes
    of_attempt: dict[int, int] = {}
    failed: set[int] = set()
    events = []
    if all(event.producer_id >= 0 for event in sent):
        return run
    for event in run.events:
        if event.kind == Kind.SEND and event.batch >= 0:
            alike = now.setdefault(event.batch, [])
            again = alike[:1] if event.producer_id >= 0 else [one for one in alike if one in failed]
            of_attempt[event.attempt] = again[0] if again else next(numbers)
            alike += [of_attempt[event.attempt]] * (not again)
        if event.kind in OF_A_BATCH and event.attempt in of_attempt:
            event = replace(event, batch=of_attempt[event.attempt])
        failed = _failed_after(event, failed)
        events.append(event)
    logs = {key: tuple(_shared_out(cells, key, now, events)) for key, cells in run.logs.items()}
    return History(tuple(events), logs, run.settings)


def _shared_out(cells: Iterable[LogCell], key: TopicPartition, now: Mapping[int, Sequence[int]],
                events: Iterable[Event]) -> Iterator[LogCell]:
    """Cells with equal bytes for those that were stored there, where an answer says so, else in order."""
    stored = {event.offset: event.batch for event in events if (event.topic, event.partition) == key
              and event.kind == Kind.VERDICT and event.what == "stored"}
    left = {batch: [one for one in alike if one not in stored.values()] for batch, alike in now.items()}
    at: dict[int, int] = {}  # base offset -> batch
    for cell in cells:
        alike = now.get(cell.batch, [])
        if cell.base_offset not in at:
            free = left.get(cell.batch)
            by_bytes = free.pop(0) if free else alike[0] if alike else cell.batch
            known = stored.get(cell.base_offset) if cell.producer_id < 0 else None
            at[cell.base_offset] = by_bytes if known is None else known
        yield replace(cell, batch=at[cell.base_offset])


def _first_tries(events: Iterable[Event]) -> dict[int, int]:
    """Batch -> the batch that it is a retry of, itself for a first try."""
    numbers: dict[int, int] = {}
    waiting: dict[int, Event] = {}  # idempotent batches without an ok
    for event in events:
        if event.kind == Kind.SEND and event.batch not in numbers:
            earlier = (one for one in waiting.values() if _is_retry(event, one))
            numbers[event.batch] = next((one.batch for one in earlier), event.batch)
            if event.producer_id >= 0:
                waiting.setdefault(numbers[event.batch], event)
        elif event.kind == Kind.ACK and not event.error:
            waiting.pop(numbers.get(event.batch, event.batch), None)
    return numbers


def _is_retry(event: Event, earlier: Event) -> bool:
    place = (event.lane, event.topic, event.partition, event.values)
    if not event.values or place != (earlier.lane, earlier.topic, earlier.partition, earlier.values):
        return False
    same_producer = (event.producer_id, event.producer_epoch) == (earlier.producer_id, earlier.producer_epoch)
    return event.base_sequence == earlier.base_sequence if same_producer else event.producer_id >= 0


def _renumbered(events: Iterable[Event], numbers: Mapping[int, int]) -> Iterator[Event]:
    """The events of retries under the number of their batch, tries counted through."""
    tries: dict[int, int] = {}
    try_of: dict[int, int] = {}  # request -> try
    for event in events:
        if event.kind not in OF_A_BATCH or event.batch not in numbers:
            yield event
            continue
        batch = numbers[event.batch]
        if event.kind == Kind.SEND:
            try_of[event.attempt] = tries[batch] = tries.get(batch, 0) + 1
        yield replace(event, batch=batch, try_no=try_of.get(event.attempt, event.try_no))


def _with_batch(cells: Iterable[LogCell], key: TopicPartition, events: Iterable[Event],
                numbers: Mapping[int, int]) -> Iterator[LogCell]:
    """Cells under the number of their batch: that of the bytes, else the one that was stored there.

    A broker may write other bytes than it was sent, such as its own time (LogAppendTime).
    """
    stored = {event.offset: event.batch for event in events
              if (event.topic, event.partition) == key
              and event.kind == Kind.VERDICT and event.what == "stored"}
    for cell in cells:
        known = numbers.get(cell.batch, cell.batch)
        yield replace(cell, batch=known if known >= 0 else stored.get(cell.base_offset, -1))
