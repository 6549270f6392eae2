"""What a copy answers, read off its cells by the calls in them; nothing is run.

A cell is looked at without its magics (`%%time`, `!ls`), which are no Python. Dots are no answer.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from course_tools.report.asked_calls import ANSWERS, ASKS, UNREADABLE, ItemCall, calls
from lesson_lib.teach.lessons.concept_questions import CONCEPTS

LONGEST = 2000  # characters of an answer, or of what is said about it
LONGEST_CELL = 50_000  # characters of one that may answer a form; a longer one could take gigabytes to read
_FORMS = {"before": "before", "afterwards": "after"}  # call -> sitting
_MAGIC = re.compile(r"^([^\S\n]*+)[%!?].*$", re.MULTILINE)  # in time that grows with the text


@dataclass(frozen=True, slots=True)
class WrittenAnswer:
    """An answer as it is written: the expressions in the call, and where it is (cell, line from 1)."""

    item_id: str
    arguments: tuple[ast.expr, ...]
    named: tuple[tuple[str, ast.expr], ...]
    cell: int
    line: int

    @property
    def written(self) -> str:
        """The first argument as the learner wrote it, "" when there is none."""
        first = self.arguments[:1] or tuple(value for _, value in self.named[:1])
        return ast.unparse(first[0]) if first else ""


def plain(source: str) -> str:
    """A cell as Python, each line in its place."""
    return _MAGIC.sub(r"\1pass", source)


def asked(cells: Sequence[str]) -> list[str]:
    """The ids of what the cells ask, each once."""
    return list(dict.fromkeys(call.item_id for call in calls(cells) if call.role in ASKS))


def given(cells: Sequence[str]) -> dict[str, list[WrittenAnswer]]:
    """The answers to each item that has any, the last one first."""
    found: dict[str, list[WrittenAnswer]] = {}
    for call in calls(cells):
        if call.role in ANSWERS and (answer := _given(call, cells[call.cell])) is not None:
            found.setdefault(call.item_id, []).insert(0, answer)
    return found


def in_forms(cells: Sequence[str]) -> dict[str, list[dict[str, str]]]:
    """Answers to the two forms that are written in cells, as `before().answer(3, "b")`; by item, like kept
    ones.
    """
    found: dict[str, list[dict[str, str]]] = {}
    for form, number, key in (one for source in cells for one in _form_calls(source)):
        for concept in CONCEPTS[number - 1:number]:
            found.setdefault(f"{form}.{concept.id}", []).append({"answer": key.strip().lower()})
    return found


def _form_calls(source: str) -> Iterator[tuple[str, int, str]]:
    if "answer" not in source or len(source) > LONGEST_CELL:
        return
    with suppress(*UNREADABLE):
        for node in ast.walk(ast.parse(plain(source))):
            match node:
                case ast.Call(ast.Attribute(ast.Call(ast.Name(form)), "answer"),
                              [ast.Constant(int(number)), ast.Constant(str(key))]) if form in _FORMS:
                    yield _FORMS[form], number, key


def _given(call: ItemCall, source: str) -> WrittenAnswer | None:
    node = ast.parse(source[call.start:call.end].strip(), mode="eval").body
    assert isinstance(node, ast.Call)
    named = tuple((k.arg, k.value) for k in node.keywords if k.arg is not None)
    first = node.args[0] if node.args else dict(named).get("option" if call.role == "answer" else "answer")
    if first is None or _has_dots(first):
        return None
    return WrittenAnswer(call.item_id, tuple(node.args), named, call.cell,
                         source.count("\n", 0, call.start) + 1)


def _has_dots(answer: ast.expr) -> bool:
    """Whether it is a placeholder: dots, None, or a dict with dots in it."""
    parts = [answer, *answer.keys, *answer.values] if isinstance(answer, ast.Dict) else [answer]
    values = [part.value for part in parts if isinstance(part, ast.Constant)]
    nothing = isinstance(answer, ast.Constant) and answer.value is None
    return nothing or any(value in (..., "...") for value in values)


def literal(expression: ast.expr) -> Any:
    """The value of a literal. ValueError for anything else."""
    try:
        return ast.literal_eval(expression)
    except (TypeError, *UNREADABLE) as error:
        raise ValueError("no literal") from error


def as_reply(value: Any) -> dict[str, str]:
    """A value for the process at the other end: a literal where it is one, else how it looks."""
    if value is ...:
        return {"literal": "..."}
    return {"literal": repr(value)} if _is_literal(value) else {"other": repr(value)[:LONGEST]}


def _is_literal(value: Any) -> bool:
    """Whether it is one, and all that it holds."""
    if type(value) in (list, tuple, set):
        return all(map(_is_literal, value))
    if type(value) is dict:
        return all(_is_literal(part) for pair in value.items() for part in pair)
    return value is None or type(value) in (bool, int, float, complex, str, bytes)


def read(reply: Any) -> Any:
    """The value that another process sent, as a literal or as something that equals nothing."""
    match reply:
        case {"literal": str(text)}:
            with suppress(TypeError, *UNREADABLE):
                return ast.literal_eval(text)
            return OpaqueValue(text[:200])
        case {"other": look}:
            return OpaqueValue(str(look)[:200])
    return OpaqueValue("something that is no value")


class OpaqueValue:
    """A value of the learner's that is no literal: it equals nothing, and looks as it looked there."""

    def __init__(self, look: str) -> None:
        self._look = look

    def __repr__(self) -> str:
        return self._look
