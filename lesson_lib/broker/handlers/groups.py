"""JoinGroup, SyncGroup, Heartbeat, LeaveGroup of a classic consumer group; DescribeGroups, ListGroups,
DeleteGroups.

Source: `GroupMetadataManager.classicGroupJoin`, `classicGroupSync`, `classicGroupHeartbeat`,
`classicGroupLeave`.
"""

from __future__ import annotations

import uuid
from typing import Any

from lesson_lib.broker.cluster import Cluster
from lesson_lib.broker.connection import Response, serves
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
    group = cluster.groups.get(body.group_id) or ClassicGroup(body.group_id)
    member_id = body.member_id or f"{request.client_id}-{uuid.uuid4()}"
    if error := _join_error(group, body):
        return _not_joined(error, body.member_id, request.api_version)
    cluster.groups[body.group_id] = group
    named = body.member_id or body.group_instance_id is not None
    if not named and request.api_version >= FIRST_VERSION_WITH_MEMBER_ID:
        group.expect(member_id, body.session_timeout_ms)
        return _not_joined(ErrorCode.MEMBER_ID_REQUIRED, member_id, request.api_version)
    group.protocol_type = group.protocol_type if group.members else body.protocol_type
    return await _join(group, _member(request, member_id), request.api_version)


def _join_error(group: ClassicGroup, body: Any) -> ErrorCode:
    if not body.group_id:
        return ErrorCode.INVALID_GROUP_ID
    if body.session_timeout_ms not in SESSION_TIMEOUT_MS:
        return ErrorCode.INVALID_SESSION_TIMEOUT
    if not group.accepts(body.protocol_type, _protocols(body)):
        return ErrorCode.INCONSISTENT_GROUP_PROTOCOL
    if not body.member_id:
        return ErrorCode.NONE
    if body.group_instance_id is not None:
        return _instance_error(group, body)
    known = body.member_id in group.members or body.member_id in group.expected
    return ErrorCode.NONE if known else ErrorCode.UNKNOWN_MEMBER_ID


def _protocols(body: Any) -> dict[str, bytes]:
    return {protocol.name: bytes(protocol.metadata) for protocol in body.protocols}


def _instance_error(group: ClassicGroup, body: Any) -> ErrorCode:
    """A static member whose place was taken is fenced."""
    named = group.with_instance(body.group_instance_id)
    if named is None:
        return ErrorCode.UNKNOWN_MEMBER_ID
    return ErrorCode.NONE if named.id == body.member_id else ErrorCode.FENCED_INSTANCE_ID


def _member(request: Request, member_id: str) -> Member:
    body, session_ms = request.body, request.body.session_timeout_ms
    rebalance_ms = session_ms if body.rebalance_timeout_ms < 0 else body.rebalance_timeout_ms
    return Member(member_id, body.group_instance_id, request.client_id, session_ms, rebalance_ms,
                  _protocols(body))


def _not_joined(error: ErrorCode, member_id: str, api_version: int) -> Response:
    no_protocol = None if api_version >= FIRST_VERSION_WITH_NULL_PROTOCOL else ""
    return {"error_code": error, "generation_id": -1, "protocol_name": no_protocol, "member_id": member_id}


async def _join(group: ClassicGroup, member: Member, api_version: int) -> Response:
    if error := await group.join(member):
        return _not_joined(error, member.id, api_version)
    protocol, leader = group.protocol or "", group.leader or ""
    resumes = member.id == leader and bool(member.former_id)  # its assignment stands
    can_skip = api_version >= FIRST_VERSION_WITH_SKIPPED_ASSIGNMENT
    members = [{"member_id": m.id, "group_instance_id": m.instance_id,
                "metadata": m.protocols.get(protocol, b"")} for m in group.members.values()]
    return {"generation_id": group.generation, "protocol_type": group.protocol_type,
            "protocol_name": protocol, "leader": member.former_id if resumes and not can_skip else leader,
            "skip_assignment": resumes and can_skip, "member_id": member.id,
            "members": members if member.id == leader and (can_skip or not resumes) else []}


