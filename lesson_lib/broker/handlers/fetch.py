"""Fetch, ListOffsets, OffsetForLeaderEpoch, DeleteRecords: a log is read as it is stored, and cut at its
start.

Source: `KafkaApis.handleFetchRequest`, `UnifiedLog.read`, `UnifiedLog.fetchOffsetByTimestamp`. Differs from
Kafka in: a time that lies in a compressed batch is answered with the start of that batch; no fetch sessions
(the answer always says session 0, so clients send full requests), no quotas, no followers.
"""

from __future__ import annotations

import asyncio
import struct
from bisect import bisect_left, bisect_right
from typing import Any

from kafka.record.default_records import DefaultRecordBatch

from lesson_lib.broker.cluster import Cluster
from lesson_lib.broker.connection import Response, serves
from lesson_lib.core.error_codes import ErrorCode
from lesson_lib.core.partition_log import PartitionLog, StoredBatch
from lesson_lib.wire.messages import Request
from lesson_lib.wire.record_batch import COMPRESSION, read_header

LATEST, EARLIEST, MAX_TIMESTAMP, EARLIEST_LOCAL, LATEST_TIERED, EARLIEST_PENDING_UPLOAD = range(-1, -7, -1)
FIRST_VERSION_WITH = {MAX_TIMESTAMP: 7, EARLIEST_LOCAL: 8, LATEST_TIERED: 9, EARLIEST_PENDING_UPLOAD: 11}
READ_COMMITTED = 1
MAX_BYTES = 50 * 1024 * 1024
MAX_WAIT_MS = 30_000


@serves("Fetch", 4, 18)
async def handle_fetch(cluster: Cluster, request: Request) -> Response:
    """Long poll: answer when `min_bytes` are there, when a partition has an error, or after `max_wait_ms`."""
    if request.body.session_id and request.body.session_epoch > 0:
        return {"error_code": ErrorCode.FETCH_SESSION_ID_NOT_FOUND, "responses": []}
    clock = asyncio.get_running_loop().time
    deadline = clock() + min(request.body.max_wait_ms, MAX_WAIT_MS) / 1000
    while True:
        changed = cluster.changed
        topics, ready = _read_all(cluster, request.body)
        if ready or clock() >= deadline:
            return {"responses": topics}
        await _wait(changed, deadline - clock())


