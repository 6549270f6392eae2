"""Hand in a value, the three numbers of a bound, or a function; checked against a run made for the check."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from lesson_lib.draw import show
from lesson_lib.errors import LessonError
from lesson_lib.explorer.explore import Exploration, explore
from lesson_lib.history import History
from lesson_lib.sim import Transactions
from lesson_lib.teach.content import Scenario
from lesson_lib.teach.message import Message
from lesson_lib.teach.tasks import bounded
from lesson_lib.teach.tasks.task import NotYet, Task, right, wrong

BOUNDS = ("batches", "in_flight", "faults")
MOST_STATES = 30_000  # five batches, five in flight and two faults have 11,668


@dataclass(frozen=True, kw_only=True)
class ValueTask(Task):
    """Predict what `expects` names; `truth` reads it off the run, `against` says what contradicts another."""

    scenario: Scenario
    truth: Callable[[History], Any]
    against: Callable[[History, Any], str]
    expects: str

    @property
    def wanted(self) -> str:
        return f"Put {self.expects} in place of the dots."

    def judge(self, answer: Any, **settings: Any) -> Message:
        run = self.scenario.run()
        truth = self.truth(run)
        if isinstance(truth, list) and isinstance(answer, (list, tuple)):
            answer = [one.decode(errors="replace") if isinstance(one, bytes) else one for one in answer]
        if type(answer) is not type(truth) or (_kinds(truth) and _kinds(answer) - _kinds(truth)):
            raise LessonError(f"{answer!r} can't be checked. Hand in {self.expects}.")
        if answer == truth:
            return right(self.explanation)
        return wrong(f"You handed in {answer!r}. {self.against(run, answer)}")


def _kinds(value: Any) -> set[type]:
    """What a list holds; that something is nothing may be meant."""
    return {type(one) for one in value if one is not None} if isinstance(value, list) else set()


@dataclass(frozen=True, kw_only=True)
class BoundTask(Task):
    """Find the smallest bound within which `anomaly` can happen; `world` is what else `explore` is told."""

    anomaly: str
    world: Mapping[str, Any] = field(default_factory=dict)

    @property
    def wanted(self) -> str:
        return 'Put numbers in place of the dots: {"batches": ..., "in_flight": ..., "faults": ...}.'

    def judge(self, answer: Any, **settings: Any) -> Message:
        """Explore within the bound, and then with each of its three numbers one less."""
        if (not isinstance(answer, Mapping) or set(answer) != set(BOUNDS)
                or {type(number) for number in answer.values()} != {int}):
            raise LessonError(f"{answer!r} can't be checked. Hand in a dict with a number for each of "
                              f"{', '.join(BOUNDS)}.")
        bound = {name: answer[name] for name in BOUNDS}
        found = self._explored(bound)
        if self.anomaly not in found.anomaly_names:
            return wrong(found.sentence)
        for name, least in zip(BOUNDS, (1, 1, 0), strict=True):
            less = bound | {name: bound[name] - 1}
            if less[name] >= least and self.anomaly in self._explored(less).anomaly_names:
                return wrong(f"A {self.anomaly} can happen, but it can with a smaller number for {name} too.")
        return right(self.explanation, show(found.find(self.anomaly)))

    def _explored(self, bound: Mapping[str, int]) -> Exploration:
        return explore(**bound, max_states=MOST_STATES, **self.world)


@dataclass(frozen=True, kw_only=True)
class TaskWithFunction(Task):
    """The answer is a function called `name`, handed in itself."""

    name: str

    @property
    def wanted(self) -> str:
        return f"Hand in your function itself: task.check({self.name})."

    def judge(self, answer: Any, **settings: Any) -> Message:
        """Let the function run, bounded."""
        if not callable(answer):
            raise LessonError(f"{answer!r} is no function. Hand in {self.name} itself, without calling it: "
                              f"task.check({self.name}).")
        return self.judge_function(answer)

    def judge_function(self, function: Callable[..., Any]) -> Message:
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class SameOutputTask(TaskWithFunction):
    """`truth` is the author's function, `inputs` what both are called with, `show` words for an input."""

    truth: Callable[[Any], Any]
    inputs: Callable[[], list[Any]]
    show: Callable[[Any], str] = repr

    def judge_function(self, function: Callable[..., Any]) -> Message:
        for value in self.inputs():
            got, expected = bounded.call(function, value), self.truth(value)
            if got is None or got is ...:
                raise NotYet(f"{self.name} returns nothing yet.")
            if isinstance(expected, tuple) and isinstance(got, list):
                got = tuple(got)
            if type(got) is not type(expected) or got != expected:
                return wrong(f"For {self.show(value)} {self.name} returned {got!r}. "
                             f"It should have been {expected!r}.")
        return right(self.explanation)


@dataclass(frozen=True, kw_only=True)
class PlayTask(TaskWithFunction):
    """The function plays on a new `Transactions`; `missing` says what the run lacks, "" for nothing."""

    missing: Callable[[History], str]

    def judge_function(self, function: Callable[..., Any]) -> Message:
        """Let it play and look at the run."""
        kafka = Transactions()
        bounded.call(function, kafka)
        run = kafka.history()
        if not run.events:
            raise NotYet(f"{self.name} does nothing yet.")
        drawn, lack = show(run, layout="space-time"), self.missing(run)
        return wrong(lack, drawn) if lack else right(self.explanation, drawn)
