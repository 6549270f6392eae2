"""The requests with which one looks in: DescribeProducers, DescribeTransactions, DescribeGroups and their lists.

DescribeProducers shows the memory that the rule decides from: id, epoch, last sequence, open transaction (KIP-664).
"""

from __future__ import annotations

import re
from typing import Any

from kafka.protocol.admin import (
    DeleteGroupsResponse,
    DescribeGroupsResponse,
    DescribeProducersResponse,
    DescribeTransactionsResponse,
    ListGroupsResponse,
    ListTransactionsResponse,
)

from lesson_lib.broker.cluster import Cluster
from lesson_lib.broker.groups import GroupState
from lesson_lib.core.error_codes import ErrorCode
from lesson_lib.core.producer_state import ProducerStateEntry
from lesson_lib.core.transaction_metadata import TransactionMetadata, TxnState
from lesson_lib.wire.messages import Request

_ProducerTopic = DescribeProducersResponse.TopicResponse
_ProducerRow = _ProducerTopic.PartitionResponse
_Producer = _ProducerRow.ProducerState
_Txn = DescribeTransactionsResponse.TransactionState
_ListedTxn = ListTransactionsResponse.TransactionState
_Group = DescribeGroupsResponse.DescribedGroup
_Member = _Group.DescribedGroupMember


def handle_describe_producers(cluster: Cluster, request: Request) -> Any:
    """Every producer id that the leader of a partition remembers."""
    topics = [_ProducerTopic(name=topic.name, partitions=[_producers(cluster, topic.name, p) for p in topic.partition_indexes])
              for topic in request.body.topics]
    return DescribeProducersResponse(throttle_time_ms=0, topics=topics)


def _producers(cluster: Cluster, name: str, partition: int) -> Any:
    log = cluster.log(name, partition)
    if log is None:
        return _ProducerRow(partition_index=partition, error_code=ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, active_producers=[])
    rows = [_producer(producer_id, entry) for producer_id, entry in log.producers.items()]
    return _ProducerRow(partition_index=partition, error_code=0, error_message=None, active_producers=rows)


def _producer(producer_id: int, entry: ProducerStateEntry) -> Any:
    opened = entry.current_txn_first_offset
    return _Producer(producer_id=producer_id, producer_epoch=entry.producer_epoch, last_sequence=entry.last_sequence,
                     last_timestamp=entry.last_timestamp, coordinator_epoch=entry.coordinator_epoch,
                     current_txn_start_offset=-1 if opened is None else opened)


def handle_describe_transactions(cluster: Cluster, request: Request) -> Any:
    """State, producer and partitions of transactional ids."""
    entries = cluster.coordinator.entries
    rows = [_transaction(entries[name]) if name in entries else
            _Txn(error_code=ErrorCode.TRANSACTIONAL_ID_NOT_FOUND, transactional_id=name, transaction_state="",
                 transaction_timeout_ms=0, transaction_start_time_ms=0, producer_id=0, producer_epoch=0, topics=[])
            for name in request.body.transactional_ids]
    return DescribeTransactionsResponse(throttle_time_ms=0, transaction_states=rows)


def _transaction(entry: TransactionMetadata) -> Any:
    names = sorted({name for name, _ in entry.partitions})
    topics = [_Txn.TopicData(topic=name, partitions=sorted(p for t, p in entry.partitions if t == name)) for name in names]
    return _Txn(error_code=0, transactional_id=entry.transactional_id, transaction_state=entry.state,
                transaction_timeout_ms=entry.timeout_ms, transaction_start_time_ms=entry.start,
                producer_id=entry.producer_id, producer_epoch=entry.producer_epoch, topics=topics)


def handle_list_transactions(cluster: Cluster, request: Request) -> Any:
    """Transactional ids, filtered by state, producer id, age in milliseconds and (Kafka 4.1) a pattern."""
    body, known = request.body, {state.value for state in TxnState}
    rows = [_ListedTxn(transactional_id=entry.transactional_id, producer_id=entry.producer_id, transaction_state=entry.state)
            for entry in cluster.coordinator.entries.values() if _is_listed(entry, body, cluster.now())]
    return ListTransactionsResponse(throttle_time_ms=0, error_code=0, transaction_states=rows,
                                    unknown_state_filters=[name for name in body.state_filters if name not in known])


def _is_listed(entry: TransactionMetadata, body: Any, now: int) -> bool:
    pattern = body.transactional_id_pattern
    return ((not body.state_filters or entry.state in body.state_filters)
            and (not body.producer_id_filters or entry.producer_id in body.producer_id_filters)
            and (body.duration_filter < 0 or (entry.start >= 0 and now - entry.start > body.duration_filter))
            and (not pattern or re.fullmatch(re.escape(pattern).replace(r"\.\*", ".*"), entry.transactional_id) is not None))


def handle_describe_groups(cluster: Cluster, request: Request) -> Any:
    """State, members and what they were assigned."""
    return DescribeGroupsResponse(throttle_time_ms=0, groups=[_group(cluster, request, name) for name in request.body.groups])


def _group(cluster: Cluster, request: Request, name: str) -> Any:
    group = cluster.group(name)
    if group is None:
        error = ErrorCode.GROUP_ID_NOT_FOUND if request.api_version >= 6 else ErrorCode.NONE
        return _Group(error_code=error, error_message=f"Group {name} not found.", group_id=name, group_state="Dead", protocol_type="",
                      protocol_data="", members=[])
    members = [_Member(member_id=m.id, group_instance_id=m.instance_id, client_id=m.client_id, client_host="/127.0.0.1",
                       member_metadata=m.protocols.get(group.protocol or "", b""), member_assignment=m.assignment)
               for m in group.members.values()]
    return _Group(error_code=0, error_message=None, group_id=name, group_state=group.state, members=members,
                  protocol_type=group.protocol_type, protocol_data=group.protocol or "")


def handle_list_groups(cluster: Cluster, request: Request) -> Any:
    """Groups with members or offsets."""
    body, names = request.body, dict.fromkeys([*cluster.groups, *cluster.offsets.committed])
    groups = [group for name in names if (group := cluster.group(name)) and group.state in (body.states_filter or GroupState)]
    typed = not body.types_filter or "classic" in [name.lower() for name in body.types_filter]
    rows = [ListGroupsResponse.ListedGroup(group_id=group.id, protocol_type=group.protocol_type, group_state=group.state,
                                           group_type="classic") for group in groups if typed]
    return ListGroupsResponse(throttle_time_ms=0, error_code=0, groups=rows)


def handle_delete_groups(cluster: Cluster, request: Request) -> Any:
    """A group without members goes, with its offsets."""
    rows = [DeleteGroupsResponse.DeletableGroupResult(group_id=name, error_code=_delete(cluster, name))
            for name in request.body.groups_names]
    return DeleteGroupsResponse(throttle_time_ms=0, results=rows)


def _delete(cluster: Cluster, name: str) -> ErrorCode:
    group = cluster.group(name)
    if group is None:
        return ErrorCode.GROUP_ID_NOT_FOUND
    if group.members:
        return ErrorCode.NON_EMPTY_GROUP
    cluster.groups.pop(name, None)
    cluster.offsets.forget(name)
    return ErrorCode.NONE


HANDLERS = {15: handle_describe_groups, 16: handle_list_groups, 42: handle_delete_groups, 61: handle_describe_producers,
            65: handle_describe_transactions, 66: handle_list_transactions}
