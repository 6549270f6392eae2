"""The embedded broker request by request, with frames that no client would send: the decision table, and the response fields."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from kafka.protocol.consumer import OffsetForLeaderEpochRequest
from kafka.protocol.metadata import ApiVersionsRequest
from kafka.protocol.producer import ProduceRequest
from kafka.record import MemoryRecords

from lesson_lib.broker.embedded import EmbeddedBroker
from lesson_lib.core.producer_state import MAX_SEQUENCE
from lesson_lib.wire import requests
from lesson_lib.wire.record_batch import batch_bytes, read_header, split_batches
from lesson_lib.wire.requests import RawClient, make_topic
from tests.raw import hung_up, send_bytes

from .logs import add_offsets, txn_offset_commit

PID, EPOCH = 700, 5
STAMP = 1_780_000_000_000
UNSET = -1


@pytest.fixture
def client(embedded: EmbeddedBroker) -> Iterator[RawClient]:
    """A connection, and the topic t with two partitions."""
    with RawClient(embedded.address, timeout=10) as raw:
        make_topic(raw, "t", 2)
        yield raw


def batch(first: int, last: int, *, epoch: int = EPOCH, pid: int = PID, count: int | None = None, **more: object) -> bytes:
    """A batch with the sequences `first`..`last`; its timestamp tells which one it is."""
    count = (last - first) % (MAX_SEQUENCE + 1) + 1 if count is None else count
    return batch_bytes([b"m"] * count, producer_id=pid, producer_epoch=epoch, base_sequence=first, **{"timestamp": STAMP + first, **more})


def send(client: RawClient, records: bytes, *, topic: str = "t", partition: int = 0, acks: int = -1,
         transactional_id: str | None = None, version: int | None = None) -> SimpleNamespace:
    """What a produce response says about its one partition."""
    request = requests.produce(topic, partition, records, acks=acks, transactional_id=transactional_id)
    row = client.ask(request, version).responses[0].partition_responses[0]
    return SimpleNamespace(error=row.error_code, offset=row.base_offset, time=row.log_append_time_ms,
                           start=row.log_start_offset, message=row.error_message)


def fill(client: RawClient) -> None:
    """Cached ranges [2..2] [3..3] [4..4] [5..5] [6..8] at offsets 1 2 3 4 5; [1..1] at 0 is forgotten."""
    for first, last in ((1, 1), (2, 2), (3, 3), (4, 4), (5, 5), (6, 8)):
        assert send(client, batch(first, last)).error == 0


@pytest.mark.parametrize("row, records, error, offset, appended", [
    ("D1", batch(9, 11), 0, 8, True),
    ("D2", batch(6, 8), 0, 5, False),
    ("D3", batch(2, 2), 0, 1, False),
    ("D4", batch(1, 1), 45, -1, False),
    ("D5", batch(7, 8), 45, -1, False),
    ("D6 shorter", batch(6, 7), 45, -1, False),
    ("D6 longer", batch(6, 9), 45, -1, False),
    ("D6 earlier", batch(5, 8), 45, -1, False),
    ("D7", batch(10, 10), 45, -1, False),
    ("D8", batch(0, 0), 45, -1, False),
    ("D9", batch(9, 9, epoch=EPOCH - 1), 47, -1, False),
    ("D9 duplicate", batch(6, 8, epoch=EPOCH - 1), 47, -1, False),
    ("D10", batch(0, 3, epoch=EPOCH + 1), 0, 8, True),
    ("D10 any higher", batch(0, 0, epoch=EPOCH + 9), 0, 8, True),
    ("D11", batch(9, 9, epoch=EPOCH + 1), 45, -1, False),
    ("D16", batch(0, 0, pid=PID + 1), 0, 8, True),
    ("D17", batch(3, 3, pid=PID + 1), 0, 8, True),
    ("D18", batch_bytes([b"m"], timestamp=STAMP), 0, 8, True),
    ("D19", batch(-1, -1, count=1), 87, -1, False),
    ("D20", batch(9, 9, control=True), 87, -1, False),
    ("D24", batch(9, 9) + batch(10, 10), 87, -1, False),
    ("same range, other bytes", batch(6, 8, timestamp=STAMP + 999), 0, 5, False),
])
def test_decision_table(embedded: EmbeddedBroker, client: RawClient, row: str, records: bytes, error: int, offset: int, appended: bool):
    fill(client)
    answer = send(client, records)
    assert (answer.error, answer.offset) == (error, offset)
    assert (embedded.log("t").log_end_offset > 8) is appended
    duplicate = error == 0 and not appended
    assert (answer.time != UNSET) is duplicate


def test_duplicate_tells_the_timestamp_of_the_first_copy(client: RawClient):
    fill(client)
    assert send(client, batch(6, 8, timestamp=STAMP + 999)).time == STAMP + 6


def test_d12_marker_with_a_newer_epoch_asks_for_sequence_0(embedded: EmbeddedBroker, client: RawClient):
    fill(client)
    embedded.log("t").append_marker(PID, EPOCH + 1, commit=False, payload=bytearray(61))
    assert send(client, batch(9, 9, epoch=EPOCH + 1)).error == 45
    assert send(client, batch(0, 0, epoch=EPOCH + 1)).error == 0


def test_d13_to_d15_sequences_wrap(client: RawClient):
    assert send(client, batch(MAX_SEQUENCE, MAX_SEQUENCE)).error == 0
    assert send(client, batch(1, 1)).error == 45
    assert send(client, batch(0, 4)).error == 0
    assert send(client, batch(MAX_SEQUENCE - 11, MAX_SEQUENCE - 11), partition=1).error == 0
    assert send(client, batch(MAX_SEQUENCE - 10, 9), partition=1).error == 0
    assert send(client, batch(MAX_SEQUENCE - 10, 9), partition=1).offset == 1
    assert send(client, batch(10, 10), partition=1).error == 0


@pytest.mark.parametrize("embedded, error", [("1.0", 59), ("2.4", 59), ("2.5", 0), ("4.4", 0), ("4.5", 45)], indirect=["embedded"])
def test_d17_unknown_id_on_a_new_log_by_release(client: RawClient, error: int):
    assert send(client, batch(3, 3)).error == error


def begin(client: RawClient, transactional_id: str = "x") -> tuple[int, int]:
    """A producer id whose transaction holds partition 0 of t."""
    given = client.ask(requests.init_producer_id(transactional_id))
    client.ask(requests.add_partitions(transactional_id, given.producer_id, given.producer_epoch, "t", [0]))
    return given.producer_id, given.producer_epoch


def test_d21_d22_within_an_open_transaction(client: RawClient):
    pid, epoch = begin(client)
    assert send(client, batch(0, 0, pid=pid, epoch=epoch, transactional=True), transactional_id="x").error == 0
    assert send(client, batch(1, 1, pid=pid, epoch=epoch)).error == 48
    assert send(client, batch(1, 1, pid=pid, epoch=epoch, transactional=True), transactional_id="x").offset == 1


NOT_ADDED = "Partition was not added to the transaction"


@pytest.mark.parametrize("embedded, version, error, message", [
    ("3.5", 9, 0, None), ("3.6", 9, 48, NOT_ADDED), ("4.4", 10, 48, NOT_ADDED), ("4.4", 11, 120, None),
], indirect=["embedded"])
def test_d23_first_transactional_batch_where_the_coordinator_does_not_know(client: RawClient, version: int, error: int,
                                                                           message: str | None):
    pid, epoch = begin(client)
    answer = send(client, batch(0, 0, pid=pid, epoch=epoch, transactional=True), partition=1, transactional_id="x", version=version)
    assert (answer.error, answer.message) == (error, message)


def test_d23_with_the_second_transaction_version_the_leader_adds_the_partition(embedded: EmbeddedBroker, client: RawClient):
    given = client.ask(requests.init_producer_id("x"))
    records = batch(0, 0, pid=given.producer_id, epoch=0, transactional=True)
    assert send(client, records, transactional_id="x", version=12).error == 0
    assert embedded.cluster.coordinator.entries["x"].partitions == {("t", 0)}
    answer = client.ask(requests.end_txn("x", given.producer_id, 0, commit=True), 5)
    assert (answer.error_code, answer.producer_id, answer.producer_epoch) == (0, given.producer_id, 1)
    assert client.ask(requests.end_txn("x", given.producer_id, 0, commit=True), 5).error_code == 0
    late = batch(1, 1, pid=given.producer_id, epoch=0, transactional=True)
    assert send(client, late, transactional_id="x", version=12).error == 47


@pytest.mark.parametrize("transactional_id, pid, epoch, error", [
    ("x", 0, 9, 47), ("x", 99, 0, 49), ("nobody", 0, 0, 49), (None, 0, 0, 53)])
def test_verification_of_strangers(client: RawClient, transactional_id: str | None, pid: int, epoch: int, error: int):
    begin(client)
    answer = send(client, batch(0, 0, pid=pid, epoch=epoch, transactional=True), transactional_id=transactional_id)
    assert (answer.error, answer.offset, answer.start) == (error, -1, -1)


@pytest.mark.parametrize("embedded, error", [("4.0", 49), ("4.1", 47), ("4.4", 47)], indirect=["embedded"])
def test_an_old_epoch_is_refused_before_the_coordinator_is_asked(client: RawClient, error: int):
    """From 4.1; before, the coordinator's word came first, and it does not know this transactional id."""
    pid, _ = begin(client)
    assert send(client, batch(0, 0, pid=pid, epoch=1)).error == 0
    late = batch(1, 1, pid=pid, epoch=0, transactional=True)
    assert send(client, late, transactional_id="nobody").error == error


