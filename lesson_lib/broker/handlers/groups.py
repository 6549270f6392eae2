"""JoinGroup, SyncGroup, Heartbeat, LeaveGroup: the requests of a classic consumer group.

Source: `GroupMetadataManager.classicGroupJoin`, `classicGroupSync`, `classicGroupHeartbeat`, `classicGroupLeave`.
"""

from __future__ import annotations

import uuid
from typing import Any

from kafka.protocol.consumer import HeartbeatResponse, JoinGroupResponse, LeaveGroupResponse, SyncGroupResponse

from lesson_lib.broker.cluster import Cluster
from lesson_lib.broker.groups import Group, GroupState, Member
from lesson_lib.core.error_codes import ErrorCode
from lesson_lib.wire.messages import Request

_JoinMember = JoinGroupResponse.JoinGroupResponseMember
_LeftMember = LeaveGroupResponse.MemberResponse
SESSION_TIMEOUT_MS = range(6_000, 1_800_001)  # group.min.session.timeout.ms, group.max.session.timeout.ms
FIRST_VERSION_WITH_MEMBER_ID, FIRST_VERSION_WITH_NULL_PROTOCOL = 4, 7


async def handle_join_group(cluster: Cluster, request: Request) -> Any:
    """Answered when the group's next generation begins, with all members for its leader."""
    body = request.body
    group = cluster.groups.get(body.group_id) or Group(body.group_id)
    member_id = body.member_id or f"{request.client_id}-{uuid.uuid4()}"
    if error := _join_error(group, body):
        return _not_joined(error, body.member_id, request.api_version)
    cluster.groups[body.group_id] = group
    if not body.member_id and body.group_instance_id is None and request.api_version >= FIRST_VERSION_WITH_MEMBER_ID:
        group.expect(member_id, body.session_timeout_ms)
        return _not_joined(ErrorCode.MEMBER_ID_REQUIRED, member_id, request.api_version)
    group.protocol_type = group.protocol_type if group.members else body.protocol_type
    return await _join(group, _member(request, member_id), request.api_version)


def _member(request: Request, member_id: str) -> Member:
    body = request.body
    rebalance_ms = body.session_timeout_ms if body.rebalance_timeout_ms < 0 else body.rebalance_timeout_ms
    protocols = {protocol.name: bytes(protocol.metadata) for protocol in body.protocols}
    return Member(member_id, body.group_instance_id, request.client_id, body.session_timeout_ms, rebalance_ms, protocols)


def _join_error(group: Group, body: Any) -> ErrorCode:
    protocols = {protocol.name: bytes(protocol.metadata) for protocol in body.protocols}
    if not body.group_id:
        return ErrorCode.INVALID_GROUP_ID
    if body.session_timeout_ms not in SESSION_TIMEOUT_MS:
        return ErrorCode.INVALID_SESSION_TIMEOUT
    if not group.accepts(body.protocol_type, protocols):
        return ErrorCode.INCONSISTENT_GROUP_PROTOCOL
    if body.member_id and body.member_id not in group.members and body.member_id not in group.expected:
        return ErrorCode.UNKNOWN_MEMBER_ID
    return _instance_error(group, body)


def _instance_error(group: Group, body: Any) -> ErrorCode:
    """A static member whose place was taken is fenced."""
    member = group.members.get(body.member_id)
    if body.group_instance_id is None or not body.member_id or (member and member.instance_id == body.group_instance_id):
        return ErrorCode.NONE
    taken = any(other.instance_id == body.group_instance_id for other in group.members.values())
    return ErrorCode.FENCED_INSTANCE_ID if taken else ErrorCode.UNKNOWN_MEMBER_ID


def _not_joined(error: ErrorCode, member_id: str, api_version: int) -> Any:
    no_protocol = None if api_version >= FIRST_VERSION_WITH_NULL_PROTOCOL else ""
    return JoinGroupResponse(throttle_time_ms=0, error_code=error, generation_id=-1, protocol_type=None,
                             protocol_name=no_protocol, leader="", member_id=member_id, members=[])


