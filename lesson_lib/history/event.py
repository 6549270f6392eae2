"""One thing that happened. The simulation and the fault proxy both write these, nothing else goes into a
picture. One produce request, put together from its events. And what can be wrong with all of them.

A batch keeps its number through all tries; an attempt is one produce request on its way. So the third attempt
may be the second try of batch 1. Fields that do not apply keep their default.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from lesson_lib.core.error_codes import ErrorCode
from lesson_lib.core.producer_state import increment_sequence
from lesson_lib.text_table import times


class Kind(StrEnum):
    """What sort of thing happened; `Event.what` says which of its forms."""

    SEND = "send"          # the producer hands a produce request to the network
    LOST = "lost"          # what: request | answer
    DROP = "drop"          # the connection `conn` is gone, everything unanswered on it with it
    VERDICT = "verdict"    # the broker decided; what: stored | duplicate | refused | kept | dropped
    ACK = "ack"            # the producer sees the answer: error, offset
    TIMEOUT = "timeout"    # the producer stops waiting for an answer (request timeout)
    REPORT = "report"      # the application is told; what: ok | failed | unknown
    INIT = "init"          # a producer gets its id and epoch
    EPOCH = "epoch"        # a producer raises its own epoch, or asks for a new id
    PRODUCER = "producer"  # what: killed | started | closed | stuck
    BROKER = "broker"      # what: restarted | crashed | failed over | forgot ids
    TXN = "txn"            # what: begin | add partition | commit | abort | offsets | fenced ...
    MARKER = "marker"      # a control record is in the log; what: commit | abort
    CONSUMER = "consumer"  # what: crashed | started
    READ = "read"          # a consumer reads the record at `offset`
    POLL = "poll"          # a consumer asks for records and receives none
    WORK = "work"          # the application does with a record that it read what it is there for
    POSITION = "position"  # a consumer commits `offset` as the next one to read


@dataclass(frozen=True, slots=True)
class Event:
    """`t` is virtual milliseconds in a simulation and a running number on the wire; it only ever grows.

    `attempt` counts produce requests from 1, `batch` counts batches from 0 (-1: none), `try_no` counts the
    tries of that batch from 1. `lane` names who it happens to: producer, broker, consumer, coordinator (a
    second one is `producer 2`). `behind`: batches that a broker had kept aside and stores right behind this
    one, in that order. `memory`: what a learner's own rule remembers after its verdict, empty for Kafka's.
    `content`: a digest of all values, where they came over a wire; `values` has what a picture has room for.
    """

    t: int
    kind: Kind
    what: str = ""
    lane: str = "producer"
    attempt: int = 0
    batch: int = -1
    try_no: int = 0
    values: tuple[str, ...] = ()
    topic: str = ""
    partition: int = 0
    conn: int = 0
    producer_id: int = -1
    producer_epoch: int = -1
    base_sequence: int = -1
    record_count: int = 0
    transactional: bool = False
    offset: int | None = None  # of a batch, its base offset
    error: ErrorCode = ErrorCode.NONE
    note: str = ""
    behind: tuple[int, ...] = ()
    memory: str = ""
    content: str = ""


NOWHERE = -1  # the offset of what a rule took for a duplicate although the log holds nothing like it


def range_of(send: Event) -> tuple[int, int]:
    """First and last sequence of a batch."""
    return send.base_sequence, increment_sequence(send.base_sequence, max(1, send.record_count) - 1)


def range_words(first: int, last: int) -> str:
    """A range of sequences: 4, or 4..6."""
    return f"{first}" if first == last else f"{first}..{last}"


@dataclass(frozen=True, slots=True)
class LogCell:
    """One offset of the final log. `kind` is data, commit or abort; `txn` is empty, open, committed or
    aborted.

    `batch` is the number of the batch it came with, -1 where nobody saw that batch being sent; `base_offset`
    is the offset of the first record that was stored together with it.
    """

    offset: int
    value: str
    batch: int = -1
    base_offset: int = -1
    kind: str = "data"
    txn: str = ""
    producer_id: int = -1
    producer_epoch: int = -1
    sequence: int = -1


@dataclass(frozen=True, slots=True)
class Attempt:
    """One produce request from the producer to the broker and back.

    `lost` is empty, request or answer. `verdict` is what the broker did (stored, duplicate, refused, or empty
    when the request never arrived), `error`, `offset` and `behind` belong to it; where the network repeated
    the request, all four are about its first arrival. `answer` is the code that the producer saw, None when
    it saw none. One wrong broker knows a fourth verdict, kept: it said ok and only kept the batch aside;
    `behind` are the batches that it had kept and stored behind this one.
    """

    number: int
    send: Event
    lost: str = ""
    verdict: str = ""
    error: ErrorCode = ErrorCode.NONE
    offset: int | None = None
    behind: tuple[int, ...] = ()
    answer: ErrorCode | None = None
    answer_offset: int | None = None
    events: tuple[Event, ...] = ()

    @property
    def batch(self) -> int:
        """Number of the batch, from 0."""
        return self.send.batch

    @property
    def try_no(self) -> int:
        """1 for the first send of this batch, 2 for its first retry."""
        return self.send.try_no

    @property
    def verdict_words(self) -> str:
        """What the broker did with it, in words, each time that it arrived; empty when it never did."""
        return ", then ".join(map(_verdict_words, self._verdicts))

    @property
    def arrivals(self) -> int:
        """How often the broker saw this request: 0 where it was lost, 2 where the network repeated it."""
        return len(self._verdicts)

    @property
    def _verdicts(self) -> list[Event]:
        return [event for event in self.events if event.kind == Kind.VERDICT]


def _verdict_words(verdict: Event) -> str:
    if verdict.what == "refused":
        return f"refused: {verdict.error.words}"
    known = "taken for a duplicate" if verdict.offset == NOWHERE else f"duplicate of offset {verdict.offset}"
    more = f", behind it the kept {', '.join(map(str, verdict.behind))}" if verdict.behind else ""
    return {"stored": f"stored at offset {verdict.offset}{more}", "kept": "kept, told ok, not in the log",
            "dropped": "dropped by your rule", "duplicate": known}.get(verdict.what, "")


def attempts_of(events: Iterable[Event]) -> list[Attempt]:
    """Every produce request among the events, in the order in which they were sent."""
    grouped: dict[int, list[Event]] = defaultdict(list)
    for event in events:
        if event.attempt:
            grouped[event.attempt].append(event)
    return [_attempt(number, those) for number, those in sorted(grouped.items())]


def _attempt(number: int, events: Sequence[Event]) -> Attempt:
    first = {event.kind: event for event in reversed(events)}
    none = Event(0, Kind.LOST)
    verdict, ack = first.get(Kind.VERDICT, none), first.get(Kind.ACK)
    return Attempt(number, first.get(Kind.SEND, events[0]), first.get(Kind.LOST, none).what,
                   verdict.what, verdict.error, verdict.offset, verdict.behind,
                   ack.error if ack else None, ack.offset if ack else None, tuple(events))


def outcome_of(error: ErrorCode | None) -> str:
    """What an application can conclude: failed, only where the broker answered that it stored nothing, or
    unknown.

    `error` is the broker's, None for a broken connection or a timeout. After 7 and 20 it may be stored.
    """
    maybe = (ErrorCode.REQUEST_TIMED_OUT, ErrorCode.NOT_ENOUGH_REPLICAS_AFTER_APPEND)
    return "unknown" if error is None or error in maybe else "failed"


Logs = Mapping[tuple[str, int], Sequence[LogCell]]


@dataclass(frozen=True, slots=True)
class Anomaly:
    """What can be wrong with a run: its name, the batches it is about, a sentence. Three have another name in
    Jepsen's analyses of Kafka: a copy is a *duplicate* there (which is here what the broker recognises, and
    doesn't store), read again a *nonmonotonic poll*, skipped a *poll skip*.

    | name | what it means |
    |---|---|
    | copy | one batch, sent by one `send`, lies in the log more than once |
    | lost write | the application was told ok, and the batch is not in the log |
    | reordered | of one producer's batches on a partition, a later one lies before an earlier one |
    | aborted read | a batch that was reported failed, or whose transaction aborted, is stored and readable |
    | hole | a batch is missing while a later one of the same producer and partition is stored |
    | read again | a consumer read an offset that it, or its predecessor in the group, had read already |
    | skipped | a position was committed behind a record that no consumer of the group ever read |

    A value that the application itself sent twice is no anomaly: Kafka was asked twice. "unknown" is none
    either.
    """

    name: str
    batches: tuple[int, ...]
    sentence: str

    def __str__(self) -> str:
        return f"{self.name}: {self.sentence}"


def find_anomalies(events: Sequence[Event], logs: Logs, told: Mapping[int, str]) -> list[Anomaly]:
    """Every anomaly of a finished run, in the order of the table."""
    split = split_later(events)
    sent = {e.batch: e for e in reversed(events) if e.kind == Kind.SEND and e.batch not in split}
    stored = {cell.batch for cells in logs.values() for cell in cells if cell.kind == "data"}
    return [*(found for cells in logs.values() for found in _of_one_log(cells, sent)),
            *_told_wrongly(told, sent, stored), *_aborted_reads(events, logs), *_holes(sent, stored),
            *_read_again(events), *_skipped(events, logs)]


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


def _of_one_log(cells: Iterable[LogCell], sent: Mapping[int, Event]) -> Iterator[Anomaly]:
    """Copies, and then what changed places."""
    places = dict.fromkeys((c.batch, c.base_offset) for c in cells if c.kind == "data" and c.batch >= 0)
    offsets: dict[int, list[str]] = defaultdict(list)
    for batch, offset in places:
        offsets[batch].append(str(offset))
    for batch, where in offsets.items():
        if len(where) > 1:
            said = f"batch {batch} is in the log {times(len(where))}, at offsets {', '.join(where)}."
            yield Anomaly("copy", (batch,), said)
    for late, early in pairwise(batch for batch, _ in places if batch in sent):
        if early < late and sent[early].lane == sent[late].lane:
            yield Anomaly("reordered", (late, early), f"batch {early} comes after batch {late} in the log.")


def _told_wrongly(told: Mapping[int, str], sent: Container[int], stored: Container[int]) -> Iterator[Anomaly]:
    for batch, answer in told.items():
        if answer == "ok" and batch in sent and batch not in stored:
            said = f"the application was told ok for batch {batch}, and it is not in the log."
            yield Anomaly("lost write", (batch,), said)
    for batch, answer in told.items():
        if answer == "failed" and batch in stored:
            said = f"batch {batch} was reported failed, and it is in the log."
            yield Anomaly("aborted read", (batch,), said)


def _aborted_reads(events: Iterable[Event], logs: Logs) -> Iterator[Anomaly]:
    aborted = {(*where, cell.offset): cell.batch for where, cells in logs.items() for cell in cells
               if cell.txn == "aborted" and cell.kind == "data"}
    for e in events:
        where = e.topic, e.partition, e.offset
        if e.kind == Kind.READ and where in aborted:
            said = f"{e.lane} read offset {e.offset}, which was aborted."
            yield Anomaly("aborted read", (aborted[where],), said)


def _holes(sent: Mapping[int, Event], stored: Container[int]) -> list[Anomaly]:
    later: dict[tuple[str, str, int], int] = {}
    found = []
    for batch, first in sorted(sent.items(), reverse=True):
        key = first.lane, first.topic, first.partition
        if batch in stored:
            later[key] = batch
        elif key in later:
            said = f"batch {batch} is missing, while the later batch {later[key]} is stored."
            found.append(Anomaly("hole", (batch,), said))
    return found[::-1]


def _read_again(events: Iterable[Event]) -> Iterator[Anomaly]:
    seen = set()
    for event in events:
        if event.kind == Kind.READ:
            key = event.lane, event.topic, event.partition, event.offset
            if key in seen:
                yield Anomaly("read again", (event.batch,), f"offset {event.offset} was read more than once.")
            seen.add(key)


def _skipped(events: Iterable[Event], logs: Logs) -> Iterator[Anomaly]:
    ends: dict[tuple[str, int], int] = {}
    read = {(e.topic, e.partition, e.offset) for e in events if e.kind == Kind.READ}
    for event in events:
        if event.kind == Kind.POSITION:
            where = event.topic, event.partition
            ends[where] = max(event.offset or 0, ends.get(where, 0))
    for where, end in ends.items():
        for cell in logs.get(where, ()):
            passed = cell.offset < end and cell.kind == "data" and cell.txn != "aborted"
            if passed and (*where, cell.offset) not in read:
                said = f"offset {cell.offset} was passed over: no consumer read it."
                yield Anomaly("skipped", (cell.batch,), said)
