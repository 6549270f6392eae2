"""Every fault script up to a bound, the shortest first; so that "impossible" and "shortest" are found and not claimed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations, product

FAULTS = ("lose ack", "lose request", "refuse 19", "store and answer 20", "repeat")


def schedules(attempts: int, most: int, faults: Sequence[str] = FAULTS) -> Iterator[dict[int, str]]:
    """Every script with at most `most` faults at the attempts 1..`attempts`; none first, then one fault, then two."""
    for number in range(most + 1):
        for places in combinations(range(1, attempts + 1), number):
            for chosen in product(faults, repeat=number):
                yield dict(zip(places, chosen, strict=True))
