"""What the proxy reads in frames, and what it writes into them. Everything else is bytes that pass as they
are.

A client goes where Metadata, FindCoordinator and DescribeCluster send it, so the proxy puts its own
addresses there. It also keeps clients to versions in which Produce names topics by name (13 does not), and
to versions of ApiVersions in which it can say so: Java's client 4.4 asks in one that is newer.

Source: KIP-511 (ApiVersions), KIP-699 (several coordinators), KIP-951 (leaders in a Produce answer).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from typing import Any

from kafka.protocol.admin import DescribeClusterResponse
from kafka.protocol.metadata import FindCoordinatorResponse, MetadataResponse
from kafka.protocol.producer import ProduceResponse

from lesson_lib.core.producer_state import TopicPartition
from lesson_lib.faults import COORDINATOR_APIS
from lesson_lib.wire import messages
from lesson_lib.wire.messages import API_KEYS, API_VERSIONS, PRODUCE, RESPONSES, ProtocolError, Request

COORDINATOR_REQUESTS = {API_KEYS[api]: api for api in COORDINATOR_APIS}
OPENED_REQUESTS = frozenset((PRODUCE, *COORDINATOR_REQUESTS))
OPENED_ANSWERS = OPENED_REQUESTS | {
    API_KEYS[api] for api in ("Metadata", "FindCoordinator", "ApiVersions", "DescribeCluster")}
HIGHEST = {key: RESPONSES[key].max_version for key in OPENED_ANSWERS} | {
    PRODUCE: 12, API_KEYS["Fetch"]: 12, API_KEYS["AddPartitionsToTxn"]: 3}


def read_request(frame: bytes) -> Request:
    """A request; its body is None where the proxy does not look inside, or cannot: it passes as it is."""
    request = messages.first_fields(frame)
    with suppress(ProtocolError):
        return messages.decode_request(frame) if request.api_key in OPENED_REQUESTS else request
    return request


def read_answer(request: Request, frame: bytes) -> Any:
    """The decoded answer to `request` from its framed bytes, None where the proxy does not look inside."""
    with suppress(ProtocolError):
        if request.api_key in OPENED_ANSWERS:
            return messages.decode_response(request.api_key, request.api_version, frame[4:])
    return None


# Produce


def batches_in(request: Request) -> list[tuple[str, int, bytes]]:
    """(topic, partition, records) for each partition of a Produce request, in its order."""
    if request.api_key != PRODUCE or request.body is None:
        return []
    return [(_name(topic), part.index, bytes(part.records or b""))
            for topic in request.body.topic_data for part in topic.partition_data]


@lru_cache(maxsize=64)  # asked for a verdict, and again for the ack
def batch_answers(version: int, frame: bytes) -> dict[TopicPartition, Any]:
    """What a framed Produce answer says about each partition; nothing where it cannot be read."""
    try:
        body = messages.decode_response(PRODUCE, version, frame[4:])
    except ProtocolError:
        return {}
    return {(_name(topic), part.index): part for topic in body.responses
            for part in topic.partition_responses}


def produce_answer(request: Request, error: int) -> bytes:
    """An answer of our own: every partition of a Produce request gets this error and no offset."""
    topics = [{"name": topic.name, "topic_id": topic.topic_id, "partition_responses": [
        {"index": part.index, "error_code": error, "base_offset": -1} for part in topic.partition_data]}
        for topic in request.body.topic_data]
    answer = messages.filled(RESPONSES[PRODUCE], {"responses": topics})
    return messages.encode_response(answer, request.api_version, request.correlation_id)


def _name(topic: Any) -> str:
    """A topic's name; its id where a client sends Produce 13 unasked."""
    return topic.name or str(topic.topic_id)


def wants_answer(request: Request) -> bool:
    """False only for Produce with acks=0."""
    return request.api_key != PRODUCE or request.body is None or request.body.expect_response()


def to_broker(request: Request) -> bytes:
    """A framed Produce request, acks=0 as acks=1: stored just so, and the proxy learns what became of it."""
    if wants_answer(request):
        return messages.framed(request.frame)
    again = messages.decode_request(request.frame).body
    again.acks = 1
    return messages.encode_request(again, request.api_version, request.correlation_id, request.client_id)


# addresses and versions


def nodes_in(answer: Any) -> Iterator[Any]:
    """Everything in an answer that has a node's `host` and `port`."""
    if isinstance(answer, FindCoordinatorResponse):
        yield from [node for node in (answer, *(answer.coordinators or ())) if node.host]
    elif isinstance(answer, (MetadataResponse, DescribeClusterResponse)):
        yield from answer.brokers
    elif isinstance(answer, ProduceResponse):
        yield from answer.node_endpoints or ()


def topics_in(answer: Any) -> dict[str, int]:
    """What the broker says of each topic that was asked about: 0, or an error."""
    topics = answer.topics if isinstance(answer, MetadataResponse) else ()
    return {topic.name: topic.error_code for topic in topics or () if topic.name}


def own_answer(request: Request) -> bytes | None:
    """What the proxy answers in the broker's place: where it could not read the broker's answer about
    versions, to ask in an older one.
    """
    too_new = request.api_key == API_VERSIONS and request.api_version > HIGHEST[API_VERSIONS]
    return messages.ask_older(request, HIGHEST[API_VERSIONS]) if too_new else None


def with_versions_held_back(request: Request, frame: bytes) -> bytes:
    """A framed answer to ApiVersions, without versions that the proxy cannot read."""
    return messages.answer_again(_held_back(request.api_version, frame[8:]), request.correlation_id)


@lru_cache(maxsize=64)  # each connection begins with it, and a broker says the same each time
def _held_back(version: int, message: bytes) -> bytes:
    frame = messages.framed(bytes(4) + message)
    try:
        answer = messages.decode_response(API_VERSIONS, version, frame[4:])
    except ProtocolError:
        return frame
    if answer.error_code:  # such as 35, which is in version 0 whatever was asked
        return frame
    for api in answer.api_keys:
        api.max_version = min(api.max_version, HIGHEST.get(api.api_key, api.max_version))
    return messages.encode_response(answer, version, correlation_id=0)
