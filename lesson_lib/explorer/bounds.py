"""When a bound is too large: the sentence that says so, and which smaller bounds are not.

A smaller bound has fewer states, so they are tried from the smallest on; the first that is too large is the last that is tried.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import takewhile

from lesson_lib.explorer.protocol import Protocol
from lesson_lib.explorer.search import TooManyStates, search


def too_large(protocol_for: Callable[[int], Protocol], batches: int, faults: int, max_states: int) -> TooManyStates:
    """What to tell whoever asked for so many batches and faults. `protocol_for` has the protocol for a number of batches."""
    fewer_faults = _largest(lambda n: _fits(protocol_for(batches), n, max_states), range(faults))
    fewer_batches = _largest(lambda n: _fits(protocol_for(n), faults, max_states), range(1, batches))
    smaller = [words for number, words in ((fewer_faults, f"faults={fewer_faults}"), (fewer_batches, f"batches={fewer_batches}"))
               if number is not None]
    advice = f"{' or '.join(smaller)} is the most that can be had with the rest as it is" if smaller else "ask for fewer of both"
    return TooManyStates(f"There are more than {max_states:,} states with batches={batches} and faults={faults}; {advice}.")


def _largest(fits: Callable[[int], bool], numbers: Iterable[int]) -> int | None:
    return max(takewhile(fits, numbers), default=None)


def _fits(protocol: Protocol, faults: int, max_states: int) -> bool:
    try:
        search(protocol, faults, max_states)
    except TooManyStates:
        return False
    return True
