"""One produce request, put together from its events; and what an application can conclude from the answer it
got.

An exception says "failed" only where the broker answered that it stored nothing. A broken connection, a
timeout, and the errors 7 and 20 leave open whether the batch is in the log. It is the same in both worlds.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from lesson_lib.core.error_codes import ErrorCode
from lesson_lib.history.event import Event, Kind, label_of, verdict_words


@dataclass(frozen=True, slots=True)
class Attempt:
    """One produce request from the producer to the broker and back.

    `lost` is empty, request or answer. `verdict` is what the broker did (stored, duplicate, refused, or empty
    when the request never arrived), `error`, `offset` and `behind` belong to it. `answer` is the code that
    the producer saw, None when it saw none. One wrong broker knows a fourth verdict, kept: it said ok and
    only kept the batch aside; `behind` are the batches that it had kept and stored behind this one.
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
    def label(self) -> str:
        """The batch's number, and from the second try on the number of the try: 3, 3·2, 3·3."""
        return label_of(self.send)

    @property
    def verdict_words(self) -> str:
        """What the broker did with it, in words; empty when the request never arrived."""
        return verdict_words(self.verdict, self.error, self.offset, self.behind)

    @property
    def arrivals(self) -> int:
        """How often the broker saw this request: 0 where it was lost, 2 where the network repeated it."""
        return sum(event.kind == Kind.VERDICT for event in self.events)

    def at(self, kind: Kind) -> Event | None:
        """The first event of that kind in this attempt."""
        return next((e for e in self.events if e.kind == kind), None)


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


_OPEN = (ErrorCode.REQUEST_TIMED_OUT, ErrorCode.NOT_ENOUGH_REPLICAS_AFTER_APPEND)
_KAFKA_PYTHON = {ErrorCode.CORRUPT_MESSAGE: "CorruptRecordError",
                 ErrorCode.NOT_LEADER_OR_FOLLOWER: "NotLeaderForPartitionError",
                 ErrorCode.REQUEST_TIMED_OUT: "RequestTimedOutError",
                 ErrorCode.MESSAGE_TOO_LARGE: "MessageSizeTooLargeError"}
_JAVA = {ErrorCode.REQUEST_TIMED_OUT: "TimeoutException",
         ErrorCode.MESSAGE_TOO_LARGE: "RecordTooLargeException",
         ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER: "OutOfOrderSequenceException"}
_LIBRDKAFKA = {ErrorCode.CORRUPT_MESSAGE: "INVALID_MSG",
               ErrorCode.UNKNOWN_TOPIC_OR_PARTITION: "UNKNOWN_TOPIC_OR_PART",
               ErrorCode.NOT_LEADER_OR_FOLLOWER: "NOT_LEADER_FOR_PARTITION",
               ErrorCode.MESSAGE_TOO_LARGE: "MSG_SIZE_TOO_LARGE"}


def outcome_of(error: ErrorCode | None) -> str:
    """failed or unknown; `error` is the broker's, None for a broken connection or a timeout."""
    return "unknown" if error is None or error in _OPEN else "failed"


def exception_name(client: str, error: ErrorCode | None = None, *, timed_out: bool = False) -> str:
    """The exception that a client raises, or librdkafka's name of its error.

    `error` is the broker's; without one the connection broke, or, `timed_out`, the batch expired.
    """
    if client == "librdkafka":
        own = "_MSG_TIMED_OUT" if timed_out else "_TRANSPORT"
        return own if error is None else _LIBRDKAFKA.get(error, error.name)
    java = client == "java"
    if error is None:
        return ("TimeoutException" if java else "KafkaTimeoutError") if timed_out else (
            "NetworkException" if java else "KafkaConnectionError")
    known = (_JAVA if java else _KAFKA_PYTHON).get(error)
    return known or error.name.title().replace("_", "") + ("Exception" if java else "Error")
