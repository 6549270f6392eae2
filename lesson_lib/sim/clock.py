"""Virtual time: a heap of things to do, each at its millisecond; equal times run in the order in which they were asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from heapq import heappop, heappush


@dataclass(slots=True)
class Timer:
    """Something that will be done at its time unless it is cancelled."""

    act: Callable[[], None] | None

    def cancel(self) -> None:
        """Never do it; a cancelled timer does not move the clock either."""
        self.act = None


class Clock:
    """`now` is in virtual milliseconds and jumps from one timer to the next."""

    def __init__(self) -> None:
        self.now = 0
        self._heap: list[tuple[int, int, Timer]] = []
        self._asked = 0

    def at(self, t: int, act: Callable[[], None]) -> Timer:
        """Do `act` at time `t`, or at once where `t` is past."""
        timer = Timer(act)
        self._asked += 1
        heappush(self._heap, (max(t, self.now), self._asked, timer))
        return timer

    def after(self, delay: int, act: Callable[[], None]) -> Timer:
        """Do `act` in `delay` milliseconds."""
        return self.at(self.now + delay, act)

    def run(self) -> None:
        """Until nothing is left to do."""
        while self._heap:
            t, _, timer = heappop(self._heap)
            if timer.act is not None:
                self.now = t
                timer.act()