def _membership_error(cluster: Cluster, body: Any) -> ErrorCode:
    who = body.member_id, body.generation_id, body.group_instance_id
    return membership_error(cluster, body.group_id, *who) if body.group_id else ErrorCode.INVALID_GROUP_ID


def membership_error(cluster: Cluster, group_id: str, member_id: str, generation: int,
                     instance_id: str | None) -> ErrorCode:
    """What is wrong with a request of somebody who says to be a member of this generation."""
    group = cluster.groups.get(group_id)
    if group is None or member_id not in group.members:
        taken = group is not None and group.with_instance(instance_id) is not None
        return ErrorCode.FENCED_INSTANCE_ID if taken else ErrorCode.UNKNOWN_MEMBER_ID
    return ErrorCode.NONE if generation == group.generation else ErrorCode.ILLEGAL_GENERATION


@serves("SyncGroup", 0, 5)
async def handle_sync_group(cluster: Cluster, request: Request) -> Response:
    """Answered when the leader has brought the assignment."""
    body = request.body
    unnamed = None in (body.protocol_type, body.protocol_name)
    if unnamed and request.api_version >= FIRST_VERSION_WITH_PROTOCOL_IN_SYNC:
        return {"error_code": ErrorCode.INCONSISTENT_GROUP_PROTOCOL}
    if error := _membership_error(cluster, body):
        return {"error_code": error}
    group = cluster.groups[body.group_id]
    same_type = body.protocol_type in (None, group.protocol_type)
    if not same_type or body.protocol_name not in (None, group.protocol):
        return {"error_code": ErrorCode.INCONSISTENT_GROUP_PROTOCOL}
    member = group.members[body.member_id]
    error = await group.sync(member, {a.member_id: bytes(a.assignment) for a in body.assignments})
    return {"error_code": error, "protocol_type": group.protocol_type, "protocol_name": group.protocol,
            "assignment": b"" if error else member.assignment}


@serves("Heartbeat", 0, 4)
def handle_heartbeat(cluster: Cluster, request: Request) -> Response:
    """Keeps the session; 27 tells the member to join again."""
    if error := _membership_error(cluster, request.body):
        return {"error_code": error}
    group = cluster.groups[request.body.group_id]
    group.touch(group.members[request.body.member_id])
    rebalancing = group.state is GroupState.PREPARING_REBALANCE
    return {"error_code": ErrorCode.REBALANCE_IN_PROGRESS if rebalancing else ErrorCode.NONE}


@serves("LeaveGroup", 0, 5)
def handle_leave_group(cluster: Cluster, request: Request) -> Response:
    """One member up to version 2, a list from 3, in which a static member may be named by its instance id."""
    body, group = request.body, cluster.groups.get(request.body.group_id)
    if not body.group_id:
        return {"error_code": ErrorCode.INVALID_GROUP_ID}
    if request.api_version < 3:
        return {"error_code": _leave(group, body.member_id, None)}
    return {"members": [{"member_id": m.member_id, "group_instance_id": m.group_instance_id,
                         "error_code": _leave(group, m.member_id, m.group_instance_id)}
                        for m in body.members]}


def _leave(group: ClassicGroup | None, member_id: str, instance_id: str | None) -> ErrorCode:
    if group is None:
        return ErrorCode.UNKNOWN_MEMBER_ID
    member = group.members.get(member_id) or (None if member_id else group.with_instance(instance_id))
    if member is not None:
        group.leave(member)
        return ErrorCode.NONE
    known = member_id in group.expected
    group.expected.discard(member_id)
    return ErrorCode.NONE if known else ErrorCode.UNKNOWN_MEMBER_ID


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
    return {"results": [{"group_id": name, "error_code": _delete(cluster, name)}
                        for name in request.body.groups_names]}


def _delete(cluster: Cluster, name: str) -> ErrorCode:
    group = cluster.group(name)
    if group is None:
        return ErrorCode.GROUP_ID_NOT_FOUND
    if group.members:
        return ErrorCode.NON_EMPTY_GROUP
    cluster.groups.pop(name, None)
    cluster.offsets.committed.pop(name, None)
    return ErrorCode.NONE
