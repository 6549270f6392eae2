"""The order in which a picture is told: one step an event, and one step for two where two runs do the same.

Where the times of two runs can be compared (both simulated) only events of the same time are the same. Else the two
lists are laid beside each other as a text comparison does it, and the number of the step stands for the time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from lesson_lib.draw.facts.facts import Fact
from lesson_lib.draw.facts.fork import GHOST_NAMES, Fork, ghost_names
from lesson_lib.draw.lanes.timeline import comparable
from lesson_lib.draw.words.heading import names_of
from lesson_lib.draw.words.sentences import sentence, surprising
from lesson_lib.history import History, Kind

Member = tuple[int, int]  # number of the run, index of the event


@dataclass(frozen=True)
class Steps:
    """The steps, each some (run, event), with a sentence for each and the numbers of the surprising ones."""

    members: tuple[tuple[Member, ...], ...]
    captions: tuple[str, ...]
    surprises: tuple[int, ...]
    names: tuple[str, ...] = ("",)  # what each run is called
    fork: Fork | None = None  # where the second run is the ghost of the first: where they part

    @property
    def of(self) -> dict[Member, int]:
        """The step that an event belongs to."""
        return {member: n for n, step in enumerate(self.members) for member in step}

    def columns(self, facts: Sequence[Sequence[Fact]]) -> dict[Member, int]:
        """A time for each event that only counts; a report shares the column of the answer before it."""
        column, found, before = 0, {}, None
        for step in self.members:
            kind = facts[step[0][0]][step[0][1]].event.kind
            column += not (kind == Kind.REPORT and before == Kind.ACK)
            found.update(dict.fromkeys(step, column))
            before = kind
        return found


def steps_of(histories: Sequence[History], facts: Sequence[Sequence[Fact]], fork: Fork | None = None) -> Steps:
    """The steps of one run, or of two told together; with a fork, what lies before it is told once."""
    names = ghost_names(*histories) if fork else names_of(histories)
    members = _members(facts, comparable(histories), fork.common if fork else 0)
    short = GHOST_NAMES if fork else names
    captions = tuple(_caption([(short[run], facts[run][index]) for run, index in step]) for step in members)
    surprises = tuple(n for n, step in enumerate(members) if any(surprising(facts[run][index]) for run, index in step))
    return Steps(members, captions, surprises, tuple(names), fork)


def _members(facts: Sequence[Sequence[Fact]], timed: bool, common: int) -> tuple[tuple[Member, ...], ...]:
    """The events of each step; the first `common` ones are known to be the same."""
    if len(facts) == 1:
        return tuple(((0, f.index),) for f in facts[0])
    left, right = facts
    shared = [((0, one.index), (1, other.index)) for one, other in zip(left[:common], right[:common], strict=True)]
    return (*shared, *_merged(left[common:], right[common:], timed))


def _merged(left: Sequence[Fact], right: Sequence[Fact], timed: bool) -> list[tuple[Member, ...]]:
    blocks = SequenceMatcher(None, [_key(f, timed) for f in left], [_key(f, timed) for f in right], autojunk=False).get_opcodes()
    found: list[tuple[Member, ...]] = []
    for tag, a, b, c, d in blocks:
        if tag == "equal":
            found += [((0, left[a + i].index), (1, right[c + i].index)) for i in range(b - a)]
        else:
            alone = [(f.event.t, 0, f.index) for f in left[a:b]] + [(f.event.t, 1, f.index) for f in right[c:d]]
            found += [((run, index),) for _, run, index in (sorted(alone) if timed else alone)]
    return found


def _key(fact: Fact, timed: bool) -> tuple[object, ...]:
    event = fact.event
    what = event.what if event.kind in (Kind.VERDICT, Kind.LOST, Kind.REPORT, Kind.BROKER, Kind.TXN) else ""
    return event.kind, what, event.batch, event.try_no if event.kind == Kind.SEND else 0, event.t if timed else 0


def _caption(named: Sequence[tuple[str, Fact]]) -> str:
    if len(named) == 1:
        name, fact = named[0]
        return f"{name}: {sentence(fact)}" if name else sentence(fact)
    texts = [sentence(fact) for _, fact in named]
    return f"Both: {texts[0]}" if texts[0] == texts[1] else "  ".join(f"{name}: {sentence(fact)}" for name, fact in named)
