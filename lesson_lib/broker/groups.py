"""Classic consumer groups: who is a member, which generation, who got which partitions.

A group moves from EMPTY through PREPARING_REBALANCE (members join) and COMPLETING_REBALANCE (the leader hands out partitions)
to STABLE. `join` and `sync` return a future that is done when the group has got there.

Source: `ClassicGroup`, `GroupMetadataManager`. Differs from Kafka in: no delay before a first rebalance, no limit on members; a static
member that comes back causes a rebalance; the newer group protocol (KIP-848) is left out.
It runs on the broker's event loop and uses its timers.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from enum import StrEnum

from lesson_lib.core.error_codes import ErrorCode


class GroupState(StrEnum):
    """The states in the words of DescribeGroups."""

    EMPTY = "Empty"
    PREPARING_REBALANCE = "PreparingRebalance"
    COMPLETING_REBALANCE = "CompletingRebalance"
    STABLE = "Stable"


@dataclass(eq=False)
class Member:
    """One consumer. Timeouts in milliseconds; `protocols` are its assignors with their subscription, best first."""

    id: str
    instance_id: str | None
    client_id: str
    session_timeout_ms: int
    rebalance_timeout_ms: int
    protocols: dict[str, bytes]
    assignment: bytes = b""
    joining: asyncio.Future[ErrorCode] | None = None
    syncing: asyncio.Future[ErrorCode] | None = None
    expiry: asyncio.TimerHandle | None = None


def settle(future: asyncio.Future[ErrorCode] | None, code: ErrorCode) -> None:
    """Answer a request that waits, if one does."""
    if future is not None and not future.done():
        future.set_result(code)


@dataclass(eq=False)
class Group:
    """One group. `members` in the order in which they joined first."""

    id: str
    state: GroupState = GroupState.EMPTY
    generation: int = 0
    protocol_type: str = ""
    protocol: str | None = None
    leader: str | None = None
    members: dict[str, Member] = field(default_factory=dict)
    expected: set[str] = field(default_factory=set)  # ids given out with error 79, not yet back
    deadline: asyncio.TimerHandle | None = None

    def accepts(self, protocol_type: str, protocols: dict[str, bytes]) -> bool:
        """Whether a member with these assignors fits: one of them must be known to every other member."""
        if not protocol_type or not protocols:
            return False
        others = [set(member.protocols) for member in self.members.values()]
        return not others or (protocol_type == self.protocol_type and bool(set(protocols).intersection(*others)))

    def expect(self, member_id: str, session_timeout_ms: int) -> None:
        """The client was given this id and should come back with it before the session would end."""
        self.expected.add(member_id)
        asyncio.get_running_loop().call_later(session_timeout_ms / 1000, self.expected.discard, member_id)

    def join(self, member: Member) -> asyncio.Future[ErrorCode]:
        """The member wants to be in the next generation; the future is done when that has begun."""
        self._replace_static(member)
        known = self.members.get(member.id)
        unchanged = known is not None and known.protocols == member.protocols
        if known is not None:
            member.assignment, member.expiry = known.assignment, known.expiry
            settle(known.joining, ErrorCode.UNKNOWN_MEMBER_ID)
        self.expected.discard(member.id)
        self.members[member.id] = member
        member.joining = asyncio.get_running_loop().create_future()
        self.touch(member)
        settled = self.state is GroupState.COMPLETING_REBALANCE or (
            self.state is GroupState.STABLE and member.id != self.leader)
        if unchanged and settled:
            settle(member.joining, ErrorCode.NONE)  # the answer was lost, or the client asks again: nothing has changed
        else:
            self._prepare_rebalance()
        return member.joining

    def _replace_static(self, member: Member) -> None:
        """A static member that comes back takes the place of its former self (KIP-345)."""
        for other in list(self.members.values()):
            if member.instance_id is not None and other.instance_id == member.instance_id and other.id != member.id:
                settle(other.joining, ErrorCode.FENCED_INSTANCE_ID)
                settle(other.syncing, ErrorCode.FENCED_INSTANCE_ID)
                self._drop(other)

    def _prepare_rebalance(self) -> None:
        if self.state is not GroupState.PREPARING_REBALANCE:
            self.state = GroupState.PREPARING_REBALANCE
            for member in self.members.values():
                settle(member.syncing, ErrorCode.REBALANCE_IN_PROGRESS)
            longest = max(member.rebalance_timeout_ms for member in self.members.values())
            self.deadline = asyncio.get_running_loop().call_later(longest / 1000, self._complete_join)
        if all(self._is_waiting(member) for member in self.members.values()):
            self._complete_join()

    @staticmethod
    def _is_waiting(member: Member) -> bool:
        return member.joining is not None and not member.joining.done()

    def _complete_join(self) -> None:
        """Everybody is here, or the time is up: who did not join is out, and the next generation begins."""
        if self.deadline is not None:
            self.deadline.cancel()
        for member in [member for member in self.members.values() if not self._is_waiting(member)]:
            self._drop(member)
        self.generation += 1
        if not self.members:
            self.state, self.protocol, self.leader = GroupState.EMPTY, None, None
            return
        self.leader = self.leader if self.leader in self.members else next(iter(self.members))
        self.protocol = self._choose_protocol()
        self.state = GroupState.COMPLETING_REBALANCE
        for member in self.members.values():
            settle(member.joining, ErrorCode.NONE)
            self.touch(member)

    def _choose_protocol(self) -> str:
        """Each member votes for the first of its assignors that all of them know."""
        common = set.intersection(*(set(member.protocols) for member in self.members.values()))
        votes = [next(name for name in member.protocols if name in common) for member in self.members.values()]
        return max(dict.fromkeys(votes), key=votes.count)

    def sync(self, member: Member, assignments: dict[str, bytes]) -> asyncio.Future[ErrorCode]:
        """The future is done when the leader's assignment is there; the leader brings it."""
        member.syncing = asyncio.get_running_loop().create_future()
        self.touch(member)
        if self.state is GroupState.PREPARING_REBALANCE:
            settle(member.syncing, ErrorCode.REBALANCE_IN_PROGRESS)
        elif self.state is GroupState.STABLE:
            settle(member.syncing, ErrorCode.NONE)
        elif member.id == self.leader:
            self._assign(assignments)
        return member.syncing

    def _assign(self, assignments: dict[str, bytes]) -> None:
        self.state = GroupState.STABLE
        for member in self.members.values():
            member.assignment = assignments.get(member.id, b"")
            settle(member.syncing, ErrorCode.NONE)

    def touch(self, member: Member) -> None:
        """The member is alive: it has its session timeout again, from now."""
        if member.expiry is not None:
            member.expiry.cancel()
        member.expiry = asyncio.get_running_loop().call_later(member.session_timeout_ms / 1000, self._expire, member)

    def _expire(self, member: Member) -> None:
        if self._is_waiting(member):  # its heartbeats are not due while the broker owes it an answer
            self.touch(member)
        elif self.members.get(member.id) is member:
            self.leave(member)

    def leave(self, member: Member) -> None:
        """The member is gone; the others share its partitions."""
        self._drop(member)
        settle(member.joining, ErrorCode.UNKNOWN_MEMBER_ID)
        settle(member.syncing, ErrorCode.UNKNOWN_MEMBER_ID)
        if self.members:
            self._prepare_rebalance()
        else:
            self._complete_join()

    def _drop(self, member: Member) -> None:
        if member.expiry is not None:
            member.expiry.cancel()
        self.members.pop(member.id, None)
