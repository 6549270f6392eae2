"""Every schedule up to a bound, breadth first, equal states merged: so the first way to a state is a shortest one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from lesson_lib.errors import LessonError
from lesson_lib.explorer.protocol import Place, Protocol

MAX_STATES = 500_000


class TooManyStates(LessonError):
    """The bound is too large to be walked."""


@dataclass
class Graph:
    """What a search found: `came_from` has every state with the step that first led there, `ends` those without a next.

    `wanted` is the first state of the kind that was searched for, None where there is none.
    """

    protocol: Protocol
    came_from: dict[Place, tuple[Place | None, str]]
    ends: list[Place]
    transitions: int
    wanted: Place | None = None

    @property
    def start(self) -> Place:
        """Where every path begins."""
        return next(iter(self.came_from))

    def path(self, place: Place) -> list[tuple[str, Place]]:
        """A shortest way to a state: (step, state after it), the start left out."""
        steps: list[tuple[str, Place]] = []
        before, step = self.came_from[place]
        while before is not None:
            steps.append((step, place))
            place = before
            before, step = self.came_from[place]
        return steps[::-1]


def search(protocol: Protocol, faults: int, max_states: int, wanted: Callable[[Place], bool] | None = None) -> Graph:
    """Walk every schedule with at most `faults` faults, or only as far as the first `wanted` state.

    TooManyStates when there are more than `max_states` states.
    """
    start = protocol.start(faults)
    came_from: dict[Place, tuple[Place | None, str]] = {start: (None, "")}
    queue, ends, transitions, steps_from = [start], [], 0, protocol.steps
    for place in queue:
        if wanted and wanted(place):
            return Graph(protocol, came_from, ends, transitions, place)
        steps = steps_from(place)
        transitions += len(steps)
        for step, after in steps:
            if after not in came_from:
                came_from[after] = (place, step)
                queue.append(after)
        if not steps:
            ends.append(place)
        if len(queue) > max_states:
            raise TooManyStates(f"There are more than {max_states:,} states within these bounds; ask for fewer batches or faults.")
    return Graph(protocol, came_from, ends, transitions)