def test_transactional_batches_of_two_producers_are_refused_whole(embedded: EmbeddedBroker, client: RawClient):
    def both(*pids: int) -> list[int]:
        request = requests.produce("t", 0, batch(0, 0, pid=pids[0], epoch=0, transactional=True), transactional_id="x")
        other = requests.produce("t", 1, batch(0, 0, pid=pids[1], epoch=0, transactional=True))
        request.topic_data[0].partition_data += other.topic_data[0].partition_data
        return [row.error_code for row in client.ask(request).responses[0].partition_responses]

    pid, _ = begin(client)
    assert both(pid, pid + 1) == [49, 49]
    assert embedded.log("t").log_end_offset == 0
    client.ask(requests.add_partitions("x", pid, 0, "t", [1]))
    assert both(pid, pid) == [0, 0]


def test_late_duplicate_of_a_committed_transaction_meets_verification_first(client: RawClient):
    pid, epoch = begin(client)
    records = batch(0, 0, pid=pid, epoch=epoch, transactional=True)
    send(client, records, transactional_id="x")
    client.ask(requests.end_txn("x", pid, epoch, commit=True))
    assert send(client, records, transactional_id="x").error == 120


def wrong(**fields: int) -> bytes:
    """A batch with wrong header fields and a checksum that fits, unless it is the wrong one."""
    return batch_bytes([b"m"], producer_id=PID, producer_epoch=EPOCH, base_sequence=0, timestamp=STAMP, wrong=fields)


