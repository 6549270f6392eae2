"""The shape of a lesson: what a reader of the notebooks may rely on, in every one of them."""

from __future__ import annotations

import re
import statistics
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import nbformat
import pytest

from course_tools.report.asked_calls import calls
from lesson_lib.teach.content import Question, find, lesson_items

DEEPER = "deeper"
NOT_IN_CELLS = {"interact(": "hangs headless execution", "Output(": "hangs headless execution", "input(": "blocks Run All",
                "raises-exception": "hides a broken cell", "%matplotlib": "pictures come from lesson_lib.draw"}


@pytest.fixture
def notebook(path: Path) -> Any:
    """The notebook as it lies in the folder."""
    return nbformat.read(path, as_version=4)


def code_of(notebook: Any) -> list[str]:
    """Sources of the code cells."""
    return [c.source for c in notebook.cells if c.cell_type == "code"]


def prose_of(notebook: Any) -> list[str]:
    """Sources of the markdown cells."""
    return [c.source for c in notebook.cells if c.cell_type == "markdown"]


def lesson_of(path: Path) -> int:
    """The number in front of the name."""
    return int(path.name[:2])


def test_is_valid_and_for_any_python(notebook: Any) -> None:
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec.name == "python3"
    ids = Counter(c.id for c in notebook.cells)
    assert not [i for i, n in ids.items() if n > 1]


def test_is_committed_without_outputs(notebook: Any, path: Path) -> None:
    for cell in notebook.cells:
        assert not cell.get("outputs") and cell.get("execution_count") is None, cell.source
    assert "widgets" not in notebook.metadata
    assert path.stat().st_size < 100_000


def is_deeper(cell: Any) -> bool:
    """Whether a cell belongs to a section "Going deeper", which a first reader may leave out."""
    return DEEPER in cell.metadata.get("tags", [])


def test_has_the_size_of_a_lesson(notebook: Any, path: Path) -> None:
    """How long it takes is measured in words and questions; this is only about cells that fit a screen."""
    if lesson_of(path) == 0:
        pytest.skip("not a lesson")
    lines = [len([line for line in c.splitlines() if line.strip()]) for c in code_of(notebook)]
    assert 35 <= len([cell for cell in notebook.cells if not is_deeper(cell)]) <= 50
    assert max(lines) <= 14
    assert statistics.median(lines) <= 5


def test_goes_deeper_in_sections_that_are_folded(notebook: Any) -> None:
    """A section is deeper from its heading to its last cell; JupyterLab folds it, and what is in it still runs with Run All."""
    deeper = False
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and cell.source.startswith("## "):
            deeper = cell.source.startswith("## Going deeper: ")
            assert cell.metadata.get("jp-MarkdownHeadingCollapsed", False) is deeper, cell.source
        assert is_deeper(cell) is deeper, cell.id


def test_has_nothing_that_hangs(notebook: Any) -> None:
    for source in code_of(notebook):
        for text, why in NOT_IN_CELLS.items():
            assert not re.search(r"(?<![\w.])" + re.escape(text), source), f"{text} {why}: {source}"
    for cell in notebook.cells:
        assert "raises-exception" not in cell.metadata.get("tags", [])


def test_asks_all_of_its_lesson_and_nothing_else(notebook: Any, path: Path) -> None:
    asked = [c.item_id for c in calls(code_of(notebook)) if c.role in ("question", "observe", "exercise")]
    assert asked == [item.id for item in lesson_items(lesson_of(path))], "in the order of the notebook"


def test_asks_with_the_call_that_fits(notebook: Any) -> None:
    wanted = {"recall": "question", "choice": "question", "prediction": "question", "observation": "observe", "exercise": "exercise"}
    for call in calls(code_of(notebook)):
        if call.role in wanted.values():
            assert call.role == wanted[find(call.item_id).kind], call.item_id


def test_predicts_before_it_runs(notebook: Any) -> None:
    found = calls(code_of(notebook))
    for call in (c for c in found if c.role == "question" and find(c.item_id).kind == "prediction"):
        answers = [c.cell for c in found if c.item_id == call.item_id and c.role == "answer"]
        reveals = [c.cell for c in found if c.item_id == call.item_id and c.role == "reveal"]
        assert answers and reveals, f"{call.item_id} is asked and never {'revealed' if answers else 'answered'}"
        assert call.cell <= answers[0] < reveals[0], call.item_id


def test_every_item_can_be_answered(notebook: Any) -> None:
    found = calls(code_of(notebook))
    for call in (c for c in found if c.role in ("question", "observe", "exercise")):
        wanted = "answer" if isinstance(find(call.item_id), Question) else "check"
        assert any(c.role == wanted and c.item_id == call.item_id for c in found), call.item_id


def test_exercises_come_with_hint_and_solution(notebook: Any) -> None:
    text = "\n".join(code_of(notebook) + prose_of(notebook))
    exercises = [c for c in calls(code_of(notebook)) if c.role == "exercise"]
    assert not exercises or (".hint()" in text and ".solution()" in text)


def test_holds_no_answers(notebook: Any) -> None:
    """Only placeholders are committed, and solutions are only shown when asked for."""
    for source in code_of(notebook):
        assert not re.search(r'\.answer\("', source), source
    assert not [c for c in calls(code_of(notebook)) if c.role == "solution"]


def test_is_spelled(path: Path, tmp_path: Path, notebook: Any) -> None:
    text = tmp_path / f"{path.stem}.md"
    text.write_text("\n\n".join(c.source for c in notebook.cells), encoding="utf-8")
    found = subprocess.run([sys.executable, "-m", "codespell_lib", str(text)], capture_output=True, text=True)
    assert found.returncode == 0, found.stdout + found.stderr
