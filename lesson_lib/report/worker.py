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
from collections.abc import Callable
from typing import Any, BinaryIO

from lesson_lib.errors import LessonError
from lesson_lib.teach.tasks import bounded

Reply = dict[str, Any]


def main(argv: list[str]) -> int:
    """`worker pipe`: the first order is the program and the expressions, each further one a call."""
    orders = os.fdopen(os.dup(0), "rb")
    replies = os.fdopen(int(argv[0]), "w", encoding="utf-8")
    sys.stdin = open(os.devnull)  # noqa: SIM115 - a learner's input() gets nothing, and no order either
    functions: dict[int, Callable[..., Any]] = {}
    _send(replies, _answer(_order(orders), functions))
    while (order := _order(orders)) is not None:
        _send(replies, _call(functions[order["function"]], order["arguments"]))
    return 0


def _order(orders: BinaryIO) -> Any:
    size = orders.read(4)
    return pickle.loads(orders.read(int.from_bytes(size, "big"))) if len(size) == 4 else None


def _send(replies: Any, reply: Reply) -> None:
    print(json.dumps(reply), file=replies, flush=True)


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
    text = repr(value)
    return {"literal": text} if _is_literal(value) else {"other": text[:2000]}


def _is_literal(value: Any) -> bool:
    if type(value) in (list, tuple, set):
        return all(map(_is_literal, value))
    if type(value) is dict:
        return all(_is_literal(part) for pair in value.items() for part in pair)
    return value is None or value is ... or type(value) in (bool, int, float, complex, str, bytes)


def _call(function: Callable[..., Any], arguments: list[tuple[str, Any]]) -> Reply:
    """Call the function; what its memories hold afterwards goes back as bytes."""
    values = [pickle.loads(value) if kind == "kept" else value for kind, value in arguments]
    try:
        reply = _literal(bounded.call(function, *values))
        kept = {str(place): base64.b64encode(pickle.dumps(value)).decode()
                for place, value in enumerate(values) if place and isinstance(value, dict) and value}
    except LessonError as error:
        return {"failed": str(error)[:2000]}
    except BaseException as error:  # noqa: BLE001 - and pickle may raise anything over what is remembered
        return {"failed": f"memory can hold numbers, texts, tuples, lists, sets and dicts, but not this: {error}"[:2000]}
    return reply | {"kept": kept}
