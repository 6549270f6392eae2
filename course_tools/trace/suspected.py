"""Copies that no number proves: batches of one producer that hold the same values, or share some.

Every batch is compared with all earlier ones of its producer and partition, and found by its values, so that
a run of many thousand batches takes no longer for each of them than a short one.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping

from lesson_lib.history import Anomaly, Event, Kind

SUSPECTED = "suspected copy"
OF_A_BATCH = (Kind.SEND, Kind.LOST, Kind.VERDICT, Kind.ACK, Kind.TIMEOUT)
Numbers = tuple[int, int]  # a producer's id and epoch
Values = tuple[str, ...]


def suspected(events: Iterable[Event], stored: Mapping[int, Values]) -> Iterator[Anomaly]:
    """Batches whose values came again after a failure, whole or split or joined, and that are both in the
    log; `stored` has the values of each batch that is.

    Only where numbers do not say it (without any, or under another producer id or epoch), and not where the
    application repeats the value when nothing has failed.
    """
    seen: set[int] = set()
    earlier: dict[tuple[str, str, int], StoredBefore] = defaultdict(StoredBefore)
    failed: set[int] = set()
    repeated: set[Values] = set()
    found: list[tuple[int, int]] = []
    for event in (one for one in events if one.kind in OF_A_BATCH):
        values = stored.get(event.batch)
        if event.kind == Kind.SEND and values and event.batch not in seen:
            place = earlier[event.lane, event.topic, event.partition]
            if values not in repeated:  # else nothing could be suspected any more
                alike = place.alike(event, values)
                found += [(one, event.batch) for one in alike if one in failed]
                repeated |= {values for one in alike if one not in failed}
            place.add(event, values)
            seen.add(event.batch)
        note_failure(event, failed)
    yield from (_suspicion(stored, *pair) for pair in found if stored[pair[1]] not in repeated)


class StoredBefore:
    """One producer's batches on one partition, found by their values without a look at each.

    `_holding`: value -> the batches with it, by their producer's numbers. `_rarest`: value -> the batches of
    which it was the rarest value so far; a batch that is part of a later one is found by that.
    """

    def __init__(self) -> None:
        self._values: dict[int, Values] = {}
        self._holding: dict[str, dict[Numbers, list[int]]] = defaultdict(lambda: defaultdict(list))
        self._rarest: dict[str, dict[Numbers, list[int]]] = defaultdict(lambda: defaultdict(list))
        self._held: Counter[str] = Counter()

    def add(self, event: Event, values: Values) -> None:
        """The next batch that was sent."""
        self._values[event.batch] = values
        self._rarest[min(values, key=self._held.__getitem__)][numbers_of(event)].append(event.batch)
        for value in set(values):
            self._holding[value][numbers_of(event)].append(event.batch)
            self._held[value] += 1

    def alike(self, event: Event, values: Values) -> list[int]:
        """The batches that are part of this one, or it of them, where no numbers tell them apart."""
        rarest = min(values, key=self._held.__getitem__)
        wholes = self._others(self._holding, rarest, event)
        parts = (one for value in set(values) for one in self._others(self._rarest, value, event))
        return sorted({*(one for one in wholes if _is_part(values, self._values[one])),
                       *(one for one in parts if _is_part(self._values[one], values))})

    @staticmethod
    def _others(index: Mapping[str, Mapping[Numbers, list[int]]], value: str, event: Event) -> Iterator[int]:
        for numbers, batches in index.get(value, {}).items():
            if event.producer_id < 0 or numbers != numbers_of(event):
                yield from batches


def numbers_of(event: Event) -> Numbers:
    """Which producer id sent this, and under which epoch; -1 and -1 without idempotence."""
    return event.producer_id, event.producer_epoch


def note_failure(event: Event, failed: set[int]) -> None:
    """Keep `failed` the batches whose last try has failed."""
    if event.kind in (Kind.LOST, Kind.TIMEOUT) or (event.kind == Kind.ACK and event.error):
        failed.add(event.batch)
    elif event.kind in (Kind.ACK, Kind.SEND):
        failed.discard(event.batch)


def _is_part(part: Values, whole: Values) -> bool:
    """Whether `part` is in `whole` in one piece."""
    starts = (at for at in range(len(whole) - len(part) + 1) if whole[at] == part[0])
    return any(whole[at:at + len(part)] == part for at in starts)


def _suspicion(stored: Mapping[int, Values], earlier: int, batch: int) -> Anomaly:
    held = "hold the same values" if stored[batch] == stored[earlier] else "have values in common"
    return Anomaly(SUSPECTED, (earlier, batch),
                   f"batches {earlier} and {batch} of one producer {held}, the second was sent "
                   "before the first had an ok, and both are in the log.")
