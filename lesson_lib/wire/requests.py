"""Requests made by hand, and a blocking connection that sends them: no retries, no metadata, no thread.

A real client never sends a wrong batch on purpose and hides what it sends again; this one sends exactly
what it is given and returns exactly what comes back. Requests may be sent ahead (`send`) and answered later
(`receive`): Kafka answers in order. Differs from a Kafka client in: it talks to one address and takes it
for the leader and the coordinator of everything, which is true of a cluster of one.
"""

from __future__ import annotations

import socket
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from lesson_lib.errors import LessonError
from lesson_lib.wire import messages
from lesson_lib.wire.messages import API_KEYS, REQUESTS, filled
from lesson_lib.wire.record_batch import read_header, split_batches

READ_UNCOMMITTED, READ_COMMITTED = 0, 1
EARLIEST, LATEST = -2, -1
TIMEOUT_MS = 10_000
CLIENT_ID = "forge"
LEADER_SECONDS = 60.0
Versions = dict[int, tuple[int, int]]
# Unless asked for: Produce 12 wants transaction version 2 (KIP-890), Produce and Fetch 13 name topics by id.
HIGHEST = {"Produce": 11, "Fetch": 12, "InitProducerId": 5, "AddPartitionsToTxn": 3, "AddOffsetsToTxn": 3,
           "EndTxn": 4, "TxnOffsetCommit": 4, "DeleteTopics": 5}


def request(api: str, **fields: Any) -> Any:
    """A request of this API, by Kafka's names: `request("Metadata", topics=[{"name": "t"}])`."""
    return filled(REQUESTS[API_KEYS[api]], fields)


def _of(producer: tuple[str | None, int, int]) -> dict[str, Any]:
    return dict(zip(("transactional_id", "producer_id", "producer_epoch"), producer, strict=True))


def produce(topic: str, partition: int, records: bytes, *, acks: int = -1,
            transactional_id: str | None = None) -> Any:
    """One batch (or whatever bytes) for one partition."""
    part = {"index": partition, "records": records}
    return request("Produce", transactional_id=transactional_id, acks=acks, timeout_ms=TIMEOUT_MS,
                   topic_data=[{"name": topic, "partition_data": [part]}])


def init_producer_id(transactional_id: str | None = None, timeout_ms: int = 60_000, producer_id: int = -1,
                     producer_epoch: int = -1) -> Any:
    """A producer id for nobody in particular, or the next epoch of `transactional_id`."""
    return request("InitProducerId", transaction_timeout_ms=timeout_ms,
                   **_of((transactional_id, producer_id, producer_epoch)))


def add_partitions(transactional_id: str, producer_id: int, producer_epoch: int, topic: str,
                   partitions: Sequence[int]) -> Any:
    """Tell the coordinator that these partitions take part (version 3 and below, as clients do)."""
    fields = {**_of((transactional_id, producer_id, producer_epoch)),
              "topics": [{"name": topic, "partitions": list(partitions)}]}
    return request("AddPartitionsToTxn", **{f"v3_and_below_{name}": value for name, value in fields.items()})


def end_txn(transactional_id: str, producer_id: int, producer_epoch: int, *, commit: bool) -> Any:
    return request("EndTxn", committed=commit, **_of((transactional_id, producer_id, producer_epoch)))


def delete_records(topic: str, offsets: Mapping[int, int]) -> Any:
    """Raise the log start offset (partition -> first offset to keep; -1 empties the log)."""
    parts = [{"partition_index": p, "offset": offset} for p, offset in offsets.items()]
    return request("DeleteRecords", topics=[{"name": topic, "partitions": parts}], timeout_ms=TIMEOUT_MS)


def describe_producers(topic: str, partitions: Iterable[int]) -> Any:
    """What the leader remembers of each producer id."""
    return request("DescribeProducers", topics=[{"name": topic, "partition_indexes": list(partitions)}])


