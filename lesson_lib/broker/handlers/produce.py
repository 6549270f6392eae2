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

from typing import Any

from lesson_lib.broker.cluster import ApiException, Cluster, Topic, refuse_if
from lesson_lib.broker.connection import Fields, Response, answered, by_partition, serves
from lesson_lib.core.error_codes import ErrorCode
from lesson_lib.core.partition_log import PartitionLog
from lesson_lib.core.producer_state import Batch, Duplicate, Refused, TopicPartition
from lesson_lib.wire import record_batch
from lesson_lib.wire.messages import ProtocolError, Request

FIRST_VERSION_WITH_ZSTD, FIRST_VERSION_WITH_ABORTABLE, FIRST_VERSION_WITH_EPOCH_BUMP = 7, 11, 12
REJECTED = "One or more records have been rejected"
REJECTED_TIMESTAMP = f"{REJECTED} due to invalid timestamp"
NO_KEY = "Compacted topic cannot accept message without key"
NOT_ADDED = "Partition was not added to the transaction"


@serves("Produce", 3, 13)
def handle_produce(cluster: Cluster, request: Request) -> Response | None:
    """Answer each partition by itself. With acks=0 there is no response; an error closes the connection."""
    refused = answered(check_whole_request, request)
    topics = by_partition(
        request.body.topic_data, lambda topic, data: refused or _produce(cluster, request, topic, data),
        rows="partition_responses", index="index", base_offset=-1)
    cluster.announce_change()
    if request.body.acks != 0:
        return {"responses": topics}
    if any(row.get("error_code") for topic in topics for row in topic["partition_responses"]):
        raise ProtocolError("a produce request with acks=0 failed")
    return None


def check_whole_request(request: Request) -> Fields:
    """53 for transactional records without a transactional id, 49 for those of more than one producer."""
    batches = [batch for topic in request.body.topic_data for data in topic.partition_data
               if (batch := _transactional(data.records))]
    if batches and request.body.transactional_id is None:
        raise ApiException(ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED)
    if len({(batch.producer_id, batch.producer_epoch) for batch in batches if batch.has_producer_id}) > 1:
        raise ApiException(ErrorCode.INVALID_PRODUCER_ID_MAPPING)
    return {}


def _transactional(records: Any) -> Batch | None:
    try:
        header = record_batch.read_header(records or b"")
    except ValueError:
        return None
    return record_batch.to_batch(header, b"") if header.magic == 2 and header.transactional else None


def _produce(cluster: Cluster, request: Request, topic: Any, data: Any) -> Fields:
    log = cluster.log(topic.name, data.index, topic.topic_id)
    where = cluster.topic(topic.name, topic.topic_id)
    records = only_batch(data.records or b"", request.api_version)
    batch = _transactional(records)
    if batch and batch.has_producer_id and cluster.version.verifies_transactions:
        check_transaction(cluster, request, log, (where.name, data.index), batch)
    refuse_if(request.body.acks not in (-1, 0, 1), ErrorCode.INVALID_REQUIRED_ACKS)
    return append(cluster, where, log, records)


def only_batch(records: Any, api_version: int) -> Any:
    """`ProduceRequest.validateRecords`: exactly one batch, of format 2."""
    try:
        batches = record_batch.split_batches(records)
    except ValueError:
        raise ApiException(ErrorCode.CORRUPT_MESSAGE) from None
    refuse_if(len(batches) != 1 or batches[0][record_batch.MAGIC_AT] != 2, ErrorCode.INVALID_RECORD)
    attributes = batches[0][record_batch.ATTRIBUTES_AT:record_batch.ATTRIBUTES_AT + 2]
    zstd = len(attributes) == 2 and attributes[1] & record_batch.COMPRESSION == record_batch.ZSTD
    refuse_if(zstd and api_version < FIRST_VERSION_WITH_ZSTD, ErrorCode.UNSUPPORTED_COMPRESSION_TYPE)
    return batches[0]


