"""Frames that are broken, cut off, too large, slow or random: the embedded broker hangs up or answers, and serves the next one."""

from __future__ import annotations

import os
import random
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lesson_lib.broker.connection import served_versions
from lesson_lib.broker.embedded import EmbeddedBroker
from lesson_lib.core.kafka_version import KafkaVersion
from lesson_lib.wire import messages as wire
from lesson_lib.wire import requests
from lesson_lib.wire.record_batch import batch_bytes
from lesson_lib.wire.requests import RawClient, make_topic

from .logs import txn_offset_commit

SERVED = served_versions(KafkaVersion(4, 4))
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "300"))
WAITING = {1, 11, 14}  # these may rightly take their time to answer
SECONDS = 20.0


@pytest.fixture(scope="module")
def target() -> Iterator[EmbeddedBroker]:
    """One broker for all of them: whatever one leaves behind, the next one meets."""
    with EmbeddedBroker() as broker:
        with RawClient(broker.address) as client:
            make_topic(client, "t", 2)
        yield broker


def framed(body: bytes, size: int | None = None) -> bytes:
    """The bytes with a length before them, a wrong one where `size` says so."""
    return struct.pack(">i", len(body) if size is None else size) + body


def talk(broker: EmbeddedBroker, data: bytes) -> bytes:
    """Send bytes, then nothing more, and return everything that comes back until the broker hangs up."""
    with socket.create_connection(("127.0.0.1", broker.port), SECONDS) as connection:
        answer = bytearray()
        try:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            while chunk := connection.recv(65536):
                answer += chunk
        except ConnectionError:
            pass
        return bytes(answer)


def is_alive(broker: EmbeddedBroker) -> bool:
    """The broker serves a well-behaved client and no handler has raised."""
    with RawClient(broker.address, timeout=SECONDS) as client:
        answered = client.ask(requests.list_offsets("t", [0])).topics[0].partitions[0].error_code == 0
    return answered and not broker.cluster.failures


@pytest.mark.parametrize("data", [
    b"", b"\0", b"\0\0\0", framed(b""), framed(b"\0" * 7), framed(b"", -1), framed(b"", 2**31 - 1), framed(b"x" * 100),
    framed(b"", 100 * 1024 * 1024 + 1), b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00" * 40,
    framed(struct.pack(">hhih", 18, 0, 1, 30_000)), framed(struct.pack(">hhih", 3, 12, 1, -1) + b"\0\xff\xff\xff\xff\x0f"),
    framed(struct.pack(">hhih", 3, 1, 1, -1) + b"\x7f\xff\xff\xff"), framed(struct.pack(">hhi", 3, 1, 1) + b"\0\1\xff"),
])
def test_what_is_no_request_is_not_answered(target: EmbeddedBroker, data: bytes):
    assert talk(target, data) == b""
    assert is_alive(target)


def test_frame_too_large_is_refused_before_it_is_read(target: EmbeddedBroker):
    with socket.create_connection(("127.0.0.1", target.port), SECONDS) as connection:
        connection.sendall(struct.pack(">ihhi", 50_000_000, 3, 1, 1))
        assert connection.recv(1) == b""


@settings(max_examples=EXAMPLES)
@given(st.binary(max_size=300))
def test_random_bytes(target: EmbeddedBroker, data: bytes):
    talk(target, data)
    talk(target, framed(data))
    assert is_alive(target)


@settings(max_examples=EXAMPLES)
@given(st.sampled_from(sorted(set(SERVED) - WAITING)), st.integers(0, 20), st.binary(max_size=200))
def test_random_bodies_behind_a_header_that_is_right(target: EmbeddedBroker, key: int, version: int, body: bytes):
    low, high = SERVED[key]
    version = low + version % (high - low + 1)
    talk(target, framed(struct.pack(">hhih", key, version, 7, -1) + body))
    assert is_alive(target)


def correct_frames() -> list[bytes]:
    """Requests of every API at its highest version, with something in them where it is easy to put."""
    batch = batch_bytes([b"m0", b"m1"], producer_id=1, producer_epoch=0, base_sequence=0)
    frames = []
    for request in (requests.produce("t", 0, batch), requests.init_producer_id("x"), requests.fetch("t", {0: 0, 1: 0}),
                    requests.list_offsets("t", [0, 1]), requests.add_partitions("x", 1, 0, "t", [0]), requests.create_topic("u"),
                    requests.end_txn("x", 1, 0, commit=True), txn_offset_commit("x", "g", 1, 0, "t", 1),
                    requests.delete_records("t", {1: 0}), requests.describe_producers("t", [0]), requests.metadata("t"),
                    requests.request("DescribeTransactions", transactional_ids=["x"])):
        for version in range(SERVED[request.API_KEY][0], SERVED[request.API_KEY][1] + 1):
            if request.API_KEY == 24 and version > 3:
                continue
            request.API_VERSION = version
            request.with_header(7, "fuzz")
            frames.append(bytes(request.encode(header=True)))
    return frames


