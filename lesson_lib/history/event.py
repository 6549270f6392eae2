"""One thing that happened. The simulation and the fault proxy both write these, nothing else goes into a
picture. And one produce request, put together from its events.

A batch keeps its number through all tries; an attempt is one produce request on its way. So the third attempt
may be the second try of batch 1. Fields that do not apply keep their default.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from lesson_lib.core.batch import increment_sequence
from lesson_lib.core.error_codes import ErrorCode


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
