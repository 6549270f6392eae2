"""The shapes of what a lesson asks, and where to find it by its id.

Each lesson is a module in `lessons` with a tuple `ITEMS`, in the order in which the notebook shows them. An
option of a question is a claim about the run (`holds`), so which option is right is found by looking at the
run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Literal, Protocol

from lesson_lib.errors import LessonError
from lesson_lib.history import History
from lesson_lib.sim import simulate

QuestionKind = Literal["recall", "choice", "prediction", "observation"]


@dataclass(frozen=True, slots=True)
class Scenario:
    """A run written down: what `simulate`, or `made_by` instead, is called with. Its text is that call, so
    that it can be pasted into a cell, or `shown_as`.
    """

    values: int | tuple[Any, ...] = 3
    settings: Mapping[str, Any] = field(default_factory=dict)
    made_by: Callable[..., History] = simulate
    shown_as: str = ""

    def run(self, **changes: Any) -> History:
        """The simulated run, with some settings changed."""
        return self.made_by(self._sent, **{**self.settings, **changes})

    def with_settings(self, **changes: Any) -> Scenario:
        """The same run with some settings changed; None takes a setting out."""
        merged = {**self.settings, **changes}
        return replace(self, settings={name: value for name, value in merged.items() if value is not None})

    @property
    def _sent(self) -> int | list[Any]:
        return self.values if isinstance(self.values, int) else list(self.values)

    def __str__(self) -> str:
        settings = (f"{name}={value!r}" for name, value in self.settings.items())
        return self.shown_as or f"{self.made_by.__name__}({', '.join([repr(self._sent), *settings])})"


def scenario(values: int | tuple[str, ...] = 3, **settings: Any) -> Scenario:
    """Write a run down: `scenario(3, faults={2: "lose ack"})`."""
    return Scenario(values, settings)


@dataclass(frozen=True, slots=True)
class Option:
    """One of two to four options. `holds` says whether it describes the run(s); a bool where no run can tell.
    `misconception` names the idea behind a wrong one, `against` says what in the run(s) contradicts it.
    """

    text: str
    holds: Callable[..., bool] | bool
    misconception: str = ""
    against: Callable[..., str] | str = ""

    @property
    def sentence(self) -> str:
        """The text with a full stop, where it has no stop of its own."""
        return self.text if self.text[-1] in ".?!" else f"{self.text}."

    def is_true(self, *runs: History) -> bool:
        return self.holds if isinstance(self.holds, bool) else bool(self.holds(*runs))

    def contradiction(self, *runs: History) -> str:
        """What in the runs contradicts the option, as a sentence."""
        return self.against if isinstance(self.against, str) else self.against(*runs)


@dataclass(frozen=True, slots=True)
class Question:
    """Something to decide by letter: recalled before the lesson, chosen before reading on, predicted or seen.

    `scenario` is the run it is about (`control` the second one, where it compares two). None: no run can
    tell. `live`: the lesson makes the run on a real client, the scenario stands in for it and is not shown,
    since it may hold the answer.
    """

    id: str
    kind: QuestionKind
    text: str
    options: tuple[Option, ...]
    explanation: str
    scenario: Scenario | None = None
    control: Scenario | None = None
    live: bool = False

    @property
    def keys(self) -> str:
        """The letters of the options, such as "abc"."""
        return "abcd"[:len(self.options)]

    def option(self, key: str) -> Option:
        return self.options[self.keys.index(key)]

    def truth(self, *runs: History) -> str:
        """The letter of the first option that describes the runs, "" when none does."""
        return next((k for k, o in zip(self.keys, self.options, strict=True) if o.is_true(*runs)), "")

    def runs(self) -> tuple[History, ...]:
        """The run(s) that the question is about, made again."""
        return tuple(s.run() for s in (self.scenario, self.control) if s is not None)


def ask(kind: QuestionKind, item_id: str, text: str, *options: Option, because: str,
        run: Scenario | None = None, control: Scenario | None = None, live: bool = False) -> Question:
    """Write a question down; `because` is its explanation, `run` its scenario."""
    return Question(item_id, kind, text, options, because, run, control, live)


class Item(Protocol):
    """What a lesson asks: a `Question` or a `Task`."""

    id: str
    kind: str


@cache
def lesson_items(number: int) -> tuple[Item, ...]:
    """Everything that lesson `number` asks, in the order of its notebook; empty where there is none."""
    name = f"lesson_lib.teach.lessons.lesson_{number:02}"
    return tuple(import_module(name).ITEMS) if find_spec(name) else ()


def all_items() -> list[Item]:
    """Everything that all lessons ask."""
    return [item for number in range(10) for item in lesson_items(number)]


def find(item_id: str, kind: type | tuple[type, ...] = object) -> Any:
    """The item with that id. LessonError names the ids of its lesson when there is none of that kind."""
    number = str(item_id).partition(".")[0]
    items = [i for i in lesson_items(int(number) if number.isdigit() else -1) if isinstance(i, kind)]
    for item in items or all_items():
        if item.id == item_id and isinstance(item, kind):
            return item
    known = ", ".join(i.id for i in items)
    advice = (f"choose one of: {known}" if known else
              "a name begins with the number of its lesson, such as '2.lost-ack'")
    raise LessonError(f"There is nothing called {item_id!r} to ask for here; {advice}.")
