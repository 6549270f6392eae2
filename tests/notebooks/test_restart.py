"""After a restart in the middle a cell says in one sentence what to do; every other NameError keeps Python's words."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest

from lesson_lib.jupyter.kernel import sentence

SETUP = "from lesson_lib import simulate"


def written(folder: Path, *sources: str) -> Path:
    """A notebook with these code cells."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    nbformat.write(notebook, folder / "00-try.ipynb")
    return folder / "00-try.ipynb"


def run_only(book: Any, place: int) -> Any:
    """The error of that cell, the only one that this kernel runs; None where it has none."""
    book.client.execute_cell(place)
    return next((o for o in book.notebook.cells[place].outputs if o.output_type == "error"), None)


def missing_names(path: Path) -> dict[int, str]:
    """For each code cell that needs a name of a cell above: the first such name, asked of Python itself in an empty world."""
    import builtins
    import symtable
    found: dict[int, str] = {}
    made: set[str] = set()
    for place, cell in enumerate(nbformat.read(path, as_version=4).cells):
        if cell.cell_type == "code":
            table = symtable.symtable(cell.source, "cell", "exec")
            used = [s.get_name() for s in table.get_symbols() if s.is_referenced() and not s.is_assigned() and not s.is_imported()]
            if needed := [name for name in used if name in made and not hasattr(builtins, name)]:
                found[place] = needed[0]
            made |= {s.get_name() for s in table.get_symbols() if s.is_assigned() or s.is_imported() or s.is_namespace()}
    return found


def test_a_cell_in_the_middle_says_what_to_do(nb: Any, path: Path) -> None:
    needs = missing_names(path)
    place = sorted(needs)[len(needs) // 2]
    error = run_only(nb(path), place)
    name = error.evalue.split("'")[1]
    assert error.ename == "NameError" and error.traceback == [sentence(name)]
    assert sentence(name).startswith(f"`{name}` isn't known in this kernel: it was restarted,")


def test_every_name_of_the_lessons_is_found(nb: Any, path: Path) -> None:
    book = nb(path)
    plain = {}
    for place in missing_names(path):
        error = run_only(book, place)
        book.inject("for _ in [n for n in globals() if not n.startswith('_') and n not in ('In', 'Out', 'exit', 'quit', 'open', "
                    "'get_ipython')]: del globals()[_]")
        if error is not None and error.ename == "NameError" and len(error.traceback) != 1:
            plain[place] = error.evalue
    assert plain == {}


@pytest.mark.parametrize(("sources", "place"), [
    ((SETUP, "runs = simulate(3)", "def mine():\n    return simulate(3)\n\n\nmine()"), 2),       # within a function of one's own
    ((SETUP, "simulat(3)"), 1),                                                                  # nobody makes that name
    ((SETUP, "x = y + 1\ny = 1"), 1),                                                            # made too late by the cell itself
    ((SETUP, "later + 1", "later = 1"), 1),                                                      # made below
    ((SETUP, "def one():\n    inner = 1\n\n\n", "inner"), 2),                                    # made within a function only
    ((SETUP, "x = 1", "def f():\n    print(x)\n    x = 2\n\n\nf()"), 2),                          # UnboundLocalError
    (("import json", "json.dumps(1)"), 1),                                                       # a notebook that is not the course's
])
def test_every_other_name_error_is_pythons(nb: Any, tmp_path: Path, sources: tuple[str, ...], place: int) -> None:
    error = run_only(nb(written(tmp_path, *sources)), place)
    assert error.ename in ("NameError", "UnboundLocalError") and len(error.traceback) > 1
    assert "isn't known in this kernel" not in "".join(error.traceback)


@pytest.mark.parametrize("cell", ["simulate(3)", "[simulate(n) for n in (1, 2)]", "runs = [n for n in simulate(3).events]"])
def test_wherever_in_the_cell_the_name_stands(nb: Any, tmp_path: Path, cell: str) -> None:
    assert run_only(nb(written(tmp_path, SETUP, cell)), 1).traceback == [sentence("simulate")]


def test_a_cell_that_was_edited_and_not_saved(nb: Any, tmp_path: Path) -> None:
    book = nb(written(tmp_path, SETUP, "simulate(...)"))
    book.notebook.cells[1].source = "simulate(3)"
    assert run_only(book, 1).traceback == [sentence("simulate")]


def test_an_export_of_it_fails_as_ever(tmp_path: Path) -> None:
    """The sentence is for people: nbconvert must still end with an error."""
    path = written(tmp_path, "simulate(3)", SETUP, "simulate(3)")
    run = subprocess.run([sys.executable, "-m", "nbconvert", "--execute", "--to", "notebook", "--stdout", str(path)],
                         capture_output=True, text=True, env=os.environ)
    assert run.returncode != 0 and run.stderr.rstrip().endswith(sentence("simulate"))


def test_the_notebook_that_is_named_counts_and_no_other(nb: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path, SETUP, "simulate(3)")
    own = tmp_path / "mine.ipynb"
    own.write_text(json.dumps(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("simulate(3)")])))
    monkeypatch.setenv("JPY_SESSION_NAME", str(own))
    assert len(run_only(nb(own), 0).traceback) > 1


def test_a_kernel_loads_nothing_more_for_it() -> None:
    code = ("import sys; import lesson_lib; before = set(sys.modules); import lesson_lib.jupyter.kernel\n"
            "more = set(sys.modules) - before - {'lesson_lib.jupyter', 'lesson_lib.jupyter.kernel'}\n"
            "assert more <= {'typing', 'collections.abc'}, more")
    subprocess.run([sys.executable, "-c", code], check=True)