@pytest.mark.parametrize("records, error, start", [
    (wrong(crc=1), 2, -1),
    (wrong(base_offset=5), 87, 0),
    (wrong(last_offset_delta=3), 87, 0),
    (wrong(records_count=0, last_offset_delta=-1), 87, 0),
    (wrong(records_count=2, last_offset_delta=1), 87, 0),
    (batch_bytes([b"m", b"m"], wrong={"records_count": 1, "last_offset_delta": 0}), 87, 0),
    (batch_bytes([b"m"], wrong={"attributes": 7}), -1, 0),
    (wrong() + bytes(30), 2, -1),
    (batch_bytes([b"m"], timestamp=4_000_000_000_000), 32, 0),
    (wrong(magic=1), 87, -1),
    (wrong(magic=9), 2, -1),
    (wrong(batch_length=3), 2, -1),
    (b"", 87, -1),
    (b"\0" * 11, 87, -1),
    (wrong()[:40], 87, -1),
    (batch_bytes([b"m" * 1_048_600], timestamp=STAMP), 10, -1),
])
def test_batches_that_never_reach_the_rule(embedded: EmbeddedBroker, client: RawClient, records: bytes, error: int, start: int):
    answer = send(client, records)
    assert (answer.error, answer.offset, answer.time, answer.start) == (error, -1, -1, start)
    assert embedded.log("t").log_end_offset == 0


