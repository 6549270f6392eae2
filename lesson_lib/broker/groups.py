"""Classic consumer groups: who is a member, which generation, who got which partitions, how far they have
read.

A group moves from EMPTY through PREPARING_REBALANCE (members join) and COMPLETING_REBALANCE (the leader
hands out partitions) to STABLE. `join` and `sync` return a future that is done when the group has got
there.

Source: `ClassicGroup`, `GroupMetadataManager`, `OffsetMetadataManager`. Differs from Kafka in: no delay
before a first rebalance, no limit on members; offsets are kept in memory and not in `__consumer_offsets`,
and none expires; the newer group protocol (KIP-848) is left out. It runs on the broker's event loop and uses
its timers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from lesson_lib.core.error_codes import ErrorCode
from lesson_lib.core.producer_state import TopicPartition

AnswerFuture = asyncio.Future[ErrorCode] | None


class GroupState(StrEnum):
    """The states in the words of DescribeGroups."""

    EMPTY = "Empty"
    PREPARING_REBALANCE = "PreparingRebalance"
    COMPLETING_REBALANCE = "CompletingRebalance"
    STABLE = "Stable"


@dataclass(eq=False)
class Member:
    """One consumer. Timeouts in ms; `protocols` are its assignors with their subscription, best first.

    `former_id` is set where it took the place of a static member without a rebalance.
    """

    id: str
    instance_id: str | None
    client_id: str
    session_timeout_ms: int
    rebalance_timeout_ms: int
    protocols: dict[str, bytes]
    assignment: bytes = b""
    former_id: str = ""
    joining: AnswerFuture = None
    syncing: AnswerFuture = None
    expiry: asyncio.TimerHandle | None = None

    @property
    def waits_to_join(self) -> bool:
        """Whether it asked to be in the next generation, which has not begun."""
        return self.joining is not None and not self.joining.done()


def resolve(future: AnswerFuture, code: ErrorCode) -> None:
    """Answer a request that waits, if one does."""
    if future is not None and not future.done():
        future.set_result(code)


def _after(ms: int, act: Callable[..., object], *arguments: Any) -> asyncio.TimerHandle:
    return asyncio.get_running_loop().call_later(ms / 1000, act, *arguments)


@dataclass(eq=False)
class ClassicGroup:
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

    def accepts(self, protocol_type: str, protocols: set[str]) -> bool:
        """Whether a member with these assignors fits: one of them must be known to every other member."""
        others = [member.protocols.keys() for member in self.members.values()]
        fits = not others or (protocol_type == self.protocol_type and bool(protocols.intersection(*others)))
        return bool(protocol_type and protocols) and fits

    def with_instance(self, instance_id: str | None) -> Member | None:
        """The static member of that name (KIP-345)."""
        named = (member for member in self.members.values() if member.instance_id == instance_id)
        return None if instance_id is None else next(named, None)

    def expect(self, member: Member) -> None:
        """The client was given this id and should come back with it before the session would end."""
        self.expected.add(member.id)
        _after(member.session_timeout_ms, self.expected.discard, member.id)

    def join(self, member: Member) -> asyncio.Future[ErrorCode]:
        """The member wants to be in the next generation; the future is done when that has begun."""
        former = self.with_instance(member.instance_id)
        if former is not None and former.id != member.id:
            may_stay = self._take_place(former, member)
        else:
            may_stay = self._come_in(member, self.members.get(member.id))
        member.joining = asyncio.get_running_loop().create_future()
        self.touch(member)
        if may_stay:
            resolve(member.joining, ErrorCode.NONE)
        else:
            self._prepare_rebalance()
        return member.joining

    def _come_in(self, member: Member, known: Member | None) -> bool:
        """Whether nothing has changed: the answer was lost, or the client asks again."""
        self.expected.discard(member.id)
        self.members[member.id] = member
        if known is None:
            return False
        member.assignment, member.expiry = known.assignment, known.expiry
        resolve(known.joining, ErrorCode.UNKNOWN_MEMBER_ID)
        settled = self.state is GroupState.COMPLETING_REBALANCE or (
            self.state is GroupState.STABLE and member.id != self.leader)
        return settled and known.protocols == member.protocols

    def _take_place(self, former: Member, member: Member) -> bool:
        """A static member that comes back takes the place of its former self, which is fenced (KIP-345).

        Whether nobody else notices: a stable group whose assignor stays the same needs no rebalance.
        """
        self._drop(former, ErrorCode.FENCED_INSTANCE_ID)
        self.members[member.id], member.assignment = member, former.assignment
        self.leader = member.id if self.leader == former.id else self.leader
        unnoticed = self.state is GroupState.STABLE and self._choose_protocol() == self.protocol
        member.former_id = former.id if unnoticed else ""
        return unnoticed

    def _prepare_rebalance(self) -> None:
        if self.state is not GroupState.PREPARING_REBALANCE:
            self.state = GroupState.PREPARING_REBALANCE
            for member in self.members.values():
                resolve(member.syncing, ErrorCode.REBALANCE_IN_PROGRESS)
            longest = max(member.rebalance_timeout_ms for member in self.members.values())
            self.deadline = _after(longest, self._complete_join)
        if all(member.waits_to_join for member in self.members.values()):
            self._complete_join()

    def _complete_join(self) -> None:
        """Everybody is here, or the time is up: who did not join is out, and the next generation begins."""
        if self.deadline is not None:
            self.deadline.cancel()
        for member in [member for member in self.members.values() if not member.waits_to_join]:
            self._drop(member, ErrorCode.UNKNOWN_MEMBER_ID)
        self.generation += 1
        if not self.members:
            self.state, self.protocol, self.leader = GroupState.EMPTY, None, None
            return
        self.leader = self.leader if self.leader in self.members else next(iter(self.members))
        self.protocol = self._choose_protocol()
        self.state = GroupState.COMPLETING_REBALANCE
        for member in self.members.values():
            resolve(member.joining, ErrorCode.NONE)
            self.touch(member)

    def _choose_protocol(self) -> str:
        """Each member votes for the first of its assignors that all of them know."""
        offers = [member.protocols for member in self.members.values()]
        common = set.intersection(*map(set, offers))
        votes = [next(name for name in protocols if name in common) for protocols in offers]
        return max(dict.fromkeys(votes), key=votes.count)

    def sync(self, member: Member, assignments: dict[str, bytes]) -> asyncio.Future[ErrorCode]:
        """The future is done when the leader's assignment is there; the leader brings it."""
        member.syncing = asyncio.get_running_loop().create_future()
        self.touch(member)
        if self.state is GroupState.PREPARING_REBALANCE:
            resolve(member.syncing, ErrorCode.REBALANCE_IN_PROGRESS)
        elif self.state is GroupState.STABLE:
            resolve(member.syncing, ErrorCode.NONE)
        elif member.id == self.leader:
            self.state = GroupState.STABLE
            for one in self.members.values():
                one.assignment = assignments.get(one.id, b"")
                resolve(one.syncing, ErrorCode.NONE)
        return member.syncing

    def touch(self, member: Member) -> None:
        """The member is alive: it has its session timeout again, from now."""
        if member.expiry is not None:
            member.expiry.cancel()
        member.expiry = _after(member.session_timeout_ms, self._expire, member)

    def _expire(self, member: Member) -> None:
        if member.waits_to_join:  # its heartbeats are not due while the broker owes it an answer
            self.touch(member)
        elif self.members.get(member.id) is member:
            self.leave(member)

    def leave(self, member: Member) -> None:
        """The member is gone; the others share its partitions."""
        self._drop(member, ErrorCode.UNKNOWN_MEMBER_ID)
        if self.members:
            self._prepare_rebalance()
        else:
            self._complete_join()

    def _drop(self, member: Member, code: ErrorCode) -> None:
        if member.expiry is not None:
            member.expiry.cancel()
        self.members.pop(member.id, None)
        resolve(member.joining, code)
        resolve(member.syncing, code)


