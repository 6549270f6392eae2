"""From a history of the explorer to a fault script for `simulate`, tried out before it is handed on.

The explorer moves every message by itself; the simulation has one network with fixed times. So the faults of a path are
first said in the words of the script as they stand; where the simulation then ends otherwise, the same faults are tried
at other attempts. What no script can say (a delivery timeout of one batch) has none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import combinations, islice, permutations, product

from lesson_lib.errors import LessonError
from lesson_lib.history import History

MOST_TRIALS = 4000
MOST_ATTEMPTS = 9


def lines_of(kind: str, in_flight: int) -> list[list[str]]:
    """The faults of a script that stand for one fault of the explorer: for each needed line, the ways to write it."""
    cuts = ["lose ack", "lose request", *(f"cut {k} 0" for k in range(2, in_flight + 1))]
    lines = {"cut": [cuts], "late": [["repeat"]], "refuse": [["refuse 6"]], "store and answer": [["store and answer 20"]],
             "delivery timeout": []}
    return lines.get(kind, [cuts, [kind]])


def scripts(kinds: Sequence[str], in_flight: int, attempts: int) -> Iterator[str]:
    """Every script with these faults, at attempts from the first to the last."""
    lines = [line for kind in kinds for line in lines_of(kind, in_flight)]
    for places in combinations(range(1, attempts + 1), len(lines)):
        for faults in product(*lines):
            for order in dict.fromkeys(permutations(faults)):
                yield "; ".join(f"{place}: {fault}" for place, fault in zip(places, order, strict=True))


def find_script(first: str, kinds: Sequence[str], in_flight: int, attempts: int, is_it: Callable[[str], bool]) -> str | None:
    """The first script of which `is_it` is true: `first`, else one with the same kinds of faults. None where there is none."""
    if "delivery timeout" in kinds:
        return None
    others = scripts(kinds, in_flight, min(attempts + 1, MOST_ATTEMPTS))
    return next((script for script in (first, *islice(others, MOST_TRIALS)) if _tried(is_it, script)), None)


def _tried(is_it: Callable[[str], bool], script: str) -> bool:
    try:
        return is_it(script)
    except LessonError:  # the run ended before the attempt that the script names, or never ends
        return False


def same_end(one: History, other: History) -> bool:
    """The same log, and the application told the same."""
    return one.values() == other.values() and one.told == other.told
