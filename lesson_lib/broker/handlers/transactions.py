"""The requests to the transaction coordinator, and the markers that follow from them.

Source: `KafkaApis`, `TransactionMarkerChannelManager`. Differs from Kafka in: the markers are in the logs before EndTxn is
answered, so a read_committed consumer never has to wait for them.
"""

from __future__ import annotations

from typing import Any

from kafka.protocol.producer import (
    AddOffsetsToTxnResponse,
    AddPartitionsToTxnResponse,
    EndTxnResponse,
    InitProducerIdResponse,
    WriteTxnMarkersResponse,
)

from lesson_lib.broker.cluster import OFFSETS_PARTITION, Cluster
from lesson_lib.core.batch import NO_PRODUCER_EPOCH, NO_PRODUCER_ID
from lesson_lib.core.error_codes import ErrorCode
from lesson_lib.core.producer_state import Refused
from lesson_lib.core.transaction_metadata import Marker
from lesson_lib.wire import record_batch
from lesson_lib.wire.messages import Request

_TopicResult = AddPartitionsToTxnResponse.AddPartitionsToTxnTopicResult
_PartitionResult = _TopicResult.AddPartitionsToTxnPartitionResult
_TxnResult = AddPartitionsToTxnResponse.AddPartitionsToTxnResult
_MarkerResult = WriteTxnMarkersResponse.WritableTxnMarkerResult
_MarkerTopic = _MarkerResult.WritableTxnMarkerTopicResult
_MarkerPartition = _MarkerTopic.WritableTxnMarkerPartitionResult
FIRST_VERSION_WITH_FENCED = {22: 4, 24: 2, 25: 2, 26: 2}  # older requests get 47 where newer ones get 90


def known_to(request: Request, error: int) -> int:
    """The error in the words of the request's version (KIP-588)."""
    old = request.api_version < FIRST_VERSION_WITH_FENCED[request.api_key]
    return ErrorCode.INVALID_PRODUCER_EPOCH if old and error == ErrorCode.PRODUCER_FENCED else error


def handle_init_producer_id(cluster: Cluster, request: Request) -> Any:
    """Without a transactional id always a new producer id; with one the next epoch, after aborting what was left open."""
    body = request.body
    half_known = (body.producer_id == NO_PRODUCER_ID) != (body.producer_epoch == NO_PRODUCER_EPOCH)
    if body.transactional_id == "" or half_known:
        return InitProducerIdResponse(throttle_time_ms=0, error_code=ErrorCode.INVALID_REQUEST, producer_id=-1, producer_epoch=-1)
    answer = cluster.coordinator.init_producer_id(body.transactional_id, body.transaction_timeout_ms, body.producer_id,
                                                  body.producer_epoch)
    write_markers(cluster, answer.marker)
    return InitProducerIdResponse(throttle_time_ms=0, error_code=known_to(request, answer.error),
                                  producer_id=answer.producer_id, producer_epoch=answer.producer_epoch)


def write_markers(cluster: Cluster, marker: Marker | None) -> None:
    """Append a control record to each partition of the transaction, settle its offsets, and complete it."""
    if marker is None:
        return
    for topic, partition in marker.partitions:
        if (topic, partition) == OFFSETS_PARTITION:
            cluster.offsets.settle(marker.producer_id, commit=marker.commit)
        else:
            append_marker(cluster, topic, partition, marker.producer_id, marker.producer_epoch, marker.commit, 0)
    cluster.coordinator.complete(marker.transactional_id)
    cluster.announce_change()


def append_marker(cluster: Cluster, topic: str, partition: int, producer_id: int, producer_epoch: int, commit: bool,
                  coordinator_epoch: int) -> int:
    """Append one marker; the error code, 3 where the partition is gone."""
    log, now = cluster.log(topic, partition), cluster.now()
    if log is None:
        return ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    payload = record_batch.marker(producer_id, producer_epoch, commit=commit, coordinator_epoch=coordinator_epoch, timestamp=now)
    verdict = log.append_marker(producer_id, producer_epoch, commit=commit, coordinator_epoch=coordinator_epoch, timestamp=now,
                                payload=payload)
    if isinstance(verdict, Refused):
        return verdict.error
    record_batch.place(payload, verdict.base_offset, cluster.leader_epoch)
    return ErrorCode.NONE


