"""Requests that Apache Kafka refuses: the same request gets the same error codes from the embedded broker, and the table is held
against Apache Kafka as well. A test that passes here must not fail there for want of a refusal."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import Any
from uuid import UUID

import pytest

from lesson_lib.broker.cluster import SETTINGS
from lesson_lib.broker.embedded import EmbeddedBroker
from lesson_lib.wire import requests
from lesson_lib.wire.record_batch import batch_bytes
from lesson_lib.wire.requests import RawClient, make_topic

NOWHERE = UUID(int=99)
Case = tuple[str, str, int, dict[str, Any], list[int]]  # what it is, API, version, fields, error codes in any order


def create(name: str, *codes: int, **fields: Any) -> Case:
    only = fields.pop("validate_only", False)
    topic = {"name": f"T{len(name)}{name}", "num_partitions": 1, "replication_factor": 1, **fields}
    what = f"create: {name}{', only to see' * only}"
    return what, "CreateTopics", 7, {"timeout_ms": 5_000, "topics": [topic], "validate_only": only}, list(codes)


def placed(name: str, code: int, *rows: tuple[int, list[int]], count: int = -1, factor: int = -1) -> Case:
    assignments = [{"partition_index": index, "broker_ids": brokers} for index, brokers in rows]
    return create(name, code, assignments=assignments, num_partitions=count, replication_factor=factor)


def setting(name: str, value: str | None, code: int) -> Case:
    told = "".join(character if character.isalnum() else "_" for character in f"{name}-{value}")[:80]
    return create(told, code, configs=[{"name": name, "value": value}])


def commit(what: str, version: int, code: int, *, group: str = "T-commits", partition: int = 0, topic: dict[str, Any] | None = None,
           note: str = "", **fields: Any) -> Case:
    part = {"partition_index": partition, "committed_offset": 1, "committed_metadata": note}
    rows = [{**(topic or {"name": "T"}), "partitions": [part]}]
    body = {"group_id": group, "generation_id_or_member_epoch": -1, "member_id": "", "topics": rows, **fields}
    return f"commit: {what}", "OffsetCommit", version, body, [code]


def txn_commit(what: str, version: int, code: int, **fields: Any) -> Case:
    rows = [{"name": "T", "partitions": [{"partition_index": 0, "committed_offset": 1}]}]
    body = {"transactional_id": "T-x", "group_id": "T-g", "producer_id": 5, "producer_epoch": 0, "topics": rows, **fields}
    return f"commit in a transaction: {what}", "TxnOffsetCommit", version, body, [code]


def v3(**fields: Any) -> dict[str, Any]:
    """Fields of AddPartitionsToTxn as clients name them."""
    who = {"transactional_id": "T-x", "producer_id": 4, "producer_epoch": 0}
    return {f"v3_and_below_{name}": value for name, value in (who | fields).items()}


def offset_of(timestamp: int, version: int, code: int) -> Case:
    rows = [{"partition_index": 0, "current_leader_epoch": -1, "timestamp": timestamp}]
    body = {"replica_id": -1, "isolation_level": 0, "timeout_ms": 1_000, "topics": [{"name": "T", "partitions": rows}]}
    return f"offset of {timestamp}, version {version}", "ListOffsets", version, body, [code]


def join(what: str, code: int, **fields: Any) -> Case:
    body = {"group_id": "T-j", "session_timeout_ms": 10_000, "rebalance_timeout_ms": 10_000, "protocol_type": "consumer",
            "member_id": "", "protocols": [{"name": "range", "metadata": b""}], **fields}
    return f"join: {what}", "JoinGroup", 5, body, [code]


CASES: list[Case] = [
    create("validated", 0, validate_only=True), create("validated", 0),
    create("right", 0), create("no_partition", 37, num_partitions=0), create("fewer", 37, num_partitions=-2),
    create("many", 44, num_partitions=10_001), create("replicated", 38, replication_factor=3), create("a b", 17),
    placed("placed", 0, (0, [1]), (1, [1])), placed("counted", 42, (0, [1]), count=1, factor=1), placed("gap", 39, (0, [1]), (2, [1])),
    placed("twice", 39, (0, [1]), (0, [1])), placed("elsewhere", 39, (0, [7])), placed("doubled", 39, (0, [1, 1])),
    placed("unplaced", 39, (0, [])),
    setting("no.such", "1", 40), setting("retention.ms", "many", 40), setting("retention.ms", "-2", 40), setting("retention.ms", "-1", 0),
    setting("retention.ms", None, 40), setting("retention.bytes", "-5", 0), setting("cleanup.policy", "later", 40),
    setting("cleanup.policy", "compact, delete", 0), setting("cleanup.policy", "", 0), setting("segment.bytes", "1", 40),
    setting("segment.bytes", "2147483648", 40), setting("compression.type", "GZIP", 40), setting("compression.gzip.level", "0", 40),
    setting("compression.gzip.level", "-1", 0), setting("compression.lz4.level", "18", 40), setting("compression.zstd.level", "-7", 0),
    setting("min.insync.replicas", "0", 40), setting("max.message.bytes", "+5", 0), setting("max.message.bytes", " 5 ", 0),
    setting("max.message.bytes", "5.0", 40), setting("message.timestamp.type", "x", 40), setting("preallocate", "1", 40),
    setting("unclean.leader.election.enable", "TRUE", 0), setting("remote.storage.enable", "true", 40),
    setting("min.cleanable.dirty.ratio", "0.3", 0), setting("min.cleanable.dirty.ratio", "2", 40), setting("flush.ms", "x", 40),
    setting("min.cleanable.dirty.ratio", "-0.1", 40), setting("leader.replication.throttled.replicas", "x", 40),
    setting("leader.replication.throttled.replicas", "0:1", 0), setting("max.compaction.lag.ms", "0", 40),
    setting("local.retention.ms", "-3", 40), setting("segment.ms", "0", 40), setting("segment.index.bytes", "3", 40),
    *[(f"settings of {kind} {name!r}", "DescribeConfigs", 4, {"resources": [{"resource_type": kind, "resource_name": name}]}, [code])
      for kind, name, code in ((0, "x", 42), (99, "x", 42), (2, "T-nope", 3), (2, "", 17), (2, "a b", 17), (2, "T", 0),
                               (4, "1", 0), (4, "", 0), (4, "7", 42), (4, "x", 42))],
    commit("unknown group, with a generation", 8, 22, group="T-new", generation_id_or_member_epoch=3, member_id="m"),
    commit("unknown group, with a generation, newer", 9, 69, group="T-new", generation_id_or_member_epoch=3, member_id="m"),
    commit("unknown id of a topic", 10, 100, topic={"topic_id": NOWHERE}, generation_id_or_member_epoch=3, member_id="m"),
    commit("unknown topic", 8, 3, topic={"name": "T-nope"}), commit("unknown partition", 8, 3, partition=9),
    commit("unknown partition, wrong generation", 8, 3, partition=9, group="T-new", generation_id_or_member_epoch=3, member_id="m"),
    commit("the longest note", 8, 0, note="n" * 4096), commit("too long a note", 8, 12, note="n" * 4097),
    commit("right", 8, 0), commit("group without a name", 8, 0, group=""),
    *[("fetch an offset of an unknown topic", "OffsetFetch", version, {"groups": [{"group_id": "T-commits", "topics": [
        {"name": "T-nope", "topic_id": NOWHERE, "partition_indexes": [0]}]}]}, codes) for version, codes in ((8, [0, 0]), (10, [0, 100]))],
    *[txn_commit(f"unknown id, version {version}", version, 49) for version in (0, 2, 3, 4, 5)],
    txn_commit("unknown id, with a generation", 3, 49, group_id="T-other", generation_id=4, member_id="m"),
    txn_commit("unknown id, unknown topic", 3, 3, topics=[
        {"name": "T-nope", "partitions": [{"partition_index": 0, "committed_offset": 1}]}]),
    ("add: one partition is not there", "AddPartitionsToTxn", 3, v3(topics=[{"name": "T", "partitions": [0, 9]}]), [3, 55]),
    ("add: unknown id", "AddPartitionsToTxn", 3, v3(topics=[{"name": "T", "partitions": [0]}]), [49]),
    ("verify: unknown id", "AddPartitionsToTxn", 4, {"transactions": [{"transactional_id": "T-x", "producer_id": 4, "producer_epoch": 0,
        "verify_only": True, "topics": [{"name": "T", "partitions": [0]}]}]}, [49]),
    *[(f"marker: {what}", "WriteTxnMarkers", 1, {"markers": [{"producer_id": 4, "producer_epoch": epoch, "transaction_result": True,
        "coordinator_epoch": 0, "topics": [{"name": "T-compacted", "partition_indexes": [index]}]}]}, [code])
      for what, epoch, index, code in (("right", 5, 0, 0), ("an older epoch", 3, 0, 47), ("unknown partition", 5, 9, 3))],
    ("transactions: all of a name and an age", "ListTransactions", 2, {"transactional_id_pattern": "T.*", "duration_filter": 1}, [0]),
    txn_commit("no group", 3, 24, group_id=""), txn_commit("no transactional id", 3, 42, transactional_id=""),
    ("end: unknown", "EndTxn", 3, {"transactional_id": "T-x", "producer_id": 4, "producer_epoch": 0, "committed": True}, [49]),
    ("end: no id", "EndTxn", 3, {"transactional_id": "", "producer_id": 4, "producer_epoch": 0, "committed": True}, [42]),
    ("offsets: unknown", "AddOffsetsToTxn", 3, {"transactional_id": "T-x", "producer_id": 4, "producer_epoch": 0, "group_id": "g"}, [49]),
    ("transactions: unknown", "DescribeTransactions", 0, {"transactional_ids": ["", "T-x"]}, [42, 105]),
    ("transactions: no pattern", "ListTransactions", 2, {"transactional_id_pattern": "(("}, [128]),
    ("id: empty name", "InitProducerId", 4, {"transactional_id": "", "transaction_timeout_ms": 1_000}, [42]),
    ("id: no time", "InitProducerId", 4, {"transactional_id": "T-q", "transaction_timeout_ms": 0}, [50]),
    ("id: half known", "InitProducerId", 4, {"transactional_id": "T-q", "transaction_timeout_ms": 1_000, "producer_id": 4}, [42]),
    ("coordinator of nothing", "FindCoordinator", 1, {"key": "x", "key_type": 9}, [42]),
    ("coordinator of a share", "FindCoordinator", 6, {"coordinator_keys": ["x"], "key_type": 2}, [42]),
    ("cluster of controllers", "DescribeCluster", 1, {"endpoint_type": 2}, [114]),
    ("cluster of nothing", "DescribeCluster", 1, {"endpoint_type": 9}, [115]),
    join("unknown member", 25, member_id="x"), join("no protocol", 23, protocols=[]), join("no type", 23, protocol_type=""),
    join("too short a session", 26, session_timeout_ms=1), join("no group", 24, group_id=""),
    ("sync: protocol unnamed", "SyncGroup", 5, {"group_id": "T-j", "generation_id": 1, "member_id": "x"}, [23]),
    ("sync: unknown member", "SyncGroup", 4, {"group_id": "T-j", "generation_id": 1, "member_id": "x"}, [25]),
    ("heartbeat: no group", "Heartbeat", 3, {"group_id": "", "generation_id": 1, "member_id": "x"}, [24]),
    ("leave: no group", "LeaveGroup", 3, {"group_id": "", "members": [{"member_id": "x"}]}, [24]),
    ("describe: unknown group", "DescribeGroups", 5, {"groups": ["T-none"]}, [0]),
    ("describe: unknown group", "DescribeGroups", 6, {"groups": ["T-none"]}, [69]),
    ("delete: unknown group", "DeleteGroups", 2, {"groups_names": ["T-none"]}, [69]),
    ("leave: unknown", "LeaveGroup", 3, {"group_id": "T-j", "members": [{"member_id": "x"}]}, [0, 25]),
    ("delete: name and id", "DeleteTopics", 6, {"timeout_ms": 9_000, "topics": [{"name": "T", "topic_id": NOWHERE}]}, [42]),
    ("delete: unknown", "DeleteTopics", 6, {"timeout_ms": 9_000, "topics": [{"name": "T-nope"}, {"name": None, "topic_id": NOWHERE}]},
     [3, 100]),
    *[(f"grow: {what}", "CreatePartitions", 2, {"timeout_ms": 1_000, "validate_only": True, "topics": topics}, [code])
      for what, code, topics in (("to none", 37, [{"name": "T", "count": 0}]), ("by none", 37, [{"name": "T", "count": 1}]),
                                 ("unknown", 3, [{"name": "T-nope", "count": 3}]), ("twice", 42, [{"name": "T", "count": 2}] * 2),
                                 ("elsewhere", 39, [{"name": "T", "count": 2, "assignments": [{"broker_ids": [7]}]}]),
                                 ("placed too often", 39, [{"name": "T", "count": 2, "assignments": [{"broker_ids": [1]}] * 2}]))],
    *[(f"metadata of {name!r}", "Metadata", 9, {"topics": [{"name": name}], "allow_auto_topic_creation": False}, [code])
      for name, code in (("a b", 17), ("", 17), ("T-nope", 3))],
    ("records: too far", "DeleteRecords", 2, {"timeout_ms": 1_000, "topics": [{"name": "T", "partitions": [
        {"partition_index": 0, "offset": 7}, {"partition_index": 4, "offset": 0}]}]}, [1, 3]),
    ("epoch: unknown partition", "OffsetForLeaderEpoch", 4, {"replica_id": -1, "topics": [{"topic": "T", "partitions": [
        {"partition": 9, "current_leader_epoch": -1, "leader_epoch": 0}]}]}, [3]),
    ("offset: an epoch to come", "ListOffsets", 6, {"replica_id": -1, "isolation_level": 0, "timeout_ms": 1_000, "topics": [
        {"name": "T", "partitions": [{"partition_index": 0, "current_leader_epoch": 99, "timestamp": -1}]}]}, [75]),
    *[(f"produce: the first {size} bytes of a batch", "Produce", 11, {"acks": -1, "timeout_ms": 1_000, "topic_data": [
        {"name": "T", "partition_data": [{"index": 0, "records": batch_bytes([b"m"], wrong={"batch_length": size - 12})[:size]}]}]}, [code])
      for size, code in ((26, -1), (50, -1), (51, 2), (60, 2))],
    ("producers of no topic", "DescribeProducers", 0, {"topics": [
        {"name": "a b", "partition_indexes": [0]}, {"name": "T", "partition_indexes": [0, 9]}]}, [0, 3, 17]),
    *[offset_of(*row) for row in ((-3, 6, 35), (-3, 7, 0), (-4, 7, 35), (-4, 8, 0), (-5, 8, 35), (-5, 9, 0), (-6, 11, 0), (-7, 11, 35))],
    ("fetch: a session that is not there", "Fetch", 12, {"replica_id": -1, "max_bytes": 1, "session_id": 77, "session_epoch": 5}, [70]),
    ("fetch: from behind the end", "Fetch", 12, {"replica_id": -1, "max_bytes": 99, "session_epoch": -1, "topics": [
        {"topic": "T", "partitions": [{"partition": 0, "current_leader_epoch": -1, "fetch_offset": 9, "last_fetched_epoch": -1,
                                       "log_start_offset": -1, "partition_max_bytes": 99}]}]}, [1]),
    ("produce: compacted, without a key", "Produce", 11, {"acks": -1, "timeout_ms": 1_000, "topic_data": [
        {"name": "T-compacted", "partition_data": [{"index": 0, "records": batch_bytes([b"m"])}]}]}, [87]),
]


def codes_in(message: Any) -> Iterator[int]:
    """Every error code in an answer."""
    for name, field in message.fields.items():
        value = getattr(message, name)
        if name.endswith("error_code") and not name.startswith("topic_config"):
            yield value
        for item in value if value and field.is_struct_array() else ():
            yield from codes_in(item)


def errors(codes: Iterable[int]) -> list[int]:
    """Without those that say that nothing is wrong."""
    return sorted(set(codes) - {0})


def for_real(fields: Any, prefix: str) -> Any:
    """The fields with a name of this run's own where the table has T."""
    if isinstance(fields, dict):
        return {name: for_real(value, prefix) for name, value in fields.items()}
    if isinstance(fields, list):
        return [for_real(item, prefix) for item in fields]
    return prefix + fields[1:] if isinstance(fields, str) and fields.startswith("T") and fields != "TRUE" else fields