async def _wait(changed: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(changed.wait(), seconds)
    except TimeoutError:
        pass


def _read_all(cluster: Cluster, body: Any) -> tuple[list[Response], bool]:
    """The answer for every partition asked for, and whether it need not wait."""
    committed, topics = body.isolation_level == READ_COMMITTED, []
    found, most, failed = 0, min(body.max_bytes, MAX_BYTES), False
    for topic in body.topics:
        rows = []
        for wanted in topic.partitions:
            row = _read(cluster, topic, wanted, committed, most - found, first=not found)
            found, failed = found + len(row["records"]), failed or "error_code" in row
            rows.append({"partition_index": wanted.partition, **row})
        topics.append({"topic": topic.topic, "topic_id": topic.topic_id, "partitions": rows})
    return topics, failed or found >= body.min_bytes


def _read(cluster: Cluster, topic: Any, wanted: Any, committed: bool, budget: int, first: bool) -> Response:
    log = cluster.log(topic.topic, wanted.partition, topic.topic_id)
    if error := _fetch_error(cluster, topic, log, wanted):
        absent = {"aborted_transactions": None} if error is ErrorCode.OFFSET_OUT_OF_RANGE else {}
        return {"error_code": error, "high_watermark": -1, "records": b"", **absent}
    end = log.last_stable_offset if committed else log.log_end_offset
    budget = min(budget, wanted.partition_max_bytes)
    records, next_offset = read_bytes(log, wanted.fetch_offset, end, budget, first)
    aborted = log.aborted_between(wanted.fetch_offset, next_offset) if records and committed else []
    rows = [{"producer_id": txn.producer_id, "first_offset": txn.first_offset} for txn in aborted]
    return {"high_watermark": log.log_end_offset, "last_stable_offset": log.last_stable_offset,
            "log_start_offset": log.log_start_offset, "aborted_transactions": rows if committed else None,
            "records": records}


def _fetch_error(cluster: Cluster, topic: Any, log: PartitionLog | None, wanted: Any) -> ErrorCode:
    if log is None:
        return cluster.unknown_topic(topic.topic)
    if error := cluster.leader_epoch_error(wanted.current_leader_epoch):
        return error
    inside = log.log_start_offset <= wanted.fetch_offset <= log.log_end_offset
    return ErrorCode.NONE if inside else ErrorCode.OFFSET_OUT_OF_RANGE


def read_bytes(log: PartitionLog, offset: int, end: int, budget: int, first: bool) -> tuple[bytes, int]:
    """Whole batches in `offset`..`end`, at most `budget` bytes; `first`: one batch may be larger (KIP-74)."""
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


@serves("ListOffsets", 1, 11)
def handle_list_offsets(cluster: Cluster, request: Request) -> Response:
    """Earliest, latest (under read_committed: last stable offset), or the first offset of a time or later."""
    committed = request.body.isolation_level == READ_COMMITTED
    return {"topics": [{"name": topic.name, "partitions": [
        {"partition_index": wanted.partition_index, **_list(cluster, request, topic.name, wanted, committed)}
        for wanted in topic.partitions]} for topic in request.body.topics]}


def _list(cluster: Cluster, request: Request, name: str, wanted: Any, committed: bool) -> Response:
    log = cluster.log(name, wanted.partition_index)
    never = request.api_version + 1
    if wanted.timestamp < EARLIEST and FIRST_VERSION_WITH.get(wanted.timestamp, never) > request.api_version:
        return {"error_code": ErrorCode.UNSUPPORTED_VERSION}
    if log is None:
        return {"error_code": ErrorCode.UNKNOWN_TOPIC_OR_PARTITION}
    if error := cluster.leader_epoch_error(wanted.current_leader_epoch):
        return {"error_code": error}
    offset, timestamp = _offset_for(log, wanted.timestamp, committed)
    leader_epoch = cluster.leader_epoch if offset >= 0 else -1
    return {"offset": offset, "timestamp": timestamp, "leader_epoch": leader_epoch}


def _offset_for(log: PartitionLog, timestamp: int, committed: bool) -> tuple[int, int]:
    """(offset, timestamp); -1 where the question is for a place, not for a time, or nothing is that new."""
    if timestamp == LATEST:
        return (log.last_stable_offset if committed else log.log_end_offset), -1
    if timestamp in (EARLIEST, EARLIEST_LOCAL):
        return log.log_start_offset, -1
    if timestamp < MAX_TIMESTAMP:  # nothing was moved to another storage
        return -1, -1
    if timestamp == MAX_TIMESTAMP:
        timestamp = max((stored.batch.max_timestamp for stored in log.batches), default=-1)
    found = next((stored for stored in log.batches if stored.batch.max_timestamp >= timestamp), None)
    return _first_record(found, timestamp) if found else (-1, -1)


def _first_record(stored: StoredBatch, timestamp: int) -> tuple[int, int]:
    """The first record that is that new; the whole of a compressed batch, which may unpack to gigabytes."""
    whole = stored.base_offset, stored.batch.max_timestamp
    if read_header(stored.batch.payload).attributes & COMPRESSION:
        return whole
    times = ((record.offset, record.timestamp) for record in DefaultRecordBatch(stored.batch.payload))
    return next((place for place in times if place[1] >= timestamp), whole)


@serves("OffsetForLeaderEpoch", 2, 4)
def handle_offset_for_leader_epoch(cluster: Cluster, request: Request) -> Response:
    """Where a leader epoch ends, so that a consumer can tell whether the log was cut behind it (KIP-320)."""
    return {"topics": [{"topic": topic.topic, "partitions": [
        {"partition": row.partition, **_end_of(cluster, topic.topic, row)} for row in topic.partitions]}
        for topic in request.body.topics]}


def _end_of(cluster: Cluster, name: str, row: Any) -> Response:
    log = cluster.log(name, row.partition)
    if log is None:
        return {"error_code": ErrorCode.UNKNOWN_TOPIC_OR_PARTITION}
    error = cluster.leader_epoch_error(row.current_leader_epoch)
    if error or not 0 <= row.leader_epoch <= cluster.leader_epoch:
        return {"error_code": error}
    epoch, end = _epoch_end(log, row.leader_epoch)
    return {"leader_epoch": epoch, "end_offset": end}


def _epoch_end(log: PartitionLog, leader_epoch: int) -> tuple[int, int]:
    """The newest epoch up to `leader_epoch` that wrote here, and the offset where the next one began."""
    after = bisect_right(log.batches, leader_epoch, key=_leader_epoch)
    if after == len(log.batches):
        return leader_epoch, log.log_end_offset
    return _leader_epoch(log.batches[after - 1]) if after else leader_epoch, log.batches[after].base_offset


def _leader_epoch(stored: StoredBatch) -> int:
    return struct.unpack_from(">i", stored.batch.payload, 12)[0]


@serves("DeleteRecords", 0, 2)
def handle_delete_records(cluster: Cluster, request: Request) -> Response:
    """Raise the log start offset; -1 means up to the end. The memory of producers stays."""
    return {"topics": [{"name": topic.name, "partitions": [
        {"partition_index": row.partition_index, **_delete(cluster, topic.name, row)}
        for row in topic.partitions]} for topic in request.body.topics]}


def _delete(cluster: Cluster, name: str, row: Any) -> Response:
    log, offset = cluster.log(name, row.partition_index), row.offset
    if log is None:
        return {"low_watermark": -1, "error_code": ErrorCode.UNKNOWN_TOPIC_OR_PARTITION}
    before = log.log_end_offset if offset == -1 else offset
    if not 0 <= before <= log.log_end_offset:
        return {"low_watermark": -1, "error_code": ErrorCode.OFFSET_OUT_OF_RANGE}
    return {"low_watermark": log.delete_records(before)}
