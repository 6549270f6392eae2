"""Telling a Kafka broker from everything else that may listen on a port."""

from __future__ import annotations

import socket
import socketserver
import struct
import threading
from contextlib import contextmanager

import pytest

from lesson_lib.wire import probe


@contextmanager
def server(answer):
    """A server on a free port that calls `answer(request bytes) -> bytes` for each request; yields the port."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self):
            while head := self.rfile.read(4):
                self.wfile.write(answer(self.rfile.read(struct.unpack(">i", head)[0])))

    with socketserver.TCPServer(("127.0.0.1", 0), Handler) as listening:
        thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield listening.server_address[1]
        finally:
            listening.shutdown()
            thread.join()


def frame(body: bytes, correlation_id: int = 1) -> bytes:
    """An answer with its length and the correlation id of its request."""
    return struct.pack(">ii", len(body) + 4, correlation_id) + body


def broker_with(live_brokers: int):
    """A broker that answers ApiVersions, and Metadata with so many brokers in its cluster."""
    node = struct.pack(">ih", 1, 1) + b"h" + struct.pack(">ih", 9092, -1)  # id, host, port, no rack
    answers = {
        18: struct.pack(">hi", 0, 2) + struct.pack(">hhhhhh", 0, 3, 13, 18, 0, 4),
        3: struct.pack(">i", live_brokers) + node * live_brokers + struct.pack(">ii", 1, 0),  # controller, no topic
    }

    def answer(request: bytes) -> bytes:
        key, _, correlation_id = struct.unpack_from(">hhi", request)
        return frame(answers[key], correlation_id)

    return answer


def test_a_broker_tells_its_api_versions():
    with server(broker_with(1)) as port:
        assert probe.api_versions("127.0.0.1", port) == {0: (3, 13), 18: (0, 4)}


@pytest.mark.parametrize(("live_brokers", "usable"), [(1, True), (0, False)])
def test_a_broker_is_usable_once_its_cluster_lists_it(live_brokers, usable):
    with server(broker_with(live_brokers)) as port:
        assert probe.is_usable("127.0.0.1", port) is usable


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\0\0", frame(b""), frame(b"\0\0\0\0\0\x09")])
def test_another_program_is_not_a_broker(answer):
    with server(lambda request: answer) as port:
        assert not probe.is_usable("127.0.0.1", port, timeout=0.2)


def test_nothing_there_is_not_a_broker():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        assert not probe.is_usable("127.0.0.1", taken.getsockname()[1])


def test_a_port_with_a_server_is_not_free():
    with server(broker_with(1)) as port:
        assert not probe.is_free(port)
    assert probe.is_free(port)


@pytest.mark.parametrize(
    ("address", "parts"),
    [
        ("localhost:9092", ("localhost", 9092)),
        ("[::1]:9092", ("::1", 9092)),
        ("a:1,b:2", ("a", 1)),
        (" a:1 ", ("a", 1)),
    ],
)
def test_addresses(address, parts):
    assert probe.split_address(address) == parts


@pytest.mark.parametrize(
    "address", ["", "localhost", "localhost:", ":9092", "localhost:kafka", "localhost:0", "localhost:70000"]
)
def test_what_is_not_an_address(address):
    with pytest.raises(ValueError, match="is not host:port"):
        probe.split_address(address)