def wait_for_coordinators(client: RawClient, name: str) -> None:
    """Apache Kafka makes the topics that hold groups and transactions when somebody first asks who coordinates one, and then loads them."""
    def errors() -> set[int]:
        found = [client.ask(requests.request("FindCoordinator", coordinator_keys=[name], key_type=kind), 4) for kind in (0, 1)]
        return {*(code for answer in found for code in codes_in(answer)),
                *codes_in(client.ask(requests.request("DescribeGroups", groups=[name]), 5)),
                *codes_in(client.ask(requests.request("DescribeTransactions", transactional_ids=[name]), 0))}
    end = time.monotonic() + 60
    while (codes := errors() - {0, 105}) and time.monotonic() < end:  # 105: there is no such transactional id
        time.sleep(0.05)
    assert not codes


def answers(address: str) -> dict[str, list[int]]:
    """What a broker says to each request, and nothing left of it."""
    prefix, found = f"T{time.time_ns()}", {}
    with RawClient(address) as client:
        wait_for_coordinators(client, f"{prefix}-x")
        make_topic(client, prefix)
        make_topic(client, f"{prefix}-compacted", 1, {"cleanup.policy": "compact"})
        for name, api, version, fields, _ in CASES:
            answer = client.ask(requests.request(api, **for_real(fields, prefix)), version)
            found[f"{name} ({version})"] = errors(codes_in(answer))
        names = [topic.name for topic in client.ask(requests.request("Metadata", topics=None), 9).topics if topic.name.startswith(prefix)]
        client.ask(requests.request("DeleteTopics", topic_names=names, timeout_ms=30_000), 5)
    return found


