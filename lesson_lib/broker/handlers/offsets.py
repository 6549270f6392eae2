"""OffsetCommit, OffsetFetch, TxnOffsetCommit: how far consumer groups have read.

Source: `OffsetMetadataManager.validateOffsetCommit`, `fetchOffsets`; KIP-447 for `require_stable` and
offsets in transactions.
"""

from __future__ import annotations

from typing import Any

from lesson_lib.broker.cluster import OFFSETS_PARTITION, Cluster
from lesson_lib.broker.connection import Response, serves
from lesson_lib.broker.groups import CommittedOffset, GroupState
from lesson_lib.broker.handlers.groups import membership_error
from lesson_lib.core.error_codes import ErrorCode
from lesson_lib.core.producer_state import TopicPartition
from lesson_lib.wire.messages import Request

MAX_METADATA_BYTES = 4096
FIRST_VERSION_WITH_NOT_FOUND = 9
FIRST_VERSION_WITH_ABORTABLE, FIRST_VERSION_WITH_EPOCH_BUMP, FIRST_VERSION_WITH_GROUPS = 4, 5, 8


@serves("OffsetCommit", 2, 10)
def handle_offset_commit(cluster: Cluster, request: Request) -> Response:
    """Stored at once, for members of this generation and for groups without members."""
    body = request.body
    generation = body.generation_id_or_member_epoch
    error = _commit_error(cluster, body, generation)
    if error is ErrorCode.ILLEGAL_GENERATION and request.api_version >= FIRST_VERSION_WITH_NOT_FOUND:
        error = error if cluster.group(body.group_id) else ErrorCode.GROUP_ID_NOT_FOUND
    return {"topics": [{"name": topic.name, "topic_id": topic.topic_id, "partitions": [
        {"partition_index": row.partition_index,
         "error_code": _absent(cluster, topic, row) or error or _commit(cluster, body.group_id, topic, row)}
        for row in topic.partitions]} for topic in body.topics]}


def _absent(cluster: Cluster, topic: Any, row: Any) -> ErrorCode:
    """The partition must be there, whatever else is wrong. From version 10 its topic is named by an id."""
    log = cluster.log(topic.name, row.partition_index, getattr(topic, "topic_id", None))
    return cluster.unknown_topic(topic.name) if log is None else ErrorCode.NONE


def _commit_error(cluster: Cluster, body: Any, generation: int) -> ErrorCode:
    group = cluster.group(body.group_id)
    if generation < 0 and (group is None or not group.members):
        return ErrorCode.NONE
    if group is None:
        return ErrorCode.ILLEGAL_GENERATION
    who = body.group_id, body.member_id, generation, body.group_instance_id
    if error := membership_error(cluster, *who):
        return error
    if group.state is GroupState.COMPLETING_REBALANCE:
        return ErrorCode.REBALANCE_IN_PROGRESS
    group.touch(group.members[body.member_id])
    return ErrorCode.NONE


def _commit(cluster: Cluster, group_id: str, topic: Any, row: Any) -> ErrorCode:
    if len(row.committed_metadata or "") > MAX_METADATA_BYTES:
        return ErrorCode.OFFSET_METADATA_TOO_LARGE
    cluster.offsets.commit(group_id, (cluster.topic_name(topic), row.partition_index), _offset_in(row))
    return ErrorCode.NONE


def _offset_in(row: Any) -> CommittedOffset:
    return CommittedOffset(row.committed_offset, row.committed_leader_epoch, row.committed_metadata or "")


@serves("TxnOffsetCommit", 0, 5)
def handle_txn_offset_commit(cluster: Cluster, request: Request) -> Response:
    """Stored for the end of the transaction; a member of an older generation is refused (KIP-447)."""
    error = _txn_error(cluster, request)
    return {"topics": [{"name": topic.name, "partitions": [
        {"partition_index": row.partition_index,
         "error_code": (_absent(cluster, topic, row) or error
                        or _commit_in_txn(cluster, request.body, topic.name, row))}
        for row in topic.partitions]} for topic in request.body.topics]}


