"""Predict a value: a number, a list, a word; checked against a run that is made for the check."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lesson_lib.history import History
from lesson_lib.teach.content import Scenario
from lesson_lib.teach.message import Message
from lesson_lib.teach.tasks.task import Task, not_attempted, right, wrong


@dataclass(frozen=True, kw_only=True)
class ValueTask(Task):
    """`truth` reads the value off the run; `against` says what in the run contradicts a wrong one."""

    scenario: Scenario
    truth: Callable[[History], Any]
    against: Callable[[History, Any], str]
    expects: str

    def check(self, answer: Any, **settings: Any) -> Message:
        """Compare with the run. A value of another type is wrong with a word on what is expected."""
        if self.is_placeholder(answer):
            return not_attempted(f"Put {self.expects} in place of the dots.")
        run = self.scenario.run()
        truth = self.truth(run)
        if isinstance(truth, list) and isinstance(answer, (list, tuple)):
            answer = [one.decode(errors="replace") if isinstance(one, bytes) else one for one in answer]
        if type(answer) is not type(truth):
            return wrong(f"{answer!r} cannot be checked: hand in {self.expects}.")
        return right(self.explanation) if answer == truth else wrong(f"You handed in {answer!r}. {self.against(run, answer)}")