def test_record_from_the_future_is_named(client: RawClient):
    request = requests.produce("t", 0, batch_bytes([b"m"], timestamp=4_000_000_000_000))
    row = client.ask(request).responses[0].partition_responses[0]
    assert row.error_message == "One or more records have been rejected due to invalid timestamp"
    assert [(e.batch_index, "4000000000000" in e.batch_index_error_message) for e in row.record_errors] == [(0, True)]


def test_bytes_of_an_unfinished_second_batch_are_cut_off(embedded: EmbeddedBroker, client: RawClient):
    assert send(client, batch(0, 0) + batch(1, 1)[:40]).error == 0
    assert bytes(embedded.log("t").batches[0].batch.payload[8:12]) == batch(0, 0)[8:12]
    assert len(embedded.log("t").batches[0].batch.payload) == len(batch(0, 0))


def test_offset_of_a_time(client: RawClient):
    for stamp in (1_000, 3_000, 2_000):
        send(client, batch_bytes([b"m", b"m"], timestamp=stamp))
    found = {asked: client.ask(requests.list_offsets("t", [0], asked)).topics[0].partitions[0] for asked in (0, 1_500, 3_001, -3)}
    assert {asked: (row.offset, row.timestamp) for asked, row in found.items()} == {
        0: (0, 1_000), 1_500: (2, 3_000), 3_001: (-1, -1), -3: (2, 3_000)}


def test_log_start_offset_is_in_every_answer_of_the_log(client: RawClient):
    fill(client)
    client.ask(requests.delete_records("t", {0: 4}))
    assert send(client, batch(9, 9)).start == 4
    assert send(client, batch(9, 9)).start == 4
    assert send(client, batch(1, 1)).start == 4


@pytest.mark.parametrize("acks", [2, -2, 7])
def test_acks_that_do_not_exist(client: RawClient, acks: int):
    answer = send(client, batch(0, 0), acks=acks)
    assert (answer.error, answer.offset, answer.start) == (21, -1, -1)


def test_acks_1_goes_by_the_same_rule(client: RawClient):
    assert [send(client, batch(n, n), acks=1).error for n in (0, 0, 2)] == [0, 0, 45]


def test_acks_0_is_not_answered_and_an_error_hangs_up(embedded: EmbeddedBroker, client: RawClient):
    client.send(requests.produce("t", 0, batch(0, 0), acks=0))
    assert client.ask(requests.list_offsets("t", [0])).topics[0].partitions[0].offset == 1
    client.send(requests.produce("t", 0, batch(7, 7), acks=0))
    assert hung_up(client)
    assert embedded.log("t").log_end_offset == 1


def test_acks_0_hangs_up_also_where_only_one_of_its_batches_is_refused(embedded: EmbeddedBroker, client: RawClient):
    request = requests.produce("t", 0, batch(0, 0), acks=0)
    request.topic_data[0].partition_data += requests.produce("t", 1, batch(7, 7, wrong={"crc": 1})).topic_data[0].partition_data
    client.send(request)
    assert hung_up(client)
    assert [embedded.log("t", partition).log_end_offset for partition in (0, 1)] == [1, 0]


@pytest.mark.parametrize("topic, partition", [("nowhere", 0), ("t", 2), ("t", -1)])
def test_no_such_partition(client: RawClient, topic: str, partition: int):
    answer = send(client, batch(0, 0), topic=topic, partition=partition)
    assert (answer.error, answer.offset, answer.start) == (3, -1, -1)


def test_topics_by_id(embedded: EmbeddedBroker, client: RawClient):
    request = requests.produce("t", 0, batch(0, 0))
    request.topic_data[0].topic_id = embedded.cluster.topics["t"].id
    row = client.ask(request, 13).responses[0]
    assert (row.topic_id, row.partition_responses[0].error_code) == (embedded.cluster.topics["t"].id, 0)
    unknown = requests.produce("t", 0, batch(0, 0))
    assert client.ask(unknown, 13).responses[0].partition_responses[0].error_code == 100


