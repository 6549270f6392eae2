"""A connection by hand: what it makes of a broker that lacks an API, makes no topic, or answers somebody else."""

from __future__ import annotations

import asyncio

import pytest
from kafka.protocol.metadata import ApiVersionsRequest

from lesson_lib.broker.connection import HANDLERS
from lesson_lib.broker.embedded import EmbeddedBroker
from lesson_lib.core.error_codes import ErrorCode
from lesson_lib.errors import LessonError
from lesson_lib.wire import messages, probe, requests
from lesson_lib.wire.requests import RawClient, make_topic
from lesson_lib.wire.server import Server


def test_an_api_that_the_broker_does_not_serve_is_named() -> None:
    with EmbeddedBroker("2.0") as broker, RawClient(broker.address) as client:
        with pytest.raises(LessonError, match="does not serve DescribeProducers"):
            client.ask(requests.describe_producers("t", [0]))


def test_an_answer_to_another_request_is_no_answer() -> None:
    async def answer_another(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = messages.decode_request(await messages.read_frame(reader))
        writer.write(messages.ask_older(request, 4)[:4] + (99).to_bytes(4, "big") + messages.ask_older(request, 4)[8:])
        await writer.drain()

    server = Server(answer_another)
    server.start()
    try:
        with RawClient(server.address) as client, pytest.raises(ConnectionError, match="an answer to request 99, not to 1"):
            client.ask(ApiVersionsRequest(), 0)
    finally:
        server.stop()


def test_a_topic_that_is_not_made_or_not_led_is_said_to_be_so(monkeypatch: pytest.MonkeyPatch) -> None:
    with EmbeddedBroker() as broker, RawClient(broker.address) as client:
        with pytest.raises(RuntimeError, match="did not make the topic a b: error 17"):
            make_topic(client, "a b")
        monkeypatch.setattr(requests, "LEADER_SECONDS", 0.0)
        monkeypatch.setattr(requests, "is_led", lambda *_: False)
        with pytest.raises(RuntimeError, match="No leader took the topic t"):
            make_topic(client, "t")


def test_a_broker_is_usable_once_a_producer_gets_its_id(monkeypatch: pytest.MonkeyPatch) -> None:
    """For some seconds Apache Kafka answers everything else."""
    loading = {"error_code": ErrorCode.COORDINATOR_LOAD_IN_PROGRESS, "producer_id": -1, "producer_epoch": -1}
    with EmbeddedBroker() as broker:
        assert probe.is_usable("127.0.0.1", broker.port)
        monkeypatch.setitem(HANDLERS, messages.API_KEYS["InitProducerId"], lambda cluster, request: loading)
        assert not probe.is_usable("127.0.0.1", broker.port)
