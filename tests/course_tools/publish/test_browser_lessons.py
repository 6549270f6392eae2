"""What stands in for the lab in a web page, tried in an ordinary kernel from which everything that a browser lacks is taken away."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbconvert.preprocessors import ExecutePreprocessor

from course_tools.publish.execute import lessons
from lesson_lib.jupyter.browser import LEFT_OUT, NO_LAB

WEB_PAGE = """import sys
for name in ("matplotlib", "crc32c", "yaml", "fcntl"):
    sys.modules[name] = None
import lesson_lib
lesson_lib._HOMES["start_lab"] = "jupyter.browser"
"""


def run(cells: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The code cells after a run as in a web page; a cell that raises is a failure."""
    monkeypatch.setenv("LESSON_PROGRESS", str(folder / "progress"))
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in (WEB_PAGE, *cells)])
    runner = ExecutePreprocessor(timeout=120, store_widget_state=False, shutdown_kernel="immediate")
    runner.preprocess(notebook, {"metadata": {"path": str(folder)}})
    return notebook.cells[1:]


def printed(cell: Any) -> str:
    return "".join(output.text for output in cell.outputs if output.output_type == "stream" and output.name == "stdout")


def reading_lab(sources: list[str]) -> list[str]:
    """The cells that read the lab or what was made with it, found from the text alone."""
    made, found = {"start_lab"}, []
    for source in sources:
        names = [n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Name)]
        written = {n.id for n in names if isinstance(n.ctx, ast.Store)} | set(re.findall(r"\bdef (\w+)", source))
        live = any(n.id in made for n in names if isinstance(n.ctx, ast.Load))
        made = made | written if live else made - written
        found += [source] * live
    return found


@pytest.mark.parametrize("path", lessons(), ids=lambda path: path.stem)
def test_every_lesson_reaches_its_end_and_what_is_simulated_is_run(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sources = [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    cells = run(sources, tmp_path, monkeypatch)
    said = [printed(cell).strip() for cell in cells]
    assert said.count(NO_LAB) == 1
    assert any("data:image/svg+xml" in str(cell.outputs) for cell in cells), "a lesson without a picture"
    left_out = [cell.source for cell, words in zip(cells, said, strict=True) if words == LEFT_OUT]
    assert left_out and all("simulate(" not in source for source in left_out)
    live = reading_lab(sources)
    assert [source for source, words in zip(sources, said, strict=True) if (words in (NO_LAB, LEFT_OUT)) != (source in live)] == []
    for cell, words in zip(cells, said, strict=True):
        assert words in (NO_LAB, LEFT_OUT) or "Left out" not in str(cell.outputs)
        if "simulate(" in cell.source and re.search(r"\b(show|reveal|compare)\(", cell.source):
            assert "data:image/svg+xml" in str(cell.outputs), cell.source


def test_what_a_left_out_cell_makes_is_absent_until_it_is_made_otherwise(tmp_path: Path,
                                                                                   monkeypatch: pytest.MonkeyPatch) -> None:
    cells = run(["from lesson_lib import simulate, start_lab", "lab = start_lab()\ntopic = lab.topic('x')",
                 "with lab.producer() as p:\n    sent = p.send(topic, b'm')\ndef again():\n    return lab", "again()", "sent",
                 "topic = 'mine'", "print(topic)", "print(len(simulate(2).attempts))", "lab"], tmp_path, monkeypatch)
    assert [printed(cell).strip() for cell in cells] == ["", NO_LAB, LEFT_OUT, LEFT_OUT, LEFT_OUT, "", "mine", "2", LEFT_OUT]


def test_elsewhere_the_lab_is_the_lab() -> None:
    import lesson_lib
    assert lesson_lib.start_lab.__module__ == "lesson_lib.lab.lab"
