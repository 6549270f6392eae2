"""Produce: the checks of `KafkaApis`, `ReplicaManager` and `UnifiedLog` in their order, then the rule in
`core`.

Before the log, the coordinator is asked whether it knows the transaction that a batch would open (KIP-890).

Source: `ProduceRequest.validateRecords`, `ReplicaManager.handleProduceAppend`, `AddPartitionsToTxnManager`,
`UnifiedLog.analyzeAndValidateRecords`. Differs from Kafka in: compressed batches are not unpacked, so the
newest timestamp in their header and their keys are believed; of several wrong records the first is named;
there is one replica, so acks=all waits for nobody; leader and coordinator are in one process, so that
question always gets its answer, and never while markers are still to be written.
"""

from __future__ import annotations

import struct
from typing import Any

from lesson_lib.broker.cluster import Cluster, Topic
from lesson_lib.broker.connection import Response, serves
from lesson_lib.core.error_codes import ErrorCode
from lesson_lib.core.partition_log import PartitionLog
from lesson_lib.core.producer_state import Appended, Batch, Duplicate, TopicPartition
from lesson_lib.wire import record_batch
from lesson_lib.wire.messages import ProtocolError, Request

FIRST_VERSION_WITH_ZSTD, FIRST_VERSION_WITH_ABORTABLE, FIRST_VERSION_WITH_EPOCH_BUMP = 7, 11, 12
REJECTED = "One or more records have been rejected"
REJECTED_TIMESTAMP = f"{REJECTED} due to invalid timestamp"
NO_KEY = "Compacted topic cannot accept message without key"
NOT_ADDED = "Partition was not added to the transaction"


def refused(error: int, **fields: Any) -> Response:
    """One partition's part of the response; an error leaves what it does not name unset."""
    return {"error_code": error, "base_offset": -1, **fields}


@serves("Produce", 3, 13)
def handle_produce(cluster: Cluster, request: Request) -> Response | None:
    """Answer each partition by itself. With acks=0 there is no response; an error closes the connection."""
    error = whole_request_error(request)
    topics = [{"name": topic.name, "topic_id": topic.topic_id, "partition_responses": [
        {"index": data.index, **(refused(error) if error else _partition(cluster, request, topic, data))}
        for data in topic.partition_data]} for topic in request.body.topic_data]
    cluster.announce_change()
    if request.body.acks != 0:
        return {"responses": topics}
    if any(row.get("error_code") for topic in topics for row in topic["partition_responses"]):
        raise ProtocolError("a produce request with acks=0 failed")
    return None


def whole_request_error(request: Request) -> int:
    """53 for transactional records without a transactional id, 49 for those of more than one producer."""
    batches = [batch for topic in request.body.topic_data for data in topic.partition_data
               if (batch := _transactional(data.records))]
    if batches and request.body.transactional_id is None:
        return ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED
    producers = {(batch.producer_id, batch.producer_epoch) for batch in batches if batch.has_producer_id}
    return ErrorCode.INVALID_PRODUCER_ID_MAPPING if len(producers) > 1 else ErrorCode.NONE


def _transactional(records: Any) -> Batch | None:
    try:
        header = record_batch.read_header(records or b"")
    except ValueError:
        return None
    return record_batch.to_batch(header, b"") if header.magic == 2 and header.transactional else None


def _partition(cluster: Cluster, request: Request, topic: Any, data: Any) -> Response:
    log = cluster.log(topic.name, data.index, topic.topic_id)
    if log is None:
        return refused(cluster.unknown_topic(topic.name))
    try:
        batches = record_batch.split_batches(data.records or b"")
    except ValueError:
        return refused(ErrorCode.CORRUPT_MESSAGE)
    if error := request_error(batches, request.api_version):
        return refused(error)
    (records,) = batches
    where = cluster.topic(topic.name, topic.topic_id)
    if refusal := _refused_by_coordinator(cluster, request, log, (where.name, data.index), records):
        return refusal
    if request.body.acks not in (-1, 0, 1):
        return refused(ErrorCode.INVALID_REQUIRED_ACKS)
    return append(cluster, where, log, records)


def request_error(batches: list[Any], api_version: int) -> int:
    """`ProduceRequest.validateRecords`: exactly one batch, of format 2."""
    if len(batches) != 1 or batches[0][record_batch.MAGIC_AT] != 2:
        return ErrorCode.INVALID_RECORD
    attributes = batches[0][record_batch.ATTRIBUTES_AT:record_batch.ATTRIBUTES_AT + 2]
    zstd = len(attributes) == 2 and attributes[1] & record_batch.COMPRESSION == record_batch.ZSTD
    too_old = zstd and api_version < FIRST_VERSION_WITH_ZSTD
    return ErrorCode.UNSUPPORTED_COMPRESSION_TYPE if too_old else ErrorCode.NONE


# the transaction


