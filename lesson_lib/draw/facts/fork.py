"""Another future of the same run: where two runs part, and which events of the old one are left to show.

The fork is not told but found: all events up to the first at which the two lists differ are the same. It belongs to the
attempt that was given another fault, where one was, and stands at its send.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from lesson_lib.draw.lanes.timeline import comparable
from lesson_lib.draw.words.heading import differences
from lesson_lib.faults import parse_script
from lesson_lib.history import Event, History, Kind

GHOST_NAMES = ("Now", "Ghost")  # where there is no room for more


@dataclass(frozen=True, slots=True)
class Fork:
    """The first `common` events are the same in both runs; the line stands before event `at`, `attempt` (0: none) fared otherwise."""

    common: int
    at: int
    attempt: int

    def words(self, ghost: bool) -> str:
        """What is written at the line, in the ghost and in the run above it."""
        if ghost:
            return "the future as it was before"
        return f"attempt {self.attempt}: from here on, another future" if self.attempt else "from here on, another future"

    def future(self, history: History) -> frozenset[int]:
        """The events from the line on, and all of the attempts that they belong to: an arrow needs its beginning."""
        under_way = {e.attempt for e in history.events[self.at:] if e.attempt}
        return frozenset(n for n, e in enumerate(history.events) if n >= self.at or e.attempt in under_way)


def fork_of(now: History, before: History) -> Fork | None:
    """Where the two runs part; None where all events are the same, whatever their settings."""
    timed = comparable([now, before])
    ours, theirs = ([_bare(event, timed) for event in run.events] for run in (now, before))
    if ours == theirs:
        return None
    same = (one == other for one, other in zip(ours, theirs, strict=False))
    common = next((n for n, equal in enumerate(same) if not equal), min(len(ours), len(theirs)))
    attempt = _attempt(now, before, _differing(ours, theirs))
    sent = [n for n, e in enumerate(now.events[:common]) if e.kind == Kind.SEND and e.attempt == attempt]
    if not sent and attempt not in (_next_sent(now, common), _next_sent(before, common)):  # they part earlier, for another reason
        attempt = 0
    return Fork(common, sent[0] if sent else common, attempt)


def _next_sent(run: History, index: int) -> int:
    """The attempt that is sent first from an event on, 0 for none."""
    return next((e.attempt for e in run.events[index:] if e.kind == Kind.SEND), 0)


def _bare(event: Event, timed: bool) -> Event:
    """The event without what is another in every real run: which id, which topic, which connection."""
    return replace(event, t=event.t if timed else 0, producer_id=min(event.producer_id, 0), topic="", conn=0, note="")


def _differing(ours: Sequence[Event], theirs: Sequence[Event]) -> list[int]:
    """The attempts that did not fare the same in both runs."""
    numbers = sorted({e.attempt for e in (*ours, *theirs) if e.attempt})
    return [n for n in numbers if [e for e in ours if e.attempt == n] != [e for e in theirs if e.attempt == n]]


def _attempt(now: History, before: History, differing: Sequence[int]) -> int:
    """The first attempt that was given another fault and fared otherwise; else the first that was or did; 0 for none."""
    scripts = [parse_script(run.settings.faults) for run in (now, before)]
    last = max((e.attempt for run in (now, before) for e in run.events), default=0)
    given = [n for n in range(1, last + 1) if scripts[0].at(n) != scripts[1].at(n)]
    return next(iter([*(n for n in given if n in differing), *given, *differing]), 0)


def ghost_names(now: History, before: History) -> tuple[str, str]:
    """What to call the two in titles: all that differs between their settings, in words."""
    found = differences(now, before)
    ours, theirs = (f" ({', '.join(words)})" if words else "" for words in ([a for a, _ in found], [b for _, b in found]))
    return f"{GHOST_NAMES[0]}{ours}", f"{GHOST_NAMES[1]}: the run before{theirs}"
