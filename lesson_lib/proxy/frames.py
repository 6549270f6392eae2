"""Which frames the proxy opens, and how it reads and writes them. Everything else is bytes that pass as they are.

An answer carries no API key; what it is follows from the request it belongs to. Source: https://kafka.apache.org/protocol.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from kafka.protocol.admin import DescribeClusterResponse
from kafka.protocol.metadata import ApiVersionsResponse, FindCoordinatorResponse, MetadataResponse
from kafka.protocol.producer import (
    AddOffsetsToTxnRequest,
    AddOffsetsToTxnResponse,
    AddPartitionsToTxnRequest,
    AddPartitionsToTxnResponse,
    EndTxnRequest,
    EndTxnResponse,
    InitProducerIdRequest,
    InitProducerIdResponse,
    ProduceRequest,
    ProduceResponse,
)

if TYPE_CHECKING:
    from lesson_lib.proxy.recording import Attempt

PRODUCE, FETCH, METADATA, FIND_COORDINATOR, API_VERSIONS, INIT_PRODUCER_ID = 0, 1, 3, 10, 18, 22
ADD_PARTITIONS_TO_TXN, ADD_OFFSETS_TO_TXN, END_TXN, DESCRIBE_CLUSTER = 24, 25, 26, 60
MAX_FRAME_BYTES = 100 * 1024 * 1024  # socket.request.max.bytes
REQUESTS = {PRODUCE: ProduceRequest, INIT_PRODUCER_ID: InitProducerIdRequest, END_TXN: EndTxnRequest,
            ADD_PARTITIONS_TO_TXN: AddPartitionsToTxnRequest, ADD_OFFSETS_TO_TXN: AddOffsetsToTxnRequest}
ANSWERS = {PRODUCE: ProduceResponse, METADATA: MetadataResponse, FIND_COORDINATOR: FindCoordinatorResponse,
           API_VERSIONS: ApiVersionsResponse, INIT_PRODUCER_ID: InitProducerIdResponse, DESCRIBE_CLUSTER: DescribeClusterResponse,
           ADD_PARTITIONS_TO_TXN: AddPartitionsToTxnResponse, ADD_OFFSETS_TO_TXN: AddOffsetsToTxnResponse, END_TXN: EndTxnResponse}
Address = tuple[str, int]


class FrameError(Exception):
    """A frame that cannot be one of Kafka's; the connection is closed, as Kafka does."""


class Request(NamedTuple):
    """A request frame without its length. `body` is decoded only where the proxy looks inside (`REQUESTS`), else None."""

    frame: bytes
    api_key: int
    version: int
    correlation_id: int
    client_id: str
    body: Any = None


class BatchSent(NamedTuple):
    """The part of a Produce request that is for one partition."""

    topic: str
    partition: int
    records: bytes


class BatchAnswer(NamedTuple):
    """The part of a Produce answer that is about one partition."""

    topic: str
    partition: int
    error: int
    base_offset: int

    @property
    def offset(self) -> int | None:
        """The base offset, None where there is an error."""
        return None if self.error else self.base_offset


async def read_frame(reader: asyncio.StreamReader) -> bytes:
    """The next frame without its length. FrameError for a length that none can have, IncompleteReadError at the end."""
    size = int.from_bytes(await reader.readexactly(4), "big", signed=True)
    if not 0 < size <= MAX_FRAME_BYTES:
        raise FrameError(f"a frame of {size} bytes")
    return await reader.readexactly(size)


def framed(frame: bytes) -> bytes:
    """The frame with its length in front."""
    return struct.pack(">i", len(frame)) + frame


def read_request(frame: bytes) -> Request:
    """Take a request's header apart, and its body where the proxy wants to know it. FrameError when it has no header."""
    try:
        key, version, correlation_id, length = struct.unpack_from(">hhih", frame)
        client_id = frame[10:10 + max(length, 0)].decode("utf-8", "replace")
    except struct.error:
        raise FrameError("shorter than a request header") from None
    return Request(frame, key, version, correlation_id, client_id, _body(REQUESTS.get(key), frame, version))


def _body(message: Any, frame: bytes, version: int) -> Any:
    """The decoded message; None for what cannot be decoded, which then passes through as it is."""
    try:
        return message.decode(frame, version=version, header=True) if message else None
    except Exception:  # noqa: BLE001 - the decoder raises whatever the bytes make it stumble over
        return None


def read_answer(request: Request, frame: bytes) -> Any:
    """The decoded answer to `request`, None where the proxy does not look inside or the frame is not what it should be."""
    return _body(ANSWERS.get(request.api_key), frame, request.version)


def correlation_id(frame: bytes) -> int:
    """The number that ties an answer to its request. FrameError when there is none."""
    if len(frame) < 4:
        raise FrameError("shorter than an answer's header")
    return struct.unpack_from(">i", frame)[0]


def batches_in(request: Request) -> list[BatchSent]:
    """One entry for each partition of a Produce request, in its order; none for any other request."""
    if request.api_key != PRODUCE or request.body is None:
        return []
    return [BatchSent(topic.name, part.index, bytes(part.records or b""))
            for topic in request.body.topic_data for part in topic.partition_data]


def produce_answers(request: Request, frame: bytes) -> dict[tuple[str, int], BatchAnswer]:
    """(topic, partition) -> what a Produce answer says about it; empty for one that cannot be read."""
    body = read_answer(request, frame)
    return {} if body is None else {(topic.name, part.index): BatchAnswer(topic.name, part.index, part.error_code, part.base_offset)
                                    for topic in body.responses for part in topic.partition_responses}


def pair(attempts: Iterable[Attempt], request: Request, framed_answer: bytes) -> list[tuple[Attempt, BatchAnswer]]:
    """Each attempt with the answer to it, where there is one."""
    answers = produce_answers(request, framed_answer[4:])
    found = [(attempt, answers.get((attempt.event.topic, attempt.event.partition))) for attempt in attempts]
    return [(attempt, answer) for attempt, answer in found if answer]


def encode_again(message: Any, version: int) -> bytes:
    """A decoded message, changed or not, back to a frame with its length in front."""
    header = message.header
    message._header = None  # the setter of API_VERSION writes into a request's header, which an answer does not have
    message.API_VERSION = version
    message._header = header
    return bytes(message.encode(header=True, framed=True))


def produce_answer(request: Request, error: int) -> bytes:
    """An answer of our own: every partition of a Produce request gets this error and no offset."""
    of_topic = ProduceResponse.TopicProduceResponse
    topics = [of_topic(name=topic.name, partition_responses=[
        of_topic.PartitionProduceResponse(index=part.index, error_code=error, base_offset=-1, log_append_time_ms=-1)
        for part in topic.partition_data]) for topic in request.body.topic_data]
    answer = ProduceResponse(responses=topics, throttle_time_ms=0)
    answer.with_header(correlation_id=request.correlation_id)
    return encode_again(answer, request.version)


def wants_answer(request: Request) -> bool:
    """False only for Produce with acks=0."""
    return request.api_key != PRODUCE or request.body is None or request.body.expect_response()


def to_broker(request: Request) -> bytes:
    """A Produce request with its length, acks=0 as acks=1: the broker stores it just so, and the proxy learns what became of it."""
    if wants_answer(request):
        return framed(request.frame)
    again = ProduceRequest.decode(request.frame, version=request.version, header=True)
    again.acks = 1
    return bytes(again.encode(version=request.version, header=True, framed=True))
