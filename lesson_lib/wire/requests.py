"""Requests made by hand, each with only the fields that matter to one partition or one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lesson_lib.wire.messages import API_KEYS, REQUESTS, filled

READ_UNCOMMITTED, READ_COMMITTED = 0, 1
EARLIEST, LATEST = -2, -1
TIMEOUT_MS = 10_000


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
    """Commit or abort."""
    return request("EndTxn", committed=commit, **_of((transactional_id, producer_id, producer_epoch)))


def add_offsets(transactional_id: str, producer_id: int, producer_epoch: int, group_id: str) -> Any:
    """Tell the coordinator that the offsets of a group take part."""
    who = _of((transactional_id, producer_id, producer_epoch))
    return request("AddOffsetsToTxn", group_id=group_id, **who)


def txn_offset_commit(transactional_id: str, group_id: str, producer_id: int, producer_epoch: int, topic: str,
                      offsets: Mapping[int, int]) -> Any:
    """Offsets (partition -> next offset to read) that become visible with the transaction."""
    parts = [{"partition_index": p, "committed_offset": offset} for p, offset in offsets.items()]
    return request("TxnOffsetCommit", group_id=group_id, topics=[{"name": topic, "partitions": parts}],
                   **_of((transactional_id, producer_id, producer_epoch)))


def delete_records(topic: str, offsets: Mapping[int, int]) -> Any:
    """Raise the log start offset (partition -> first offset to keep; -1 empties the log)."""
    parts = [{"partition_index": p, "offset": offset} for p, offset in offsets.items()]
    return request("DeleteRecords", topics=[{"name": topic, "partitions": parts}], timeout_ms=TIMEOUT_MS)


def describe_producers(topic: str, partitions: Iterable[int]) -> Any:
    """What the leader remembers of each producer id."""
    return request("DescribeProducers", topics=[{"name": topic, "partition_indexes": list(partitions)}])


def describe_transactions(transactional_ids: Sequence[str]) -> Any:
    """What the coordinator remembers of each transactional id."""
    return request("DescribeTransactions", transactional_ids=list(transactional_ids))


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