def test_partitions_of_one_request_are_judged_each_by_itself(client: RawClient):
    topic = ProduceRequest.TopicProduceData
    parts = [topic.PartitionProduceData(index=p, records=r) for p, r in ((0, batch(0, 0)), (5, batch(0, 0)), (1, wrong(crc=1)))]
    request = ProduceRequest(transactional_id=None, acks=-1, timeout_ms=1000, topic_data=[topic(name="t", partition_data=parts)])
    rows = client.ask(request).responses[0].partition_responses
    assert [(row.index, row.error_code) for row in rows] == [(0, 0), (5, 3), (1, 2)]


@pytest.mark.parametrize("key, version", [(0, 2), (0, 14), (1, 3), (999, 0), (4, 0), (68, 0), (-1, 0)])
def test_what_is_not_served_hangs_up(client: RawClient, key: int, version: int):
    header = key.to_bytes(2, "big", signed=True) + version.to_bytes(2, "big") + bytes(4) + b"\xff\xff"
    send_bytes(client, len(header).to_bytes(4, "big") + header)
    assert hung_up(client)


def test_api_versions_of_a_version_to_come_is_answered_in_version_0(client: RawClient):
    frame = (18).to_bytes(2, "big") + (99).to_bytes(2, "big") + (7).to_bytes(4, "big") + b"\xff\xff\x00"
    send_bytes(client, len(frame).to_bytes(4, "big") + frame)
    size = int.from_bytes(client._exactly(4), "big")
    answer = client._exactly(size)
    assert (int.from_bytes(answer[:4], "big"), int.from_bytes(answer[4:6], "big")) == (7, 35)


@pytest.mark.parametrize("embedded, features", [("3.9", []), ("4.4", [("transaction.version", 2)])], indirect=["embedded"])
def test_transaction_version_is_a_feature_of_the_release(client: RawClient, features: list[tuple[str, int]]):
    answer = client.ask(ApiVersionsRequest(client_software_name="t", client_software_version="1"), 3)
    assert [(f.name, f.max_version_level) for f in answer.finalized_features] == features


def test_produce_is_said_to_be_served_from_version_0_on(client: RawClient):
    """It isn't since 4.0, but librdkafka up to 2.10 doesn't compress for a broker that names a higher one (KAFKA-18659)."""
    assert client.versions[0][0] == 0
    assert client.versions[1][0] == 4, "no other API is told otherwise than it is served"


def test_requests_sent_ahead_are_answered_in_order(client: RawClient):
    for number in range(50):
        client.send(requests.produce("t", 0, batch(number, number)))
    offsets = [client.receive().responses[0].partition_responses[0].base_offset for _ in range(50)]
    assert offsets == list(range(50))


def test_topic_that_stamps_its_records_with_the_time_of_the_broker(embedded: EmbeddedBroker, client: RawClient):
    make_topic(client, "stamped", 1, {"message.timestamp.type": "LogAppendTime"})
    embedded.cluster.now = lambda: STAMP + 77
    records = batch(0, 0)
    assert send(client, records, topic="stamped").time == STAMP + 77
    assert send(client, records, topic="stamped").time == STAMP + 77
    (stored,) = MemoryRecords(bytes(embedded.log("stamped").batches[0].batch.payload))
    assert stored.validate_crc()
    assert [record.timestamp for record in stored] == [STAMP + 77]


def test_largest_message_is_a_setting_of_the_topic(client: RawClient):
    make_topic(client, "small", 1, {"max.message.bytes": "100"})
    assert send(client, batch(0, 0), topic="small").error == 0
    assert send(client, batch(1, 9), topic="small").error == 10


@pytest.mark.parametrize("configs", [{"no.such.setting": "1"}, {"max.message.bytes": "many"}, {"message.timestamp.type": "Later"}])
def test_settings_that_do_not_exist(client: RawClient, configs: dict[str, str]):
    assert client.ask(requests.create_topic("u", 1, configs)).topics[0].error_code == 40


