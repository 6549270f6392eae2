"""What a notebook asks and answers, and where: found by the calls in its cells, never by metadata, which
copies lose.

A learner may move, copy or split cells; a name stands for the item that was last assigned to it.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeGuard

ASKS = ("question", "observe", "exercise")
ANSWERS = ("answer", "check")
# What Python raises for a source that it cannot read: nested too deeply, half a character, no Python at all.
UNREADABLE = (SyntaxError, ValueError, RecursionError, MemoryError)


@dataclass(frozen=True, slots=True)
class ItemCall:
    """A call that has to do with an item.

    `role` is question, observe, exercise, answer, check, hint, solution, explain or reveal. `start` and `end`
    are where the call stands in the source of cell number `cell`; `variable` is the name it goes through.
    """

    item_id: str
    role: str
    cell: int
    variable: str
    start: int
    end: int


def calls(cells: Sequence[str]) -> list[ItemCall]:
    """Every such call in these code cells, in order; cells that are not Python are passed over."""
    names: dict[str, str] = {}
    return [call for number, source in enumerate(cells) for call in _in_cell(number, source, names)]


def _in_cell(number: int, source: str, names: dict[str, str]) -> Iterator[ItemCall]:
    try:
        tree = ast.parse(source)
    except UNREADABLE:
        return
    for statement in tree.body:
        for node in (n for n in ast.walk(statement) if isinstance(n, ast.Call)):
            if found := _call(node, names, statement):
                role, item_id, variable = found
                yield ItemCall(item_id, role, number, variable, *_span(source, node))


def _call(node: ast.Call, names: dict[str, str], statement: ast.stmt) -> tuple[str, str, str] | None:
    """Role, item and variable of a call; None for any other call. Learns names from assignments."""
    function = node.func
    if _is(function, ASKS) and node.args and isinstance(node.args[0], ast.Constant):
        item_id = str(node.args[0].value)
        variable = _assigned(statement)
        names[variable] = item_id
        return function.id, item_id, variable
    if _is(function, ("reveal",)):
        predicted = (*node.args[1:2], *(k.value for k in node.keywords if k.arg == "predict"))
        asked = [one.id for one in predicted if isinstance(one, ast.Name)]
        return ("reveal", names[asked[0]], asked[0]) if asked and asked[0] in names else None
    if isinstance(function, ast.Attribute) and _is(function.value, names):
        return function.attr, names[function.value.id], function.value.id
    return None


def _is(function: ast.expr, names: Collection[str]) -> TypeGuard[ast.Name]:
    return isinstance(function, ast.Name) and function.id in names


def _assigned(statement: ast.stmt) -> str:
    targets = statement.targets if isinstance(statement, ast.Assign) else []
    return targets[0].id if targets and isinstance(targets[0], ast.Name) else "_"


def _span(source: str, node: ast.Call) -> tuple[int, int]:
    """Where the call starts and ends, counted in characters."""
    lines = source.splitlines(keepends=True)

    def place(line: int, column: int) -> int:
        return sum(map(len, lines[:line - 1])) + len(lines[line - 1].encode()[:column].decode())
    end = place(node.end_lineno or node.lineno, node.end_col_offset or 0)
    return place(node.lineno, node.col_offset), end


def answered(cells: Sequence[str], answer: Callable[[ItemCall], str | None]) -> list[str]:
    """The cells with what `answer` says in place of each answer; None leaves it."""
    written = list(cells)
    for call in reversed([c for c in calls(cells) if c.role in ANSWERS]):
        if (new := answer(call)) is not None:
            source = written[call.cell]
            written[call.cell] = source[:call.start] + new + source[call.end:]
    return written