EXPECTED = {f"{name} ({version})": errors(codes) for name, _, version, _, codes in CASES}


def test_the_embedded_broker_refuses_what_apache_kafka_refuses(embedded: EmbeddedBroker) -> None:
    assert answers(embedded.address) == EXPECTED


@pytest.mark.kafka
def test_the_table_is_what_apache_kafka_answers(kafka_address: str) -> None:
    assert answers(kafka_address) == EXPECTED


def a_static_member_comes_back(address: str) -> None:
    """In a stable group: nobody rebalances, the assignment stands, the former self is fenced (KIP-345, KIP-814)."""
    group = f"T{time.time_ns()}"
    with RawClient(address) as client:
        wait_for_coordinators(client, group)

        def ask(api: str, version: int, **fields: Any) -> Any:
            return client.ask(requests.request(api, group_id=group, group_instance_id="i", **fields), version)

        def join(version: int, member_id: str = "", **fields: Any) -> Any:
            return ask("JoinGroup", version, **{"session_timeout_ms": 10_000, "rebalance_timeout_ms": 10_000, "protocol_type": "c",
                                                "member_id": member_id, "protocols": [{"name": "range", "metadata": b"M"}], **fields})

        def assigned(member_id: str, generation: int, *rows: dict[str, Any]) -> tuple[int, bytes]:
            answer = ask("SyncGroup", 4, member_id=member_id, generation_id=generation, assignments=list(rows))
            return answer.error_code, bytes(answer.assignment)

        first = join(5)
        assert (first.error_code, first.generation_id, first.leader) == (0, 1, first.member_id)
        assert assigned(first.member_id, 1, {"member_id": first.member_id, "assignment": b"A"}) == (0, b"A")
        second = join(5)
        assert (second.error_code, second.generation_id, second.leader, len(second.members)) == (0, 1, first.member_id, 0)
        assert second.member_id != first.member_id and assigned(second.member_id, 1) == (0, b"A")
        assert ask("Heartbeat", 3, member_id=first.member_id, generation_id=1).error_code == 82
        assert join(5, first.member_id).error_code == 82
        third = join(9)
        assert (third.generation_id, third.leader, third.skip_assignment, len(third.members)) == (1, third.member_id, True, 1)
        assert assigned(third.member_id, 1) == (0, b"A")
        assert join(9, protocols=[{"name": "sticky", "metadata": b"M"}]).error_code == 23
        other = join(9, protocols=[{"name": "sticky", "metadata": b"M"}, {"name": "range", "metadata": b"M"}])
        assert (other.generation_id, other.protocol_name, other.skip_assignment) == (2, "sticky", False)