@dataclass(frozen=True, slots=True)
class CommittedOffset:
    """The next offset to read, as a group committed it."""

    offset: int
    leader_epoch: int = -1
    metadata: str = ""


@dataclass
class OffsetStore:
    """Offsets by group and partition. `pending`: producer id -> what its open transaction would commit."""

    committed: dict[str, dict[TopicPartition, CommittedOffset]] = field(default_factory=dict)
    pending: dict[int, dict[tuple[str, TopicPartition], CommittedOffset]] = field(default_factory=dict)

    def commit(self, group: str, partition: TopicPartition, offset: CommittedOffset) -> None:
        """Store an offset at once."""
        self.committed.setdefault(group, {})[partition] = offset

    def commit_in_transaction(self, producer_id: int, group: str, partition: TopicPartition,
                              offset: CommittedOffset) -> None:
        """Store an offset that counts once the transaction of `producer_id` commits."""
        self.pending.setdefault(producer_id, {})[group, partition] = offset

    def complete_transaction(self, producer_id: int, *, commit: bool) -> None:
        """The transaction is over: its offsets count now, or never."""
        for (group, partition), offset in self.pending.pop(producer_id, {}).items():
            if commit:
                self.commit(group, partition, offset)

    def is_pending(self, group: str, partition: TopicPartition) -> bool:
        """Whether an open transaction would change this offset (error 88 for who wants a stable one)."""
        return any((group, partition) in offsets for offsets in self.pending.values())

    def knows(self, group: str) -> bool:
        """Whether the group has an offset, committed or waiting for a transaction."""
        waiting = (name for offsets in self.pending.values() for name, _ in offsets)
        return group in self.committed or group in waiting
