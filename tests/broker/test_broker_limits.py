"""What would cost everybody else their broker, or lie to a client, costs the one who asks for it an answer or the connection."""

from __future__ import annotations

import resource
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
from kafka.record.default_records import DefaultRecordBatchBuilder

from lesson_lib.broker import connection
from lesson_lib.broker.embedded import EmbeddedBroker
from lesson_lib.core.error_codes import ErrorCode
from lesson_lib.wire import requests
from lesson_lib.wire.requests import RawClient
from tests.raw import hung_up, send_bytes

SECONDS = 20


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    """A broker with a topic t."""
    with EmbeddedBroker() as broker:
        broker.cluster.create_topic("t")
        yield broker


@pytest.fixture
def client(broker: EmbeddedBroker) -> Iterator[RawClient]:
    """A connection to it."""
    with RawClient(broker.address, SECONDS) as client:
        yield client


def compressed(values: list[bytes], timestamps: list[int]) -> bytes:
    """One gzip batch."""
    builder = DefaultRecordBatchBuilder(2, 1, False, -1, -1, -1, 1 << 30)
    for delta, (value, timestamp) in enumerate(zip(values, timestamps, strict=True)):
        builder.append(delta, timestamp, None, value, [])
    return bytes(builder.build())


def test_a_question_for_a_time_unpacks_no_compressed_batch(client: RawClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def unpacked(*_: object) -> None:
        raise AssertionError("a compressed batch was unpacked")

    client.ask(requests.produce("t", 0, compressed([b"a" * 900] * 3, [1_000, 2_000, 3_000])))
    monkeypatch.setattr("lesson_lib.broker.handlers.fetch.DefaultRecordBatch", unpacked)
    row = client.ask(requests.list_offsets("t", [0], 2_000)).topics[0].partitions[0]
    assert (row.error_code, row.offset, row.timestamp) == (0, 0, 3_000)


def create(client: RawClient, *topics: dict[str, object]) -> list[tuple[str, int]]:
    """(name, error) of each topic in one CreateTopics request."""
    answer = client.ask(requests.request("CreateTopics", timeout_ms=1_000, topics=[
        {"num_partitions": 1, "replication_factor": 1, **topic} for topic in topics]))
    return [(row.name, row.error_code) for row in answer.topics]


def test_a_request_for_a_million_partitions_is_refused_as_a_whole(client: RawClient, broker: EmbeddedBroker) -> None:
    wanted = [{"name": f"t{n}", "num_partitions": 1000} for n in range(1000)]
    assert {error for _, error in create(client, *wanted)} == {ErrorCode.POLICY_VIOLATION}
    assert list(broker.cluster.topics) == ["t"]
    grow = requests.request("CreatePartitions", topics=[{"name": "t", "count": 1000}] * 11)
    assert {row.error_code for row in client.ask(grow).results} == {ErrorCode.POLICY_VIOLATION}
    assert create(client, {"name": "fits", "num_partitions": 1000}) == [("fits", 0)]


@pytest.mark.parametrize("value", ["²", "9" * 5000, "2147483648", "-1", "", "1_000", "٣"])
def test_a_limit_that_is_no_number_is_refused(client: RawClient, value: str) -> None:
    configs = [{"name": "max.message.bytes", "value": value}]
    assert create(client, {"name": "limited", "configs": configs}) == [("limited", ErrorCode.INVALID_CONFIG)]


def test_names_that_are_there_twice_or_collide_are_refused(client: RawClient) -> None:
    assert create(client, {"name": "twice"}, {"name": "twice"}, {"name": "a.b"}) == [
        ("twice", ErrorCode.INVALID_REQUEST), ("a.b", 0)]
    assert create(client, {"name": "a_b"}) == [("a_b", ErrorCode.INVALID_TOPIC_EXCEPTION)]
    client.ask(requests.delete_topic("a.b"))
    assert create(client, {"name": "a_b"}) == [("a_b", 0)]


def test_a_topic_is_found_by_its_id_until_it_is_deleted(broker: EmbeddedBroker) -> None:
    first = broker.cluster.create_topic("again")
    broker.cluster.delete_topic(first)
    second = broker.cluster.create_topic("again")
    assert broker.cluster.topic(None, first.id) is None and broker.cluster.topic(None, second.id) is second


def join(client: RawClient, **fields: object) -> object:
    """The answer to a JoinGroup request."""
    return client.ask(requests.request("JoinGroup", **{
        "group_id": "g", "session_timeout_ms": 6_000, "rebalance_timeout_ms": 6_000, "protocol_type": "consumer",
        "protocols": [{"name": "range", "metadata": b""}], **fields}))


def test_a_group_whose_clients_never_came_back_is_forgotten(client: RawClient, broker: EmbeddedBroker) -> None:
    for n in range(50):
        assert join(client, group_id=f"g{n}").error_code == ErrorCode.MEMBER_ID_REQUIRED
    for group in broker.cluster.groups.values():
        group.expected.clear()  # what a timer does after the session timeout
    broker.call(broker.cluster.forget_empty_groups)
    assert not broker.cluster.groups


def test_a_group_that_had_members_is_remembered(client: RawClient, broker: EmbeddedBroker) -> None:
    joined = join(client, group_instance_id="i")
    client.ask(requests.request("LeaveGroup", group_id="g", members=[{"member_id": joined.member_id}]))
    broker.call(broker.cluster.forget_empty_groups)
    assert broker.cluster.group("g").generation > 0


def test_a_static_member_that_lost_its_place_is_fenced(client: RawClient) -> None:
    old = join(client, group_instance_id="i").member_id
    new = join(client, group_instance_id="i")
    assert new.error_code == 0 and new.member_id != old
    assert join(client, group_instance_id="i", member_id=old).error_code == ErrorCode.FENCED_INSTANCE_ID
    assert join(client, group_instance_id="i", member_id=new.member_id).error_code == 0
    assert join(client, group_instance_id="nobody", member_id=old).error_code == ErrorCode.UNKNOWN_MEMBER_ID


def test_produce_is_named_from_version_0_and_served_from_3(client: RawClient) -> None:
    assert client.versions[0] == (0, 13)
    send_bytes(client, struct.pack(">ihhih", 10, 0, 2, 7, -1))
    assert hung_up(client)


def test_an_idle_connection_is_closed(broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "IDLE_SECONDS", 0.05)
    with RawClient(broker.address, SECONDS) as client:
        assert client.ask(requests.metadata("t")).topics
        assert hung_up(client)


def test_a_waiting_request_is_not_idle(broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "IDLE_SECONDS", 0.05)
    fetch = requests.fetch("t", {0: 0})
    fetch.max_wait_ms, fetch.min_bytes = 300, 1
    with RawClient(broker.address, SECONDS) as client:
        assert client.ask(fetch, 12).responses


OUT_OF_FILES = """
import resource, socket, time
from lesson_lib.broker.embedded import EmbeddedBroker
broker = EmbeddedBroker().start()
_, most = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (64, most))
print(broker.port, flush=True)
input()
broker.stop()
"""


def test_out_of_files_it_says_one_sentence() -> None:
    process = subprocess.Popen([sys.executable, "-c", OUT_OF_FILES], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True)
    try:
        port = int(process.stdout.readline())
        clients = [socket.create_connection(("127.0.0.1", port), SECONDS) for _ in range(80)]
        time.sleep(0.5)
        out, err = process.communicate("\n", timeout=SECONDS)
        assert err.count("\n") == 1 and "can open no more files" in err
        for client in clients:
            client.close()
    finally:
        process.kill()


def test_no_file_left_for_a_server_is_one_sentence() -> None:
    words = subprocess.run([sys.executable, "-c", """
import resource
from lesson_lib.broker.embedded import EmbeddedBroker
_, most = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (4, most))
try:
    EmbeddedBroker().start()
except Exception as error:
    print(type(error).__name__, error)
"""], capture_output=True, text=True, timeout=SECONDS, check=False)
    assert words.stdout.startswith("LessonError Nothing can listen") and "allow more with `ulimit -n`" in words.stdout
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] > 64


def test_a_topic_without_a_name_is_an_unknown_topic_where_the_request_knows_no_ids(client: RawClient) -> None:
    asked = client.ask(requests.list_offsets("", [0], requests.EARLIEST)).topics[0].partitions[0]
    assert asked.error_code == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
