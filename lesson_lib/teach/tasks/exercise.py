"""An exercise in front of a learner: check, hint, solution; and what came of it is kept."""

from __future__ import annotations

import os
from typing import Any

from lesson_lib.teach import store
from lesson_lib.teach.content import find
from lesson_lib.teach.message import Message, Outcome, Shown, box, inline
from lesson_lib.teach.tasks.task import Task, source_of

_LONGEST = 2000  # characters of an answer that are kept


class Exercise(Shown):
    """`check(...)` judges an answer, `hint()` says a little more each time, `solution()` shows one that passes."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self._hints = 0

    def check(self, answer: Any = ..., *more: Any, **settings: Any) -> Message:
        """Judge an answer: not attempted, wrong with what the history shows, or right."""
        if more:
            return Message(Outcome.WRONG, "check takes one answer; put several values into a list, as in task.check([1, 2]).")
        said = self.task.check(answer, **settings)
        if said.outcome in (Outcome.RIGHT, Outcome.WRONG):
            chosen = {"settings": repr(settings)} if settings else {}
            store.record(self.task.id, {"outcome": str(said.outcome), "answer": source_of(answer)[:_LONGEST], **chosen})
        return said

    def hint(self) -> Message:
        """The next hint; after the last one, the last one again."""
        number = min(self._hints + 1, len(self.task.hints))
        self._hints = number
        return Message(Outcome.INFO, f"Hint {number} of {len(self.task.hints)} for {self.task.id}: {self.task.hints[number - 1]}")

    def solution(self) -> Message:
        """A cell that passes, unless SOLUTIONS=off is set, as in a workshop."""
        if os.environ.get("SOLUTIONS", "").strip().lower() == "off":
            return Message(Outcome.INFO, "Solutions are switched off here (SOLUTIONS=off); ask, or take another hint.")
        return Message(Outcome.INFO, f"One solution. {self.task.explanation}", code=self.task.solution)

    def plain(self) -> str:
        """The task as text."""
        return f"Exercise {self.task.id}: {self.task.asked}".replace("`", "")

    def rich(self) -> str:
        """The same as HTML."""
        return box(f"<strong>Exercise {self.task.id}.</strong> {inline(self.task.asked)}", "#CC79A7")


def exercise(item_id: str) -> Exercise:
    """Show an exercise and return it: `.check(...)`, `.hint()`, `.solution()`."""
    shown = Exercise(find(item_id, Task))
    shown.show()
    return shown
