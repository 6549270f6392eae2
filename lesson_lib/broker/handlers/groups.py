"""JoinGroup, SyncGroup, Heartbeat, LeaveGroup of a classic consumer group; DescribeGroups, ListGroups,
DeleteGroups.

Source: `GroupMetadataManager.classicGroupJoin`, `classicGroupSync`, `classicGroupHeartbeat`,
`classicGroupLeave`.
"""

from __future__ import annotations

import uuid
from typing import Any

from lesson_lib.broker.cluster import ApiException, Cluster, refuse_if
from lesson_lib.broker.connection import Fields, Response, answered, serves
from lesson_lib.broker.groups import ClassicGroup, GroupState, Member
from lesson_lib.core.error_codes import ErrorCode
from lesson_lib.wire.messages import Request

SESSION_TIMEOUT_MS = range(6_000, 1_800_001)  # group.min.session.timeout.ms, group.max.session.timeout.ms
FIRST_VERSION_WITH_MEMBER_ID, FIRST_VERSION_WITH_NULL_PROTOCOL, FIRST_VERSION_WITH_NOT_FOUND = 4, 7, 6
FIRST_VERSION_WITH_PROTOCOL_IN_SYNC, FIRST_VERSION_WITH_SKIPPED_ASSIGNMENT = 5, 9  # the second: KIP-814


@serves("JoinGroup", 0, 9)
async def handle_join_group(cluster: Cluster, request: Request) -> Response:
    """Answered when the group's next generation begins, with all members for its leader."""
    body = request.body
    try:
        group = _group_to_join(cluster, body)
        member = _member(request)
        named = body.member_id or body.group_instance_id is not None
        if not named and request.api_version >= FIRST_VERSION_WITH_MEMBER_ID:
            group.expect(member)
            raise ApiException(ErrorCode.MEMBER_ID_REQUIRED, member_id=member.id)
        group.protocol_type = group.protocol_type if group.members else body.protocol_type
        return await _join(group, member, request.api_version)
    except ApiException as refusal:
        no_protocol = None if request.api_version >= FIRST_VERSION_WITH_NULL_PROTOCOL else ""
        return {"generation_id": -1, "protocol_name": no_protocol, "member_id": body.member_id,
                **refusal.fields}


def _group_to_join(cluster: Cluster, body: Any) -> ClassicGroup:
    refuse_if(not body.group_id, ErrorCode.INVALID_GROUP_ID)
    refuse_if(body.session_timeout_ms not in SESSION_TIMEOUT_MS, ErrorCode.INVALID_SESSION_TIMEOUT)
    group = cluster.groups.get(body.group_id) or ClassicGroup(body.group_id)
    if not group.accepts(body.protocol_type, {protocol.name for protocol in body.protocols}):
        raise ApiException(ErrorCode.INCONSISTENT_GROUP_PROTOCOL)
    named = group.with_instance(body.group_instance_id)
    # a static member whose place was taken
    refuse_if(body.member_id and named and named.id != body.member_id, ErrorCode.FENCED_INSTANCE_ID)
    given_out = body.group_instance_id is None and body.member_id in {*group.members, *group.expected}
    refuse_if(body.member_id and not (named or given_out), ErrorCode.UNKNOWN_MEMBER_ID)
    cluster.groups[body.group_id] = group
    return group


def _member(request: Request) -> Member:
    body, session_ms = request.body, request.body.session_timeout_ms
    rebalance_ms = session_ms if body.rebalance_timeout_ms < 0 else body.rebalance_timeout_ms
    return Member(body.member_id or f"{request.client_id}-{uuid.uuid4()}", body.group_instance_id,
                  request.client_id, session_ms, rebalance_ms,
                  {protocol.name: bytes(protocol.metadata) for protocol in body.protocols})


async def _join(group: ClassicGroup, member: Member, api_version: int) -> Response:
    if error := await group.join(member):
        raise ApiException(error, member_id=member.id)
    protocol, leader = group.protocol or "", group.leader or ""
    resumes = member.id == leader and bool(member.former_id)  # its assignment stands
    can_skip = api_version >= FIRST_VERSION_WITH_SKIPPED_ASSIGNMENT
    members = [{"member_id": m.id, "group_instance_id": m.instance_id,
                "metadata": m.protocols.get(protocol, b"")} for m in group.members.values()]
    return {"generation_id": group.generation, "protocol_type": group.protocol_type,
            "protocol_name": protocol, "leader": member.former_id if resumes and not can_skip else leader,
            "skip_assignment": resumes and can_skip, "member_id": member.id,
            "members": members if member.id == leader and (can_skip or not resumes) else []}


def known_member(cluster: Cluster, body: Any, generation: int) -> tuple[ClassicGroup, Member]:
    """The group, and who says to be a member of this generation of it. ApiException where that is not so."""
    group = cluster.groups.get(body.group_id)
    if group is None or body.member_id not in group.members:
        taken = group is not None and group.with_instance(body.group_instance_id) is not None
        raise ApiException(ErrorCode.FENCED_INSTANCE_ID if taken else ErrorCode.UNKNOWN_MEMBER_ID)
    refuse_if(generation != group.generation, ErrorCode.ILLEGAL_GENERATION)
    return group, group.members[body.member_id]


