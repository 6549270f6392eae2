"""The transaction coordinator's APIs, the markers that follow from them, and the requests with which one
looks in.

InitProducerId, AddPartitionsToTxn, AddOffsetsToTxn, EndTxn, WriteTxnMarkers; DescribeProducers shows the
memory that the rule decides from (KIP-664), DescribeTransactions and ListTransactions what the coordinator
remembers.

Source: `KafkaApis`, `TransactionMarkerChannelManager`. Differs from Kafka in: the markers are in the logs
before EndTxn is answered, so a read_committed consumer never has to wait for them; in a pattern for
ListTransactions only `.*` stands for anything, so that no pattern takes for ever.
"""

from __future__ import annotations

import re
from typing import Any

from lesson_lib.broker.cluster import OFFSETS_PARTITION, ApiException, Cluster, is_legal_topic, refuse_if
from lesson_lib.broker.connection import Fields, Response, answered, by_partition, serves
from lesson_lib.core.error_codes import ErrorCode
from lesson_lib.core.producer_state import NO_PRODUCER_EPOCH, NO_PRODUCER_ID, Refused, TopicPartition
from lesson_lib.core.transactions import CoordinatorAnswer, Marker, TransactionMetadata, TxnState
from lesson_lib.wire import record_batch
from lesson_lib.wire.messages import Request

FIRST_VERSION_WITH_FENCED = {22: 4, 24: 2, 25: 2, 26: 2}  # older requests get 47 where newer ones get 90
FIRST_VERSION_WITH_NEXT_EPOCH = 5


def known_to(request: Request, error: int) -> int:
    """The error in the words of the request's version (KIP-588)."""
    old = request.api_version < FIRST_VERSION_WITH_FENCED[request.api_key]
    return ErrorCode.INVALID_PRODUCER_EPOCH if old and error == ErrorCode.PRODUCER_FENCED else error


def _told(cluster: Cluster, request: Request, answer: CoordinatorAnswer) -> Response:
    """The coordinator's answer, once the markers that follow from the request are in the logs."""
    write_markers(cluster, answer.marker)
    return {"error_code": known_to(request, answer.error), "producer_id": answer.producer_id,
            "producer_epoch": answer.producer_epoch}


@serves("InitProducerId", 0, 6)
def handle_init_producer_id(cluster: Cluster, request: Request) -> Response:
    """Without a transactional id a new producer id; with one the next epoch, after aborting what was open."""
    body = request.body
    half_known = (body.producer_id == NO_PRODUCER_ID) != (body.producer_epoch == NO_PRODUCER_EPOCH)
    if body.transactional_id == "" or half_known:
        raise ApiException(ErrorCode.INVALID_REQUEST, producer_id=-1, producer_epoch=-1)
    return _told(cluster, request, cluster.coordinator.init_producer_id(
        body.transactional_id, body.transaction_timeout_ms, body.producer_id, body.producer_epoch))


@serves("AddPartitionsToTxn", 0, 5)
def handle_add_partitions_to_txn(cluster: Cluster, request: Request) -> Response:
    """One transaction for clients (to version 3), a list of them for other brokers (from 4)."""
    body = request.body
    if request.api_version < 4:
        who = (body.v3_and_below_transactional_id, body.v3_and_below_producer_id,
               body.v3_and_below_producer_epoch)
        return {"results_by_topic_v3_and_below": _add(cluster, request, who, body.v3_and_below_topics)}
    return {"results_by_transaction": [
        {"transactional_id": txn.transactional_id, "topic_results": _add(
            cluster, request, (txn.transactional_id, txn.producer_id, txn.producer_epoch), txn.topics,
            txn.verify_only)} for txn in body.transactions]}


def _add(cluster: Cluster, request: Request, who: tuple[str, int, int], topics: Any,
         verify_only: bool = False) -> list[Fields]:
    """All or nothing: where one partition does not exist, the others get 55."""
    partitions = [(topic.name, partition) for topic in topics for partition in topic.partitions]
    all_there = all(cluster.find_log(*partition) for partition in partitions)
    if all_there and not verify_only:
        added = cluster.coordinator.add_partitions(*who, partitions, cluster.now())

    def error(topic: Any, partition: int) -> Fields:
        if not cluster.find_log(topic.name, partition):
            code = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
        elif not all_there:
            code = ErrorCode.OPERATION_NOT_ATTEMPTED
        else:
            code = cluster.coordinator.verify(*who, (topic.name, partition)) if verify_only else added
        return {"partition_error_code": known_to(request, code)}

    return by_partition(topics, error, rows="results_by_partition")


@serves("AddOffsetsToTxn", 0, 4)
def handle_add_offsets_to_txn(cluster: Cluster, request: Request) -> Response:
    """The partition that holds the group's offsets joins the transaction."""
    who = request.body.transactional_id, request.body.producer_id, request.body.producer_epoch
    error = cluster.coordinator.add_partitions(*who, [OFFSETS_PARTITION], cluster.now())
    return {"error_code": known_to(request, error)}


@serves("EndTxn", 0, 5)
def handle_end_txn(cluster: Cluster, request: Request) -> Response:
    """Commit or abort. From version 5 the response carries the epoch of the next transaction (KIP-890)."""
    body, epoch_bump = request.body, request.api_version >= FIRST_VERSION_WITH_NEXT_EPOCH
    return _told(cluster, request, cluster.coordinator.end(
        body.transactional_id, body.producer_id, body.producer_epoch, commit=body.committed,
        epoch_bump=epoch_bump))