def test_a_static_member_comes_back(embedded: EmbeddedBroker) -> None:
    a_static_member_comes_back(embedded.address)


@pytest.mark.kafka
def test_a_static_member_comes_back_to_apache_kafka(kafka_address: str) -> None:
    a_static_member_comes_back(kafka_address)


def a_group_refuses(address: str) -> None:
    """What members may not do, by the state of their group; who waits for a generation and loses its place is told so."""
    group, topic = f"T{time.time_ns()}", f"T{time.time_ns()}-topic"
    with RawClient(address) as client, RawClient(address) as second, RawClient(address) as third:
        wait_for_coordinators(client, group)
        make_topic(client, topic)

        def of(api: str, **fields: Any) -> Any:
            return requests.request(api, group_id=group, **fields)

        def joining(member_id: str = "", **fields: Any) -> Any:
            return of("JoinGroup", session_timeout_ms=10_000, rebalance_timeout_ms=10_000, protocol_type="c", member_id=member_id,
                      protocols=[{"name": "range", "metadata": b"M"}], **fields)

        def committing(generation: int, version: int = 8) -> int:
            part = {"partition_index": 0, "committed_offset": 1}
            answer = client.ask(of("OffsetCommit", generation_id_or_member_epoch=generation, member_id=first.member_id,
                                   topics=[{"name": topic, "partitions": [part]}]), version)
            return answer.topics[0].partitions[0].error_code

        def leaving(member_id: str) -> list[int]:
            return errors(codes_in(client.ask(of("LeaveGroup", members=[{"member_id": member_id}]), 4)))

        first = client.ask(joining(), 3)
        assert committing(1) == 27, "the assignment is not there yet"
        syncing = {"member_id": first.member_id, "generation_id": 1, "protocol_type": "c"}
        assert client.ask(of("SyncGroup", **syncing, protocol_name="sticky"), 5).error_code == 23
        rows = [{"member_id": first.member_id, "assignment": b"A"}]
        assert client.ask(of("SyncGroup", **syncing, protocol_name="range", assignments=rows), 5).error_code == 0
        assert (committing(1), committing(7), committing(7, 9)) == (0, 22, 22)
        asked = client.ask(joining(), 4)
        assert asked.error_code == 79
        assert (leaving(asked.member_id), leaving(asked.member_id), leaving("nobody")) == ([], [25], [25])
        assert errors(codes_in(client.ask(requests.request("DeleteGroups", groups_names=[group]), 2))) == [68]
        second.send(joining(group_instance_id="i"), 5)
        while client.ask(of("Heartbeat", member_id=first.member_id, generation_id=1), 3).error_code != 27:
            time.sleep(0.01)
        third.send(joining(group_instance_id="i"), 5)
        assert second.receive().error_code == 82, "another with its name took the place that it was waiting for"
        assert leaving(first.member_id) == []
        again = third.receive()
        assert (again.error_code, again.generation_id, len(again.members)) == (0, 2, 1)
        everything = client.ask(requests.request("OffsetFetch", groups=[{"group_id": group, "topics": None}]), 8).groups[0].topics
        assert [(t.name, p.partition_index, p.committed_offset) for t in everything for p in t.partitions] == [(topic, 0, 1)]
        client.ask(requests.delete_topic(topic))


