"""Play a part: the learner's function drives producers against the simulated Kafka, and what comes of it is judged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lesson_lib.errors import LessonError
from lesson_lib.history import History
from lesson_lib.teach.message import Message
from lesson_lib.teach.tasks import bounded
from lesson_lib.teach.tasks.task import Task, not_attempted, right, wrong


@dataclass(frozen=True, kw_only=True)
class PlayTask(Task):
    """The function gets a new `Transactions`; `missing` says what the run lacks, "" where it lacks nothing."""

    name: str
    missing: Callable[[History], str]

    def check(self, answer: Any, **settings: Any) -> Message:
        """Let it play and look at the run. A function that does nothing is not attempted yet."""
        if self.is_placeholder(answer):
            return not_attempted(f"Hand in your function: task.check({self.name}).")
        if not callable(answer):
            return wrong(f"{answer!r} is no function; hand in {self.name} itself, without calling it.")
        try:
            return self._judge(_played(answer))
        except LessonError as error:
            return wrong(str(error))

    def _judge(self, run: History) -> Message:
        if not run.events:
            return not_attempted(f"{self.name} does nothing yet.")
        lack = self.missing(run)
        return wrong(lack, _drawn(run)) if lack else right(self.explanation, _drawn(run))


def _played(answer: Callable[[Any], Any]) -> History:
    from lesson_lib.sim import Transactions
    kafka = Transactions()
    bounded.call(answer, kafka)
    return kafka.history()


def _drawn(run: History) -> Any:
    from lesson_lib.draw import show
    return show(run, layout="space-time")
