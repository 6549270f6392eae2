"""Every schedule up to a bound, breadth first, equal states merged: so the first way to a state is a shortest
one.

When the bound is too large, a sentence says which smaller ones are not. A smaller bound has fewer states, so
they are tried from the smallest on; the first that is too large is the last that is tried.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import takewhile

from lesson_lib.errors import LessonError
from lesson_lib.explorer.moves import Moves, SearchState, Steps

MAX_STATES = 500_000


class TooManyStates(LessonError):
    """The bound is too large to be walked."""


@dataclass
class SearchGraph:
    """`came_from` has every state with the step that first led there, `ends` those without a next one;
    `transitions` is how many steps lead from one to another.
    """

    moves: Moves
    came_from: dict[SearchState, tuple[SearchState | None, str]]
    ends: list[SearchState]
    transitions: int

    @property
    def start(self) -> SearchState:
        """Where every path begins."""
        return next(iter(self.came_from))

    def path_to(self, state: SearchState) -> Steps:
        """A shortest way to a state: (step, state after it), the start left out."""
        steps: Steps = []
        before, step = self.came_from[state]
        while before is not None:
            steps.append((step, state))
            state = before
            before, step = self.came_from[state]
        return steps[::-1]


def search(moves: Moves, faults: int, max_states: int) -> SearchGraph | None:
    """Walk every schedule with at most `faults` faults; None where there are more than `max_states` states.
    """
    start = moves.start(faults)
    came_from: dict[SearchState, tuple[SearchState | None, str]] = {start: (None, "")}
    queue, ends, transitions, steps_from = [start], [], 0, moves.steps
    for state in queue:
        steps = steps_from(state)
        transitions += len(steps)
        for step, after in steps:
            if after not in came_from:
                came_from[after] = (state, step)
                queue.append(after)
        if not steps:
            ends.append(state)
        if len(queue) > max_states:
            return None
    return SearchGraph(moves, came_from, ends, transitions)


def too_large(moves_for: Callable[[int], Moves], batches: int, faults: int,
              max_states: int) -> TooManyStates:
    """What to say about so many batches and faults; `moves_for` has the moves for fewer batches."""
    fewer_faults = _largest(lambda n: search(moves_for(batches), n, max_states), range(faults))
    fewer_batches = _largest(lambda n: search(moves_for(n), faults, max_states), range(1, batches))
    found = ((fewer_faults, f"faults={fewer_faults}"), (fewer_batches, f"batches={fewer_batches}"))
    smaller = [words for number, words in found if number is not None]
    advice = f"{' or '.join(smaller)} is the most that can be had with the rest as it is" if smaller else (
        "ask for fewer of both")
    return TooManyStates(f"There are more than {max_states:,} states with batches={batches} and "
                         f"faults={faults}; {advice}.")


def _largest(searched: Callable[[int], SearchGraph | None], numbers: Iterable[int]) -> int | None:
    return max(takewhile(searched, numbers), default=None)
