"""What every exercise has: a text, hints, a check, and for its author the answers that must pass and those that must not."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from lesson_lib.teach.message import Message, Outcome


@dataclass(frozen=True, slots=True)
class Given:
    """How `check` is called: `check(*answer, **settings)`."""

    answer: Any
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        """The call as a cell would hold it; a function comes with its source."""
        if inspect.isfunction(self.answer):
            return f"{_untyped(source_of(self.answer))}\ntask.check({self.answer.__name__})"
        return f"task.check({', '.join([repr(self.answer), *(f'{k}={v!r}' for k, v in self.settings.items())])})"


def source_of(answer: Any) -> str:
    """The source of a function, the repr of anything else."""
    try:
        return textwrap.dedent(inspect.getsource(answer)) if inspect.isfunction(answer) else repr(answer)
    except (OSError, TypeError):  # typed in where nothing keeps sources
        return repr(answer)


def _untyped(source: str) -> str:
    """A function as a learner would write it, without types."""
    names = re.compile(r"(\w+): ")
    return re.sub(r"^def (\w+)\((.*)\) -> .*:$", lambda m: f"def {m[1]}({', '.join(names.findall(m[2]))}):", source, count=1,
                  flags=re.MULTILINE)


def given(answer: Any, **settings: Any) -> Given:
    """An answer as its author writes it down: `given({2: "lose ack"}, in_flight=5)`."""
    return Given(answer, settings)


@dataclass(frozen=True, kw_only=True)
class Task:
    """An exercise as data. `right` (the first is the solution) must pass its check, each of `wrong` must fail with a sentence."""

    id: str
    text: str
    hints: tuple[str, ...]
    right: tuple[Given, ...]
    wrong: tuple[Given, ...]
    explanation: str
    kind: str = "exercise"

    def check(self, answer: Any, **settings: Any) -> Message:
        """Judge an answer, without keeping it: not attempted, wrong with what the history shows, or right."""
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


def not_attempted(sentence: str) -> Message:
    """Nothing to judge yet; `sentence` says what to hand in."""
    return Message(Outcome.NOT_ATTEMPTED, sentence)


def wrong(sentence: str, picture: Any = None) -> Message:
    """Judged and wrong; `sentence` says what the history shows."""
    return Message(Outcome.WRONG, sentence, picture)


def right(sentence: str, picture: Any = None) -> Message:
    """Judged and right; `sentence` is the explanation."""
    return Message(Outcome.RIGHT, sentence, picture)


Feedback = Callable[..., str]
