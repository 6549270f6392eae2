"""What stands for the lab where Python runs inside a web page: there, nothing opens a socket or starts a thread.

`start_lab` is absent there. A cell that reads it, or anything that was to come out of it, is not run but says in one sentence
what it needs. So Run All reaches the end, and everything simulated works as elsewhere.
"""

from __future__ import annotations

import ast
from typing import Any

NO_LAB = ("There is no live broker in a web page, where Python has no sockets and no threads. The cells that use it are left out; to run "
          "them, open the course on a computer with `make lab`.")
LEFT_OUT = "Left out: this cell uses the real client, which needs Python on a computer (`make lab`), not in a web page."


class Absent:
    """What a cell that was left out would have made."""

    def __repr__(self) -> str:
        return LEFT_OUT


class LeaveOut(ast.NodeTransformer):
    """Puts one sentence in place of a cell that reads a name whose value is absent."""

    def __init__(self, names: dict[str, Any]) -> None:
        self.names = names

    def visit(self, node: ast.AST) -> Any:
        """The cell, or what stands for it."""
        read = {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
        if not any(isinstance(self.names.get(name), Absent) for name in read):
            return node
        sentence = NO_LAB if "start_lab" in read else LEFT_OUT
        home = "__import__('lesson_lib.jupyter.browser', fromlist=['leave_out'])"
        call = f"{home}.leave_out(globals(), {sorted(_bound(node))!r}, {sentence!r})"
        return ast.fix_missing_locations(ast.parse(call))


def leave_out(names: dict[str, Any], missing: list[str], sentence: str) -> None:
    """Say that a cell was left out; the names that it would have bound are absent from now on."""
    names.update({name: Absent() for name in missing})
    print(sentence)


def _bound(node: ast.AST) -> set[str]:
    """The names that a cell binds."""
    made = {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    return made | {n.name for n in ast.walk(node) if isinstance(n, ast.FunctionDef | ast.ClassDef)}


def _watch_cells() -> None:
    """Look at every cell from now on; outside of a notebook there are none."""
    from IPython.core.getipython import get_ipython
    shell = get_ipython()
    if shell is not None:
        shell.ast_transformers.append(LeaveOut(shell.user_ns))


start_lab = Absent()
_watch_cells()
