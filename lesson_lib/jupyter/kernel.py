"""What a kernel says when a cell of a lesson needs names that the cells above would have made: one sentence.

Kernels load this as an IPython extension, because `share/etc/ipython` tells them to. Until a NameError comes
it does nothing and imports nothing. Then it looks the name up in the notebook itself, so that every other
NameError, and every notebook without lesson_lib in it, keeps Python's own words and traceback.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

_AT_THE_TOP = ("<module>", "<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>")


def load_ipython_extension(shell: Any) -> None:
    """Called by IPython when the kernel starts."""
    shell.set_custom_exc((NameError,), _show)


def _show(shell: Any, kind: type[NameError], error: NameError, trace: Any,
          tb_offset: int | None = None) -> None:
    """Show it as ever, but a cell that was run too early gets the sentence for a traceback."""
    if error.name and _raised_by_the_cell(trace) and _made_above(error.name, shell):
        error._render_traceback_ = lambda: [sentence(error.name)]  # type: ignore[attr-defined]
    shell.showtraceback((kind, error, trace), running_compiled_code=True)


def sentence(name: str) -> str:
    """What there is to do; on two lines, because JupyterLab breaks long ones within words."""
    return (f"`{name}` isn't known in this kernel: it was restarted, or the cells above haven't been run.\n"
            "Run the cells above first: Run > Run All Above Selected Cell, then this one.")


def _raised_by_the_cell(trace: Any) -> bool:
    """Whether a line of the cell itself lacks the name, not one within a function."""
    while trace.tb_next is not None:
        trace = trace.tb_next
    frame = trace.tb_frame
    return frame.f_code.co_name in _AT_THE_TOP and frame.f_globals.get("__name__") == "__main__"


def _made_above(name: str, shell: Any) -> bool:
    """Whether the notebook is one of lesson_lib's, and a cell above the running one makes that name."""
    running = shell.user_ns.get("In", [""])[-1].strip()
    for cells in _notebooks(shell):
        places = [place for place, cell in enumerate(cells) if cell == running]
        # None where the cell was edited since the notebook was saved.
        above = cells[:places[-1]] if places else cells
        if any("lesson_lib" in cell for cell in cells) and any(name in _names(cell) for cell in above):
            return True
    return False


def _notebooks(shell: Any) -> Iterator[list[str]]:
    """The code cells of the kernel's notebook; where nobody says which it is, of each in its folder."""
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
    import symtable
    try:
        symbols = symtable.symtable(cell, "cell", "exec").get_symbols()
    except SyntaxError:
        return set()
    return {symbol.get_name() for symbol in symbols if symbol.is_assigned() or symbol.is_imported()}
