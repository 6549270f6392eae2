"""What a picture needs to know of the talk with coordinators: new producer ids and epochs, and how transactions go on.

Read from the requests and their answers: InitProducerId, AddPartitionsToTxn, AddOffsetsToTxn, EndTxn. That a transaction
begins is nothing that a client tells anybody; its first added partition is the first that is heard of it.
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
from lesson_lib.live.proxy_codec import Request
from lesson_lib.live.recording import Recording

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
    lane = recording.lane(client_id)
    if answer.error_code in FENCED:
        yield Event(0, Kind.TXN, "fenced", lane, error=ErrorCode(answer.error_code), note=body.transactional_id or "")
    if answer.error_code:
        return
    if any(e.kind == Kind.INIT and e.lane == lane for e in recording.events) and not body.transactional_id:
        yield Event(0, Kind.EPOCH, "asks for a new producer id", lane)
    yield Event(0, Kind.INIT, "", lane, producer_id=recording.producer_id(answer.producer_id),
                producer_epoch=answer.producer_epoch, note=body.transactional_id or "")


def _txn(recording: Recording, request: Request, what: str, error: int) -> Iterator[Event]:
    body = request.body
    producer_id = getattr(body, "v3_and_below_producer_id", None) if isinstance(body, AddPartitionsToTxnRequest) else body.producer_id
    words = "fenced" if error in FENCED else what
    if not error or words == "fenced":
        yield Event(0, Kind.TXN, words, recording.lane(request.client_id), error=ErrorCode(error),
                    producer_id=recording.producer_id(producer_id), transactional=True)
