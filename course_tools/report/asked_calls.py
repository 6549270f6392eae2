"""What a notebook asks and answers, and where: found by the calls in its cells, never by metadata, which
copies lose. Nothing is run.

A learner may move, copy or split cells; a name stands for the item that was last assigned to it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

ASKS = ("question", "observe", "exercise")
ANSWERS = ("answer", "check")
# What Python raises for a source that it cannot read: nested too deeply, half a character, no Python at all.
UNREADABLE = (SyntaxError, ValueError, RecursionError, MemoryError)
_MAGIC = re.compile(r"^([^\S\n]*+)[%!?].*$", re.MULTILINE)  # in time that grows with the text


@dataclass(frozen=True, slots=True)
class ItemCall:
    """A call that has to do with an item.

    `role` is question, observe, exercise, answer, check, hint, solution, explain or reveal. `node` is the
    call in the source of cell number `cell`; `variable` is the name it goes through.
    """

    item_id: str
    role: str
    cell: int
    variable: str
    node: ast.Call

    @property
    def arguments(self) -> list[tuple[str | None, ast.expr]]:
        """Each with its name; those that have none come first."""
        named = [(one.arg, one.value) for one in self.node.keywords if one.arg is not None]
        return [*((None, one) for one in self.node.args), *named]

    @property
    def written(self) -> str:
        """The first argument as the learner wrote it, "" when there is none."""
        return next((ast.unparse(value) for _, value in self.arguments), "")

    @property
    def answers(self) -> bool:
        """Whether it holds an answer, and no placeholder: dots, None, or a dict with dots in it."""
        wanted = (None, "option" if self.role == "answer" else "answer")
        first = next((value for name, value in self.arguments if name in wanted), ast.Constant(None))
        parts = [first, *first.keys, *first.values] if isinstance(first, ast.Dict) else [first]
        values = [part.value for part in parts if isinstance(part, ast.Constant)]
        nothing = isinstance(first, ast.Constant) and first.value is None
        return self.role in ANSWERS and not nothing and all(value not in (..., "...") for value in values)


def plain(source: str) -> str:
    """A cell as Python without its magics (`%%time`, `!ls`), each line in its place."""
    return _MAGIC.sub(r"\1pass", source)


def statements(source: str) -> list[ast.stmt]:
    """The top-level statements of a cell; none where it isn't Python."""
    try:
        return ast.parse(source).body
    except UNREADABLE:
        return []


def calls(cells: Sequence[str]) -> list[ItemCall]:
    """Every such call in these code cells, in order."""
    names: dict[str, str] = {}
    return [call for number, source in enumerate(cells) for statement in statements(source)
            for call in _calls_in(statement, number, names)]


def _calls_in(statement: ast.stmt, cell: int, names: dict[str, str]) -> Iterator[ItemCall]:
    """The calls of a statement; learns `names` of items from what it assigns."""
    for node in (node for node in ast.walk(statement) if isinstance(node, ast.Call)):
        match node:
            case ast.Call(ast.Name(role), [ast.Constant(item_id), *_]) if role in ASKS:
                match statement:
                    case ast.Assign([ast.Name(variable), *_]):
                        pass
                    case _:
                        variable = "_"
                names[variable] = str(item_id)
            case ast.Call(ast.Name("reveal" as role), [_, ast.Name(variable), *_]):
                pass
            case ast.Call(ast.Name("reveal" as role)):
                predicted = [one.value for one in node.keywords if one.arg == "predict"]
                variable = next((one.id for one in predicted if isinstance(one, ast.Name)), "")
            case ast.Call(ast.Attribute(ast.Name(variable), role)):
                pass
            case _:
                continue
        if variable in names:
            yield ItemCall(names[variable], role, cell, variable, node)


def given(cells: Sequence[str]) -> dict[str, list[ItemCall]]:
    """The answers to each item that has any, the last one first."""
    found: dict[str, list[ItemCall]] = {}
    for call in calls(cells):
        if call.answers:
            found.setdefault(call.item_id, []).insert(0, call)
    return found


def answered(cells: Sequence[str], answer: Callable[[ItemCall], str | None]) -> list[str]:
    """The cells with what `answer` says in place of each answer; None leaves it."""
    written = list(cells)
    for call in reversed([c for c in calls(cells) if c.role in ANSWERS]):
        if (new := answer(call)) is not None:
            source = written[call.cell].encode()
            start, end = _span(source, call.node)
            written[call.cell] = (source[:start] + new.encode() + source[end:]).decode()
    return written


def _span(source: bytes, node: ast.Call) -> tuple[int, int]:
    """The bytes at which the call starts and ends."""
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    end = starts[(node.end_lineno or node.lineno) - 1] + (node.end_col_offset or 0)
    return starts[node.lineno - 1] + node.col_offset, end
