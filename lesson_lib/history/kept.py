"""Which batches a broker said ok to without having them in its log: it keeps them aside until those before them are there.

Kafka does no such thing; a wrong broker that buffers does. A log has no gaps while it grows, so a verdict whose offset lies beyond
the end of the log is such a batch, unless what lies between came from somebody else. Where other clients write, records are deleted
or logs are cut off nobody here can know the end of the log, so a run on a real broker has none.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from lesson_lib.history.event import Event, Kind, LogCell

Partition = tuple[str, int]
Logs = Mapping[Partition, Sequence[LogCell]]


@dataclass(frozen=True)
class Kept:
    """Places in the list of events: the verdicts that kept a batch `aside`, and by each verdict that let some go, those."""

    aside: frozenset[int] = frozenset()
    released: Mapping[int, tuple[int, ...]] = field(default_factory=dict)


@dataclass
class _Partition:
    """One log while it grows: where it ends, and who waits for a place at which offset."""

    cells: Mapping[int, LogCell]
    end: int = 0
    waiting: dict[int, int] = field(default_factory=dict)

    def has_gap(self, offset: int) -> bool:
        """Whether something is still to come before an offset: a batch of this run, or what never came."""
        first, last = max(self.end, min(self.cells, default=0)), max(self.cells, default=-1)
        between = [self.cells[n] for n in range(first, min(offset, last + 1)) if n in self.cells]
        return offset > max(first, last + 1) or any(cell.kind == "data" and cell.batch >= 0 for cell in between)


def kept_aside(events: Sequence[Event], logs: Logs, world: str) -> Kept:
    """What was kept aside in a run, and what was let go by what."""
    found: dict[Partition, _Partition] = {key: _Partition({cell.offset: cell for cell in cells}) for key, cells in logs.items()}
    aside: set[int] = set()
    released: dict[int, list[int]] = defaultdict(list)
    for place, event in enumerate(events if world == "simulated" else ()):
        log = found.get((event.topic, event.partition))
        if log is None or event.offset is None or not (event.kind == Kind.MARKER or event.kind == Kind.VERDICT and event.what == "stored"):
            continue
        if event.kind == Kind.VERDICT and log.has_gap(event.offset):
            aside.add(place)
            log.waiting[event.offset] = place
            continue
        log.waiting.pop(event.offset, None)
        log.end = max(log.end, event.offset + _size(event))
        while (next_one := log.waiting.pop(log.end, None)) is not None and _came(events[next_one], log, events[place:]):
            released[place].append(next_one)
            log.end += _size(events[next_one])
    return Kept(frozenset(aside), {place: tuple(those) for place, those in released.items()})


def _size(event: Event) -> int:
    return max(1, event.record_count) if event.kind == Kind.VERDICT else 1


def _came(kept: Event, log: _Partition, later: Sequence[Event]) -> bool:
    """Whether the batch came into the log as it was kept: it is there, and not because it was sent and stored again."""
    cell = log.cells.get(kept.offset or 0)
    again = any(e.kind == Kind.VERDICT and e.what == "stored" and (e.batch, e.offset) == (kept.batch, kept.offset) for e in later)
    return cell is not None and cell.batch in (kept.batch, -1) and not again
