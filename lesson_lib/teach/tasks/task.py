"""What every exercise has, and the object that a learner holds: `check`, `hint`, `solution`.

An exercise is data. Its author writes down answers that must pass, and in `tests/teach/wrong_answers.py`
those that must not; the tests hand in both. A kind of exercise is a `Task` with a `judge`; what all kinds
have in common stands in `Task.check`: dots are no attempt, what cannot be run is not called wrong, and
neither is what the exercise does not ask about.
"""

from __future__ import annotations

import inspect
import os
import re
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from lesson_lib.errors import LessonError
from lesson_lib.history.link import Link, link_to
from lesson_lib.teach import store
from lesson_lib.teach.content import find
from lesson_lib.teach.message import Message, Outcome, SelfShowing, box
from lesson_lib.text_table import inline_html

_LONGEST = 2000  # characters of an answer that are kept


class NotYet(LessonError):
    """Nothing to judge yet, such as a function that returns nothing."""

    outcome = Outcome.NOT_ATTEMPTED


class NotAskedHere(LessonError):
    """It can be run, but the exercise does not ask about it, such as a fault that does not count here."""

    outcome = Outcome.OUTSIDE


@dataclass(frozen=True, slots=True)
class SampleAnswer:
    """How `check` is called: `check(*answer, **settings)`."""

    answer: Any
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        """The call as a cell would hold it; a function comes with its source."""
        if inspect.isfunction(self.answer):
            return f"{_untyped(source_of(self.answer))}\ntask.check({self.answer.__name__})"
        settings = [f"{name}={value!r}" for name, value in self.settings.items()]
        return f"task.check({', '.join([repr(self.answer), *settings])})"


def given(answer: Any, **settings: Any) -> SampleAnswer:
    """An answer as its author writes it down: `given({2: "lose ack"}, in_flight=5)`."""
    return SampleAnswer(answer, settings)


def source_of(answer: Any) -> str:
    """The source of a function, the repr of anything else."""
    try:
        return textwrap.dedent(inspect.getsource(answer)) if inspect.isfunction(answer) else repr(answer)
    except (OSError, TypeError):  # typed in where nothing keeps sources
        return repr(answer)


def _untyped(source: str) -> str:
    """A function as a learner would write it, without types."""
    names = re.compile(r"(\w+): ")
    return re.sub(r"^def (\w+)\((.*)\) -> .*:$", lambda m: f"def {m[1]}({', '.join(names.findall(m[2]))}):",
                  source, count=1, flags=re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Task:
    """An exercise as data. Each of `right` must pass its check; the first is the solution."""

    id: str
    text: str
    hints: tuple[str, ...]
    right: tuple[SampleAnswer, ...]
    explanation: str
    kind: str = "exercise"

    def check(self, answer: Any, **settings: Any) -> Message:
        """Judge an answer, without keeping it. Whatever is handed in, what comes back is a sentence."""
        try:
            if self.is_placeholder(answer):
                raise NotYet(self.wanted)
            return self.judge(answer, **settings)
        except LessonError as error:
            return Message(getattr(error, "outcome", Outcome.CANNOT_RUN), str(error))

    def judge(self, answer: Any, **settings: Any) -> Message:
        """Right, or wrong with what the history shows. LessonError for what cannot be run."""
        raise NotImplementedError

    @property
    def wanted(self) -> str:
        """What to hand in, as a sentence, for those who haven't yet."""
        raise NotImplementedError

    @property
    def asked(self) -> str:
        """What the learner reads."""
        return self.text

    @property
    def solution(self) -> str:
        """The solution as a cell would hold it."""
        return str(self.right[0])

    def is_placeholder(self, answer: Any) -> bool:
        """Whether there are still dots where the learner's answer belongs."""
        if isinstance(answer, Mapping):
            return any(part is ... or part == "..." for part in (*answer, *answer.values()))
        return answer is ... or answer is None or answer == "..."


# Judged: a sentence that says what the history shows, or the explanation; and perhaps a picture.
wrong, right = partial(Message, Outcome.WRONG), partial(Message, Outcome.RIGHT)


class Exercise(SelfShowing):
    """`check(...)` judges an answer, `hint()` says more each time, `solution()` shows one that passes."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self._hints = 0

    def check(self, answer: Any = ..., *more: Any, **settings: Any) -> Message:
        """Judge an answer, and keep what came of it."""
        if more:
            return Message(Outcome.CANNOT_RUN, "check takes one answer; put several values into a list, "
                           "as in task.check([1, 2]).")
        said = self.task.check(answer, **settings)
        if said.outcome in (Outcome.RIGHT, Outcome.WRONG):
            chosen = {"settings": repr(settings)} if settings else {}
            entry = {"outcome": str(said.outcome), "answer": source_of(answer)[:_LONGEST], **chosen}
            store.record(self.task.id, entry)
        return said

    def hint(self) -> Message:
        """The next hint; after the last one, the last one again."""
        number = self._hints = min(self._hints + 1, len(self.task.hints))
        hint = self.task.hints[number - 1]
        return Message(Outcome.INFO, f"Hint {number} of {len(self.task.hints)} for {self.task.id}: {hint}")

    def link(self) -> Link:
        """An address that opens this exercise in a browser copy."""
        return link_to(f"exercise({self.task.id!r})")

    def solution(self) -> Message:
        """A cell that passes, unless SOLUTIONS=off is set, as in a workshop."""
        if os.environ.get("SOLUTIONS", "").strip().lower() == "off":
            return Message(Outcome.INFO, "Solutions are switched off here (SOLUTIONS=off). "
                           "Ask somebody, or take another hint.")
        return Message(Outcome.INFO, f"One solution. {self.task.explanation}", code=self.task.solution)

    def plain(self) -> str:
        return f"Exercise {self.task.id}: {self.task.asked}".replace("`", "")

    def rich(self) -> str:
        return box(f"<strong>Exercise {self.task.id}.</strong> {inline_html(self.task.asked)}", "#CC79A7")


def exercise(item_id: str) -> Exercise:
    """Show an exercise and return it: `.check(...)`, `.hint()`, `.solution()`."""
    return Exercise(find(item_id, Task)).shown()
