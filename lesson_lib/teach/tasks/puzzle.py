"""Make this log: a fault script that leads to a given log or anomaly, within a budget of faults."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from lesson_lib.errors import LessonError
from lesson_lib.faults import FaultScript, parse_script
from lesson_lib.history import History
from lesson_lib.teach.content import Scenario
from lesson_lib.teach.message import Message
from lesson_lib.teach.readings import log_words, told_words
from lesson_lib.teach.tasks.schedules import FAULTS, schedules
from lesson_lib.teach.tasks.task import Task, not_attempted, right, wrong

IMPOSSIBLE = "impossible"


@dataclass(frozen=True, kw_only=True)
class PuzzleTask(Task):
    """`reached` says whether a run is what was asked for (`goal` in words); at most `budget` faults.

    `free` names the settings that the learner may choose, with the values that are allowed. Where nothing reaches the goal,
    the right answer is "impossible"; the check then runs every script of the `kinds` of faults up to the budget, and where
    `world` holds arguments for `explore` it also walks every state.
    """

    scenario: Scenario
    goal: str
    reached: Callable[[History], bool]
    budget: int = 1
    free: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    kinds: tuple[str, ...] = FAULTS
    world: Mapping[str, Any] | None = None

    @property
    def asked(self) -> str:
        """The text; that no script does it may be said of every puzzle, or the offer would give the answer away."""
        return f"{self.text} If you think that no script does it: `task.check(\"{IMPOSSIBLE}\")`"

    def check(self, answer: Any, **settings: Any) -> Message:
        """Run the script and draw what it did."""
        if self.is_placeholder(answer):
            return not_attempted("Put a fault script in place of the dots, such as {7: \"delay 250\"}.")
        try:
            check_settings(self.free, settings)
            return self._claim() if str(answer).strip().lower() == IMPOSSIBLE else self._try(parse_script(answer), settings)
        except LessonError as error:
            return wrong(str(error))

    def _try(self, script: FaultScript, settings: Mapping[str, Any]) -> Message:
        if (number := faults_in(script)) > self.budget:
            return wrong(f"Your script names {number} faults; the budget is {self.budget}.")
        if strange := self._strange(script):
            return wrong(f"'{strange}' is beyond what this puzzle asks about: only {', '.join(self.kinds)} count here.")
        run = self.scenario.run(faults=str(script), **settings)
        if self.reached(run):
            return right(self.explanation, _drawn(run))
        return wrong(f"With the script '{script or 'no fault'}' the log holds {log_words(run)}, and the application was told "
                     f"{told_words(run)}. Wanted: {self.goal}", _drawn(run))

    def _strange(self, script: FaultScript) -> str:
        """A fault that the claim "impossible" says nothing about; only of concern where that claim is the answer."""
        if not any(one.answer == IMPOSSIBLE for one in self.right):
            return ""
        return next((str(rule.fault) for rule in script.rules if str(rule.fault) not in (*self.kinds, "deliver")), "")

    def _claim(self) -> Message:
        """Try everything before calling it impossible."""
        tried = 0
        for chosen in self._choices():
            for script in schedules(self._attempts(), self.budget, self.kinds):
                tried += 1
                if self.reached(self._run(script, chosen)):
                    return wrong(f"It can be done: of all scripts up to {self.budget} fault{'s' * (self.budget != 1)}, one of the first "
                                 f"{tried} reaches it.")
        return right(f"None of the {tried} scripts with {', '.join(self.kinds)} reaches it. {self._walk()}{self.explanation}")

    def _walk(self) -> str:
        """What the explorer says about it. LessonError when it knows a way, for then the puzzle is wrong, not the learner."""
        if self.world is None:
            return ""
        from lesson_lib.explorer.explore import explore
        found = explore(faults=self.budget, **self.world)
        if any(self.reached(found.history(outcome)) for outcome in found.outcomes):
            raise LessonError(f"The explorer knows a way to do {self.id} that no fault script can write down; please report it.")
        return f"Nor does any of the {found.states:,} states that the explorer can get to. "

    def _run(self, script: dict[int, str], chosen: Mapping[str, Any]) -> History:
        try:
            return self.scenario.run(faults=script, **chosen)
        except LessonError:  # the script names an attempt that this run never made
            return self.scenario.run(**{"faults": None, **chosen})

    def _attempts(self) -> int:
        values = self.scenario.values
        return (values if isinstance(values, int) else len(values)) + self.budget

    def _choices(self) -> list[dict[str, Any]]:
        """Every combination of the free settings; at least one, of nothing."""
        found: list[dict[str, Any]] = [{}]
        for name, values in self.free.items():
            found = [{**one, name: value} for one in found for value in values]
        return found


def check_settings(free: Mapping[str, tuple[Any, ...]], settings: Mapping[str, Any]) -> None:
    """LessonError for a setting that the learner cannot choose, or a value that it cannot have."""
    for name, value in settings.items():
        if name not in free:
            raise LessonError(f"{name}= cannot be chosen here; you choose {' and '.join(('the faults', *free))}.")
        if value not in free[name]:
            raise LessonError(f"{name}={value!r} is not one of {', '.join(map(repr, free[name]))}.")


def faults_in(script: FaultScript) -> int:
    """How many attempts a script names; a script without an end counts as a thousand."""
    return sum(1000 if rule.last is None else rule.last - rule.first + 1
               for rule in script.rules if rule.fault.name != "deliver")


def _drawn(run: History) -> Any:
    from lesson_lib.draw import show
    return show(run)
