"""DeleteRecords, OffsetForLeaderEpoch: where a log begins, and where the log of an older leader ended."""

from __future__ import annotations

import struct
from bisect import bisect_right
from typing import Any

from kafka.protocol.admin import DeleteRecordsResponse
from kafka.protocol.consumer import OffsetForLeaderEpochResponse

from lesson_lib.broker.cluster import Cluster
from lesson_lib.core.error_codes import ErrorCode
from lesson_lib.core.partition_log import PartitionLog, StoredBatch
from lesson_lib.wire.messages import Request

_Deleted = DeleteRecordsResponse.DeleteRecordsTopicResult
_DeletedRow = _Deleted.DeleteRecordsPartitionResult
_Epochs = OffsetForLeaderEpochResponse.OffsetForLeaderTopicResult
_EpochRow = _Epochs.EpochEndOffset


def handle_delete_records(cluster: Cluster, request: Request) -> Any:
    """Raise the log start offset; -1 means up to the end. The memory of producers stays."""
    topics = [_Deleted(name=topic.name, partitions=[_delete(cluster, topic.name, row) for row in topic.partitions])
              for topic in request.body.topics]
    return DeleteRecordsResponse(throttle_time_ms=0, topics=topics)


def _delete(cluster: Cluster, name: str, row: Any) -> Any:
    log = cluster.log(name, row.partition_index)
    if log is None:
        return _DeletedRow(partition_index=row.partition_index, low_watermark=-1, error_code=ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
    before = log.log_end_offset if row.offset == -1 else row.offset
    if not 0 <= before <= log.log_end_offset:
        return _DeletedRow(partition_index=row.partition_index, low_watermark=-1, error_code=ErrorCode.OFFSET_OUT_OF_RANGE)
    return _DeletedRow(partition_index=row.partition_index, low_watermark=log.delete_records(before), error_code=0)


def handle_offset_for_leader_epoch(cluster: Cluster, request: Request) -> Any:
    """Where the batches of a leader epoch end, so that a consumer can tell whether the log was cut behind it (KIP-320)."""
    topics = [_Epochs(topic=topic.topic, partitions=[_end_of(cluster, topic.topic, row) for row in topic.partitions])
              for topic in request.body.topics]
    return OffsetForLeaderEpochResponse(throttle_time_ms=0, topics=topics)


def _end_of(cluster: Cluster, name: str, row: Any) -> Any:
    log = cluster.log(name, row.partition)
    if log is None:
        return _EpochRow(partition=row.partition, error_code=ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
    error = cluster.leader_epoch_error(row.current_leader_epoch)
    if error or not 0 <= row.leader_epoch <= cluster.leader_epoch:
        return _EpochRow(partition=row.partition, error_code=error)
    epoch, end = _epoch_end(log, row.leader_epoch)
    return _EpochRow(partition=row.partition, error_code=0, leader_epoch=epoch, end_offset=end)


def _epoch_end(log: PartitionLog, leader_epoch: int) -> tuple[int, int]:
    """The newest epoch up to `leader_epoch` that wrote here, and the offset where the next one began."""
    after = bisect_right(log.batches, leader_epoch, key=_leader_epoch)
    if after == len(log.batches):
        return leader_epoch, log.log_end_offset
    return _leader_epoch(log.batches[after - 1]) if after else leader_epoch, log.batches[after].base_offset


def _leader_epoch(stored: StoredBatch) -> int:
    return struct.unpack_from(">i", stored.batch.payload, 12)[0]


HANDLERS = {21: handle_delete_records, 23: handle_offset_for_leader_epoch}
