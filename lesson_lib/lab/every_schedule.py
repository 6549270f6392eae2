"""Every fault schedule up to a bound, with the real client: not a model of kafka-python, its own code in a
virtual world.

A run without faults shows how many requests there are. Each of them may meet each kind of fault, which makes
a schedule of one; after its last fault a schedule can go wrong once more, at any later request. A run is the
same every time, so the beginnings of two schedules are equal up to where they part, and no schedule names a
request that never comes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import Any

from lesson_lib.errors import LessonError
from lesson_lib.faults import Fault, FaultScript, Rule, parse_fault, parse_script
from lesson_lib.history import History
from lesson_lib.lab.branches import CAN_FORK, BranchingScript, run_branches
from lesson_lib.lab.lab import Lab
from lesson_lib.text_table import wrap_output

KINDS = ("lose request", "lose ack")
MOST_RUNS = 5_000
Ends = tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]


@dataclass(frozen=True, repr=False)
class Schedules:
    """The histories of all schedules, those with the fewest faults first. Prints as a small table of how they
    end.
    """

    histories: tuple[History, ...] = field(repr=False)
    faults: int
    kinds: tuple[str, ...]

    @property
    def firsts(self) -> dict[tuple[str, ...], History]:
        """For each set of anomalies that a run can end with, a shortest history: the fewest faults, then the
        fewest requests.
        """
        found: dict[tuple[str, ...], History] = {}
        for history in sorted(self.histories, key=lambda h: (fault_count(h), len(h.attempts))):
            found.setdefault(tuple(history.anomaly_names), history)
        return found

    @property
    def anomaly_names(self) -> list[str]:
        """The names of all anomalies that can happen, sorted."""
        return sorted({name for names in self.firsts for name in names})

    def find(self, anomaly: str) -> History | None:
        """A shortest history with that anomaly, or None; `show` draws it."""
        return next((history for names, history in self.firsts.items() if anomaly in names), None)

    @property
    def sentence(self) -> str:
        """What the walk has shown, with its bound."""
        bound = f"at most {self.faults} fault{'s' * (self.faults != 1)} ({', '.join(self.kinds)})"
        if not self.anomaly_names:
            return ("kafka-python's own code, in every one of the "
                    f"{len(self.histories):,} schedules of {bound}: no anomaly.")
        return (f"kafka-python's own code, in {len(self.histories):,} schedules of {bound}: "
                f"there can be {', '.join(self.anomaly_names)}.")

    def __str__(self) -> str:
        counts = Counter(tuple(history.anomaly_names) for history in self.histories)
        rows = [f"{counts[names]:>7,}  {', '.join(names) or 'no anomaly':<32}  "
                f"e.g. {first.settings.faults or 'no fault'}: log {' '.join(first.values()) or 'empty'}"
                for names, first in sorted(self.firsts.items())]
        return "\n".join([*rows, wrap_output(self.sentence)])

    __repr__ = __str__


def fault_count(history: History) -> int:
    """How many faults the script of a run has."""
    return len(parse_script(history.settings.faults).rules)


def every_schedule(lab: Lab, values_or_count: int | Sequence[str] = 3, faults: int = 1, *,
                   kinds: Collection[str] = KINDS, most_runs: int = MOST_RUNS, **settings: Any) -> Schedules:
    """Run every schedule of at most `faults` faults of these kinds; `settings` are those of `lab.run`.

    LessonError for a lab on sockets, for a kind that there is not, and for more than `most_runs` schedules.
    """
    if not lab.choice.is_virtual:
        raise LessonError("Every schedule would take hours on sockets: start_lab(world='virtual') walks them "
                          "in virtual time.")
    if not isinstance(faults, int) or faults < 0:
        raise LessonError(f"faults must be a whole number from 0, not {faults!r}.")
    wanted = tuple(map(parse_fault, kinds))
    if CAN_FORK:
        script = BranchingScript(faults, wanted, most_runs + 1)
        found = run_branches(lambda script: lab.run(values_or_count, faults=script, **settings), script)
    else:
        found = list(islice(_from_the_start(lab, values_or_count, (), faults, wanted, settings), most_runs + 1))
    if len(found) > most_runs:
        raise LessonError(f"There are more than {most_runs:,} schedules: take fewer faults, kinds or "
                          "batches, or raise most_runs.")
    return Schedules(tuple(sorted(found, key=partial(_place, wanted))), faults, tuple(map(str, wanted)))


def _place(kinds: tuple[Fault, ...], history: History) -> tuple[int, list[tuple[int, int]]]:
    """Where it stands among all: the fewest faults first, then those at the earliest requests."""
    rules = parse_script(history.settings.faults).rules
    return len(rules), [(rule.first, kinds.index(rule.fault)) for rule in rules]


def _from_the_start(lab: Lab, values: int | Sequence[str], rules: tuple[Rule, ...], left: int,
                    kinds: tuple[Fault, ...], settings: dict[str, Any]) -> Iterator[History]:
    """The run of these faults, and of every longer schedule that begins so, where no process can fork."""
    yield (history := lab.run(values, faults=FaultScript(rules), **settings))
    for number in range(rules[-1].last + 1 if rules else 1, len(history.attempts) + 1) if left else ():
        for kind in kinds:
            longer = (*rules, Rule(number, number, kind))
            yield from _from_the_start(lab, values, longer, left - 1, kinds, settings)
