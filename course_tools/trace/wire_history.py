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

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from course_tools.trace.suspected import OF_A_BATCH, note_failure, numbers_of, suspected
from lesson_lib.core.producer_state import TopicPartition
from lesson_lib.history import Anomaly, Event, History, Kind, LogCell, find_anomalies
from lesson_lib.proxy.recording import content_of


@dataclass(frozen=True)
class WireHistory(History):
    """What was seen between a client and its broker. `unasked`: the requests with acks=0, which the client
    takes for a success as soon as they are sent."""

    unasked: frozenset[int] = frozenset()

    @property
    def told(self) -> dict[int, str]:
        """Nothing: that cannot be seen here."""
        return {}

    def table(self) -> str:
        """As of any run, without the line on what the application was told."""
        return "\n".join(line for line in super().table().splitlines() if not line.startswith("told:"))

    @cached_property
    def acknowledged(self) -> dict[int, str]:
        """`ok` for each batch whose ok reached the client, or that was sent with acks=0."""
        return {event.batch: "ok" for event in self.of(Kind.ACK, Kind.SEND)
                if event.attempt in self.unasked or event.kind == Kind.ACK and not event.error}

    @cached_property
    def anomalies(self) -> list[Anomaly]:
        """As of any run, without holes where the values came another way, and with suspected copies."""
        found = find_anomalies(self.events, self.logs, self.acknowledged)
        found = [self._in_words(one) for one in found if not self._is_covered(one)]
        return [*found, *suspected(self.events, self._values_stored())]

    @property
    def cannot_be_told(self) -> bool:
        """Whether there are batches without numbers: a copy of one looks like another record."""
        return any(event.producer_id < 0 for event in self.of(Kind.SEND))

    def _values_stored(self) -> dict[int, tuple[str, ...]]:
        """Batch -> all its values, however many, where it is in a log and not aborted; taken from there."""
        found: dict[int, dict[int, list[str]]] = {}
        for cell in (cell for cells in self.logs.values() for cell in cells):
            if cell.kind == "data" and cell.txn != "aborted" and cell.batch >= 0:
                found.setdefault(cell.batch, {}).setdefault(cell.base_offset, []).append(cell.value)
        return {batch: tuple(next(iter(copies.values()))) for batch, copies in found.items()}

    def _is_covered(self, anomaly: Anomaly) -> bool:
        """A batch that is missing under its own number, while its values are in the log."""
        if anomaly.name != "hole":
            return False
        sent = self._first_sends[anomaly.batches[0]]
        if sent.batch in self._duplicates:
            return True
        place = sent.topic, sent.partition
        if sent.values:
            return set(sent.values) <= self._values_at.get(place, set())
        return sent.content in self._runs_of(place, sent.record_count)

    @cached_property
    def _first_sends(self) -> dict[int, Event]:
        return {event.batch: event for event in reversed(self.of(Kind.SEND))}

    @cached_property
    def _duplicates(self) -> set[int]:
        return {event.batch for event in self.of(Kind.VERDICT) if event.what == "duplicate"}

    @cached_property
    def _values_at(self) -> dict[TopicPartition, set[str]]:
        return {place: {cell.value for cell in cells} for place, cells in self.logs.items()}

    def _runs_of(self, place: TopicPartition, count: int) -> Iterator[str]:
        """The contents of so many records in a row that begin with a smaller batch: the pieces of a batch."""
        cells = [cell for cell in self.logs.get(place, ()) if cell.kind == "data"]
        sizes = Counter(cell.base_offset for cell in cells)
        for at, cell in enumerate(cells[:len(cells) - count + 1]):
            if cell.offset == cell.base_offset and sizes[cell.base_offset] < count:
                yield content_of(one.value for one in cells[at:at + count])

    def _in_words(self, anomaly: Anomaly) -> Anomaly:
        if anomaly.name != "lost write":
            return anomaly
        batch = anomaly.batches[0]
        told = f"the broker's ok for batch {batch} reached the client"
        if self._first_sends[batch].attempt in self.unasked:
            told = f"batch {batch} was sent with acks=0, which its client takes for a success"
        return replace(anomaly, sentence=f"{told}, and the batch is not in the log.")


def from_the_wire(run: History, unasked: Iterable[int] = ()) -> WireHistory:
    """The same run with retries recognised by what they are, and cells of the log given to their batches."""
    seen = BatchesByContent()
    events = tuple(map(seen.renumbered, run.events))
    logs = {key: tuple(_with_batch(cells, key, events, seen.same_bytes)) for key, cells in run.logs.items()}
    return WireHistory(events, logs, run.settings, unasked=frozenset(unasked))


def without_values(run: WireHistory) -> WireHistory:
    """The same run with names for the values, which are other people's; equal ones have one name."""
    names: dict[str, str] = {}

    def named(value: str) -> str:
        return names.setdefault(value, f"r{len(names)}") if value else ""
    events = tuple(replace(event, values=tuple(map(named, event.values))) for event in run.events)
    logs = {key: tuple(replace(cell, value=named(cell.value)) for cell in cells)
            for key, cells in run.logs.items()}
    named_run = replace(run, events=events, logs=logs)
    vars(named_run)["anomalies"] = run.anomalies  # found by digests of the values, which names don't have
    return named_run


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
        # Idempotent batches without an ok, those with the same values together.
        self._waiting: dict[Hashable, dict[int, Event]] = defaultdict(dict)
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
        note_failure(event, self._failed)
        if event.kind == Kind.ACK and not event.error:
            self._waiting.get(_what_it_holds(event), {}).pop(batch, None)
        return event

    def _sent(self, event: Event) -> int:
        alike = self.same_bytes.setdefault(event.batch, [])
        if event.producer_id < 0:
            again = [one for one in alike if one in self._failed]
        else:
            waiting = self._waiting[_what_it_holds(event)]
            again = alike or [one for one, first in waiting.items() if _is_retry(event, first)]
            if not again:
                waiting[len(self._tries)] = event
        batch = again[0] if again else len(self._tries)
        if batch not in alike:
            alike.append(batch)
        return batch


def _what_it_holds(event: Event) -> Hashable:
    """The same for a batch and for its retry, whatever bytes that has."""
    return event.lane, event.topic, event.partition, event.record_count, event.content or event.values


def _is_retry(event: Event, earlier: Event) -> bool:
    """Whether a batch that holds the same is another try of the earlier one."""
    if not (event.content or event.values):
        return False
    return numbers_of(event) != numbers_of(earlier) or event.base_sequence == earlier.base_sequence


def _with_batch(cells: Iterable[LogCell], key: TopicPartition, events: Iterable[Event],
                same_bytes: Mapping[int, Sequence[int]]) -> Iterator[LogCell]:
    """Cells under the number of their batch: that of the bytes where these have one, else the one that was
    stored there, else in order one of those with these bytes of which no answer says where they are.

    A broker may write other bytes than it was sent, such as its own time (LogAppendTime).
    """
    stored = {event.offset: event.batch for event in events if (event.topic, event.partition) == key
              and event.kind == Kind.VERDICT and event.what == "stored"}
    answered = set(stored.values())
    left = {data: [one for one in alike if one not in answered] for data, alike in same_bytes.items()}
    at: dict[int, int] = {}  # base offset -> batch
    for cell in cells:
        if (base := cell.base_offset) not in at:
            alike = same_bytes.get(cell.batch, ())
            if alike and cell.producer_id >= 0:
                at[base] = alike[0]
            elif base in stored:
                at[base] = stored[base]
            else:
                free = left.get(cell.batch) or [*alike[:1], -1]
                at[base] = free.pop(0)
        yield replace(cell, batch=at[base])