def _refused_by_coordinator(cluster: Cluster, request: Request, log: PartitionLog, partition: TopicPartition,
                            records: Any) -> Response | None:
    """None where the batch may go on to the log."""
    batch = _transactional(records)
    asked = batch is not None and batch.has_producer_id and cluster.version.verifies_transactions
    if not asked or not log.needs_verification(batch):
        return None
    entry = log.producers.get(batch.producer_id)
    is_old = entry is not None and batch.producer_epoch < entry.producer_epoch
    if is_old and cluster.version.checks_epoch_before_verification:
        return refused(ErrorCode.INVALID_PRODUCER_EPOCH)
    epoch_bump = request.api_version >= FIRST_VERSION_WITH_EPOCH_BUMP
    log.start_verification(batch, epoch_bump)
    return _translated(_ask(cluster, request, partition, batch, epoch_bump), request.api_version)


def _ask(cluster: Cluster, request: Request, partition: TopicPartition, batch: Batch,
         epoch_bump: bool) -> ErrorCode:
    """From version 12 the leader adds the partition, before it only asks whether the client did."""
    who = request.body.transactional_id, batch.producer_id, batch.producer_epoch
    if epoch_bump:
        return cluster.coordinator.add_partitions(*who, [partition], cluster.now())
    return cluster.coordinator.verify(*who, partition)


def _translated(error: ErrorCode, api_version: int) -> Response | None:
    """The coordinator's error in the words of a produce response."""
    if error is ErrorCode.NONE:
        return None
    if error is ErrorCode.PRODUCER_FENCED:
        return refused(ErrorCode.INVALID_PRODUCER_EPOCH)
    not_added = (ErrorCode.TRANSACTION_ABORTABLE, ErrorCode.INVALID_TXN_STATE)
    if error in not_added and api_version < FIRST_VERSION_WITH_ABORTABLE:
        return refused(ErrorCode.INVALID_TXN_STATE, error_message=NOT_ADDED)
    return refused(error)


# the log


def append(cluster: Cluster, topic: Topic, log: PartitionLog, records: Any) -> Response:
    """`UnifiedLog.append`: the batch's bytes are checked, then the rule decides."""
    now, start = cluster.now(), log.log_start_offset
    if error := _bytes_error(records, topic.number("max.message.bytes")):
        return refused(error, log_start_offset=start if error == ErrorCode.INVALID_RECORD else -1)
    header = record_batch.read_header(records)
    if invalid := _refused_by_records(topic, log, records, header, now):
        return invalid
    batch = record_batch.to_batch(header, records)
    if topic.stamps_on_append:
        batch = record_batch.stamped(batch, now)
    verdict = log.append(batch)
    if isinstance(verdict, Appended):
        record_batch.place(batch.payload, verdict.base_offset, cluster.leader_epoch)
        return {"base_offset": verdict.base_offset, "log_start_offset": start,
                "log_append_time_ms": now if topic.stamps_on_append else -1}
    if isinstance(verdict, Duplicate):
        return {"base_offset": verdict.base_offset, "log_start_offset": start,
                "log_append_time_ms": verdict.timestamp}
    return refused(verdict.error, log_start_offset=start)


def _bytes_error(records: Any, max_message_bytes: int) -> int:
    if len(records) < record_batch.HEADER_SIZE:  # Kafka reads the producer id unseen
        unread = len(records) < record_batch.PRODUCER_ID_END
        return ErrorCode.UNKNOWN_SERVER_ERROR if unread else ErrorCode.CORRUPT_MESSAGE
    if struct.unpack_from(">q", records)[0] != 0:
        return ErrorCode.INVALID_RECORD
    if len(records) > max_message_bytes:
        return ErrorCode.MESSAGE_TOO_LARGE
    return ErrorCode.NONE if record_batch.crc_is_valid(records) else ErrorCode.CORRUPT_MESSAGE


def _refused_by_records(topic: Topic, log: PartitionLog, records: Any, header: record_batch.Header,
                        now: int) -> Response | None:
    """`LogValidator`: header and records must fit; none may be an hour ahead, or lack a key that it needs."""
    start, newest = log.log_start_offset, record_batch.newest_timestamp(records, header)
    if header.last_offset_delta != header.records_count - 1 or newest is None:
        return refused(ErrorCode.INVALID_RECORD, log_start_offset=start)
    if header.attributes & record_batch.COMPRESSION > record_batch.ZSTD:
        return refused(ErrorCode.UNKNOWN_SERVER_ERROR, log_start_offset=start)
    keyless = record_batch.first_without_key(records, header) if topic.needs_keys else None
    if keyless is not None:
        return _rejected(ErrorCode.INVALID_RECORD, start, REJECTED, keyless, NO_KEY)
    latest = now + topic.number("message.timestamp.after.max.ms")
    ahead = newest > latest and not topic.stamps_on_append
    if ahead and log.version.refuses_timestamps_ahead:
        words = f"Timestamp {newest} is out of range. It should be at most {latest}"
        return _rejected(ErrorCode.INVALID_TIMESTAMP, start, REJECTED_TIMESTAMP, 0, words)
    return None


def _rejected(error: ErrorCode, start: int, message: str, index: int, why: str) -> Response:
    return refused(error, log_start_offset=start, error_message=message, record_errors=[
        {"batch_index": index, "batch_index_error_message": why}])
