"""Write a function: the learner's answers are compared with the author's on a few inputs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lesson_lib.errors import LessonError
from lesson_lib.teach.message import Message
from lesson_lib.teach.tasks import bounded
from lesson_lib.teach.tasks.task import Task, not_attempted, right, wrong


@dataclass(frozen=True, kw_only=True)
class FunctionTask(Task):
    """`truth` is the author's function, `inputs` what both are called with, `show` words for an input."""

    name: str
    truth: Callable[[Any], Any]
    inputs: Callable[[], list[Any]]
    show: Callable[[Any], str] = repr

    def check(self, answer: Any, **settings: Any) -> Message:
        """Call the learner's function on each input. A function that returns nothing is not attempted yet."""
        if self.is_placeholder(answer):
            return not_attempted(f"Hand in your function: task.check({self.name}).")
        if not callable(answer):
            return wrong(f"{answer!r} is no function; hand in {self.name} itself, without calling it.")
        try:
            return self._compare(answer)
        except LessonError as error:
            return wrong(str(error))

    def _compare(self, answer: Callable[[Any], Any]) -> Message:
        for given in self.inputs():
            got, expected = bounded.call(answer, given), self.truth(given)
            if got is None or got is ...:
                return not_attempted(f"{self.name} returns nothing yet.")
            if isinstance(expected, tuple) and isinstance(got, list):
                got = tuple(got)
            if type(got) is not type(expected) or got != expected:
                return wrong(f"For {self.show(given)} {self.name} returned {got!r}; there it is {expected!r}.")
        return right(self.explanation)
