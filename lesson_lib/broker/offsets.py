"""Committed offsets of consumer groups, and those that wait for the end of a transaction.

Source: `OffsetMetadataManager`. Differs from Kafka in: kept in memory and not in `__consumer_offsets`; nothing expires.
"""

from __future__ import annotations

from dataclasses import dataclass, field

Partition = tuple[str, int]


@dataclass(frozen=True, slots=True)
class CommittedOffset:
    """The next offset to read, as a group committed it."""

    offset: int
    leader_epoch: int = -1
    metadata: str = ""


@dataclass
class OffsetStore:
    """Offsets by group and partition. `pending`: producer id -> what its open transaction would commit."""

    committed: dict[str, dict[Partition, CommittedOffset]] = field(default_factory=dict)
    pending: dict[int, dict[tuple[str, Partition], CommittedOffset]] = field(default_factory=dict)

    def commit(self, group: str, partition: Partition, offset: CommittedOffset) -> None:
        """Store an offset at once."""
        self.committed.setdefault(group, {})[partition] = offset

    def commit_in_transaction(self, producer_id: int, group: str, partition: Partition, offset: CommittedOffset) -> None:
        """Store an offset that counts once the transaction of `producer_id` commits."""
        self.pending.setdefault(producer_id, {})[group, partition] = offset

    def settle(self, producer_id: int, *, commit: bool) -> None:
        """The transaction is over: its offsets count now, or never."""
        for (group, partition), offset in self.pending.pop(producer_id, {}).items():
            if commit:
                self.commit(group, partition, offset)

    def is_pending(self, group: str, partition: Partition) -> bool:
        """Whether an open transaction would change this offset (error 88 for who wants a stable one)."""
        return any((group, partition) in offsets for offsets in self.pending.values())

    def knows(self, group: str) -> bool:
        """Whether the group has an offset, committed or waiting for a transaction."""
        return group in self.committed or any(group == name for offsets in self.pending.values() for name, _ in offsets)

    def forget(self, group: str) -> bool:
        """Drop a group's offsets; False when there were none."""
        return self.committed.pop(group, None) is not None
