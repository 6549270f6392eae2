"""One thing that happened. The simulation and the fault proxy both write these, nothing else goes into a
picture. One produce request, put together from its events. And what can be wrong with all of them.

A batch keeps its number through all tries; an attempt is one produce request on its way. So the third attempt
may be the second try of batch 1. Fields that do not apply keep their default.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

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
    offset: int | None = None
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
        later = [_verdict_words(e.what, e.error, e.offset, e.behind) for e in self._verdicts[1:]]
        return ", then ".join([_verdict_words(self.verdict, self.error, self.offset, self.behind), *later])

    @property
    def arrivals(self) -> int:
        """How often the broker saw this request: 0 where it was lost, 2 where the network repeated it."""
        return len(self._verdicts)

    @property
    def _verdicts(self) -> list[Event]:
        return [event for event in self.events if event.kind == Kind.VERDICT]


def _verdict_words(what: str, error: ErrorCode, offset: int | None, behind: tuple[int, ...]) -> str:
    if what == "refused":
        return f"refused: {error.words}"
    taken = "taken for a duplicate" if offset == NOWHERE else f"duplicate of offset {offset}"
    more = f", behind it the kept {', '.join(map(str, behind))}" if behind else ""
    return {"stored": f"stored at offset {offset}{more}", "kept": "kept, told ok, not in the log",
            "dropped": "dropped by your rule", "duplicate": taken}.get(what, "")


def attempts_of(events: Iterable[Event]) -> list[Attempt]:
    """Every produce request among the events, in the order in which they were sent."""
    grouped: dict[int, list[Event]] = {}
    for event in events:
        if event.attempt:
            grouped.setdefault(event.attempt, []).append(event)
    return [_attempt(number, tuple(those)) for number, those in sorted(grouped.items())]


def _attempt(number: int, events: tuple[Event, ...]) -> Attempt:
    first: dict[Kind, Event] = {}
    for event in events:
        first.setdefault(event.kind, event)
    send, lost = first.get(Kind.SEND, events[0]), first[Kind.LOST].what if Kind.LOST in first else ""
    verdict, ack = first.get(Kind.VERDICT), first.get(Kind.ACK)
    decided = (verdict.what, verdict.error, verdict.offset, verdict.behind) if verdict else (
        "", ErrorCode.NONE, None, ())
    heard = (ack.error, ack.offset) if ack else (None, None)
    return Attempt(number, send, lost, *decided, *heard, events)


def outcome_of(error: ErrorCode | None) -> str:
    """What an application can conclude: failed, only where the broker answered that it stored nothing, or
    unknown.

    `error` is the broker's, None for a broken connection or a timeout. After 7 and 20 it may be stored.
    """
    maybe = (ErrorCode.REQUEST_TIMED_OUT, ErrorCode.NOT_ENOUGH_REPLICAS_AFTER_APPEND)
    return "unknown" if error is None or error in maybe else "failed"


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