# markers


def abort_timed_out(cluster: Cluster) -> None:
    """End the transactions that are open for longer than their producer allowed; called every second."""
    for marker in cluster.coordinator.abort_timed_out(cluster.now()):
        write_markers(cluster, marker)


def write_markers(cluster: Cluster, marker: Marker | None) -> None:
    """Append a control record to each partition of the transaction, settle its offsets, and complete it."""
    if marker is None:
        return
    for partition in marker.partitions:
        if partition == OFFSETS_PARTITION:
            cluster.offsets.complete_transaction(marker.producer_id, commit=marker.commit)
        else:  # where the topic is gone, or the producer fenced, there is nothing to end
            answered(append_marker, cluster, partition, (marker.producer_id, marker.producer_epoch),
                     marker.commit)
    cluster.coordinator.complete(marker.transactional_id)
    cluster.announce_change()


def append_marker(cluster: Cluster, partition: TopicPartition, producer: tuple[int, int], commit: bool,
                  coordinator_epoch: int = 0, transaction_version: int = 1) -> Fields:
    """Append one marker of the producer (id, epoch). ApiException where there is no log, or it refuses."""
    log, now = cluster.log(*partition), cluster.now()
    fields: Fields = {"commit": commit, "coordinator_epoch": coordinator_epoch, "timestamp": now}
    payload = record_batch.marker(*producer, **fields)
    verdict = log.append_marker(*producer, **fields, payload=payload, transaction_version=transaction_version)
    if isinstance(verdict, Refused):
        raise ApiException(verdict.error)
    record_batch.place(payload, verdict.base_offset, cluster.leader_epoch)
    return {}


@serves("WriteTxnMarkers", 1, 2)
def handle_write_txn_markers(cluster: Cluster, request: Request) -> Response:
    """Markers by hand, as `kafka-transactions abort` writes them to end a hanging transaction (KIP-664)."""
    rows = [{"producer_id": marker.producer_id, "topics": by_partition(
        marker.topics, lambda topic, p, marker=marker: append_marker(
            cluster, (topic.name, p), (marker.producer_id, marker.producer_epoch), marker.transaction_result,
            marker.coordinator_epoch, marker.transaction_version))} for marker in request.body.markers]
    cluster.announce_change()
    return {"markers": rows}


# looking in


@serves("DescribeProducers", 0, 0)
def handle_describe_producers(cluster: Cluster, request: Request) -> Response:
    """Every producer id that the leader of a partition remembers."""
    def producers(topic: Any, partition: int) -> Fields:
        refuse_if(not is_legal_topic(topic.name), ErrorCode.INVALID_TOPIC_EXCEPTION)
        remembered = cluster.log(topic.name, partition).producers.items()
        return {"active_producers": [
            {"producer_id": producer_id, "producer_epoch": entry.producer_epoch,
             "last_sequence": entry.last_sequence, "last_timestamp": entry.last_timestamp,
             "coordinator_epoch": entry.coordinator_epoch,
             "current_txn_start_offset": -1 if (opened := entry.current_txn_first_offset) is None else opened}
            for producer_id, entry in remembered]}

    return {"topics": by_partition(request.body.topics, producers)}


@serves("DescribeTransactions", 0, 0)
def handle_describe_transactions(cluster: Cluster, request: Request) -> Response:
    """State, producer and partitions of transactional ids."""
    return {"transaction_states": [{"transactional_id": name, **answered(_transaction, cluster, name)}
                                   for name in request.body.transactional_ids]}


def _transaction(cluster: Cluster, name: str) -> Fields:
    entry = cluster.coordinator.entries.get(name)
    refuse_if(entry is None, ErrorCode.TRANSACTIONAL_ID_NOT_FOUND if name else ErrorCode.INVALID_REQUEST)
    topics = [{"topic": name, "partitions": sorted(p for t, p in entry.partitions if t == name)}
              for name in sorted({name for name, _ in entry.partitions})]
    return {"transaction_state": entry.state, "transaction_timeout_ms": entry.timeout_ms,
            "transaction_start_time_ms": entry.start, "producer_id": entry.producer_id,
            "producer_epoch": entry.producer_epoch, "topics": topics}


@serves("ListTransactions", 0, 2)
def handle_list_transactions(cluster: Cluster, request: Request) -> Response:
    """Transactional ids, filtered by state, producer id, age in milliseconds and (Kafka 4.1) a pattern."""
    body, known = request.body, {state.value for state in TxnState}
    try:
        re.compile(body.transactional_id_pattern or "")
    except re.error:
        raise ApiException(ErrorCode.INVALID_REGULAR_EXPRESSION) from None
    rows = [{"transactional_id": entry.transactional_id, "producer_id": entry.producer_id,
             "transaction_state": entry.state}
            for entry in cluster.coordinator.entries.values() if _is_listed(entry, body, cluster.now())]
    return {"transaction_states": rows,
            "unknown_state_filters": [name for name in body.state_filters if name not in known]}


def _is_listed(entry: TransactionMetadata, body: Any, now: int) -> bool:
    old_enough = body.duration_filter < 0 or (entry.start >= 0 and now - entry.start > body.duration_filter)
    pattern = re.escape(body.transactional_id_pattern or ".*").replace(r"\.\*", ".*")
    return (old_enough and re.fullmatch(pattern, entry.transactional_id) is not None
            and (not body.state_filters or entry.state in body.state_filters)
            and (not body.producer_id_filters or entry.producer_id in body.producer_id_filters))