def fetch(topic: str, offsets: Mapping[int, int], *, isolation: int = READ_UNCOMMITTED) -> Any:
    """Whatever is there now (partition -> offset), without waiting for more."""
    parts = [{"partition": p, "current_leader_epoch": -1, "fetch_offset": o, "last_fetched_epoch": -1,
              "log_start_offset": -1, "partition_max_bytes": 1 << 20} for p, o in offsets.items()]
    return request("Fetch", replica_id=-1, max_bytes=1 << 26, isolation_level=isolation, session_epoch=-1,
                   topics=[{"topic": topic, "partitions": parts}])


def list_offsets(topic: str, partitions: Iterable[int], timestamp: int = LATEST, *,
                 isolation: int = READ_UNCOMMITTED) -> Any:
    """The first (`EARLIEST`) or next (`LATEST`) offset, under `READ_COMMITTED` the last stable one."""
    parts = [{"partition_index": p, "current_leader_epoch": -1, "timestamp": timestamp} for p in partitions]
    return request("ListOffsets", replica_id=-1, isolation_level=isolation, timeout_ms=TIMEOUT_MS,
                   topics=[{"name": topic, "partitions": parts}])


def create_topic(topic: str, partitions: int = 1, configs: Mapping[str, str] | None = None) -> Any:
    """A topic with one replica."""
    settings = [{"name": name, "value": value} for name, value in (configs or {}).items()]
    row = {"name": topic, "num_partitions": partitions, "replication_factor": 1, "configs": settings}
    return request("CreateTopics", topics=[row], timeout_ms=60_000)


def delete_topic(topic: str) -> Any:
    """The topic and everything in it (version 5 and below, by name)."""
    return request("DeleteTopics", topic_names=[topic], timeout_ms=60_000)


def metadata(topic: str) -> Any:
    """Which partitions of a topic have a leader."""
    return request("Metadata", topics=[{"name": topic}], allow_auto_topic_creation=False)


class RawClient:
    """A connection to the broker at `address` (host:port). Every wait ends after `timeout` seconds. Who comes
    again and again keeps `versions`, which are asked for where it is empty.
    """

    def __init__(self, address: str, timeout: float = 15.0, versions: Versions | None = None) -> None:
        self.address, self.timeout = address, timeout
        host, _, port = address.rpartition(":")
        try:
            self._socket = socket.create_connection((host, int(port)), timeout)
        except (OSError, ValueError) as error:
            raise LessonError(f"No broker answers at {address!r} ({error}): "
                              "start one, or give another address.") from None
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._waiting: deque[Any] = deque()
        self._correlation_id = 0
        self._versions: Versions = {} if versions is None else versions

    @property
    def versions(self) -> Versions:
        """API key -> (lowest, highest version) that the broker serves."""
        if not self._versions:
            answer = self.ask(request("ApiVersions"), 0)
            self._versions.update({a.api_key: (a.min_version, a.max_version) for a in answer.api_keys})
        return self._versions

    def version_for(self, message: Any) -> int:
        """The highest version that the broker, the message classes and `HIGHEST` allow."""
        name = type(message).__name__.removesuffix("Request")
        if message.API_KEY not in self.versions:
            raise LessonError(f"This broker does not serve {name}.")
        return min(self.versions[message.API_KEY][1], HIGHEST.get(name, message.max_version))

    def send(self, message: Any, version: int | None = None) -> None:
        """Send a request; `receive` fetches its answer, in order. With acks=0 there is none."""
        version = self.version_for(message) if version is None else version
        self._correlation_id += 1
        if message.expect_response():
            self._waiting.append((self._correlation_id, message.API_KEY, version))
        self._socket.sendall(messages.encode_request(message, version, self._correlation_id, CLIENT_ID))

    def receive(self) -> Any:
        """The answer to the oldest request that has none yet. ConnectionError when the broker hung up,
        ProtocolError for what is no answer to it."""
        expected, api_key, version = self._waiting.popleft()
        frame = self._exactly(messages.checked_size(self._exactly(4), least=4))
        answer = messages.decode_response(api_key, version, frame)
        if answer.header.correlation_id != expected:
            raise messages.ProtocolError(f"an answer to request {answer.header.correlation_id}, "
                                         f"not to {expected}")
        return answer

    def ask(self, message: Any, version: int | None = None) -> Any:
        """Send a request and wait for its answer."""
        self.send(message, version)
        return self.receive()

    @staticmethod
    def now() -> int:
        """Milliseconds since 1970 on the clock of the world that the connection is in."""
        return int(time.time() * 1000)

    def _exactly(self, size: int) -> bytes:
        data = bytearray()
        while len(data) < size:
            if not (more := self._socket.recv(size - len(data))):
                raise ConnectionError("the broker closed the connection")
            data += more
        return bytes(data)

    def close(self) -> None:
        self._socket.close()

    def __enter__(self) -> RawClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@contextmanager