def check_transaction(cluster: Cluster, request: Request, log: PartitionLog, partition: TopicPartition,
                      batch: Batch) -> None:
    """Ask the coordinator about a batch that would open a transaction. From version 12 the leader adds the
    partition, before it only asks whether the client did."""
    if not log.needs_verification(batch):
        return
    entry = log.producers.get(batch.producer_id)
    is_old = entry is not None and batch.producer_epoch < entry.producer_epoch
    refuse_if(is_old and cluster.version.checks_epoch_before_verification, ErrorCode.INVALID_PRODUCER_EPOCH)
    epoch_bump = request.api_version >= FIRST_VERSION_WITH_EPOCH_BUMP
    log.start_verification(batch, epoch_bump)
    who = request.body.transactional_id, batch.producer_id, batch.producer_epoch
    error = (cluster.coordinator.add_partitions(*who, [partition], cluster.now()) if epoch_bump
             else cluster.coordinator.verify(*who, partition))
    refuse_if(error is ErrorCode.PRODUCER_FENCED, ErrorCode.INVALID_PRODUCER_EPOCH)
    not_added = error in (ErrorCode.TRANSACTION_ABORTABLE, ErrorCode.INVALID_TXN_STATE)
    if not_added and request.api_version < FIRST_VERSION_WITH_ABORTABLE:
        raise ApiException(ErrorCode.INVALID_TXN_STATE, error_message=NOT_ADDED)
    refuse_if(error, error)


# the log


def append(cluster: Cluster, topic: Topic, log: PartitionLog, records: Any) -> Fields:
    """`UnifiedLog.append`: the batch's bytes are checked, then the rule decides."""
    now, start = cluster.now(), {"log_start_offset": log.log_start_offset}
    _check_bytes(records, topic.number("max.message.bytes"), start)
    batch = _checked_batch(cluster, topic, records, now, start)
    verdict = log.append(batch)
    if isinstance(verdict, Refused):
        raise ApiException(verdict.error, **start)
    if isinstance(verdict, Duplicate):
        return {"base_offset": verdict.base_offset, "log_append_time_ms": verdict.timestamp, **start}
    record_batch.place(batch.payload, verdict.base_offset, cluster.leader_epoch)
    appended = now if topic.stamps_on_append else -1
    return {"base_offset": verdict.base_offset, "log_append_time_ms": appended, **start}


def _check_bytes(records: Any, max_message_bytes: int, start: Fields) -> None:
    if len(records) < record_batch.HEADER_SIZE:  # Kafka reads the producer id unseen
        unread = len(records) < record_batch.PRODUCER_ID_END
        raise ApiException(ErrorCode.UNKNOWN_SERVER_ERROR if unread else ErrorCode.CORRUPT_MESSAGE)
    refuse_if(record_batch.read_header(records).base_offset != 0, ErrorCode.INVALID_RECORD, **start)
    refuse_if(len(records) > max_message_bytes, ErrorCode.MESSAGE_TOO_LARGE)
    refuse_if(not record_batch.crc_is_valid(records), ErrorCode.CORRUPT_MESSAGE)


def _checked_batch(cluster: Cluster, topic: Topic, records: Any, now: int, start: Fields) -> Batch:
    """`LogValidator`: header and records must fit; none may be an hour ahead, or lack a key that it needs."""
    header = record_batch.read_header(records)
    newest = record_batch.newest_timestamp(records, header)
    if header.last_offset_delta != header.records_count - 1 or newest is None:
        raise ApiException(ErrorCode.INVALID_RECORD, **start)
    if header.attributes & record_batch.COMPRESSION > record_batch.ZSTD:
        raise ApiException(ErrorCode.UNKNOWN_SERVER_ERROR, **start)
    if topic.needs_keys and (keyless := record_batch.first_without_key(records, header)) is not None:
        raise ApiException(ErrorCode.INVALID_RECORD, error_message=REJECTED, record_errors=[
            {"batch_index": keyless, "batch_index_error_message": NO_KEY}], **start)
    batch = record_batch.to_batch(header, records)
    if topic.stamps_on_append:
        return record_batch.stamped(batch, now)
    latest = now + topic.number("message.timestamp.after.max.ms")
    if newest > latest and cluster.version.refuses_timestamps_ahead:
        why = f"Timestamp {newest} is out of range. It should be at most {latest}"
        raise ApiException(ErrorCode.INVALID_TIMESTAMP, error_message=REJECTED_TIMESTAMP, record_errors=[
            {"batch_index": 0, "batch_index_error_message": why}], **start)
    return batch
