"""One blocking connection that speaks Kafka's protocol and nothing more: no retries, no metadata, no background thread.

A real client never sends a wrong batch on purpose and hides what it sends again; this one sends exactly what it is given and
returns exactly what comes back. Requests may be sent ahead (`send`) and answered later (`receive`): Kafka answers in order.

The message classes are kafka-python's. Differs from a Kafka client in: it talks to one address and takes it for the leader
and the coordinator of everything, which is true of a cluster of one.
"""

from __future__ import annotations

import socket
import struct
import time
from collections import deque
from types import TracebackType
from typing import Any

from kafka.protocol.api_header import ResponseClassRegistry
from kafka.protocol.metadata import ApiVersionsRequest

from lesson_lib.errors import LessonError
from lesson_lib.wire import requests

LEADER_SECONDS = 60.0
# Produce 12 asks for transaction version 2 (KIP-890), Produce and Fetch 13 name topics by id: both only when asked for.
HIGHEST = {"ProduceRequest": 11, "FetchRequest": 12, "InitProducerIdRequest": 5, "AddPartitionsToTxnRequest": 3,
           "AddOffsetsToTxnRequest": 3, "EndTxnRequest": 4, "TxnOffsetCommitRequest": 4, "DeleteTopicsRequest": 5}


class RawClient:
    """A connection to the broker at `address` (host:port). Every wait ends after `timeout` seconds."""

    def __init__(self, address: str, timeout: float = 15.0) -> None:
        host, _, port = address.rpartition(":")
        try:
            self._socket = socket.create_connection((host, int(port)), timeout)
        except (OSError, ValueError) as error:
            raise LessonError(f"No broker answers at {address!r} ({error}): start one, or give another address.") from None
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._reader = self._socket.makefile("rb")
        self._waiting: deque[tuple[int, Any]] = deque()
        self._correlation_id = 0
        self._versions: dict[int, tuple[int, int]] = {}

    @property
    def versions(self) -> dict[int, tuple[int, int]]:
        """API key -> (lowest, highest version) that the broker serves."""
        if not self._versions:
            answer = self.ask(ApiVersionsRequest(), 0)
            self._versions = {a.api_key: (a.min_version, a.max_version) for a in answer.api_keys}
        return self._versions

    def version_for(self, request: Any) -> int:
        """The highest version that the broker, the message classes and `HIGHEST` allow."""
        name = type(request).__name__
        if request.API_KEY not in self.versions:
            raise LessonError(f"This broker does not serve {name.removesuffix('Request')}.")
        return min(self.versions[request.API_KEY][1], HIGHEST.get(name, request.max_version))

    def send(self, request: Any, version: int | None = None) -> None:
        """Send a request; its answer is fetched by `receive`, in order. One that expects no answer (acks=0) gets none."""
        self._correlation_id += 1
        request.API_VERSION = self.version_for(request) if version is None else version
        request.with_header(self._correlation_id, "forge")
        if request.expect_response():
            self._waiting.append((self._correlation_id, ResponseClassRegistry.get_response_class(request.header)))
        self._socket.sendall(request.encode(header=True, framed=True))

    def receive(self) -> Any:
        """The answer to the oldest request that has none yet. ConnectionError when the broker hung up."""
        expected, response_class = self._waiting.popleft()
        (size,) = struct.unpack(">i", self._exactly(4))
        answer = response_class.decode(self._exactly(size), header=True)
        if answer.header.correlation_id != expected:
            raise ConnectionError(f"the answer is to request {answer.header.correlation_id}, not to {expected}")
        return answer

    def ask(self, request: Any, version: int | None = None) -> Any:
        """Send a request and wait for its answer."""
        self.send(request, version)
        return self.receive()

    def send_bytes(self, frame: bytes) -> None:
        """Send bytes as they are; nothing is expected back."""
        self._socket.sendall(frame)

    def hung_up(self) -> bool:
        """Wait for the broker to close the connection: True when it does, False when it sends something or stays silent."""
        try:
            return self._reader.read(1) == b""
        except ConnectionError:
            return True
        except TimeoutError:
            return False

    def _exactly(self, size: int) -> bytes:
        data = self._reader.read(size)
        if len(data) < size:
            raise ConnectionError("the broker closed the connection")
        return data

    def close(self) -> None:
        """Close the connection."""
        self._reader.close()
        self._socket.close()

    def __enter__(self) -> RawClient:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def make_topic(client: RawClient, name: str, partitions: int = 1, configs: dict[str, str] | None = None) -> None:
    """Make a topic and wait until its partitions have a leader: a new topic of Apache Kafka refuses batches (error 6) until then.

    RuntimeError when the broker refuses, or when there is no leader in time.
    """
    made = client.ask(requests.create_topic(name, partitions, configs)).topics[0]
    if made.error_code:
        raise RuntimeError(f"The broker did not make the topic {name}: error {made.error_code}")
    deadline = time.monotonic() + LEADER_SECONDS
    while any(p.error_code for p in client.ask(requests.list_offsets(name, range(partitions))).topics[0].partitions):
        if time.monotonic() > deadline:
            raise RuntimeError(f"No leader took the topic {name} within {LEADER_SECONDS:.0f} s")
        time.sleep(0.01)
