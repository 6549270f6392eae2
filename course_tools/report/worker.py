"""Behind the wall: works out the values of answers that are no literals, and calls the functions that were
handed in.

It is the only process in which that code runs for a check, and nothing that it says is taken for more than a
value. Orders carry pickles (from the judge, which is trusted); what goes back are literals, and pickles that
the judge never opens.
"""

from __future__ import annotations

import ast
import base64
import importlib
import pickle
import runpy
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

from course_tools.report.answers import literal_text
from course_tools.report.confined import begin
from course_tools.report.wall import library
from lesson_lib.errors import LessonError

# Without its package, which would load half of the course for each copy.
_call = runpy.run_path(f"{library()}/lesson_lib/teach/tasks/bounded.py")["call"]
Reply = dict[str, Any]
_LONGEST = 2000  # characters of what is said
_MEMORY = "memory can hold numbers, texts, tuples, lists, sets and dicts, but not this"


def main(argv: list[str]) -> int:
    """An order is a program with expressions, or a call of a function that one of them was."""
    line = begin(argv)
    functions: list[Callable[..., Any]] = []
    while True:
        order = line.receive()
        line.send(_values(order, functions) if "program" in order
                  else _called(functions[order["function"]], order))


def _values(order: Any, functions: list[Callable[..., Any]]) -> Reply:
    """Run the statements, then the expressions of the answer."""
    names: dict[str, Any] = {"__name__": "__main__"}
    try:
        for number, source, index in order["program"]:
            exec(_compiled(ast.Module([ast.parse(source).body[index]], []), number, "exec"), names)
        values = [eval(_compiled(ast.parse(e, mode="eval"), "the answer", "eval"), names)
                  for e in order["expressions"]]
        return {"values": [_shown(value, functions) for value in values]}
    except BaseException as error:  # noqa: BLE001 - a learner's code may raise anything, SystemExit too
        return {"failed": f"{type(error).__name__}: {error}"[:_LONGEST]}


def _compiled(tree: Any, number: Any, mode: str) -> Any:
    return compile(tree, f"<cell {number}>", mode)


def _shown(value: Any, functions: list[Callable[..., Any]]) -> Reply:
    if not callable(value):
        return _literal(value)
    functions.append(value)
    return {"function": len(functions) - 1, "name": str(getattr(value, "__name__", "your function"))}


def _literal(value: Any) -> Reply:
    """A value as a literal where it is one, else how it looks."""
    text = literal_text(value)
    return {"other": repr(value)[:_LONGEST]} if text is None else {"literal": text}


def _called(function: Callable[..., Any], order: Any) -> Reply:
    """Call the function; also what its memories hold then, or what it did to what it plays on."""
    record: list[Reply] = []
    try:
        if "played" in order:
            module, name = order["played"]
            values = [Recorded(getattr(importlib.import_module(module), name)(), record)]
        else:
            values = [pickle.loads(base64.b64decode(one)) for one in order["arguments"]]
        reply = _literal(_call(function, *values)) | {"did": record}
    except LessonError as error:
        return {"failed": str(error)[:_LONGEST]}
    except BaseException as error:  # noqa: BLE001 - whatever gets past `bounded`
        return {"failed": f"{type(error).__name__}: {error}"[:_LONGEST]}
    try:
        return reply | {"kept": {str(place): base64.b64encode(pickle.dumps(value)).decode()
                                 for place, value in enumerate(values)
                                 if place and value and isinstance(value, dict)}}
    except Exception as error:  # noqa: BLE001 - pickle may raise anything
        return {"failed": f"{_MEMORY}: {error}"[:_LONGEST]}


class Recorded:
    """An object that a function plays on: does what it is asked, and writes that down."""

    def __init__(self, real: Any, record: list[Reply], number: int = 0,
                 made: list[int] | None = None) -> None:
        self._real, self._record, self._number, self._made = real, record, number, made or [0]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        found = getattr(self._real, name)
        if callable(found):
            return partial(self._call, name, found)
        if literal_text(found) is None:
            raise AttributeError(f"{type(self._real).__name__!r} object has no attribute {name!r}")
        return found

    def _call(self, name: str, method: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        told = {key: _literal(value) for key, value in named.items()}
        self._record.append({"on": self._number, "does": name, "with": [_literal(a) for a in arguments],
                             "named": told})
        result = method(*arguments, **named)
        if not type(result).__module__.startswith("lesson_lib.sim"):
            return result
        self._made[0] += 1
        return Recorded(result, self._record, self._made[0], self._made)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