def at_leaders(address: str, topic: str, timeout: float = 15.0,
               versions: Versions | None = None) -> Iterator[dict[int, RawClient]]:
    """Partition -> a connection to its leader, where it has one; every wait ends after `timeout` seconds."""
    with ExitStack() as opened:
        clients = {address: opened.enter_context(RawClient(address, timeout, versions))}
        answer = clients[address].ask(metadata(topic))
        alone = len(answer.brokers) == 1  # a cluster of one is asked where it was found
        nodes = {node.node_id: address if alone else f"{node.host}:{node.port}" for node in answer.brokers}
        leaders = {p.partition_index: nodes[p.leader_id] for t in answer.topics for p in t.partitions
                   if p.leader_id in nodes}
        for leader in {*leaders.values()} - {address}:
            clients[leader] = opened.enter_context(RawClient(leader, timeout))
        yield {partition: clients[leader] for partition, leader in sorted(leaders.items())}


def batches(client: RawClient, topic: str, partition: int, offset: int | None = None) -> Iterator[bytes]:
    """Every batch of a partition as its leader serves it, from an offset or from the start of the log."""
    if offset is None:
        offset = client.ask(list_offsets(topic, [partition], EARLIEST)).topics[0].partitions[0].offset
    while True:
        part = client.ask(fetch(topic, {partition: offset})).responses[0].partitions[0]
        found = [bytes(data) for data in split_batches(bytes(part.records or b""))]
        if part.error_code or not found:
            return
        yield from found
        last = read_header(found[-1])
        offset = last.base_offset + last.last_offset_delta + 1
        if offset >= part.high_watermark:
            return


def make_topic(client: RawClient, name: str, partitions: int = 1, configs: dict[str, str] | None = None,
               *, wait: bool = True) -> None:
    """Make a topic, and `wait` for its leaders: Apache Kafka's refuse batches (error 6) until they have taken
    it. RuntimeError when the broker refuses, or when there is no leader in time.
    """
    made = client.ask(create_topic(name, partitions, configs)).topics[0]
    if made.error_code:
        raise RuntimeError(f"The broker did not make the topic {name}: error {made.error_code}")
    deadline = time.monotonic() + LEADER_SECONDS
    while wait and not is_led(client, name, partitions):
        if time.monotonic() > deadline:
            raise RuntimeError(f"No leader took the topic {name} within {LEADER_SECONDS:.0f} s")
        time.sleep(0.01)


def is_led(client: RawClient, topic: str, partitions: int) -> bool:
    """Whether the leader of each partition has taken it."""
    try:
        with at_leaders(client.address, topic, client.timeout, client.versions) as leaders:
            answers = [leader.ask(list_offsets(topic, [number])) for number, leader in leaders.items()]
    except (LessonError, OSError, LookupError):
        return False
    return [answer.topics[0].partitions[0].error_code for answer in answers] == [0] * partitions
