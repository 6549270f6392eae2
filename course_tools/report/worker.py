"""Behind the wall: works out the values of answers that are no literals, and calls the functions that were
handed in.

It is the only process in which that code runs for a check, and nothing that it says is taken for more than a
value. What goes back are literals, and pickles of a rule's memory that the judge never opens. The simulation
that a function plays on stays with the judge, which is asked to do each call.
"""

from __future__ import annotations

import ast
import base64
import pickle
from collections.abc import Callable
from dataclasses import make_dataclass
from functools import partial
from typing import Any

from course_tools.report.line import LONGEST, JsonLine, as_reply, read
from lesson_lib.errors import LessonError
from lesson_lib.teach.tasks import bounded

# As in `teach.tasks.learner_rule`, which would load half of the course for each copy.
SeenBatch = make_dataclass("SeenBatch", ("value", "producer", "number"), frozen=True, slots=True,
                           namespace={"__module__": __name__})
Functions = list[Callable[..., Any]]
_MEMORY = "memory can hold numbers, texts, tuples, lists, sets and dicts, but not this"


def serve(line: JsonLine) -> None:
    """An order is a program with expressions, or a call of a function that one of them was."""
    functions: Functions = []
    while True:
        order = line.receive()
        try:
            reply = (_values(order, functions) if "program" in order
                     else _called(functions[order["function"]], order["arguments"], line))
        except BaseException as error:  # noqa: BLE001 - a learner's code may raise anything, SystemExit too
            told = isinstance(error, LessonError) and "function" in order
            reply = {"failed": f"{'' if told else f'{type(error).__name__}: '}{error}"[:LONGEST]}
        line.send(reply)


def _values(order: Any, functions: Functions) -> dict[str, Any]:
    """Run the statements, then the expressions of the answer."""
    names: dict[str, Any] = {"__name__": "__main__"}
    for number, source, index in order["program"]:
        exec(_compiled(ast.Module([ast.parse(source).body[index]], []), number, "exec"), names)
    values = [eval(_compiled(ast.parse(e, mode="eval"), "the answer", "eval"), names)
              for e in order["expressions"]]
    return {"values": [_shown(value, functions) for value in values]}


def _compiled(tree: Any, number: Any, mode: str) -> Any:
    return compile(tree, f"<cell {number}>", mode)


def _shown(value: Any, functions: Functions) -> dict[str, Any]:
    if not callable(value):
        return as_reply(value)
    functions.append(value)
    return {"function": len(functions) - 1, "name": str(getattr(value, "__name__", "your function"))}


def _called(function: Callable[..., Any], arguments: list[Any], line: JsonLine) -> dict[str, Any]:
    """What the function returns; also what its memories hold then."""
    values = [_argument(one, line) for one in arguments]
    reply = as_reply(bounded.call(function, *values))
    try:
        return reply | {"kept": {str(place): base64.b64encode(pickle.dumps(value)).decode()
                                 for place, value in enumerate(values)
                                 if place and value and isinstance(value, dict)}}
    except Exception as error:  # noqa: BLE001 - pickle may raise anything
        raise LessonError(f"{_MEMORY}: {error}") from None


def _argument(sent: dict[str, Any], line: JsonLine) -> Any:
    """An argument as the judge sends it: as Python writes it, as was kept here before, or to be played on."""
    match sent:
        case {"written": text}:
            return eval(text, {"SeenBatch": SeenBatch})
        case {"kept": text}:
            return pickle.loads(base64.b64decode(text))
    return PlayedOn(line, sent["object"])


class PlayedOn:
    """Stands for an object of the judge's: whatever is called, the judge does."""

    def __init__(self, line: JsonLine, number: int) -> None:
        self._line, self._number = line, number

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return partial(self._do, name)

    def _do(self, name: str, *arguments: Any, **named: Any) -> Any:
        told = {key: as_reply(value) for key, value in named.items()}
        match self._line.ask({"does": name, "on": self._number, "with": list(map(as_reply, arguments)),
                              "named": told}):
            case {"raised": str(what)}:
                raise LessonError(what)
            case {"object": int(number)}:
                return PlayedOn(self._line, number)
            case done:
                return read(done)