def _asking_member(cluster: Cluster, body: Any) -> tuple[ClassicGroup, Member]:
    refuse_if(not body.group_id, ErrorCode.INVALID_GROUP_ID)
    return known_member(cluster, body, body.generation_id)


@serves("SyncGroup", 0, 5)
async def handle_sync_group(cluster: Cluster, request: Request) -> Response:
    """Answered when the leader has brought the assignment."""
    body = request.body
    unnamed = None in (body.protocol_type, body.protocol_name)
    if unnamed and request.api_version >= FIRST_VERSION_WITH_PROTOCOL_IN_SYNC:
        raise ApiException(ErrorCode.INCONSISTENT_GROUP_PROTOCOL)
    group, member = _asking_member(cluster, body)
    same_type = body.protocol_type in (None, group.protocol_type)
    if not same_type or body.protocol_name not in (None, group.protocol):
        raise ApiException(ErrorCode.INCONSISTENT_GROUP_PROTOCOL)
    error = await group.sync(member, {a.member_id: bytes(a.assignment) for a in body.assignments})
    return {"error_code": error, "protocol_type": group.protocol_type, "protocol_name": group.protocol,
            "assignment": b"" if error else member.assignment}


@serves("Heartbeat", 0, 4)
def handle_heartbeat(cluster: Cluster, request: Request) -> Response:
    """Keeps the session; 27 tells the member to join again."""
    group, member = _asking_member(cluster, request.body)
    group.touch(member)
    rebalancing = group.state is GroupState.PREPARING_REBALANCE
    return {"error_code": ErrorCode.REBALANCE_IN_PROGRESS if rebalancing else ErrorCode.NONE}


@serves("LeaveGroup", 0, 5)
def handle_leave_group(cluster: Cluster, request: Request) -> Response:
    """One member up to version 2, a list from 3, in which a static member may be named by its instance id."""
    body, group = request.body, cluster.groups.get(request.body.group_id)
    refuse_if(not body.group_id, ErrorCode.INVALID_GROUP_ID)
    if request.api_version < 3:
        return _leave(group, body.member_id, None)
    return {"members": [{"member_id": m.member_id, "group_instance_id": m.group_instance_id,
                         **answered(_leave, group, m.member_id, m.group_instance_id)} for m in body.members]}


def _leave(group: ClassicGroup | None, member_id: str, instance_id: str | None) -> Fields:
    named = group.with_instance(instance_id) if group and not member_id else None
    if group and (member := group.members.get(member_id) or named):
        group.leave(member)
    elif group and member_id in group.expected:
        group.expected.discard(member_id)
    else:
        raise ApiException(ErrorCode.UNKNOWN_MEMBER_ID)
    return {}


@serves("DescribeGroups", 0, 6)
def handle_describe_groups(cluster: Cluster, request: Request) -> Response:
    """State, members and what they were assigned."""
    return {"groups": [{"group_id": name, **_describe(cluster.group(name), name, request.api_version)}
                       for name in request.body.groups]}


def _describe(group: ClassicGroup | None, name: str, api_version: int) -> Response:
    if group is None:
        code = ErrorCode.NONE if api_version < FIRST_VERSION_WITH_NOT_FOUND else ErrorCode.GROUP_ID_NOT_FOUND
        return {"error_code": code, "error_message": f"Group {name} not found.", "group_state": "Dead"}
    protocol = group.protocol or ""
    members = [{"member_id": m.id, "group_instance_id": m.instance_id, "client_id": m.client_id,
                "client_host": "/127.0.0.1", "member_metadata": m.protocols.get(protocol, b""),
                "member_assignment": m.assignment} for m in group.members.values()]
    return {"group_state": group.state, "members": members, "protocol_type": group.protocol_type,
            "protocol_data": protocol}


@serves("ListGroups", 0, 5)
def handle_list_groups(cluster: Cluster, request: Request) -> Response:
    """Groups with members or offsets."""
    body, names = request.body, dict.fromkeys([*cluster.groups, *cluster.offsets.committed])
    classic = not body.types_filter or "classic" in [name.lower() for name in body.types_filter]
    found = [group for name in names if classic and (group := cluster.group(name))]
    return {"groups": [{"group_id": group.id, "protocol_type": group.protocol_type,
                        "group_state": group.state, "group_type": "classic"}
                       for group in found if group.state in (body.states_filter or GroupState)]}


@serves("DeleteGroups", 0, 2)
def handle_delete_groups(cluster: Cluster, request: Request) -> Response:
    """A group without members goes, with its offsets."""
    def delete(name: str) -> Fields:
        group = cluster.group(name)
        refuse_if(group is None, ErrorCode.GROUP_ID_NOT_FOUND)
        refuse_if(group.members, ErrorCode.NON_EMPTY_GROUP)
        cluster.groups.pop(name, None)
        cluster.offsets.committed.pop(name, None)
        return {}

    return {"results": [{"group_id": name, **answered(delete, name)} for name in request.body.groups_names]}
