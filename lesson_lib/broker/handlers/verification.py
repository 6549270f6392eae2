"""Produce, before the log: whether the coordinator knows of the transaction that a batch would open (KIP-890).

Source: `ReplicaManager.handleProduceAppend`, `AddPartitionsToTxnManager`. Differs from Kafka in: leader and coordinator are in
one process, so the question is a call that always gets its answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lesson_lib.broker.cluster import Cluster
from lesson_lib.core.batch import Batch
from lesson_lib.core.error_codes import ErrorCode
from lesson_lib.core.partition_log import PartitionLog
from lesson_lib.wire import record_batch
from lesson_lib.wire.messages import Request

FIRST_VERSION_WITH_ABORTABLE, FIRST_VERSION_WITH_EPOCH_BUMP = 11, 12
NOT_ADDED = "Partition was not added to the transaction"
UNABLE = "Unable to verify the partition has been added to the transaction. Underlying error: "


@dataclass(frozen=True, slots=True)
class Answer:
    """One partition's part of a produce response; fields that an error leaves unset are -1."""

    error: int = 0
    base_offset: int = -1
    log_append_time_ms: int = -1
    log_start_offset: int = -1
    message: str | None = None
    record_message: str | None = None


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


def verification_answer(cluster: Cluster, request: Request, log: PartitionLog, partition: tuple[str, int],
                        records: Any) -> Answer | None:
    """None where the batch may go on to the log, else the answer."""
    batch = _transactional(records)
    asked = batch is not None and batch.has_producer_id and cluster.version.verifies_transactions
    if not asked or not log.needs_verification(batch):
        return None
    entry = log.producers.get(batch.producer_id)
    if entry and batch.producer_epoch < entry.producer_epoch and cluster.version.checks_epoch_before_verification:
        return Answer(ErrorCode.INVALID_PRODUCER_EPOCH)
    epoch_bump = request.api_version >= FIRST_VERSION_WITH_EPOCH_BUMP
    log.start_verification(batch, epoch_bump)
    return _translated(_ask(cluster, request, partition, batch, epoch_bump), request.api_version)


def _ask(cluster: Cluster, request: Request, partition: tuple[str, int], batch: Batch, epoch_bump: bool) -> ErrorCode:
    """From version 12 the leader adds the partition, before it only asks whether the client did."""
    who = request.body.transactional_id, batch.producer_id, batch.producer_epoch
    if epoch_bump:
        return cluster.coordinator.add_partitions(*who, [partition], cluster.now())
    return cluster.coordinator.verify(*who, partition)


def _translated(error: ErrorCode, api_version: int) -> Answer | None:
    """The coordinator's error in the words of a produce response."""
    if error is ErrorCode.NONE:
        return None
    if error is ErrorCode.PRODUCER_FENCED:
        return Answer(ErrorCode.INVALID_PRODUCER_EPOCH)
    if error is ErrorCode.TRANSACTION_ABORTABLE and api_version < FIRST_VERSION_WITH_ABORTABLE:
        return Answer(ErrorCode.INVALID_TXN_STATE, message=NOT_ADDED)
    if error is ErrorCode.CONCURRENT_TRANSACTIONS and api_version < FIRST_VERSION_WITH_EPOCH_BUMP:
        return Answer(ErrorCode.NOT_ENOUGH_REPLICAS, message=UNABLE + "CONCURRENT_TRANSACTIONS")
    return Answer(error)
