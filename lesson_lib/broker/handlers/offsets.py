"""OffsetCommit, OffsetFetch, TxnOffsetCommit, OffsetDelete: the positions of consumer groups.

Source: `OffsetMetadataManager.validateOffsetCommit`, `fetchOffsets`; KIP-447 for `require_stable` and offsets in transactions.
"""

from __future__ import annotations

from typing import Any

from kafka.protocol.consumer import OffsetCommitResponse, OffsetFetchResponse
from kafka.protocol.producer import TxnOffsetCommitResponse

from lesson_lib.broker.cluster import OFFSETS_PARTITION, Cluster
from lesson_lib.broker.groups import GroupState
from lesson_lib.broker.handlers.groups import membership_error
from lesson_lib.broker.offsets import CommittedOffset
from lesson_lib.core.error_codes import ErrorCode
from lesson_lib.wire.messages import Request

_Committed = OffsetCommitResponse.OffsetCommitResponseTopic
_CommittedRow = _Committed.OffsetCommitResponsePartition
_TxnCommitted = TxnOffsetCommitResponse.TxnOffsetCommitResponseTopic
_TxnCommittedRow = _TxnCommitted.TxnOffsetCommitResponsePartition
_Fetched = OffsetFetchResponse.OffsetFetchResponseTopic
_FetchedRow = _Fetched.OffsetFetchResponsePartition
_FetchedGroup = OffsetFetchResponse.OffsetFetchResponseGroup
_GroupTopic = _FetchedGroup.OffsetFetchResponseTopics
_GroupRow = _GroupTopic.OffsetFetchResponsePartitions
MAX_METADATA_BYTES = 4096
FIRST_VERSION_WITH_ABORTABLE, FIRST_VERSION_WITH_EPOCH_BUMP = 4, 5


def handle_offset_commit(cluster: Cluster, request: Request) -> Any:
    """Stored at once, for members of this generation and for groups without members."""
    body = request.body
    error = _commit_error(cluster, body.group_id, body.member_id, body.generation_id_or_member_epoch, body.group_instance_id)
    topics = [_Committed(name=topic.name, topic_id=topic.topic_id, partitions=[
        _CommittedRow(partition_index=row.partition_index, error_code=error or _commit(cluster, body.group_id, topic, row))
        for row in topic.partitions]) for topic in body.topics]
    return OffsetCommitResponse(throttle_time_ms=0, topics=topics)


def _commit_error(cluster: Cluster, group_id: str, member_id: str, generation: int, instance_id: str | None) -> ErrorCode:
    group = cluster.group(group_id)
    if generation < 0 and (group is None or not group.members):
        return ErrorCode.NONE
    if group is None:
        return ErrorCode.ILLEGAL_GENERATION
    error = membership_error(cluster, group_id, member_id, generation, instance_id)
    if not error and group.state is GroupState.COMPLETING_REBALANCE:
        return ErrorCode.REBALANCE_IN_PROGRESS
    if not error:
        group.touch(group.members[member_id])
    return error


def _row_error(cluster: Cluster, topic: Any, row: Any) -> ErrorCode:
    if cluster.log(topic.name, row.partition_index, getattr(topic, "topic_id", None)) is None:
        return ErrorCode.UNKNOWN_TOPIC_OR_PARTITION if topic.name else ErrorCode.UNKNOWN_TOPIC_ID
    too_long = len(row.committed_metadata or "") > MAX_METADATA_BYTES
    return ErrorCode.OFFSET_METADATA_TOO_LARGE if too_long else ErrorCode.NONE


def _commit(cluster: Cluster, group_id: str, topic: Any, row: Any) -> ErrorCode:
    if error := _row_error(cluster, topic, row):
        return error
    offset = CommittedOffset(row.committed_offset, row.committed_leader_epoch, row.committed_metadata or "")
    cluster.offsets.commit(group_id, (cluster.topic_name(topic), row.partition_index), offset)
    return ErrorCode.NONE


def handle_txn_offset_commit(cluster: Cluster, request: Request) -> Any:
    """Stored for the end of the transaction; a member of an older generation is refused (KIP-447)."""
    body = request.body
    error = _txn_error(cluster, request)
    topics = [_TxnCommitted(name=topic.name, partitions=[
        _TxnCommittedRow(partition_index=row.partition_index, error_code=error or _commit_in_txn(cluster, body, topic, row))
        for row in topic.partitions]) for topic in body.topics]
    return TxnOffsetCommitResponse(throttle_time_ms=0, topics=topics)


