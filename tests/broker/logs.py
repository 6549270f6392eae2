"""What a partition's log holds, in words that fit on a line."""

from __future__ import annotations

from typing import Any

from kafka import KafkaAdminClient
from kafka.admin import NewTopic
from kafka.record import MemoryRecords

from lesson_lib.broker.embedded import EmbeddedBroker
from lesson_lib.core.partition_log import StoredBatch
from lesson_lib.wire import requests


def make_topic(broker: EmbeddedBroker, name: str = "t", partitions: int = 1) -> None:
    """A topic made by kafka-python's admin client."""
    admin = KafkaAdminClient(bootstrap_servers=broker.address)
    try:
        admin.create_topics([NewTopic(name, partitions, 1)])
    finally:
        admin.close()


def values(broker: EmbeddedBroker, topic: str = "t", partition: int = 0) -> list[str]:
    """Every record by its value, and every marker as `<commit>` or `<abort>`, in the order of their offsets."""
    return [value for stored in broker.log(topic, partition).batches for value in _values(stored)]


def _values(stored: StoredBatch) -> list[str]:
    if stored.batch.control:
        return ["<commit>" if stored.committed else "<abort>"]
    (batch,) = MemoryRecords(bytes(stored.batch.payload))
    assert batch.validate_crc()
    assert batch.base_offset == stored.base_offset
    return [record.value.decode() for record in batch]


def add_offsets(transactional_id: str, producer_id: int, producer_epoch: int, group_id: str) -> Any:
    """A request that makes the offsets of a group part of the transaction."""
    return requests.request("AddOffsetsToTxn", group_id=group_id, transactional_id=transactional_id, producer_id=producer_id,
                            producer_epoch=producer_epoch)


def txn_offset_commit(transactional_id: str, group_id: str, producer_id: int, producer_epoch: int, topic: str, offset: int) -> Any:
    """A request that commits an offset of partition 0 with the transaction."""
    rows = [{"partition_index": 0, "committed_offset": offset}]
    return requests.request("TxnOffsetCommit", group_id=group_id, topics=[{"name": topic, "partitions": rows}],
                            transactional_id=transactional_id, producer_id=producer_id, producer_epoch=producer_epoch)
