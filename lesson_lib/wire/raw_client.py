"""One blocking connection that speaks Kafka's protocol and nothing more: no retries, no metadata, no thread.

A real client never sends a wrong batch on purpose and hides what it sends again; this one sends exactly what
it is given and returns exactly what comes back. Requests may be sent ahead (`send`) and answered later
(`receive`): Kafka answers in order. Differs from a Kafka client in: it talks to one address and takes it for
the leader and the coordinator of everything, which is true of a cluster of one.
"""

from __future__ import annotations

import socket
import time
from collections import deque
from typing import Any

from kafka.protocol.metadata import ApiVersionsRequest

from lesson_lib.errors import LessonError
from lesson_lib.wire import messages, requests

CLIENT_ID = "forge"
LEADER_SECONDS = 60.0
# Unless asked for: Produce 12 wants transaction version 2 (KIP-890), Produce and Fetch 13 name topics by id.
HIGHEST = {"Produce": 11, "Fetch": 12, "InitProducerId": 5, "AddPartitionsToTxn": 3, "AddOffsetsToTxn": 3,
           "EndTxn": 4, "TxnOffsetCommit": 4, "DeleteTopics": 5}


class RawClient:
    """A connection to the broker at `address` (host:port). Every wait ends after `timeout` seconds."""

    def __init__(self, address: str, timeout: float = 15.0) -> None:
        host, _, port = address.rpartition(":")
        try:
            self._socket = socket.create_connection((host, int(port)), timeout)
        except (OSError, ValueError) as error:
            raise LessonError(f"No broker answers at {address!r} ({error}): "
                              "start one, or give another address.") from None
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._reader = self._socket.makefile("rb")
        self._waiting: deque[Any] = deque()
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
        name = type(request).__name__.removesuffix("Request")
        if request.API_KEY not in self.versions:
            raise LessonError(f"This broker does not serve {name}.")
        return min(self.versions[request.API_KEY][1], HIGHEST.get(name, request.max_version))

    def send(self, request: Any, version: int | None = None) -> None:
        """Send a request; `receive` fetches its answer, in order. With acks=0 there is none."""
        version = self.version_for(request) if version is None else version
        self._correlation_id += 1
        if request.expect_response():
            self._waiting.append((self._correlation_id, request.API_KEY, version))
        self._socket.sendall(messages.encode_request(request, version, self._correlation_id, CLIENT_ID))

    def receive(self) -> Any:
        """The answer to the oldest request that has none yet. ConnectionError when the broker hung up."""
        expected, api_key, version = self._waiting.popleft()
        frame = self._exactly(messages.checked_size(self._exactly(4), least=4))
        answer = messages.decode_response(api_key, version, frame)
        if answer.header.correlation_id != expected:
            raise ConnectionError(f"an answer to request {answer.header.correlation_id}, not to {expected}")
        return answer

    def ask(self, request: Any, version: int | None = None) -> Any:
        """Send a request and wait for its answer."""
        self.send(request, version)
        return self.receive()

    def send_bytes(self, frame: bytes) -> None:
        """Send bytes as they are; nothing is expected back."""
        self._socket.sendall(frame)

    def hung_up(self) -> bool:
        """Whether the broker closes the connection; False when it sends something, or stays silent."""
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

    def __exit__(self, *_: object) -> None:
        self.close()


def make_topic(client: RawClient, name: str, partitions: int = 1,
               configs: dict[str, str] | None = None) -> None:
    """Make a topic and wait for its leaders: Apache Kafka's refuses batches (error 6) until it has them.

    RuntimeError when the broker refuses, or when there is no leader in time.
    """
    made = client.ask(requests.create_topic(name, partitions, configs)).topics[0]
    if made.error_code:
        raise RuntimeError(f"The broker did not make the topic {name}: error {made.error_code}")
    deadline = time.monotonic() + LEADER_SECONDS
    while not is_led(client, name, partitions):
        if time.monotonic() > deadline:
            raise RuntimeError(f"No leader took the topic {name} within {LEADER_SECONDS:.0f} s")
        time.sleep(0.01)


def is_led(client: RawClient, topic: str, partitions: int) -> bool:
    """Whether the leader of each partition has taken it."""
    answer = client.ask(requests.list_offsets(topic, range(partitions)))
    return not any(partition.error_code for partition in answer.topics[0].partitions)