def test_leader_epochs(embedded: EmbeddedBroker, client: RawClient):
    send(client, batch(0, 0))
    embedded.happen("fail over")
    send(client, batch(1, 1))
    topic = OffsetForLeaderEpochRequest.OffsetForLeaderTopic

    def end_of(epoch: int, current: int = -1) -> tuple[int, int, int]:
        wanted = topic.OffsetForLeaderPartition(partition=0, current_leader_epoch=current, leader_epoch=epoch)
        request = OffsetForLeaderEpochRequest(replica_id=-1, topics=[topic(topic="t", partitions=[wanted])])
        row = client.ask(request).topics[0].partitions[0]
        return row.error_code, row.leader_epoch, row.end_offset

    assert [end_of(epoch) for epoch in (0, 1, 2)] == [(0, 0, 1), (0, 1, 2), (0, -1, -1)]
    assert [end_of(0, current)[0] for current in (0, 1, 2)] == [74, 0, 75]
    fetch = requests.fetch("t", {0: 0})
    fetch.topics[0].partitions[0].current_leader_epoch = 0
    assert client.ask(fetch).responses[0].partitions[0].error_code == 74


@pytest.mark.parametrize("version", [7, 8, 9])
def test_an_offset_in_an_open_transaction_is_not_stable(client: RawClient, version: int):
    """KIP-447: who asks for a stable offset is told to wait (88) while a transaction holds one back; who does not gets the old one."""
    who = client.ask(requests.init_producer_id("x"))
    me = "x", who.producer_id, who.producer_epoch
    assert client.ask(add_offsets(*me, "g")).error_code == 0
    client.ask(txn_offset_commit("x", "g", *me[1:], "t", 5))
    assert fetched_offset(client, version, stable=True) == (88, -1)
    assert fetched_offset(client, version, stable=False) == (0, -1)
    client.ask(requests.end_txn(*me, commit=True))
    assert fetched_offset(client, version, stable=True) == fetched_offset(client, version, stable=False) == (0, 5)


def fetched_offset(client: RawClient, version: int, *, stable: bool) -> tuple[int, int]:
    """Error and offset of group g on partition 0."""
    topics = [{"name": "t", "partition_indexes": [0]}]
    group = {"groups": [{"group_id": "g", "topics": topics}]} if version >= 8 else {"group_id": "g", "topics": topics}
    answer = client.ask(requests.request("OffsetFetch", require_stable=stable, **group), version)
    row = (answer.groups[0] if version >= 8 else answer).topics[0].partitions[0]
    return row.error_code, row.committed_offset


def fetched(client: RawClient, **fields: int) -> int:
    """How many bytes of records partition 0 gives."""
    request = requests.fetch("t", {0: 0})
    for name, value in fields.items():
        setattr(request if name == "max_bytes" else request.topics[0].partitions[0], name, value)
    return len(client.ask(request).responses[0].partitions[0].records)


def test_a_marker_knows_its_place_in_the_log(embedded: EmbeddedBroker, client: RawClient):
    embedded.happen("fail over")
    pid, epoch = begin(client)
    send(client, batch(0, 1, pid=pid, epoch=epoch, transactional=True), transactional_id="x")
    client.ask(requests.end_txn("x", pid, epoch, commit=True))
    records = client.ask(requests.fetch("t", {0: 0})).responses[0].partitions[0].records
    headers = [read_header(one) for one in split_batches(bytes(records))]
    assert [(h.base_offset, h.partition_leader_epoch, h.control) for h in headers] == [(0, 1, False), (2, 1, True)]


@pytest.mark.parametrize("filters, listed", [
    ({}, ["old", "young"]), ({"duration_filter": 10_000}, ["old"]), ({"duration_filter": 90_000}, []),
    ({"transactional_id_pattern": "y.*"}, ["young"]), ({"transactional_id_pattern": "oun"}, []), ({"state_filters": ["Empty"]}, []),
    ({"state_filters": ["Ongoing"]}, ["old", "young"]), ({"producer_id_filters": [1]}, ["young"]),
])
def test_transactions_are_listed_by_age_name_state_and_producer(embedded: EmbeddedBroker, client: RawClient, filters: dict[str, Any],
                                                               listed: list[str]):
    began = embedded.cluster.now()
    for name, after in (("old", 0), ("young", 40_000)):
        embedded.cluster.now = lambda after=after: began + after
        begin(client, name)
    embedded.cluster.now = lambda: began + 45_000
    answer = client.ask(requests.request("ListTransactions", **filters))
    assert sorted(row.transactional_id for row in answer.transaction_states) == listed


