"""Fetch, ListOffsets, OffsetForLeaderEpoch, DeleteRecords: a log is read as it is stored, and cut at its
start.

Source: `KafkaApis.handleFetchRequest`, `UnifiedLog.read`, `UnifiedLog.fetchOffsetByTimestamp`. Differs from
Kafka in: a time that lies in a compressed batch is answered with the start of that batch; no fetch sessions
(the answer always says session 0, so clients send full requests), no quotas, no followers.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from contextlib import suppress
from math import inf
from typing import Any

from kafka.record.default_records import DefaultRecordBatch

from lesson_lib.broker.cluster import ApiException, Cluster, refuse_if
from lesson_lib.broker.connection import Fields, Response, by_partition, serves
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
    body = request.body
    refuse_if(body.session_id and body.session_epoch > 0, ErrorCode.FETCH_SESSION_ID_NOT_FOUND, responses=[])
    clock = asyncio.get_running_loop().time
    deadline = clock() + min(body.max_wait_ms, MAX_WAIT_MS) / 1000
    while True:
        changed = cluster.changed
        topics, ready = _read_all(cluster, body)
        if ready or clock() >= deadline:
            return {"responses": topics}
        with suppress(TimeoutError):
            await asyncio.wait_for(changed.wait(), deadline - clock())


def _read_all(cluster: Cluster, body: Any) -> tuple[list[Fields], bool]:
    """The answer for every partition asked for, and whether it need not wait."""
    found, most, committed = 0, min(body.max_bytes, MAX_BYTES), body.isolation_level == READ_COMMITTED

    def read(topic: Any, wanted: Any) -> Fields:
        nonlocal found
        row = _read(cluster, topic, wanted, committed, most - found, not found)
        found += len(row["records"])
        return row

    topics = by_partition(body.topics, read, high_watermark=-1, records=b"")
    failed = any("error_code" in row for topic in topics for row in topic["partitions"])
    return topics, failed or found >= body.min_bytes


def _read(cluster: Cluster, topic: Any, wanted: Any, committed: bool, budget: int,
          first: bool) -> Fields:
    """Whole batches, at most `budget` bytes; where it is the `first`, one batch may be larger (KIP-74)."""
    log = cluster.log(topic.topic, wanted.partition, topic.topic_id)
    cluster.check_leader_epoch(wanted.current_leader_epoch)
    if not log.log_start_offset <= wanted.fetch_offset <= log.log_end_offset:
        raise ApiException(ErrorCode.OFFSET_OUT_OF_RANGE, aborted_transactions=None)
    records, next_offset = [], wanted.fetch_offset
    budget = min(budget, wanted.partition_max_bytes)
    for stored in log.read(wanted.fetch_offset, read_committed=committed):
        budget -= len(stored.batch.payload)
        if budget < 0 and (records or not first):
            break
        records.append(stored.batch.payload)
        next_offset = stored.last_offset + 1
    aborted = [{"producer_id": txn.producer_id, "first_offset": txn.first_offset}
               for txn in log.aborted_between(wanted.fetch_offset, next_offset) if records]
    return {"high_watermark": log.log_end_offset, "last_stable_offset": log.last_stable_offset,
            "log_start_offset": log.log_start_offset, "aborted_transactions": aborted if committed else None,
            "records": b"".join(records)}


@serves("ListOffsets", 1, 11)
def handle_list_offsets(cluster: Cluster, request: Request) -> Response:
    """Earliest, latest (under read_committed: last stable offset), or the first offset of a time or later."""
    committed = request.body.isolation_level == READ_COMMITTED

    def find(topic: Any, wanted: Any) -> Fields:
        known_from = FIRST_VERSION_WITH.get(wanted.timestamp, inf if wanted.timestamp < EARLIEST else 0)
        refuse_if(request.api_version < known_from, ErrorCode.UNSUPPORTED_VERSION)
        log = cluster.log(topic.name, wanted.partition_index)
        cluster.check_leader_epoch(wanted.current_leader_epoch)
        offset, timestamp = _offset_for(log, wanted.timestamp, committed)
        return {"offset": offset, "timestamp": timestamp,
                "leader_epoch": cluster.leader_epoch if offset >= 0 else -1}

    return {"topics": by_partition(request.body.topics, find)}


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
    def find(topic: Any, row: Any) -> Fields:
        log = cluster.log(topic.topic, row.partition)
        cluster.check_leader_epoch(row.current_leader_epoch)
        if not 0 <= row.leader_epoch <= cluster.leader_epoch:
            return {}
        newer = bisect_right(log.batches, row.leader_epoch, key=_leader_epoch)
        end = log.batches[newer].base_offset if newer < len(log.batches) else log.log_end_offset
        wrote = newer and newer < len(log.batches)  # the newest epoch up to this one that wrote here
        return {"leader_epoch": _leader_epoch(log.batches[newer - 1]) if wrote else row.leader_epoch,
                "end_offset": end}

    return {"topics": by_partition(request.body.topics, find, index="partition")}


def _leader_epoch(stored: StoredBatch) -> int:
    return read_header(stored.batch.payload).partition_leader_epoch


@serves("DeleteRecords", 0, 2)
def handle_delete_records(cluster: Cluster, request: Request) -> Response:
    """Raise the log start offset; -1 means up to the end. The memory of producers stays."""
    def delete(topic: Any, row: Any) -> Fields:
        log = cluster.log(topic.name, row.partition_index)
        before = log.log_end_offset if row.offset == -1 else row.offset
        refuse_if(not 0 <= before <= log.log_end_offset, ErrorCode.OFFSET_OUT_OF_RANGE)
        return {"low_watermark": log.delete_records(before)}

    return {"topics": by_partition(request.body.topics, delete, low_watermark=-1)}
