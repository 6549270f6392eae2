"""The process in which a learner's code runs: it works out the values of one answer and calls the function that was handed in.

It is the only process in which that code runs for a check, and nothing that it says is taken for more than a value.
Orders come as pickles (from the judge, which is trusted), replies go back as lines of JSON in which values are literals.
"""

from __future__ import annotations

import ast
import base64
import json
import os
import pickle
import sys
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, BinaryIO, TextIO

from course_tools.report.answers import literal_text
from course_tools.report.held import error_like
from lesson_lib.errors import LessonError
from lesson_lib.teach.tasks import bounded

Reply = dict[str, Any]


def main(argv: list[str]) -> int:
    """`worker pipe`: the first order is the program and the expressions, each further one a call."""
    line = Line(os.fdopen(os.dup(0), "rb"), os.fdopen(int(argv[0]), "w", encoding="utf-8"))
    sys.stdin = open(os.devnull)  # noqa: SIM115 - a learner's input() gets nothing, and no order either
    functions: dict[int, Callable[..., Any]] = {}
    line.send(_answer(line.order(), functions))
    while (order := line.order()) is not None:
        line.send(_call(functions[order["function"]], [line.unpacked(*one) for one in order["arguments"]]))
    return 0


def _answer(order: Any, functions: dict[int, Callable[..., Any]]) -> Reply:
    """Run the statements, then the expressions of the answer."""
    names: dict[str, Any] = {"__name__": "__main__"}
    try:
        for number, source, index in order["program"]:
            exec(_compiled(ast.Module([ast.parse(source).body[index]], []), number, "exec"), names)
        values = [eval(_compiled(ast.parse(e, mode="eval"), "the answer", "eval"), names) for e in order["expressions"]]
    except BaseException as error:  # noqa: BLE001 - a learner's code may raise anything, SystemExit too
        return {"failed": f"{type(error).__name__}: {error}"}
    return {"values": [_shown(value, number, functions) for number, value in enumerate(values)]}


def _compiled(tree: Any, number: Any, mode: str) -> Any:
    return compile(tree, f"<cell {number}>", mode)


def _shown(value: Any, number: int, functions: dict[int, Callable[..., Any]]) -> Reply:
    if callable(value):
        functions[number] = value
        return {"function": str(getattr(value, "__name__", "your function"))}
    return _literal(value)


def _literal(value: Any) -> Reply:
    """A value as a literal where it is one, else how it looks."""
    text = literal_text(value)
    return {"other": repr(value)[:2000]} if text is None else {"literal": text}


class Far:
    """An object that stays with the judge: its methods are called there."""

    def __init__(self, number: int, line: Line) -> None:
        self._number, self._line = number, line

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        found = self._ask(name)
        return partial(self._call, name) if found is Line.METHOD else found

    def _call(self, name: str, *arguments: Any, **named: Any) -> Any:
        return self._ask(name, {"arguments": [_sent(a) for a in arguments], "named": {k: _sent(a) for k, a in named.items()}})

    def _ask(self, name: str, more: Mapping[str, Any] = MappingProxyType({})) -> Any:
        return self._line.ask({"number": self._number, "name": name, **more})


def _sent(argument: Any) -> Reply:
    return {"held": argument._number} if isinstance(argument, Far) else _literal(argument)


class Line:
    """The two pipes to the judge."""

    METHOD = object()

    def __init__(self, orders: BinaryIO, replies: TextIO) -> None:
        self._orders, self._replies = orders, replies

    def order(self) -> Any:
        """The next order, None at the end."""
        size = self._orders.read(4)
        return pickle.loads(self._orders.read(int.from_bytes(size, "big"))) if len(size) == 4 else None

    def send(self, reply: Reply) -> None:
        """Answer an order."""
        print(json.dumps(reply), file=self._replies, flush=True)

    def ask(self, question: Reply) -> Any:
        """Ask for something of an object that the judge has."""
        self.send({"asks": question})
        found = self.order()
        if "raised" in found:
            raise error_like(found["raised"], found["text"])
        return self.METHOD if "method" in found else self.unpacked(*found["result"])

    def unpacked(self, kind: str, value: Any) -> Any:
        """What the judge packed."""
        return Far(value, self) if kind == "held" else pickle.loads(value)


def _call(function: Callable[..., Any], values: list[Any]) -> Reply:
    """Call the function; what its memories hold afterwards goes back as bytes."""
    try:
        reply = _literal(bounded.call(function, *values))
        kept = {str(place): base64.b64encode(pickle.dumps(value)).decode()
                for place, value in enumerate(values) if place and isinstance(value, dict) and value}
    except LessonError as error:
        return {"failed": str(error)[:2000]}
    except BaseException as error:  # noqa: BLE001 - and pickle may raise anything over what is remembered
        return {"failed": f"memory can hold numbers, texts, tuples, lists, sets and dicts, but not this: {error}"[:2000]}
    return reply | {"kept": kept}
