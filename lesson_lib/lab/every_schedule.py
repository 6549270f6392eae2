"""Every fault schedule up to a bound, with the real client: not a model of kafka-python, its own code in a
virtual world.

Each request of a run may meet each kind of fault, which makes a schedule of one; after its last fault a
schedule can go wrong once more, at any later request. In a transaction so can the requests to the
coordinator: each can be lost, or its answer. A run is the same every time, so the beginnings of two schedules
are equal up to where they part, and no schedule names a request that never comes.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import accumulate
from typing import Any

from lesson_lib.errors import LessonError, count_of, explains_arguments
from lesson_lib.faults import (
    COORDINATOR_APIS,
    LOSSES,
    Fault,
    FaultScript,
    ScriptLine,
    parse_fault,
    parse_script,
)
from lesson_lib.history import History, Kind
from lesson_lib.lab.lab import Lab
from lesson_lib.lab.on_every_core import on_every_core
from lesson_lib.text_table import wrap_output

KINDS = ("lose request", "lose ack")
MOST_RUNS, LOOK_AHEAD = 5_000, 5
LEARNT = ("committed", "aborted", "unknown")


@dataclass(frozen=True, repr=False)
class Schedules:
    """The histories of all schedules, the fewest faults first. Prints as a small table of how they end."""

    histories: tuple[History, ...] = field(repr=False)
    faults: int
    kinds: tuple[str, ...]

    @property
    def firsts(self) -> dict[tuple[str, ...], History]:
        """For each way in which a run can end a shortest history: fewest faults, then fewest requests."""
        found: dict[tuple[str, ...], History] = {}
        for history in sorted(self.histories, key=lambda h: (len(parse_script(h.settings.faults).lines),
                                                             len(h.attempts))):
            found.setdefault(ending(history), history)
        return found

    @property
    def anomaly_names(self) -> list[str]:
        """The names of all anomalies that can happen, sorted."""
        return sorted({name for history in self.firsts.values() for name in history.anomaly_names})

    def find(self, end: str) -> History | None:
        """A shortest history with that anomaly, or that end of its transaction, or None; `show` draws it."""
        return next((history for ends, history in self.firsts.items() if end in ends), None)

    @property
    def sentence(self) -> str:
        """What the walk has shown, with its bound."""
        names, count = self.anomaly_names, f"{len(self.histories):,} schedules"
        bound = f"at most {_faults(self.faults)} ({', '.join(self.kinds)})"
        if not names:
            return f"kafka-python's own code, in every one of the {count} of {bound}: no anomaly."
        return f"kafka-python's own code, in {count} of {bound}: there can be {', '.join(names)}."

    def __str__(self) -> str:
        counts = Counter(map(ending, self.histories))
        rows = [f"{counts[ends]:>7,}  {'; '.join(ends) or 'no anomaly':<32}  "
                f"e.g. {first.settings.faults or 'no fault'}: log {' '.join(first.values()) or 'empty'}"
                for ends, first in sorted(self.firsts.items())]
        return "\n".join([*rows, wrap_output(self.sentence)])

    __repr__ = __str__


def ending(history: History) -> tuple[str, ...]:
    """What the application learns of its transaction and what the log says of it; then the anomalies."""
    if not history.of(Kind.TXN):
        return tuple(history.anomaly_names)
    learnt = [e.what for e in history.of(Kind.TXN) if e.what in LEARNT]
    fates = sorted({cell.txn for cells in history.logs.values() for cell in cells})
    end = f"told {learnt[-1] if learnt else 'nothing'}, is {' and '.join(fates) or 'empty'}"
    return end, *history.anomaly_names


@explains_arguments
def every_schedule(lab: Lab, values_or_count: int | Sequence[str] = 3, faults: int = 1, *,
                   kinds: str | Collection[str] = KINDS, most_runs: int = MOST_RUNS,
                   **settings: Any) -> Schedules:
    """Run every schedule of at most `faults` faults of these kinds; `settings` are those of `lab.run`.

    LessonError for a lab on sockets, for a kind that there is not, and for more than `most_runs` schedules.
    """
    if not (isinstance(lab, Lab) and lab.choice.world):
        raise LessonError("Every schedule takes a lab in a virtual world, lab = start_lab(world='virtual'); "
                          "on sockets it would take hours.")
    count_of("most_runs", most_runs)
    if type(faults) is not int or faults < 0:
        raise LessonError(f"faults must be a whole number from 0, not {faults!r}.")
    given = kinds if isinstance(kinds, (list, tuple, set)) else [kinds]
    wanted = tuple(dict.fromkeys(map(parse_fault, given)))
    lab.check()
    apis = COORDINATOR_APIS if settings.get("transaction") else ()
    found: list[History] = []
    level: list[tuple[ScriptLine, ...]] = [()]
    sizes = [1]
    run = partial(_run, lab, partial(lab.run, values_or_count, **settings), wanted, apis)
    with on_every_core(run) as run_all:
        for number in range(faults + 1):
            runs = list(run_all(level))
            found += [history for history, _ in runs]
            level = [schedule for _, longer in runs for schedule in longer]
            sizes.append(len(level))
            if not level:
                break
            if number < faults:
                _check_bound(sizes, faults, len(wanted), most_runs)
    return Schedules(tuple(sorted(found, key=partial(_place, wanted))), faults, tuple(map(str, wanted)))


def _check_bound(sizes: list[int], faults: int, kinds: int, most_runs: int) -> None:
    """LessonError where more schedules than `most_runs` are to come, as those so far have grown: each fault
    leads to as many further ones as before, or first to none.
    """
    last, first = len(sizes) - 1, sizes[1]
    added = (last * sizes[-1] / sizes[-2] - first) / (last - 1) if last > 1 else -kinds
    sizes = list(sizes)
    for number in range(last + 1, min(faults, last + LOOK_AHEAD) + 1):
        sizes.append(max(0, round(sizes[-1] * (first + (number - 1) * added) / number)))
    totals = list(accumulate(sizes))
    if totals[-1] > most_runs:
        fits = bisect_right(totals, most_runs) - 1
        raise LessonError(f"There are about {totals[fits + 1]:,} schedules of at most {_faults(fits + 1)}, "
                          f"more than most_runs={most_runs:,}. faults={fits} has {totals[fits]:,}: take "
                          "that, fewer kinds or batches, or raise most_runs.")


def _faults(number: int) -> str:
    return f"{number} fault{'s' * (number != 1)}"


def _run(lab: Lab, run: Callable[..., History], kinds: tuple[Fault, ...], apis: tuple[str, ...],
         rules: tuple[ScriptLine, ...]) -> tuple[History, list[tuple[ScriptLine, ...]]]:
    """The run of these faults, and all schedules with one more, at a later request."""
    script = AskedScript(rules)
    with lab.without_traces():  # else a broker that restarts reads the logs of all runs before
        history = run(faults=script)
    last = script.asked.index((rules[-1].first, rules[-1].api)) + 1 if rules else 0
    return history, [(*rules, ScriptLine(number, number, kind, api)) for number, api in script.asked[last:]
                     for kind in kinds if not api or (api in apis and kind.name in LOSSES)]


def _place(kinds: tuple[Fault, ...], history: History) -> tuple[int, list[tuple[str, int, int]]]:
    """Where it stands among all: the fewest faults first, then those at the earliest requests."""
    rules = parse_script(history.settings.faults).lines
    return len(rules), [(rule.api, rule.first, kinds.index(rule.fault)) for rule in rules]


@dataclass(frozen=True)
class AskedScript(FaultScript):
    """A script that keeps the requests it was asked about, in their order."""

    asked: list[tuple[int, str]] = field(default_factory=list)

    def at(self, attempt: int, api: str = "") -> Fault:
        self.asked.append((attempt, api))
        return super().at(attempt, api)
