"""What a partition's log holds, in words that fit on a line."""

from __future__ import annotations

from kafka import KafkaAdminClient
from kafka.admin import NewTopic
from kafka.record import MemoryRecords

from lesson_lib.broker.embedded import EmbeddedBroker
from lesson_lib.core.partition_log import StoredBatch


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