def test_a_group_refuses(embedded: EmbeddedBroker) -> None:
    a_group_refuses(embedded.address)


@pytest.mark.kafka
def test_a_group_of_apache_kafka_refuses(kafka_address: str) -> None:
    a_group_refuses(kafka_address)


def two_members_share(address: str) -> None:
    """The leader alone is told who is there; who waits for an assignment that never comes is told to join again."""
    group = f"T{time.time_ns()}"
    with RawClient(address) as client, RawClient(address) as second:
        wait_for_coordinators(client, group)

        def of(api: str, **fields: Any) -> Any:
            return requests.request(api, group_id=group, **fields)

        def joining(member_id: str = "") -> Any:
            return of("JoinGroup", session_timeout_ms=10_000, rebalance_timeout_ms=10_000, protocol_type="c", member_id=member_id,
                      protocols=[{"name": "range", "metadata": b"M"}])

        first = client.ask(joining(), 3)
        second.send(joining(), 3)
        while client.ask(of("Heartbeat", member_id=first.member_id, generation_id=1), 3).error_code != 27:
            time.sleep(0.01)
        leader, other = client.ask(joining(first.member_id), 3), second.receive()
        assert (leader.generation_id, leader.leader, len(leader.members)) == (2, first.member_id, 2)
        assert (other.generation_id, other.leader, len(other.members)) == (2, first.member_id, 0)
        second.send(of("SyncGroup", member_id=other.member_id, generation_id=2), 3)
        time.sleep(0.3)  # the same answer, were it to come first; so that it waits
        client.ask(of("LeaveGroup", members=[{"member_id": first.member_id}]), 4)
        assert second.receive().error_code == 27


