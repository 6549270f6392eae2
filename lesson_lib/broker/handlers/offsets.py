"""OffsetCommit, OffsetFetch, TxnOffsetCommit: how far consumer groups have read.

Source: `OffsetMetadataManager.validateOffsetCommit`, `fetchOffsets`; KIP-447 for `require_stable` and
offsets in transactions.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from lesson_lib.broker.cluster import OFFSETS_PARTITION, ApiException, Cluster, refuse_if
from lesson_lib.broker.connection import Fields, Response, answered, by_partition, serves
from lesson_lib.broker.groups import CommittedOffset, GroupState
from lesson_lib.broker.handlers.groups import known_member
from lesson_lib.core.error_codes import ErrorCode
from lesson_lib.wire.messages import Request

MAX_METADATA_BYTES = 4096
FIRST_VERSION_WITH_NOT_FOUND = 9
FIRST_VERSION_WITH_ABORTABLE, FIRST_VERSION_WITH_EPOCH_BUMP, FIRST_VERSION_WITH_GROUPS = 4, 5, 8


@serves("OffsetCommit", 2, 10)
def handle_offset_commit(cluster: Cluster, request: Request) -> Response:
    """Stored at once, for members of this generation and for groups without members."""
    body = request.body
    absent = (ErrorCode.GROUP_ID_NOT_FOUND if request.api_version >= FIRST_VERSION_WITH_NOT_FOUND
              else ErrorCode.ILLEGAL_GENERATION)
    refused = answered(_check_committer, cluster, body, body.generation_id_or_member_epoch, absent)
    return _commit(cluster, body, refused, partial(cluster.offsets.commit, body.group_id))


def _commit(cluster: Cluster, body: Any, refused: Fields, store: Callable[..., None]) -> Response:
    """Each offset by itself: its partition must be there, whatever else is wrong."""
    def commit(topic: Any, row: Any) -> Fields:
        cluster.log(topic.name, row.partition_index, getattr(topic, "topic_id", None))
        if not refused and len(row.committed_metadata or "") > MAX_METADATA_BYTES:
            raise ApiException(ErrorCode.OFFSET_METADATA_TOO_LARGE)
        if not refused:
            store((cluster.topic_name(topic), row.partition_index), CommittedOffset(
                row.committed_offset, row.committed_leader_epoch, row.committed_metadata or ""))
        return refused

    return {"topics": by_partition(body.topics, commit)}


def _check_committer(cluster: Cluster, body: Any, generation: int, absent: ErrorCode,
                     in_transaction: bool = False) -> Fields:
    group = cluster.group(body.group_id)
    if generation < 0 and not (group and group.members):
        return {}
    refuse_if(group is None, absent)
    group, member = known_member(cluster, body, generation)
    if group.state is GroupState.COMPLETING_REBALANCE and not in_transaction:
        raise ApiException(ErrorCode.REBALANCE_IN_PROGRESS)
    group.touch(member)
    return {}


@serves("TxnOffsetCommit", 0, 5)
def handle_txn_offset_commit(cluster: Cluster, request: Request) -> Response:
    """Stored for the end of the transaction; a member of an older generation is refused (KIP-447)."""
    body = request.body
    return _commit(cluster, body, answered(_check_transaction, cluster, request),
                   partial(cluster.offsets.commit_in_transaction, body.producer_id, body.group_id))


def _check_transaction(cluster: Cluster, request: Request) -> Fields:
    body = request.body
    refuse_if(not body.group_id, ErrorCode.INVALID_GROUP_ID)
    error, who = ErrorCode.NONE, (body.transactional_id, body.producer_id, body.producer_epoch)
    if request.api_version >= FIRST_VERSION_WITH_EPOCH_BUMP:
        error = cluster.coordinator.add_partitions(*who, [OFFSETS_PARTITION], cluster.now())
    elif cluster.version.verifies_transactions:
        error = cluster.coordinator.verify(*who, OFFSETS_PARTITION)
    refuse_if(error is ErrorCode.PRODUCER_FENCED, ErrorCode.INVALID_PRODUCER_EPOCH)
    if error is ErrorCode.TRANSACTION_ABORTABLE and request.api_version < FIRST_VERSION_WITH_ABORTABLE:
        raise ApiException(ErrorCode.INVALID_TXN_STATE)
    refuse_if(error, error)
    if body.generation_id < 0 and not body.member_id:
        return {}
    return _check_committer(cluster, body, body.generation_id, ErrorCode.ILLEGAL_GENERATION, True)


@serves("OffsetFetch", 1, 10)
def handle_offset_fetch(cluster: Cluster, request: Request) -> Response:
    """One group up to version 7, several from 8. `require_stable` gets 88 where a transaction is open."""
    body = request.body
    if request.api_version < FIRST_VERSION_WITH_GROUPS:
        return {"topics": _offsets(cluster, body, body.require_stable)}
    return {"groups": [
        {"group_id": group.group_id, "topics": _offsets(cluster, group, body.require_stable, by_id=True)}
        for group in body.groups]}


def _offsets(cluster: Cluster, of: Any, stable: bool, by_id: bool = False) -> list[Fields]:
    """What a group committed for the topics that are asked for; for all of them where that is None."""
    committed = cluster.offsets.committed.get(of.group_id, {})

    def offset(name: str, number: int) -> Fields:
        refuse_if(not name, ErrorCode.UNKNOWN_TOPIC_ID)
        if stable and cluster.offsets.is_pending(of.group_id, (name, number)):
            raise ApiException(ErrorCode.UNSTABLE_OFFSET_COMMIT)
        found = committed.get((name, number), CommittedOffset(-1))
        return {"committed_offset": found.offset, "committed_leader_epoch": found.leader_epoch,
                "metadata": found.metadata}

    if of.topics is not None:
        return by_partition(of.topics, lambda topic, number: offset(cluster.topic_name(topic), number),
                            committed_offset=-1)
    return [{"name": name, **({"topic_id": topic.id} if by_id and (topic := cluster.topic(name)) else {}),
             "partitions": [{"partition_index": p, "committed_offset": -1, **answered(offset, name, p)}
                            for where, p in sorted(committed) if where == name]}
            for name in sorted({name for name, _ in committed})]