def _commit_in_txn(cluster: Cluster, body: Any, topic: Any, row: Any) -> ErrorCode:
    if cluster.log(topic.name, row.partition_index) is None:
        return ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    offset = CommittedOffset(row.committed_offset, row.committed_leader_epoch, row.committed_metadata or "")
    cluster.offsets.commit_in_transaction(body.producer_id, body.group_id, (topic.name, row.partition_index), offset)
    return ErrorCode.NONE


def _txn_error(cluster: Cluster, request: Request) -> int:
    body = request.body
    named = body.generation_id >= 0 or body.member_id
    error = named and _commit_error(cluster, body.group_id, body.member_id, body.generation_id, body.group_instance_id)
    if error and error is not ErrorCode.REBALANCE_IN_PROGRESS:
        return error
    who = body.transactional_id, body.producer_id, body.producer_epoch
    if request.api_version >= FIRST_VERSION_WITH_EPOCH_BUMP:
        refused = cluster.coordinator.add_partitions(*who, [OFFSETS_PARTITION], cluster.now())
    elif cluster.version.verifies_transactions:
        refused = cluster.coordinator.verify(*who, OFFSETS_PARTITION)
    else:
        refused = ErrorCode.NONE
    if refused is ErrorCode.TRANSACTION_ABORTABLE and request.api_version < FIRST_VERSION_WITH_ABORTABLE:
        return ErrorCode.INVALID_TXN_STATE
    return ErrorCode.INVALID_PRODUCER_EPOCH if refused is ErrorCode.PRODUCER_FENCED else refused


def handle_offset_fetch(cluster: Cluster, request: Request) -> Any:
    """One group up to version 7, several from 8. `require_stable` gets 88 where a transaction is still open."""
    body = request.body
    if request.api_version >= 8:
        groups = [_FetchedGroup(group_id=g.group_id, error_code=0,
                                topics=_fetch(cluster, g.group_id, g.topics, body.require_stable, _GroupTopic, _GroupRow))
                  for g in body.groups]
        return OffsetFetchResponse(throttle_time_ms=0, groups=groups)
    topics = _fetch(cluster, body.group_id, body.topics, body.require_stable, _Fetched, _FetchedRow)
    return OffsetFetchResponse(throttle_time_ms=0, error_code=0, topics=topics)


def _fetch(cluster: Cluster, group: str, topics: Any, stable: bool, topic_class: Any, row_class: Any) -> list[Any]:
    wanted = _all_committed(cluster, group) if topics is None else [
        (cluster.topic_name(topic), getattr(topic, "topic_id", None), topic.partition_indexes) for topic in topics]
    rows = []
    for name, topic_id, partitions in wanted:
        known = {"topic_id": topic_id} if topic_id is not None and topic_class is _GroupTopic else {}
        rows.append(topic_class(name=name, **known, partitions=[
            _fetch_row(cluster, group, (name, p), stable, row_class) for p in partitions]))
    return rows


def _all_committed(cluster: Cluster, group: str) -> list[tuple[str, Any, list[int]]]:
    by_topic: dict[str, list[int]] = {}
    for name, partition in sorted(cluster.offsets.committed.get(group, {})):
        by_topic.setdefault(name, []).append(partition)
    return [(name, topic.id if (topic := cluster.topic(name)) else None, rows) for name, rows in by_topic.items()]


def _fetch_row(cluster: Cluster, group: str, partition: tuple[str, int], stable: bool, row_class: Any) -> Any:
    if stable and cluster.offsets.is_pending(group, partition):
        return row_class(partition_index=partition[1], committed_offset=-1, metadata="", error_code=ErrorCode.UNSTABLE_OFFSET_COMMIT)
    found = cluster.offsets.committed.get(group, {}).get(partition, CommittedOffset(-1))
    return row_class(partition_index=partition[1], committed_offset=found.offset, committed_leader_epoch=found.leader_epoch,
                     metadata=found.metadata, error_code=0)


HANDLERS = {8: handle_offset_commit, 9: handle_offset_fetch, 28: handle_txn_offset_commit}
