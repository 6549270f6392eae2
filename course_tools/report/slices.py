"""The statements that an answer is made of: what it names, what those name in turn, and what changes them on
the way.

A slice and not all cells above: a crash, a loop without an end or a live lab elsewhere in the notebook has no
part in the answer.
"""

from __future__ import annotations

import ast
import symtable
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from course_tools.report.asked_calls import UNREADABLE, ItemCall, statements

_SHOWS = {"print", "display", "show", "compare", "reveal", "answer", "check", "hint", "solution", "explain"}


@dataclass(frozen=True, slots=True)
class Statement:
    """The `index`-th top-level statement of a cell; the names that it sets and reads."""

    cell: int
    index: int
    source: str
    sets: set[str]
    reads: set[str]


def slice_for(cells: Sequence[str], answer: ItemCall) -> list[Statement]:
    """The statements above the answer that it depends on, in order."""
    above = list(_above(cells, answer))
    needed = {name for _, expression in answer.arguments for name in _names(expression)[1]}
    while True:
        chosen = [s for s in above if s.sets & needed]
        wider = needed.union(*(s.reads for s in chosen))
        if wider == needed:
            return chosen
        needed = wider


def _above(cells: Sequence[str], answer: ItemCall) -> Iterator[Statement]:
    for number, source in enumerate(cells[:answer.cell + 1]):
        for index, node in enumerate(statements(source)):
            if number == answer.cell and (node.end_lineno or node.lineno) >= answer.node.lineno:
                return
            with suppress(*UNREADABLE):
                sets, reads = _names(node)
                text = ast.get_source_segment(source, node) or ""
                yield Statement(number, index, text, sets | _changes(node, reads), reads)


def _names(node: ast.AST) -> tuple[set[str], set[str]]:
    """The global names that a statement sets and reads, also in functions that it defines."""
    tables = [symtable.symtable(ast.unparse(node), "cell", "exec")]
    sets, reads = set(), set()
    for table in tables:
        tables += table.get_children()
        for symbol in table.get_symbols():
            if table.get_type() == "module" or symbol.is_global():
                if symbol.is_assigned() or symbol.is_imported():
                    sets.add(symbol.get_name())
                if symbol.is_referenced():
                    reads.add(symbol.get_name())
    return sets, reads


def _changes(node: ast.stmt, reads: set[str]) -> set[str]:
    """The names whose values may change: owners of what is assigned, what a call gets hold of."""
    match node:
        case ast.Assign(targets) | ast.Delete(targets):
            return {owner for target in targets if (owner := _owner(target))}
        case ast.AugAssign(target) | ast.AnnAssign(target):
            return {_owner(target)}
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef() | ast.Import() | ast.ImportFrom():
            return set()
        case ast.Expr(ast.Call(ast.Name(name) | ast.Attribute(_, name))) if name in _SHOWS:
            return set()
        case ast.Expr(value) if not isinstance(value, ast.Call):
            return set()
    return reads


def _owner(target: ast.expr) -> str:
    while isinstance(target, ast.Subscript | ast.Attribute):
        target = target.value
    return target.id if isinstance(target, ast.Name) else ""
