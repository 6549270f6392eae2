"""The judge's end of a worker: asks it for a learner's values, and calls a learner's function in it.

What comes back is only ever read as a literal, so a worker that lies can do no more than give another answer.
What a function remembers (the dicts after its first argument) stays with the judge as text that it never
opens. What a function did to the simulation that it plays on comes back as a list of calls, which the judge
makes again on a simulation of its own.
"""

from __future__ import annotations

import ast
import base64
import pickle
from contextlib import suppress
from dataclasses import fields, is_dataclass
from io import BytesIO
from types import FunctionType
from typing import Any

from course_tools.report.answers import WrittenAnswer, literal, read, record
from course_tools.report.confined import Bounds, Confined, Ended
from course_tools.report.slices import Statement, slice_for

_KEPT = "kept by the worker"
_LONGEST = 2000


class NoAnswer(Exception):
    """The answer cannot be worked out; the text says why."""


class Failed(BaseException):
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

    def arguments(self, given: WrittenAnswer) -> tuple[list[Any], dict[str, Any], list[Statement]]:
        """What the check is called with, and the statements it is made of. NoAnswer for none."""
        expressions = [*given.arguments, *(value for _, value in given.named)]
        made_of: list[Statement] = []
        try:
            values = [literal(one) for one in expressions]
        except ValueError:
            made_of = slice_for(self._cells, given)
            values = self._worked_out([ast.unparse(one) for one in expressions], made_of)
        number = len(given.arguments)
        named = zip((name for name, _ in given.named), values[number:], strict=True)
        return values[:number], dict(named), made_of

    def _worked_out(self, expressions: list[str], made_of: list[Statement]) -> list[Any]:
        program = [(s.cell, self._cells[s.cell], s.index) for s in made_of]
        match self.ask({"program": program, "expressions": expressions}):
            case {"failed": str(why)}:
                raise NoAnswer(f"{expressions[0]} cannot be worked out from the cells above it. {why}")
            case {"values": [*values]} if len(values) == len(expressions):
                return [self._value(value) for value in values]
        raise NoAnswer("The process that works this answer out sent something that is no reply.")

    def _value(self, reply: Any) -> Any:
        match reply:
            case {"function": int(number), "name": str(name)}:
                return LearnerFunction(self, name[:_LONGEST], number)
        return read(reply)

    def ask(self, order: dict[str, Any]) -> Any:
        """Send an order and wait for its reply. Failed when the worker is gone."""
        if self._worker is None:
            self._worker = Confined("worker", self._bounds, self._bounds.run)
        try:
            return self._worker.line.ask(order)
        except Ended:
            self.close()
            raise Failed("The process that runs this answer ended on the way: too much memory, time or "
                         "output, or a crash.") from None


class LearnerFunction:
    """A learner's function, called in its worker."""

    def __init__(self, values: LearnerValues, name: str, number: int) -> None:
        self._values, self.__name__, self._number = values, name, number

    def __call__(self, *arguments: Any) -> Any:
        match self._values.ask({"function": self._number} | _packed(arguments)):
            case {"failed": str(why)}:
                raise Failed(why[:_LONGEST])
            case {"did": [*calls], **more}:
                _do_again(arguments[0], calls)
                self._keep(arguments, more.get("kept"))
                return read(more)
        raise Failed("The process that runs this answer sent something that is no reply.")

    def __repr__(self) -> str:
        return self.__name__

    @staticmethod
    def _keep(arguments: tuple[Any, ...], kept: Any) -> None:
        for place, memory in enumerate(arguments):
            text = kept.get(str(place)) if isinstance(kept, dict) else None
            if isinstance(text, str) and isinstance(memory, dict):
                memory[_KEPT] = text


def _packed(arguments: tuple[Any, ...]) -> dict[str, Any]:
    """The arguments for the worker; of an object that is played on, which class it is of."""
    kind = type(arguments[0])
    if kind.__module__.startswith("lesson_lib.sim") and not is_dataclass(kind):
        return {"played": [kind.__module__, kind.__name__]}
    return {"arguments": [one[_KEPT] if isinstance(one, dict) and _KEPT in one else _pickled(one)
                          for one in arguments]}


def _pickled(value: Any) -> str:
    found = BytesIO()
    _AsRecords(found).dump(value)
    return base64.b64encode(found.getvalue()).decode()


class _AsRecords(pickle.Pickler):
    """Pickles records of the lesson's that have fields and nothing else as what a worker makes of them."""

    def reducer_override(self, value: Any) -> Any:
        """See pickle.Pickler."""
        kind = type(value)
        if not kind.__module__.startswith("lesson_lib.") or not is_dataclass(kind):
            return NotImplemented
        names = tuple(one.name for one in fields(kind))
        if {name for name in vars(kind) if not name.startswith("_")} - set(names):
            return NotImplemented
        return record, (kind.__name__, names, *(getattr(value, name) for name in names))


def _do_again(first: Any, calls: list[Any]) -> None:
    """Make the calls that a function made, as far as they are calls of public methods with plain values."""
    objects = [first]
    for call in calls:
        match call:
            case {"on": int(number), "does": str(name), "with": [*arguments], "named": {**named}}:
                method = getattr(type(objects[number]), name, None)
                if name.startswith("_") or not isinstance(method, FunctionType):
                    continue
                with suppress(Exception):  # it raised there too, and the function went on
                    told = {key: read(value) for key, value in named.items()}
                    result = method(objects[number], *map(read, arguments), **told)
                    if type(result).__module__.startswith("lesson_lib.sim"):
                        objects.append(result)