def test_a_fetch_waits_for_as_much_as_it_asks_for_and_no_longer(embedded: EmbeddedBroker, client: RawClient):
    records = batch(0, 0)

    def fetch(least: int) -> Any:
        request = requests.fetch("t", {0: 0})
        request.max_wait_ms, request.min_bytes = 60_000, least
        return request

    with RawClient(embedded.address, timeout=15) as consumer:  # the broker itself waits for no longer than 30 seconds
        consumer.send(fetch(2 * len(records)))
        assert send(client, records).error == 0
        assert send(client, batch(1, 1)).error == 0
        assert len(consumer.receive().responses[0].partitions[0].records) == 2 * len(records)
        assert len(consumer.ask(fetch(2 * len(records))).responses[0].partitions[0].records) == 2 * len(records)


def test_a_first_batch_is_fetched_whole_however_small_the_limit(client: RawClient):
    """KIP-74: a batch that is larger than the limits of a fetch must not stop a consumer for good."""
    for first in (0, 1, 2):
        send(client, batch(first, first))
    size = len(batch(0, 0))
    assert fetched(client, partition_max_bytes=1) == fetched(client, max_bytes=1) == size
    assert [fetched(client, max_bytes=limit) for limit in (2 * size - 1, 2 * size, 9 * size)] == [size, 2 * size, 3 * size]


def test_what_one_partition_gave_is_not_given_again_by_the_next(client: RawClient):
    """The limit of a fetch is for all its partitions; only the very first batch may be larger."""
    for partition in (0, 1):
        send(client, batch(0, 0), partition=partition)
    request = requests.fetch("t", {0: 0, 1: 0})
    request.max_bytes = 1
    assert [len(row.records) for row in client.ask(request).responses[0].partitions] == [len(batch(0, 0)), 0]


@pytest.mark.parametrize("version, error", [(0, 47), (1, 47), (2, 90), (3, 90)])
def test_a_fenced_producer_is_told_so_in_the_words_of_its_version(client: RawClient, version: int, error: int):
    """KIP-588: clients before it did not know 90."""
    pid, epoch = begin(client)
    while client.ask(requests.init_producer_id("x")).error_code:
        pass
    added = client.ask(requests.add_partitions("x", pid, epoch, "t", [0]), version).results_by_topic_v3_and_below[0]
    assert added.results_by_partition[0].partition_error_code == error
    assert client.ask(requests.end_txn("x", pid, epoch, commit=True), min(version, 2)).error_code == error


def test_offsets_of_an_aborted_transaction_do_not_count(client: RawClient):
    who = client.ask(requests.init_producer_id("x"))
    me = "x", who.producer_id, who.producer_epoch
    for commit, expected in ((False, -1), (True, 5), (False, 5)):
        client.ask(add_offsets(*me, "g"))
        client.ask(txn_offset_commit("x", "g", *me[1:], "t", 5 if commit else 7))
        client.ask(requests.end_txn(*me, commit=commit))
        assert fetched_offset(client, 8, stable=True) == (0, expected)


def test_groups_are_listed_by_state_and_type(client: RawClient):
    committed = {"group_id": "g", "generation_id_or_member_epoch": -1, "member_id": "",
                 "topics": [{"name": "t", "partitions": [{"partition_index": 0, "committed_offset": 1}]}]}
    client.ask(requests.request("OffsetCommit", **committed), 8)

    def listed(**filters: list[str]) -> list[str]:
        return [group.group_id for group in client.ask(requests.request("ListGroups", **filters)).groups]

    assert listed() == listed(states_filter=["Empty"]) == listed(types_filter=["Classic"]) == ["g"]
    assert listed(states_filter=["Stable"]) == listed(types_filter=["consumer"]) == []


def test_a_setting_says_whether_it_is_the_topics_own(client: RawClient):
    make_topic(client, "own", configs={"retention.ms": "-1"})
    resource = {"resource_type": 2, "resource_name": "own", "configuration_keys": ["retention.ms", "segment.ms"]}
    rows = client.ask(requests.request("DescribeConfigs", resources=[resource])).results[0].configs
    assert {row.name: (row.value, row.config_source) for row in rows} == {
        "retention.ms": ("-1", 1), "segment.ms": ("604800000", 5)}