def handle_add_partitions_to_txn(cluster: Cluster, request: Request) -> Any:
    """One transaction for clients (to version 3), a list of them for other brokers (from 4)."""
    body = request.body
    if request.api_version < 4:
        topics = _add(cluster, request, body.v3_and_below_transactional_id, body.v3_and_below_producer_id,
                      body.v3_and_below_producer_epoch, body.v3_and_below_topics, verify_only=False)
        return AddPartitionsToTxnResponse(throttle_time_ms=0, results_by_topic_v3_and_below=topics)
    results = [_TxnResult(transactional_id=txn.transactional_id,
                          topic_results=_add(cluster, request, txn.transactional_id, txn.producer_id, txn.producer_epoch,
                                             txn.topics, verify_only=txn.verify_only)) for txn in body.transactions]
    return AddPartitionsToTxnResponse(throttle_time_ms=0, error_code=0, results_by_transaction=results)


def _add(cluster: Cluster, request: Request, transactional_id: str, producer_id: int, epoch: int, topics: Any,
         *, verify_only: bool) -> list[Any]:
    """All or nothing: where one partition does not exist, the others get 55."""
    wanted = [(topic.name, partition) for topic in topics for partition in topic.partitions]
    missing = {key for key in wanted if cluster.log(*key) is None}
    if missing:
        errors = {key: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION if key in missing else ErrorCode.OPERATION_NOT_ATTEMPTED for key in wanted}
    elif verify_only:
        errors = {key: cluster.coordinator.verify(transactional_id, producer_id, epoch, key) for key in wanted}
    else:
        error = cluster.coordinator.add_partitions(transactional_id, producer_id, epoch, wanted, cluster.now())
        errors = dict.fromkeys(wanted, error)
    return [_TopicResult(name=topic.name, results_by_partition=[
        _PartitionResult(partition_index=p, partition_error_code=known_to(request, errors[topic.name, p]))
        for p in topic.partitions]) for topic in topics]


def handle_add_offsets_to_txn(cluster: Cluster, request: Request) -> Any:
    """The partition that holds the group's offsets joins the transaction."""
    body = request.body
    error = cluster.coordinator.add_partitions(body.transactional_id, body.producer_id, body.producer_epoch,
                                               [OFFSETS_PARTITION], cluster.now())
    return AddOffsetsToTxnResponse(throttle_time_ms=0, error_code=known_to(request, error))


def handle_end_txn(cluster: Cluster, request: Request) -> Any:
    """Commit or abort. From version 5 the response carries the epoch of the next transaction (KIP-890)."""
    body = request.body
    answer = cluster.coordinator.end(body.transactional_id, body.producer_id, body.producer_epoch, commit=body.committed,
                                     epoch_bump=request.api_version >= 5)
    write_markers(cluster, answer.marker)
    return EndTxnResponse(throttle_time_ms=0, error_code=known_to(request, answer.error), producer_id=answer.producer_id,
                          producer_epoch=answer.producer_epoch)


def handle_write_txn_markers(cluster: Cluster, request: Request) -> Any:
    """Markers by hand, as `kafka-transactions abort` writes them to end a hanging transaction (KIP-664)."""
    rows = [_MarkerResult(producer_id=marker.producer_id, topics=[
        _MarkerTopic(name=topic.name, partitions=[
            _MarkerPartition(partition_index=p, error_code=append_marker(
                cluster, topic.name, p, marker.producer_id, marker.producer_epoch, marker.transaction_result,
                marker.coordinator_epoch)) for p in topic.partition_indexes])
        for topic in marker.topics]) for marker in request.body.markers]
    cluster.announce_change()
    return WriteTxnMarkersResponse(markers=rows)


HANDLERS = {22: handle_init_producer_id, 24: handle_add_partitions_to_txn, 25: handle_add_offsets_to_txn, 26: handle_end_txn,
            27: handle_write_txn_markers}
