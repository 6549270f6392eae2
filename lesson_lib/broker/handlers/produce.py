"""Produce: the checks of `KafkaApis`, `ReplicaManager` and `UnifiedLog` in their order, then the rule.

Source: `ProduceRequest.validateRecords`, `UnifiedLog.analyzeAndValidateRecords`, `ReplicaManager.appendRecords`. Differs from
Kafka in: compressed batches are not unpacked; the newest timestamp in the header is believed; there is one replica, so
acks=all waits for nobody.
"""

from __future__ import annotations

import struct
from typing import Any

from kafka.protocol.producer import ProduceResponse

from lesson_lib.broker.cluster import Cluster, Topic
from lesson_lib.broker.handlers.verification import Answer, verification_answer, whole_request_error
from lesson_lib.core.error_codes import ErrorCode
from lesson_lib.core.partition_log import PartitionLog
from lesson_lib.core.producer_state import Appended, Duplicate
from lesson_lib.wire import record_batch
from lesson_lib.wire.messages import ProtocolError, Request
from lesson_lib.wire.record_batch import HEADER_SIZE

_Topic = ProduceResponse.TopicProduceResponse
_Partition = _Topic.PartitionProduceResponse
_RecordError = _Partition.BatchIndexAndErrorMessage
MAX_AHEAD_MS = 3_600_000  # message.timestamp.after.max.ms
REJECTED_TIMESTAMP = "One or more records have been rejected due to invalid timestamp"


def handle_produce(cluster: Cluster, request: Request) -> Any:
    """Answer each partition by itself. With acks=0 there is no response, and an error closes the connection."""
    everything = whole_request_error(request)
    topics = [_topic(cluster, request, topic, everything) for topic in request.body.topic_data]
    cluster.announce_change()
    if request.body.acks == 0:
        if any(row.error_code for topic in topics for row in topic.partition_responses):
            raise ProtocolError("a produce request with acks=0 failed")
        return None
    return ProduceResponse(responses=topics, throttle_time_ms=0)


def _topic(cluster: Cluster, request: Request, topic: Any, everything: int) -> Any:
    rows = [_row(data.index, Answer(everything) if everything else _partition(cluster, request, topic, data))
            for data in topic.partition_data]
    return _Topic(name=topic.name, topic_id=topic.topic_id, partition_responses=rows)


def _row(index: int, answer: Answer) -> Any:
    errors = [_RecordError(batch_index=0, batch_index_error_message=answer.record_message)] if answer.record_message else []
    return _Partition(index=index, error_code=answer.error, base_offset=answer.base_offset,
                      log_append_time_ms=answer.log_append_time_ms, log_start_offset=answer.log_start_offset,
                      record_errors=errors, error_message=answer.message)


def _partition(cluster: Cluster, request: Request, topic: Any, data: Any) -> Answer:
    log = cluster.log(topic.name, data.index, topic.topic_id)
    if log is None:
        return Answer(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION if topic.name else ErrorCode.UNKNOWN_TOPIC_ID)
    try:
        batches = record_batch.split_batches(data.records or b"")
    except ValueError:
        return Answer(ErrorCode.CORRUPT_MESSAGE)
    if error := request_error(batches, request.api_version):
        return Answer(error)
    (records,) = batches
    if refused := verification_answer(cluster, request, log, (cluster.topic_name(topic), data.index), records):
        return refused
    if request.body.acks not in (-1, 0, 1):
        return Answer(ErrorCode.INVALID_REQUIRED_ACKS)
    return append(cluster, cluster.topic(topic.name, topic.topic_id), log, records)


def request_error(batches: list[Any], api_version: int) -> int:
    """`ProduceRequest.validateRecords`: exactly one batch, of format 2."""
    if len(batches) != 1 or batches[0][16] != 2:
        return ErrorCode.INVALID_RECORD
    zstd = len(batches[0]) > 22 and batches[0][22] & record_batch.COMPRESSION == record_batch.ZSTD
    return ErrorCode.UNSUPPORTED_COMPRESSION_TYPE if zstd and api_version < 7 else ErrorCode.NONE


def append(cluster: Cluster, topic: Topic, log: PartitionLog, records: Any) -> Answer:
    """`UnifiedLog.append`: the batch's bytes are checked, then the rule decides."""
    now = cluster.now()
    if error := _bytes_error(records, topic.max_message_bytes):
        return Answer(error, log_start_offset=log.log_start_offset if error == ErrorCode.INVALID_RECORD else -1)
    header = record_batch.read_header(records)
    if invalid := _records_answer(log, records, header, None if topic.stamps_on_append else now + MAX_AHEAD_MS):
        return invalid
    batch = record_batch.to_batch(header, records)
    if topic.stamps_on_append:
        batch = record_batch.stamped(batch, now)
    verdict = log.append(batch)
    if isinstance(verdict, Appended):
        record_batch.place(batch.payload, verdict.base_offset, cluster.leader_epoch)
        return Answer(0, verdict.base_offset, now if topic.stamps_on_append else -1, log.log_start_offset)
    if isinstance(verdict, Duplicate):
        return Answer(0, verdict.base_offset, verdict.timestamp, log.log_start_offset)
    return Answer(verdict.error, log_start_offset=log.log_start_offset)


def _bytes_error(records: Any, max_message_bytes: int) -> int:
    if len(records) < HEADER_SIZE:
        return ErrorCode.CORRUPT_MESSAGE
    if struct.unpack_from(">q", records)[0] != 0:
        return ErrorCode.INVALID_RECORD
    if len(records) > max_message_bytes:
        return ErrorCode.MESSAGE_TOO_LARGE
    return ErrorCode.NONE if record_batch.crc_is_valid(records) else ErrorCode.CORRUPT_MESSAGE


def _records_answer(log: PartitionLog, records: Any, header: record_batch.Header, limit: int | None) -> Answer | None:
    """`LogValidator`: the header must fit the records, and none of them may come from more than an hour ahead."""
    newest = record_batch.newest_timestamp(records, header)
    if header.last_offset_delta != header.records_count - 1 or newest is None:
        return Answer(ErrorCode.INVALID_RECORD, log_start_offset=log.log_start_offset)
    if header.attributes & record_batch.COMPRESSION > record_batch.ZSTD:
        return Answer(ErrorCode.UNKNOWN_SERVER_ERROR, log_start_offset=log.log_start_offset)
    if limit is not None and log.version.refuses_timestamps_ahead and newest > limit:
        return Answer(ErrorCode.INVALID_TIMESTAMP, log_start_offset=log.log_start_offset, message=REJECTED_TIMESTAMP,
                      record_message=f"Timestamp {newest} is out of range. It should be at most {limit}")
    return None


HANDLERS = {0: handle_produce}
