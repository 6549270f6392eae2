"""The order in which a picture is told: one step an event, and one step for two where two runs do the same.

Where the times of two runs can be compared (both simulated) only events of the same time are the same. Else the two
lists are laid beside each other as a text comparison does it, and the number of the step stands for the time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from lesson_lib.draw.facts import Fact
from lesson_lib.draw.heading import names_of
from lesson_lib.draw.words import sentence, surprising
from lesson_lib.history import History, Kind

Member = tuple[int, int]  # number of the run, index of the event


@dataclass(frozen=True)
class Steps:
    """The steps, each some (run, event), with a sentence for each and the numbers of the surprising ones."""

    members: tuple[tuple[Member, ...], ...]
    captions: tuple[str, ...]
    surprises: tuple[int, ...]
    names: tuple[str, ...] = ("",)  # what each run is called

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


def comparable(histories: Sequence[History]) -> bool:
    """Whether one clock serves all runs: on the wire `t` only counts."""
    return len(histories) == 1 or all(h.settings.world == "simulated" for h in histories)


def steps_of(histories: Sequence[History], facts: Sequence[Sequence[Fact]]) -> Steps:
    """The steps of one run, or of two told together."""
    timed = comparable(histories)
    members = tuple(((0, f.index),) for f in facts[0]) if len(facts) == 1 else tuple(_merged(facts[0], facts[1], timed))
    names = names_of(histories)
    captions = tuple(_caption([(names[run], facts[run][index]) for run, index in step]) for step in members)
    surprises = tuple(n for n, step in enumerate(members) if any(surprising(facts[run][index]) for run, index in step))
    return Steps(members, captions, surprises, tuple(names))


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