def test_two_members_share(embedded: EmbeddedBroker) -> None:
    two_members_share(embedded.address)


@pytest.mark.kafka
def test_two_members_of_apache_kafka_share(kafka_address: str) -> None:
    two_members_share(kafka_address)


def test_a_heartbeat_keeps_the_session(embedded: EmbeddedBroker) -> None:
    with RawClient(embedded.address) as client:
        joined = client.ask(requests.request("JoinGroup", group_id="g", session_timeout_ms=60_000, rebalance_timeout_ms=1,
                                             protocol_type="c", protocols=[{"name": "range", "metadata": b""}]), 3)
        (member,) = embedded.cluster.groups["g"].members.values()
        before = member.expiry.when()
        beat = requests.request("Heartbeat", group_id="g", member_id=joined.member_id, generation_id=1)
        assert client.ask(beat, 3).error_code == 0
        assert member.expiry.when() > before


def test_who_does_not_join_in_time_is_out_and_who_waits_keeps_its_session(embedded: EmbeddedBroker,
                                                                          monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lesson_lib.broker.handlers.groups.SESSION_TIMEOUT_MS", range(1, 100_000))
    with RawClient(embedded.address) as client:
        def join(session_ms: int, rebalance_ms: int) -> Any:
            return client.ask(requests.request("JoinGroup", group_id="g", session_timeout_ms=session_ms, rebalance_timeout_ms=rebalance_ms,
                                               protocol_type="c", protocols=[{"name": "range", "metadata": b""}]), 3)
        late = join(60_000, 400)
        waiting = join(20, 20)  # for 400 ms, twenty times its session
        assert (waiting.error_code, waiting.generation_id) == (0, 2)
        assert [member.member_id for member in waiting.members] == [waiting.member_id]
        beat = requests.request("Heartbeat", group_id="g", member_id=late.member_id, generation_id=1)
        assert client.ask(beat, 3).error_code == 25


@pytest.mark.kafka
def test_the_settings_of_a_topic_are_apache_kafkas(kafka_address: str, embedded: EmbeddedBroker) -> None:
    """Every setting that this broker has: the same default, the same kind."""
    def told(address: str) -> dict[str, tuple[str, int]]:
        name = f"T{time.time_ns()}"
        with RawClient(address) as client:
            make_topic(client, name)
            resource = {"resource_type": 2, "resource_name": name}
            rows = client.ask(requests.request("DescribeConfigs", resources=[resource])).results[0].configs
            client.ask(requests.delete_topic(name))
        return {row.name: (row.value, row.config_type) for row in rows if row.name in SETTINGS}
    assert told(embedded.address) == told(kafka_address)


def notes_in_a_transaction(address: str) -> list[list[int]]:
    """What a broker says to the longest note beside an offset of a transaction, and to one that is longer."""
    name = f"notes-{time.time_ns()}"
    with RawClient(address) as client:
        wait_for_coordinators(client, name)
        make_topic(client, name)
        made = client.ask(requests.request("InitProducerId", transactional_id=name, transaction_timeout_ms=10_000, producer_id=-1,
                                           producer_epoch=-1), 4)
        who = {"transactional_id": name, "producer_id": made.producer_id, "producer_epoch": made.producer_epoch}
        said = [client.ask(requests.request("AddOffsetsToTxn", **who, group_id=name), 3)]
        for note in ("n" * 4096, "n" * 4097):
            rows = [{"name": name, "partitions": [{"partition_index": 0, "committed_offset": 1, "committed_metadata": note}]}]
            asked = requests.request("TxnOffsetCommit", **who, group_id=name, generation_id=-1, member_id="", topics=rows)
            said.append(client.ask(asked, 3))
        said.append(client.ask(requests.request("EndTxn", **who, committed=False), 3))
        client.ask(requests.request("DeleteTopics", topic_names=[name], timeout_ms=30_000), 5)
    return [errors(codes_in(answer)) for answer in (made, *said)]


def test_a_note_beside_an_offset_of_a_transaction_has_the_length_of_any_other(embedded: EmbeddedBroker) -> None:
    assert notes_in_a_transaction(embedded.address) == [[], [], [], [12], []]


@pytest.mark.kafka
def test_so_it_has_in_apache_kafka(kafka_address: str) -> None:
    assert notes_in_a_transaction(kafka_address) == [[], [], [], [12], []]
