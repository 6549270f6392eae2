"""In whatever version a client asks: the proxy reads the request, and what it answers in the broker's place can be read."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import closing
from uuid import UUID

import pytest

from course_tools.clients.driver import SendPlan
from course_tools.clients.java import Java
from lesson_lib.broker.embedded import EmbeddedBroker
from lesson_lib.faults import parse_script
from lesson_lib.history import Kind
from lesson_lib.proxy import frames
from lesson_lib.proxy.proxy import FaultProxy
from lesson_lib.proxy.recording import Recording
from lesson_lib.wire import messages, probe, requests
from lesson_lib.wire.messages import API_VERSIONS, PRODUCE, REQUESTS, RESPONSES
from lesson_lib.wire.record_batch import batch_bytes
from lesson_lib.wire.requests import RawClient, make_topic
from tests.raw import send_bytes

TOPIC_ID = UUID(int=7)
BATCH = batch_bytes([b"m"])


def produce_request(version: int, *topics: str) -> messages.Request:
    """As a client sends it: two partitions of each topic; from version 13 on a topic has only an id."""
    named = [{"name": topic, "topic_id": UUID(int=ord(topic)), "partition_data": [{"index": n, "records": BATCH} for n in (0, 5)]}
             for topic in topics]
    body = requests.request("Produce", acks=-1, timeout_ms=1, topic_data=named)
    return frames.read_request(messages.encode_request(body, version, 9, "c")[4:])


@pytest.mark.parametrize("version", range(3, REQUESTS[PRODUCE].max_version + 1))
def test_a_made_up_answer_names_each_partition_as_the_request_did(version: int) -> None:
    request = produce_request(version, "t", "u")
    made_up = frames.produce_answer(request, 45)
    read = messages.decode_response(PRODUCE, version, made_up[4:])
    names = [(topic.name or "", topic.topic_id) for topic in request.body.topic_data]
    assert [(topic.name or "", topic.topic_id) for topic in read.responses] == names
    parts = [part for topic in read.responses for part in topic.partition_responses]
    assert [(part.index, part.error_code, part.base_offset, part.log_append_time_ms) for part in parts] == [
        (index, 45, -1, -1) for _ in names for index in (0, 5)]
    sent = [(topic, index) for topic, index, _ in frames.batches_in(request)]
    assert list(frames.batch_answers(version, made_up)) == sent and len(set(sent)) == 4
    assert read.header.correlation_id == 9


@pytest.mark.parametrize("api_key", sorted(frames.OPENED_ANSWERS), ids=lambda key: REQUESTS[key].__name__)
def test_no_client_is_offered_a_version_that_the_proxy_cannot_read(api_key: int) -> None:
    row = {"api_key": api_key, "min_version": 0, "max_version": 99}
    answer = messages.encode_response(messages.filled(RESPONSES[API_VERSIONS], {"api_keys": [row]}), 4, 7)
    request = messages.Request(API_VERSIONS, 4, 9, b"")
    held = messages.decode_response(API_VERSIONS, 4, frames.with_versions_held_back(request, answer)[4:])
    assert held.header.correlation_id == 9 and held.api_keys[0].max_version <= RESPONSES[api_key].max_version


def test_an_error_passes_as_it_is() -> None:
    """An older broker says 35 in version 0, whatever version it was asked in (KIP-511)."""
    asked = messages.Request(API_VERSIONS, 4, 9, b"")
    too_new = messages.ask_older(asked, 3)
    assert frames.with_versions_held_back(asked, too_new) == too_new


@pytest.fixture
def proxy() -> Iterator[FaultProxy]:
    with EmbeddedBroker() as broker:
        proxy = FaultProxy(("127.0.0.1", broker.port)).start()
        yield proxy
        proxy.stop()


@pytest.mark.parametrize("version", [5, 6, 99])
def test_who_asks_for_versions_in_a_newer_version_is_told_an_older_one(proxy: FaultProxy, version: int) -> None:
    """KIP-511. Passed on, the answer could not be read, and the client would be offered Produce 13."""
    with RawClient(proxy.address) as client:
        send_bytes(client, messages.framed(struct.pack(">hhih", API_VERSIONS, version, 3, 1) + b"c\0\2x\2y\0"))
        client._waiting.append((3, API_VERSIONS, 0))
        answer = client.receive()
        assert (answer.error_code, [(a.api_key, a.max_version) for a in answer.api_keys]) == (35, [(API_VERSIONS, 4)])
        assert client.versions[PRODUCE][1] == 12


@pytest.mark.java
@pytest.mark.kafka
def test_java_raises_its_epoch_after_an_error_45_of_ours_before_apache_kafka(kafka_address: str) -> None:
    proxy = FaultProxy(probe.split_address(kafka_address)).start()
    topic = f"java-45-{RawClient.now()}"
    with RawClient(kafka_address) as client, closing(Java()) as java:
        make_topic(client, topic)
        recording = proxy.record(Recording(parse_script("2: refuse 45")))
        told = java.send(SendPlan(proxy.address, topic, (1, 1, 1), idempotence=True))
        client.ask(requests.delete_topic(topic))
    proxy.stop()
    assert [what.partition(" ")[0] for what in told] == ["ok"] * 3
    sent = [event for event in recording.events if event.kind is Kind.SEND]
    assert [(event.batch, event.producer_epoch) for event in sent] == [(0, 0), (1, 0), (1, 1), (2, 1)]
