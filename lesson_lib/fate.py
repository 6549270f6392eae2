"""What becomes of the requests on one connection: pure, no sockets. The same rules as on the simulated
network.

All tearing faults are one: from attempt n on, the connection lets K more requests through to the broker and J
answers back, then it is gone with everything on it. `lose request` is `cut 0 0`, `lose ack` is `cut 1 0`. The
silent forms stop at the same place and stay open: nothing comes through any more, until the client gives up
waiting and closes it.
"""

from __future__ import annotations

from lesson_lib.faults import Fault

CUTS = {"lose request": (0, 0), "lose ack": (1, 0), "lose request silently": (0, 0), "lose ack silently": (1, 0)}
BROKER_WORDS = {"restart broker": "restarted", "crash broker": "crashed", "fail over": "failed over", "forget idle ids": "forgot ids"}


class Fate:
    """One connection's fate; asked once for each Produce request, in order."""

    def __init__(self) -> None:
        self._cut: tuple[int, int] | None = None
        self._silent = False
        self._since = 0

    def take(self, fault: Fault) -> tuple[bool, bool]:
        """Whether the next request will be handled, and whether its answer will come through."""
        self._begin(fault)
        if self._cut is None:
            return True, True
        handled, answered = self._cut
        self._since += 1
        return self._since <= handled, self._since <= answered

    def _begin(self, fault: Fault) -> None:
        cut = fault.numbers if fault.name == "cut" else CUTS.get(fault.name)
        if self._cut is None and cut is not None:
            self._cut = (cut[0], cut[1])
            self._silent = fault.name.endswith("silently")

    @property
    def tears_now(self) -> bool:
        """Whether all that the cut lets through is through."""
        return self._cut is not None and not self._silent and self._since >= max(self._cut[0], 1)

    @property
    def is_dead(self) -> bool:
        """Whether the connection is open and nothing comes through it any more."""
        return self._cut is not None and self._silent
