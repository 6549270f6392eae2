"""Fetch and ListOffsets: batches as they are stored, found by bisection, with the last stable offset and the aborted list.

Source: `KafkaApis.handleFetchRequest`, `UnifiedLog.read`, `UnifiedLog.fetchOffsetByTimestamp`. Differs from Kafka in: no
fetch sessions (the answer always says session 0, so clients send full requests), no quotas, no followers.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from typing import Any

from kafka.errors import UnsupportedCodecError
from kafka.protocol.consumer import FetchResponse, ListOffsetsResponse
from kafka.record.default_records import DefaultRecordBatch

from lesson_lib.broker.cluster import Cluster
from lesson_lib.core.error_codes import ErrorCode
from lesson_lib.core.partition_log import PartitionLog, StoredBatch
from lesson_lib.wire.messages import Request

_Topic = FetchResponse.FetchableTopicResponse
_Partition = _Topic.PartitionData
_Aborted = _Partition.AbortedTransaction
_OffsetTopic = ListOffsetsResponse.ListOffsetsTopicResponse
_OffsetRow = _OffsetTopic.ListOffsetsPartitionResponse
LATEST, EARLIEST, MAX_TIMESTAMP = -1, -2, -3
MAX_BYTES = 50 * 1024 * 1024
MAX_WAIT_MS = 30_000


async def handle_fetch(cluster: Cluster, request: Request) -> Any:
    """Long poll: answer when `min_bytes` are there, when a partition has an error, or after `max_wait_ms`."""
    deadline = asyncio.get_running_loop().time() + min(request.body.max_wait_ms, MAX_WAIT_MS) / 1000
    while True:
        changed = cluster.changed
        topics, ready = _read_all(cluster, request)
        left = deadline - asyncio.get_running_loop().time()
        if ready or left <= 0:
            return FetchResponse(throttle_time_ms=0, error_code=0, session_id=0, responses=topics)
        await _wait(changed, left)


async def _wait(changed: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(changed.wait(), seconds)
    except TimeoutError:
        pass


def _read_all(cluster: Cluster, request: Request) -> tuple[list[Any], bool]:
    """The answer for every partition asked for, and whether it need not wait."""
    body, budget, failed = request.body, min(request.body.max_bytes, MAX_BYTES), False
    left, topics = budget, []
    for topic in body.topics:
        rows = []
        for wanted in topic.partitions:
            row = _read_partition(cluster, topic, wanted, body.isolation_level == 1, left, first=left == budget)
            left -= len(row.records)
            failed |= row.error_code != 0
            rows.append(row)
        topics.append(_Topic(topic=topic.topic, topic_id=topic.topic_id, partitions=rows))
    return topics, failed or budget - left >= body.min_bytes


def _read_partition(cluster: Cluster, topic: Any, wanted: Any, read_committed: bool, left: int, *, first: bool) -> Any:
    log = cluster.log(topic.topic, wanted.partition, topic.topic_id)
    if log is None:
        code = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION if topic.topic else ErrorCode.UNKNOWN_TOPIC_ID
        return _Partition(partition_index=wanted.partition, error_code=code, high_watermark=-1, records=b"")
    if error := cluster.leader_epoch_error(wanted.current_leader_epoch):
        return _Partition(partition_index=wanted.partition, error_code=error, high_watermark=-1, records=b"")
    if not log.log_start_offset <= wanted.fetch_offset <= log.log_end_offset:
        return _Partition(partition_index=wanted.partition, error_code=ErrorCode.OFFSET_OUT_OF_RANGE, high_watermark=-1,
                          aborted_transactions=None, records=b"")
    end = log.last_stable_offset if read_committed else log.log_end_offset
    records, next_offset = read_bytes(log, wanted.fetch_offset, end, min(left, wanted.partition_max_bytes), first)
    aborted = (log.aborted_between(wanted.fetch_offset, next_offset) if records else []) if read_committed else None
    return _Partition(partition_index=wanted.partition, error_code=0, high_watermark=log.log_end_offset,
                      last_stable_offset=log.last_stable_offset, log_start_offset=log.log_start_offset,
                      aborted_transactions=aborted and [_Aborted(producer_id=a.producer_id, first_offset=a.first_offset)
                                                        for a in aborted], records=records)


def read_bytes(log: PartitionLog, offset: int, end: int, budget: int, first: bool) -> tuple[bytes, int]:
    """Whole batches from `offset` up to `end`, at most `budget` bytes; `first` allows one batch that is larger (KIP-74)."""
    index = bisect_left(log.batches, offset, key=lambda stored: stored.last_offset)
    chunks: list[bytearray] = []
    next_offset = offset
    while offset < end and index < len(log.batches) and log.batches[index].base_offset < end:
        payload = log.batches[index].batch.payload
        if len(payload) > budget and not (first and not chunks):
            break
        chunks.append(payload)
        budget -= len(payload)
        next_offset = log.batches[index].last_offset + 1
        index += 1
    return b"".join(chunks), next_offset


def handle_list_offsets(cluster: Cluster, request: Request) -> Any:
    """Earliest, latest (under read_committed: the last stable offset), or the first offset of a timestamp or later."""
    committed = request.body.isolation_level == 1
    topics = [_OffsetTopic(name=topic.name, partitions=[_list_one(cluster, topic.name, wanted, committed)
                                                        for wanted in topic.partitions]) for topic in request.body.topics]
    return ListOffsetsResponse(throttle_time_ms=0, topics=topics)


def _list_one(cluster: Cluster, name: str, wanted: Any, read_committed: bool) -> Any:
    log = cluster.log(name, wanted.partition_index)
    if log is None:
        return _OffsetRow(partition_index=wanted.partition_index, error_code=ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
    if error := cluster.leader_epoch_error(wanted.current_leader_epoch):
        return _OffsetRow(partition_index=wanted.partition_index, error_code=error)
    offset, timestamp = _offset_for(log, wanted.timestamp, read_committed)
    return _OffsetRow(partition_index=wanted.partition_index, error_code=0, offset=offset, timestamp=timestamp,
                      leader_epoch=cluster.leader_epoch if offset >= 0 else -1)


def _offset_for(log: PartitionLog, timestamp: int, read_committed: bool) -> tuple[int, int]:
    """(offset, timestamp); -1 where the request is for a place and not for a time, or where nothing is that new."""
    if timestamp == LATEST:
        return (log.last_stable_offset if read_committed else log.log_end_offset), -1
    if timestamp == EARLIEST or timestamp < MAX_TIMESTAMP:
        return log.log_start_offset, -1
    if timestamp == MAX_TIMESTAMP:
        timestamp = max((stored.batch.max_timestamp for stored in log.batches), default=-1)
    found = next((stored for stored in log.batches if stored.batch.max_timestamp >= timestamp), None)
    return _first_record(found, timestamp) if found else (-1, -1)


def _first_record(stored: StoredBatch, timestamp: int) -> tuple[int, int]:
    """The first record of a batch that is that new; the whole batch where its compression cannot be undone here."""
    try:
        times = ((record.offset, record.timestamp) for record in DefaultRecordBatch(stored.batch.payload))
        return next(place for place in times if place[1] >= timestamp)
    except (StopIteration, UnsupportedCodecError):
        return stored.base_offset, stored.batch.max_timestamp


HANDLERS = {1: handle_fetch, 2: handle_list_offsets}
