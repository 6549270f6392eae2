"""What an application can conclude from its client's answer: ok, failed, or unknown. The same in both worlds.

An exception says "failed" only where the broker answered that it stored nothing. A broken connection, a timeout, and the
errors 7 and 20 leave open whether the batch is in the log.
"""

from __future__ import annotations

from lesson_lib.core.error_codes import ErrorCode

_OPEN = (ErrorCode.REQUEST_TIMED_OUT, ErrorCode.NOT_ENOUGH_REPLICAS_AFTER_APPEND)
_KAFKA_PYTHON = {ErrorCode.CORRUPT_MESSAGE: "CorruptRecordError", ErrorCode.NOT_LEADER_OR_FOLLOWER: "NotLeaderForPartitionError",
                 ErrorCode.REQUEST_TIMED_OUT: "RequestTimedOutError", ErrorCode.MESSAGE_TOO_LARGE: "MessageSizeTooLargeError"}
_JAVA = {ErrorCode.REQUEST_TIMED_OUT: "TimeoutException", ErrorCode.MESSAGE_TOO_LARGE: "RecordTooLargeException",
         ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER: "OutOfOrderSequenceException"}
_LIBRDKAFKA = {ErrorCode.CORRUPT_MESSAGE: "INVALID_MSG", ErrorCode.UNKNOWN_TOPIC_OR_PARTITION: "UNKNOWN_TOPIC_OR_PART",
               ErrorCode.NOT_LEADER_OR_FOLLOWER: "NOT_LEADER_FOR_PARTITION", ErrorCode.MESSAGE_TOO_LARGE: "MSG_SIZE_TOO_LARGE"}


def outcome_of(error: ErrorCode | None) -> str:
    """failed or unknown; `error` is the broker's, None for a broken connection or a timeout."""
    return "unknown" if error is None or error in _OPEN else "failed"


def exception_name(client: str, error: ErrorCode | None = None, *, timed_out: bool = False) -> str:
    """The exception that the client raises, or its error's name: for a broker's error, a broken connection, or an expired batch."""
    if client == "librdkafka":
        return _LIBRDKAFKA.get(error, error.name) if error is not None else "_MSG_TIMED_OUT" if timed_out else "_TRANSPORT"
    java = client == "java"
    if error is not None:
        known = _JAVA if java else _KAFKA_PYTHON
        return known.get(error) or error.name.title().replace("_", "") + ("Exception" if java else "Error")
    if timed_out:
        return "TimeoutException" if java else "KafkaTimeoutError"
    return "NetworkException" if java else "KafkaConnectionError"
