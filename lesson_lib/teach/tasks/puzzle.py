"""Hand in a fault script: make a given log with it, or beat a broker whose rule is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations, product
from typing import Any

from lesson_lib.core.partition_log import PartitionLog, Rule
from lesson_lib.draw import compare, show
from lesson_lib.errors import LessonError, values_of
from lesson_lib.explorer.explore import explore
from lesson_lib.faults import FaultScript, NoSuchFault, parse_script
from lesson_lib.history import History
from lesson_lib.teach.content import Scenario
from lesson_lib.teach.message import Message, with_progress
from lesson_lib.teach.readings import log_words, told_words
from lesson_lib.teach.tasks.task import NotAskedHere, Task, right, wrong

FAULTS = ("lose ack", "lose request", "refuse 19", "store and answer 20", "repeat")
IMPOSSIBLE = "impossible"


def schedules(attempts: int, most: int, faults: Sequence[str] = FAULTS) -> Iterator[dict[int, str]]:
    """Every script with at most `most` faults at the attempts 1..`attempts`, the shortest first."""
    for number in range(most + 1):
        for places in combinations(range(1, attempts + 1), number):
            for chosen in product(faults, repeat=number):
                yield dict(zip(places, chosen, strict=True))


@dataclass(frozen=True, kw_only=True)
class ScriptTask(Task):
    """The answer is a script for the run `scenario`, of at most `budget` faults.

    `free` names the settings that the learner may choose as well, with the values that each may have.
    """

    scenario: Scenario
    budget: int = 1
    free: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)

    @property
    def wanted(self) -> str:
        return 'Put a fault script in place of the dots, such as {9: "lose ack"}; {} means no fault.'

    def script_of(self, answer: Any, settings: Mapping[str, Any]) -> FaultScript:
        """The answer as a script. NotAskedHere for more faults than the budget, or a setting not free."""
        script = parse_script(answer)
        for name, value in settings.items():
            if name not in self.free:
                known = " and ".join(("the faults", *self.free))
                raise NotAskedHere(f"You can't choose {name}= here. You choose {known}.")
            if value not in self.free[name]:
                raise NotAskedHere(f"{name}={value!r} is not one of {', '.join(map(repr, self.free[name]))}.")
        number = sum(1000 if line.last is None else line.last - line.first + 1  # 1000: it has no end
                     for line in script.lines if line.fault.name != "deliver")
        if number > self.budget:
            raise NotAskedHere(f"Your script has {number} faults. You may use {self.budget}.")
        return script


@dataclass(frozen=True, kw_only=True)
class PuzzleTask(ScriptTask):
    """`reached` says whether a run is what was asked for (`goal` in words).

    Where nothing reaches the goal, the right answer is "impossible"; the check then runs every script of the
    `kinds` of faults up to the budget, and where `world` holds arguments for `explore` it also walks every
    state.
    """

    goal: str
    reached: Callable[[History], bool]
    kinds: tuple[str, ...] = FAULTS
    world: Mapping[str, Any] | None = None

    @property
    def asked(self) -> str:
        """The text. Every puzzle offers "impossible", or the offer would give the answer away."""
        return f"{self.text} If you think that no script does it: `task.check(\"{IMPOSSIBLE}\")`"

    def judge(self, answer: Any, **settings: Any) -> Message:
        """Run the script and draw what it did; or try everything before calling it impossible."""
        if str(answer).strip().lower() == IMPOSSIBLE:
            return self._claim()
        script = self.script_of(answer, settings)
        strange = self._strange(script)
        impossible = any(one.answer == IMPOSSIBLE for one in self.right)
        if strange and impossible:  # with one of these it may well be possible
            raise NotAskedHere(strange)
        run = self.scenario.run(faults=str(script), **settings)
        if self.reached(run):
            return right(self.explanation, show(run))
        if strange:
            raise NotAskedHere(strange)
        return wrong(f"With the script '{script or 'no fault'}' the log holds {log_words(run)}, and the "
                     f"application was told {told_words(run)}. The goal: {self.goal}", show(run))

    def script_of(self, answer: Any, settings: Mapping[str, Any]) -> FaultScript:
        """The answer as a script; after a typo only what this exercise offers is listed."""
        try:
            return super().script_of(answer, settings)
        except NoSuchFault as error:
            raise NoSuchFault(error.problem, self.kinds) from None

    def _strange(self, script: FaultScript) -> str:
        """What to say of a fault that neither the exercise offers nor a right answer has; empty for none."""
        known = {rule.fault.name for one in self.right if one.answer != IMPOSSIBLE
                 for rule in parse_script(one.answer).lines}
        for fault in (rule.fault for rule in script.lines):
            if str(fault) not in (*self.kinds, "deliver") and fault.name not in known:
                return (f"'{fault}' is a fault, but it doesn't count in this exercise. Choose from "
                        f"{', '.join(self.kinds)}.")
        return ""

    def _claim(self) -> Message:
        values = self.scenario.values
        attempts = (values if isinstance(values, int) else len(values)) + self.budget
        choices = [dict(zip(self.free, chosen, strict=True)) for chosen in product(*self.free.values())]
        scripts = [(script, chosen) for chosen in choices
                   for script in schedules(attempts, self.budget, self.kinds)]
        for tried, (script, chosen) in enumerate(with_progress(scripts, "scripts"), 1):
            if self.reached(self._run(script, chosen)):
                faults = f"{self.budget} fault{'s' * (self.budget != 1)}"
                return wrong(f"It can be done. Of all scripts with up to {faults}, one of the first {tried} "
                             "does it.")
        return right(f"None of the {len(scripts)} scripts with {', '.join(self.kinds)} does it. "
                     f"{self._walk()}{self.explanation}")

    def _walk(self) -> str:
        """What the explorer says. LessonError when it knows a way: then the puzzle is wrong."""
        if self.world is None:
            return ""
        found = explore(faults=self.budget, **self.world)
        if any(self.reached(found.history(outcome)) for outcome in found.outcomes):
            raise LessonError(f"The explorer knows a way to do {self.id} that no fault script can write "
                              "down; please report it.")
        return f"Nor is it among the {found.states:,} states that the explorer can get to. "

    def _run(self, script: dict[int, str], chosen: Mapping[str, Any]) -> History:
        try:
            return self.scenario.run(faults=script, **chosen)
        except LessonError:  # the script names an attempt that this run never made
            return self.scenario.run(**{"faults": None, **chosen})


@dataclass(frozen=True, kw_only=True)
class MutantTask(ScriptTask):
    """Beat the mutant: a script under which a broker with a wrong rule and Kafka's own part ways.

    `mutant` makes the wrong rule, new for every run, so that it may keep a memory of its own. `breaks` is the
    anomaly that the wrong broker must show, where any difference is not enough.
    """

    mutant: Callable[[], Rule | PartitionLog]
    budget: int = 2
    choose_values: bool = False
    breaks: str = ""

    def judge(self, answer: Any, values: Any = None, **settings: Any) -> Message:
        """Run both brokers under the script; compare the logs, and what the application was told."""
        script, one = self.script_of(answer, settings), self._scenario(values)
        kafka = one.run(faults=str(script), **settings)
        mutant = one.run(faults=str(script), rule=self.mutant(), **settings)
        drawn = compare(mutant, kafka)
        ends, others = ((run.values(), list(run.told.items())) for run in (kafka, mutant))
        if ends == others:
            return wrong(f"With the script '{script or 'no fault'}' both brokers hold {log_words(kafka)} and "
                         f"the application is told {told_words(kafka)}, so it can't tell them apart. Look "
                         "for a script that changes the log, or what the application is told.", drawn)
        if self.breaks and self.breaks not in mutant.anomaly_names:
            return wrong("The two do differ, but the wrong broker kept every promise here. You're looking "
                         f"for a run with a {self.breaks}.", drawn)
        return right(f"Kafka holds {log_words(kafka)}, the wrong broker {log_words(mutant)}. "
                     f"{self.explanation}", drawn)

    def _scenario(self, values: Any) -> Scenario:
        if values is None:
            return self.scenario
        if not self.choose_values:
            raise NotAskedHere("You can't choose values= here. You choose the faults.")
        values_of(values)  # LessonError for what can't be sent
        return Scenario(values if isinstance(values, int) else tuple(values), self.scenario.settings)
