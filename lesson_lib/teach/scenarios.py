"""Scenarios that are no call of `simulate`: batches made by hand, and one end of an exploration.

Written down so that a question can be about them, and its options be claims about what they show.
"""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lesson_lib.core.batch import Batch
from lesson_lib.core.error_codes import ErrorCode
from lesson_lib.core.partition_log import PartitionLog
from lesson_lib.core.producer_state import Refused
from lesson_lib.history import History
from lesson_lib.history.history import ByHand, history_by_hand
from lesson_lib.teach.content import Scenario

Numbers = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Forged(Scenario):
    """`batches` are the arguments of `bench.send`: producer id, epoch, base sequence and, where it is not 1, record count."""

    batches: tuple[Numbers, ...] = ()

    def run(self, **changes: Any) -> History:
        """Hand all of them to an empty log, one after the other."""
        log = PartitionLog()
        return history_by_hand([_handed(log, n, *numbers) for n, numbers in enumerate(self.batches)])

    def __str__(self) -> str:
        return f"bench.send(...) {len(self.batches)} times"


def forged(*batches: Numbers) -> Forged:
    """Write forged batches down: `forged((7, 0, 0), (7, 0, 1, 3))`."""
    return Forged(batches=batches)


@dataclass(frozen=True, slots=True)
class Explored(Scenario):
    """The end number `end` of `explore(**arguments)`, as `found.history(found.outcomes[end])` gives it."""

    arguments: Mapping[str, Any] = field(default_factory=dict)
    end: int = 0

    def run(self, **changes: Any) -> History:
        """Explore, and tell how it comes to that end."""
        from lesson_lib.explorer.explore import explore
        found = explore(**{**self.arguments, **changes})
        return found.history(found.outcomes[self.end])

    def __str__(self) -> str:
        return f"explore({', '.join(f'{name}={value!r}' for name, value in self.arguments.items())})"


def _handed(log: PartitionLog, n: int, producer_id: int, epoch: int, base_sequence: int, count: int = 1) -> ByHand:
    values = tuple(f"f{n}.{i}" for i in range(count))
    batch = Batch(count, producer_id, epoch, base_sequence, payload=values)
    verdict = log.append(batch)
    if isinstance(verdict, Refused):
        return ByHand(batch, values, "refused", None, ErrorCode(verdict.error))
    return ByHand(batch, values, {"Appended": "stored"}.get(type(verdict).__name__, "duplicate"), verdict.base_offset)
