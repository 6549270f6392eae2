"""What the proxy has no part in: clients that nobody watches, answers that it cannot read, a broker that answers somebody else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from kafka.protocol.metadata import MetadataRequest

from lesson_lib.broker.embedded import EmbeddedBroker
from lesson_lib.faults import parse_script
from lesson_lib.history import Kind
from lesson_lib.proxy import recording
from lesson_lib.proxy.proxy import FaultProxy
from lesson_lib.proxy.recording import DuplicateFinder, Recording
from lesson_lib.wire import messages, requests
from lesson_lib.wire.record_batch import batch_bytes, read_header
from lesson_lib.wire.requests import RawClient, make_topic
from lesson_lib.wire.server import Server
from tests.raw import hung_up


@contextmanager
def in_front_of(answer: Callable[[messages.Request], bytes]) -> Iterator[FaultProxy]:
    """A proxy for a broker that answers each request by these framed bytes."""
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                writer.write(answer(messages.first_fields(await messages.read_frame(reader))))
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass

    server = Server(serve)
    server.start()
    proxy = FaultProxy((server.host, server.port)).start()
    try:
        yield proxy
    finally:
        proxy.stop()
        server.stop()


def test_an_answer_that_it_cannot_read_passes_as_it_is() -> None:
    def lie(request: messages.Request) -> bytes:
        return messages.framed(request.correlation_id.to_bytes(4, "big") + b"\xff" * 30)

    with in_front_of(lie) as proxy, RawClient(proxy.address) as client:
        client.send(MetadataRequest(topics=[]), 1)
        size = int.from_bytes(client._exactly(4), "big")
        assert client._exactly(size) == (1).to_bytes(4, "big") + b"\xff" * 30


def test_an_answer_to_another_request_goes_to_nobody() -> None:
    with in_front_of(lambda request: messages.framed((7_777).to_bytes(4, "big") + bytes(30))) as proxy, RawClient(proxy.address) as client:
        client.send(MetadataRequest(topics=[]), 1)
        assert hung_up(client)


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    """A broker with a topic t."""
    with EmbeddedBroker() as broker:
        with RawClient(broker.address) as client:
            make_topic(client, "t")
        yield broker


def test_acks_0_of_a_client_that_nobody_watches_is_stored_and_not_answered(broker: EmbeddedBroker) -> None:
    with FaultProxy(("127.0.0.1", broker.port)) as proxy:
        recording = proxy.record(Recording(parse_script("1+: lose request"), {"somebody else"}))
        with RawClient(proxy.address) as client:
            client.send(requests.produce("t", 0, batch_bytes([b"m"]), acks=0))
            assert client.ask(requests.list_offsets("t", [0])).topics[0].partitions[0].offset == 1
    assert not recording.events


def test_a_connection_that_both_the_broker_and_a_fault_end_is_dropped_once(broker: EmbeddedBroker) -> None:
    with FaultProxy(("127.0.0.1", broker.port)) as proxy:
        recording = proxy.record(Recording(parse_script("1: lose ack")))
        with RawClient(proxy.address) as client:
            client.versions  # noqa: B018 - so that nothing else is asked in between
            wrong = batch_bytes([b"m"], producer_id=7, producer_epoch=0, base_sequence=0, wrong={"crc": 1})
            client.send(requests.produce("t", 0, wrong, acks=0))
            assert hung_up(client)
    assert [(e.kind, e.what) for e in recording.events] == [(Kind.SEND, ""), (Kind.VERDICT, "refused"), (Kind.DROP, "")]


def test_of_the_batches_that_were_stored_only_the_newest_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "MOST_STORED", 3)
    stored = DuplicateFinder()
    headers = [read_header(batch_bytes([b"m"], producer_id=1, producer_epoch=0, base_sequence=n)) for n in range(4)]
    assert [stored.verdict(("t", 0), header, 0, n) for n, header in enumerate(headers)] == ["stored"] * 4
    assert [stored.verdict(("t", 0), headers[n], 0, n) for n in (3, 2, 1, 0)] == ["duplicate"] * 3 + ["stored"]