FRAMES = correct_frames()


@settings(max_examples=EXAMPLES)
@given(st.sampled_from(FRAMES), st.data())
def test_correct_frames_with_a_few_bytes_changed_or_cut_off(target: EmbeddedBroker, frame: bytes, data: st.DataObject):
    changed = bytearray(frame)
    for _ in range(data.draw(st.integers(0, 4))):
        changed[data.draw(st.integers(8, len(frame) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(8, len(frame)))
    if target.cluster.topic("t") is None:
        target.cluster.create_topic("t", 2)
    talk(target, framed(bytes(changed[:cut])))
    assert is_alive(target)


@pytest.mark.parametrize("frame", FRAMES[::7])
def test_every_beginning_of_a_frame(target: EmbeddedBroker, frame: bytes):
    for end in range(len(frame)):
        talk(target, framed(frame, len(frame))[:end])
        if end >= 8:
            talk(target, framed(frame[:end]))
    assert is_alive(target)


def test_null_where_none_may_be_hangs_up(target: EmbeddedBroker):
    request = requests.metadata("t")
    null_topics_of_version_0 = struct.pack(">hhih", 3, 0, 7, -1) + struct.pack(">i", -1)
    assert talk(target, framed(null_topics_of_version_0)) == b""
    assert request.topics and is_alive(target)


def test_slow_frame_does_not_hold_up_the_others(target: EmbeddedBroker):
    frame = framed(FRAMES[0])
    with socket.create_connection(("127.0.0.1", target.port), SECONDS) as slow:
        for position in range(len(frame)):
            slow.sendall(frame[position:position + 1])
            if position % 20 == 0:
                assert is_alive(target)
        assert len(slow.recv(4)) == 4


def test_two_hundred_clients_at_once(target: EmbeddedBroker):
    with ExitStack() as stack:
        clients = [stack.enter_context(RawClient(target.address, timeout=SECONDS)) for _ in range(200)]
        for client in clients:
            client.send(requests.list_offsets("t", [0]), 5)
        assert [client.receive().topics[0].partitions[0].error_code for client in clients] == [0] * 200
    assert is_alive(target)


def test_client_that_asks_and_never_reads(target: EmbeddedBroker):
    with RawClient(target.address) as client:
        for _ in range(8):
            client.ask(requests.produce("t", 1, batch_bytes([b"m" * 900_000])))
    fetch = requests.fetch("t", {1: target.log("t", 1).log_start_offset})
    fetch.topics[0].partitions[0].partition_max_bytes = 1 << 26
    fetch.API_VERSION = 12
    fetch.with_header(7, "deaf")
    deaf = socket.create_connection(("127.0.0.1", target.port), SECONDS)
    deaf.settimeout(0.5)
    try:
        with pytest.raises(TimeoutError):  # the broker stops reading as well, and the socket's buffer fills up
            while True:
                deaf.sendall(framed(bytes(fetch.encode(header=True))) * 200)
        assert is_alive(target)
        (writer,) = [w for w in target._clients.values() if w.get_extra_info("peername") == deaf.getsockname()]
        assert writer.transport.get_write_buffer_size() < 10_000_000
    finally:
        deaf.close()
    assert is_alive(target)


def test_connections_that_end_in_the_middle_leave_nothing_behind(target: EmbeddedBroker):
    rng = random.Random(1)
    for _ in range(300):
        connection = socket.create_connection(("127.0.0.1", target.port), SECONDS)
        connection.sendall(framed(rng.choice(FRAMES))[:rng.randrange(40)])
        connection.close()
    assert is_alive(target)
    ended = threading.Event()
    for _ in range(100):
        if len(target._clients) <= 1:
            break
        ended.wait(0.05)
    assert len(target._clients) <= 1


def test_large_produce_frames_are_read(target: EmbeddedBroker):
    with RawClient(target.address, timeout=SECONDS) as client:
        answer = client.ask(requests.produce("t", 0, batch_bytes([b"m" * 3_000_000])))
    assert answer.responses[0].partition_responses[0].error_code == 10
    assert wire.MAX_OTHER_FRAME_BYTES < 3_000_000 < wire.MAX_FRAME_BYTES
