"""One thing that happened. The simulation and the fault proxy both write these, nothing else goes into a
picture.

A batch keeps its number through all tries; an attempt is one produce request on its way. So the third attempt
may be the second try of batch 1. Fields that do not apply keep their default.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from lesson_lib.core.error_codes import ErrorCode


class Kind(StrEnum):
    """What sort of thing happened; `Event.what` says which of its forms."""

    SEND = "send"          # the producer hands a produce request to the network
    LOST = "lost"          # what: request | answer
    TORN = "torn"          # the connection `conn` is gone, everything unanswered on it with it
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

NOWHERE = -1  # the offset of what a rule took for a duplicate although the log holds nothing like it


def label_of(send: Event) -> str:
    """The batch's number, and from the second try on the number of the try: 3, 3·2, 3·3."""
    return "?" if send.batch < 0 else f"{send.batch}·{send.try_no}" if send.try_no > 1 else f"{send.batch}"


def verdict_words(what: str, error: ErrorCode = ErrorCode.NONE, offset: int | None = None,
                  behind: tuple[int, ...] = ()) -> str:
    """What the broker did with a request, in words; empty where `what` is: the request never arrived."""
    if what == "refused":
        return f"refused: {error.words}"
    known = {"kept": "kept, told ok, not in the log", "dropped": "dropped by your rule",
             "duplicate": "taken for a duplicate" if offset == NOWHERE else f"duplicate of offset {offset}"}
    more = f", behind it the kept {', '.join(map(str, behind))}" if behind else ""
    return known.get(what) or (f"stored at offset {offset}{more}" if what else "")


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