def _commit_in_txn(cluster: Cluster, body: Any, name: str, row: Any) -> ErrorCode:
    partition = name, row.partition_index
    cluster.offsets.commit_in_transaction(body.producer_id, body.group_id, partition, _offset_in(row))
    return ErrorCode.NONE


def _txn_error(cluster: Cluster, request: Request) -> int:
    body = request.body
    if not body.group_id:
        return ErrorCode.INVALID_GROUP_ID
    if refused := _refused_by_coordinator(cluster, request):
        old = request.api_version < FIRST_VERSION_WITH_ABORTABLE
        words = {ErrorCode.PRODUCER_FENCED: ErrorCode.INVALID_PRODUCER_EPOCH,
                 ErrorCode.TRANSACTION_ABORTABLE: ErrorCode.INVALID_TXN_STATE if old else refused}
        return words.get(refused, refused)
    is_member = body.generation_id >= 0 or body.member_id
    error = _commit_error(cluster, body, body.generation_id) if is_member else ErrorCode.NONE
    return ErrorCode.NONE if error is ErrorCode.REBALANCE_IN_PROGRESS else error


def _refused_by_coordinator(cluster: Cluster, request: Request) -> ErrorCode:
    who = request.body.transactional_id, request.body.producer_id, request.body.producer_epoch
    if request.api_version >= FIRST_VERSION_WITH_EPOCH_BUMP:
        return cluster.coordinator.add_partitions(*who, [OFFSETS_PARTITION], cluster.now())
    if cluster.version.verifies_transactions:
        return cluster.coordinator.verify(*who, OFFSETS_PARTITION)
    return ErrorCode.NONE


@serves("OffsetFetch", 1, 10)
def handle_offset_fetch(cluster: Cluster, request: Request) -> Response:
    """One group up to version 7, several from 8. `require_stable` gets 88 where a transaction is open."""
    body = request.body
    if request.api_version < FIRST_VERSION_WITH_GROUPS:
        return {"topics": _topics(cluster, body, body.require_stable)}
    return {"groups": [
        {"group_id": group.group_id, "topics": _topics(cluster, group, body.require_stable, by_id=True)}
        for group in body.groups]}


def _topics(cluster: Cluster, of: Any, stable: bool, by_id: bool = False) -> list[Response]:
    """What a group committed for the topics that are asked for; for all of them where that is None."""
    wanted = _all_committed(cluster, of.group_id) if of.topics is None else [
        (cluster.topic_name(topic), getattr(topic, "topic_id", None), topic.partition_indexes)
        for topic in of.topics]
    return [{"name": name, **({"topic_id": topic_id} if by_id and topic_id else {}),
             "partitions": [_row(cluster, of.group_id, (name, p), stable) for p in partitions]}
            for name, topic_id, partitions in wanted]


def _all_committed(cluster: Cluster, group: str) -> list[tuple[str, Any, list[int]]]:
    by_topic: dict[str, list[int]] = {}
    for name, partition in sorted(cluster.offsets.committed.get(group, {})):
        by_topic.setdefault(name, []).append(partition)
    ids = {name: topic.id for name in by_topic if (topic := cluster.topic(name))}
    return [(name, ids.get(name), partitions) for name, partitions in by_topic.items()]


def _row(cluster: Cluster, group: str, partition: TopicPartition, stable: bool) -> Response:
    row = {"partition_index": partition[1], "metadata": ""}
    if not partition[0]:
        return {**row, "committed_offset": -1, "error_code": ErrorCode.UNKNOWN_TOPIC_ID}
    if stable and cluster.offsets.is_pending(group, partition):
        return {**row, "committed_offset": -1, "error_code": ErrorCode.UNSTABLE_OFFSET_COMMIT}
    found = cluster.offsets.committed.get(group, {}).get(partition, CommittedOffset(-1))
    return {**row, "committed_offset": found.offset, "committed_leader_epoch": found.leader_epoch,
            "metadata": found.metadata}
