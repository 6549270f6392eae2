"""What a kernel says when a cell of a lesson needs names that the cells above would have made: one sentence, no traceback.

Kernels load this as an IPython extension, because `share/etc/ipython` tells them to. Until a NameError comes it does nothing and
imports nothing. Then it looks the name up in the notebook itself, so that every other NameError, and every notebook
without lesson_lib in it, keeps Python's own words.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

_AT_THE_TOP = ("<module>", "<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>")


def load_ipython_extension(shell: Any) -> None:
    """Called by IPython when the kernel starts."""
    shell.set_custom_exc((NameError,), _show)


def _show(shell: Any, kind: type[NameError], error: NameError, trace: Any, tb_offset: int | None = None) -> None:
    """Show it as ever, with the sentence for a traceback where a lesson's cell was run too early; it stays an error."""
    if error.name and _raised_by_the_cell(trace) and _made_above(error.name, shell):
        error._render_traceback_ = lambda: [sentence(error.name)]  # type: ignore[attr-defined]
    shell.showtraceback((kind, error, trace), running_compiled_code=True)


def sentence(name: str) -> str:
    """What there is to do; on two lines, because JupyterLab breaks long ones within words."""
    return (f"`{name}` is not known in this kernel: it was restarted, or the cells above were not run.\n"
            "Run the cells above first: Run > Run All Above Selected Cell, then this one.")


def _raised_by_the_cell(trace: Any) -> bool:
    """Whether a line of the cell itself lacks the name, not one within a function."""
    while trace.tb_next is not None:
        trace = trace.tb_next
    return trace.tb_frame.f_code.co_name in _AT_THE_TOP and trace.tb_frame.f_globals.get("__name__") == "__main__"


def _made_above(name: str, shell: Any) -> bool:
    """Whether the notebook is one of lesson_lib's, and a cell above the running one makes that name."""
    running = shell.user_ns.get("In", [""])[-1].strip()
    for cells in _notebooks(shell):
        above = cells[:_last(cells, running)]
        if any("lesson_lib" in cell for cell in cells) and any(name in _names(cell) for cell in above):
            return True
    return False


def _last(cells: list[str], running: str) -> int:
    """Where the running cell stands; behind all others where the file does not have it, for it was edited since it was saved."""
    return max((place for place, cell in enumerate(cells) if cell == running), default=len(cells))


def _notebooks(shell: Any) -> Iterator[list[str]]:
    """The code cells of the kernel's notebook; where nobody says which it is, of each in the kernel's folder."""
    import json
    import os
    from pathlib import Path
    said = Path(shell.user_ns.get("__vsc_ipynb_file__") or os.environ.get("JPY_SESSION_NAME") or "")
    for path in [said] if said.suffix == ".ipynb" and said.is_file() else sorted(Path().glob("*.ipynb")):
        try:
            cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
            yield ["".join(cell["source"]).strip() for cell in cells if cell["cell_type"] == "code"]
        except (OSError, ValueError, KeyError, TypeError):  # somebody else's file, or half of one
            continue


def _names(cell: str) -> set[str]:
    """The names that a cell binds for the cells below it."""
    import ast
    try:
        todo: list[ast.AST] = [ast.parse(cell)]
    except SyntaxError:
        return set()
    found: set[str] = set()
    while todo:
        node = todo.pop()
        found |= _bound_by(node)
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            todo += ast.iter_child_nodes(node)
    return found


def _bound_by(node: Any) -> set[str]:
    import ast
    if isinstance(node, ast.alias):
        return {node.asname or node.name.split(".")[0]}
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {node.name}
    return {node.id} if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) else set()