async def _join(group: Group, member: Member, api_version: int) -> Any:
    if error := await group.join(member):
        return _not_joined(error, member.id, api_version)
    protocol = group.protocol or ""
    members = [_JoinMember(member_id=m.id, group_instance_id=m.instance_id, metadata=m.protocols.get(protocol, b""))
               for m in group.members.values()] if member.id == group.leader else []
    return JoinGroupResponse(throttle_time_ms=0, error_code=0, generation_id=group.generation, protocol_name=protocol,
                             protocol_type=group.protocol_type, leader=group.leader or "", member_id=member.id, members=members)


def membership_error(cluster: Cluster, group_id: str, member_id: str, generation: int, instance_id: str | None) -> ErrorCode:
    """What is wrong with a request of somebody who says to be a member of this generation."""
    group = cluster.groups.get(group_id)
    if not group_id:
        return ErrorCode.INVALID_GROUP_ID
    if group is None or member_id not in group.members:
        taken = group and instance_id and any(m.instance_id == instance_id for m in group.members.values())
        return ErrorCode.FENCED_INSTANCE_ID if taken else ErrorCode.UNKNOWN_MEMBER_ID
    return ErrorCode.NONE if generation == group.generation else ErrorCode.ILLEGAL_GENERATION


async def handle_sync_group(cluster: Cluster, request: Request) -> Any:
    """Answered when the leader has brought the assignment."""
    body = request.body
    error = membership_error(cluster, body.group_id, body.member_id, body.generation_id, body.group_instance_id)
    if error:
        return SyncGroupResponse(throttle_time_ms=0, error_code=error, assignment=b"")
    group = cluster.groups[body.group_id]
    member = group.members[body.member_id]
    if (body.protocol_type not in (None, group.protocol_type)) or (body.protocol_name not in (None, group.protocol)):
        return SyncGroupResponse(throttle_time_ms=0, error_code=ErrorCode.INCONSISTENT_GROUP_PROTOCOL, assignment=b"")
    error = await group.sync(member, {a.member_id: bytes(a.assignment) for a in body.assignments})
    return SyncGroupResponse(throttle_time_ms=0, error_code=error, protocol_type=group.protocol_type,
                             protocol_name=group.protocol, assignment=b"" if error else member.assignment)


def handle_heartbeat(cluster: Cluster, request: Request) -> Any:
    """Keeps the session; 27 tells the member to join again."""
    body = request.body
    error = membership_error(cluster, body.group_id, body.member_id, body.generation_id, body.group_instance_id)
    if not error:
        group = cluster.groups[body.group_id]
        group.touch(group.members[body.member_id])
        rebalancing = group.state is GroupState.PREPARING_REBALANCE
        error = ErrorCode.REBALANCE_IN_PROGRESS if rebalancing else ErrorCode.NONE
    return HeartbeatResponse(throttle_time_ms=0, error_code=error)


def handle_leave_group(cluster: Cluster, request: Request) -> Any:
    """One member up to version 2, a list from 3, in which a static member may be named by its instance id."""
    body, group = request.body, cluster.groups.get(request.body.group_id)
    if request.api_version < 3:
        return LeaveGroupResponse(throttle_time_ms=0, error_code=_leave(group, body.member_id, None))
    rows = [_LeftMember(member_id=m.member_id, group_instance_id=m.group_instance_id,
                        error_code=_leave(group, m.member_id, m.group_instance_id)) for m in body.members]
    return LeaveGroupResponse(throttle_time_ms=0, error_code=0, members=rows)


def _leave(group: Group | None, member_id: str, instance_id: str | None) -> ErrorCode:
    if group is None:
        return ErrorCode.UNKNOWN_MEMBER_ID
    by_instance = {m.instance_id: m for m in group.members.values() if m.instance_id}
    member = group.members.get(member_id) or (by_instance.get(instance_id) if instance_id and not member_id else None)
    if member is None:
        known = member_id in group.expected
        group.expected.discard(member_id)
        return ErrorCode.NONE if known else ErrorCode.UNKNOWN_MEMBER_ID
    group.leave(member)
    return ErrorCode.NONE


HANDLERS = {11: handle_join_group, 12: handle_heartbeat, 13: handle_leave_group, 14: handle_sync_group}
