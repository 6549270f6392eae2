"""What a picture needs to know of the talk with coordinators: new producer ids and epochs, and how transactions go on.

Read from the requests and their answers: InitProducerId, AddPartitionsToTxn, AddOffsetsToTxn, EndTxn. No client tells a broker
that a transaction begins; it is noted with the first partition that is added to it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kafka.protocol.producer import (
    AddOffsetsToTxnRequest,
    AddPartitionsToTxnRequest,
    EndTxnRequest,
    InitProducerIdRequest,
)

from lesson_lib.core.error_codes import ErrorCode
from lesson_lib.history import Event, Kind
from lesson_lib.proxy.frames import Request
from lesson_lib.proxy.recording import Recording

FENCED = (ErrorCode.INVALID_PRODUCER_EPOCH, ErrorCode.PRODUCER_FENCED)


def write_down(recording: Recording, request: Request, answer: Any) -> None:
    """Note the events that this request and its answer make, if any."""
    if request.body is not None and recording.wants(request.client_id):
        for event in _events(recording, request, answer):
            recording.note(event)


def _events(recording: Recording, request: Request, answer: Any) -> Iterator[Event]:
    body = request.body
    if isinstance(body, InitProducerIdRequest):
        yield from _init(recording, request.client_id, body, answer)
    elif isinstance(body, EndTxnRequest):
        yield from _txn(recording, request, "commit" if body.committed else "abort", answer.error_code)
    elif isinstance(body, AddOffsetsToTxnRequest):
        yield from _txn(recording, request, "offsets", answer.error_code)
    elif isinstance(body, AddPartitionsToTxnRequest):
        codes = [p.partition_error_code for t in answer.results_by_topic_v3_and_below for p in t.results_by_partition]
        yield from _txn(recording, request, "add partition", next(filter(None, codes), 0))


def _init(recording: Recording, client_id: str, body: InitProducerIdRequest, answer: Any) -> Iterator[Event]:
    if answer.error_code in FENCED:
        yield Event(0, Kind.TXN, "fenced", recording.lane(client_id), error=ErrorCode(answer.error_code), note=body.transactional_id or "")
    elif not answer.error_code:
        recording.init(client_id, answer.producer_id, answer.producer_epoch, body.transactional_id or "")


def _txn(recording: Recording, request: Request, what: str, error: int) -> Iterator[Event]:
    lane = recording.lane(request.client_id)
    true_id, epoch = _who(request.body)
    who = {"producer_id": recording.producer_id(true_id), "producer_epoch": epoch, "transactional": True}
    if error:
        if error in FENCED:
            yield Event(0, Kind.TXN, "fenced", lane, error=ErrorCode(error), **who)
        return
    if what == "add partition" and not recording.in_transaction(lane):
        yield Event(0, Kind.TXN, "begin", lane, **who)
    yield Event(0, Kind.TXN, what, lane, **who)


def _who(body: Any) -> tuple[int, int]:
    """(producer id, epoch) in a request of a transaction."""
    if isinstance(body, AddPartitionsToTxnRequest):
        return body.v3_and_below_producer_id, body.v3_and_below_producer_epoch
    return body.producer_id, body.producer_epoch
