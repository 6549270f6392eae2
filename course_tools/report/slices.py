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

from course_tools.report.answers import WrittenAnswer
from course_tools.report.asked_calls import UNREADABLE

_SHOWS = {"print", "display", "show", "compare", "reveal", "answer", "check", "hint", "solution", "explain"}


@dataclass(frozen=True, slots=True)
class Statement:
    """The `index`-th top-level statement of a cell; the names that it sets and reads."""

    cell: int
    index: int
    source: str
    sets: frozenset[str]
    reads: frozenset[str]


def slice_for(cells: Sequence[str], given: WrittenAnswer) -> list[Statement]:
    """The statements above the answer that it depends on, in order."""
    above = list(_above(cells, given))
    needed = {name for expression in (*given.arguments, *(v for _, v in given.named))
              for name in _names(expression)[1]}
    while True:
        chosen = [s for s in above if s.sets & needed]
        wider = needed.union(*(s.reads for s in chosen))
        if wider == needed:
            return chosen
        needed = wider


def _above(cells: Sequence[str], given: WrittenAnswer) -> Iterator[Statement]:
    for number, source in enumerate(cells[:given.cell + 1]):
        for index, node in enumerate(_statements(source)):
            if number == given.cell and (node.end_lineno or node.lineno) >= given.line:
                return
            with suppress(*UNREADABLE):
                sets, reads = _names(node)
                text = ast.get_source_segment(source, node) or ""
                yield Statement(number, index, text, frozenset(sets | _changes(node, reads)),
                                frozenset(reads))


def _statements(source: str) -> list[ast.stmt]:
    try:
        return ast.parse(source).body
    except UNREADABLE:
        return []


def _names(node: ast.AST) -> tuple[set[str], set[str]]:
    """The global names that a statement sets and reads, also in functions that it defines."""
    table = symtable.symtable(ast.unparse(node), "cell", "exec")
    sets, reads = set(), set()
    for name, symbol in _globals(table):
        if symbol.is_assigned() or symbol.is_imported():
            sets.add(name)
        if symbol.is_referenced():
            reads.add(name)
    return sets, reads


def _globals(table: symtable.SymbolTable) -> Iterator[tuple[str, symtable.Symbol]]:
    for symbol in table.get_symbols():
        if table.get_type() == "module" or symbol.is_global():
            yield symbol.get_name(), symbol
    for child in table.get_children():
        yield from _globals(child)


def _changes(node: ast.stmt, reads: set[str]) -> set[str]:
    """The names whose values may change: owners of what is assigned, what a call gets hold of."""
    if isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign | ast.Delete):
        targets = node.targets if isinstance(node, ast.Assign | ast.Delete) else [node.target]
        return {name for target in targets if (name := _owner(target))}
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Import | ast.ImportFrom):
        return set()
    return set() if isinstance(node, ast.Expr) and _only_shows(node.value) else reads


def _owner(target: ast.expr) -> str:
    while isinstance(target, ast.Subscript | ast.Attribute):
        target = target.value
    return target.id if isinstance(target, ast.Name) else ""


def _only_shows(value: ast.expr) -> bool:
    function = value.func if isinstance(value, ast.Call) else value
    return (not isinstance(value, ast.Call) or isinstance(function, ast.Name) and function.id in _SHOWS
            or isinstance(function, ast.Attribute) and function.attr in _SHOWS)
