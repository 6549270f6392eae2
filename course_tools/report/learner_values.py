"""The values of a copy's answers: literals are read, everything else is worked out by a worker, behind the
wall. A function that was handed in stays there, and is called by a message for each call.

What a rule remembers (the dicts after its first argument) stays with the judge as text that it never
opens. So does the simulation that a function plays on: the worker asks for each call.
"""

from __future__ import annotations

import ast
import sys
from dataclasses import is_dataclass
from types import FunctionType
from typing import Any

from course_tools.report.asked_calls import UNREADABLE, ItemCall
from course_tools.report.confined import Bounds, Confined
from course_tools.report.line import LONGEST, ProcessEnded, as_reply, read
from course_tools.report.slices import Statement, slice_for
from lesson_lib.errors import LessonError

_KEPT = "kept by the worker"


class NoAnswer(Exception):
    """The answer cannot be worked out; the text says why."""


class FunctionFailed(BaseException):
    """The learner's function failed. No Exception, so no check puts words of its own around it."""


class LearnerValues:
    """The values of one copy's answers. A worker starts with the first that is no literal."""

    def __init__(self, cells: list[str], bounds: Bounds) -> None:
        self._cells, self._bounds = cells, bounds
        self._worker: Confined | None = None

    def close(self) -> None:
        """End the worker, if there is one."""
        if self._worker is not None:
            self._worker.close()
        self._worker = None

    def arguments(self, answer: ItemCall) -> tuple[list[Any], dict[str, Any], list[Statement]]:
        """What the check is called with, and the statements it is made of. NoAnswer for none."""
        expressions = [expression for _, expression in answer.arguments]
        made_of: list[Statement] = []
        try:
            values = [ast.literal_eval(one) for one in expressions]
        except (TypeError, *UNREADABLE):
            made_of = slice_for(self._cells, answer)
            values = self._worked_out([ast.unparse(one) for one in expressions], made_of)
        told = [(name, value) for (name, _), value in zip(answer.arguments, values, strict=True)]
        return ([value for name, value in told if name is None],
                {name: value for name, value in told if name is not None}, made_of)

    def _worked_out(self, expressions: list[str], made_of: list[Statement]) -> list[Any]:
        program = [(s.cell, self._cells[s.cell], s.index) for s in made_of]
        try:
            reply = self.ask({"program": program, "expressions": expressions})
        except FunctionFailed as failed:
            raise NoAnswer(str(failed)) from None
        match reply:
            case {"failed": str(why)}:
                raise NoAnswer(f"{expressions[0]} cannot be worked out from the cells above it. {why}")
            case {"values": [*values]} if len(values) == len(expressions):
                return [self._value(value) for value in values]
        raise NoAnswer("The process that works this answer out sent something that is no reply.")

    def _value(self, reply: Any) -> Any:
        match reply:
            case {"function": int(number), "name": str(name)}:
                return LearnerFunction(self, name[:LONGEST], number)
        return read(reply)

    def ask(self, order: dict[str, Any]) -> Any:
        """Send an order and wait for its reply. FunctionFailed when the worker is gone."""
        if self._worker is None:
            self._worker = Confined("worker", self._bounds, self._bounds.run)
        try:
            return self._worker.ask(order)
        except ProcessEnded:
            self.close()
            raise FunctionFailed("The process that runs this answer ended on the way: too much memory, time "
                                 "or output, or a crash.") from None


class LearnerFunction:
    """A learner's function, called in its worker."""

    def __init__(self, values: LearnerValues, name: str, number: int) -> None:
        self._values, self.__name__, self._number = values, name, number

    def __call__(self, *arguments: Any) -> Any:
        sys.settrace(None)  # the worker counts its steps; here the count could end in the middle of a call
        objects = [one for one in arguments if _is_played_on(one)]
        order: dict[str, Any] = {"function": self._number, "arguments": list(map(_sent, arguments))}
        while True:
            match self._values.ask(order):
                case {"failed": str(why)}:
                    raise FunctionFailed(why[:LONGEST])
                case {"does": str(name), "on": int(number), "with": [*given], "named": {**named}}:
                    order = _done(objects, number, name, given, named)
                case {"kept": {**kept}, **answer}:
                    self._keep(arguments, kept)
                    return read(answer)
                case _:
                    raise FunctionFailed("The process that runs this answer sent something that is no reply.")

    def __repr__(self) -> str:
        return self.__name__

    @staticmethod
    def _keep(arguments: tuple[Any, ...], kept: dict[Any, Any]) -> None:
        for place, memory in enumerate(arguments[1:], 1):
            if isinstance(memory, dict):
                memory.clear()
                if isinstance(text := kept.get(str(place)), str):
                    memory[_KEPT] = text


def _is_played_on(value: Any) -> bool:
    kind = type(value)
    return kind.__module__.startswith("lesson_lib.sim") and not is_dataclass(kind)


def _sent(value: Any) -> dict[str, Any]:
    """An argument for the worker; the first of what it plays on is number 0."""
    if _is_played_on(value):
        return {"object": 0}
    return {"kept": value[_KEPT]} if isinstance(value, dict) and _KEPT in value else {"written": repr(value)}


def _done(objects: list[Any], number: int, name: str, given: list[Any],
          named: dict[str, Any]) -> dict[str, Any]:
    """Do a call of a public method with plain values, and say what came of it."""
    try:
        method = getattr(type(objects[number]), name, None)
        if name.startswith("_") or not isinstance(method, FunctionType):
            raise LessonError(f"There is no {name}() to call.")
        told = {key: read(value) for key, value in named.items()}
        result = method(objects[number], *map(read, given), **told)
    except Exception as error:  # noqa: BLE001 - it is the learner's function in which it is raised
        return {"raised": str(error)}
    if not _is_played_on(result):
        return as_reply(result)
    objects.append(result)
    return {"object": len(objects) - 1}
