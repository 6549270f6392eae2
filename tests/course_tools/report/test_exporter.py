"""nbconvert finds the report by its name, and its exit status says what was found."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from nbconvert.nbconvertapp import NbConvertApp

from course_tools.report import command, exporter
from course_tools.report.checker import Checker


def nbconvert(*arguments: Any) -> int:
    """The command in this process: its exit status."""
    NbConvertApp.clear_instance()
    try:
        NbConvertApp.launch_instance(["--to", "lesson-report", *map(str, arguments)])
    except SystemExit as end:
        return int(end.code or 0)
    finally:
        NbConvertApp.clear_instance()
    return 0


@pytest.fixture(autouse=True)
def one_judge(checker: Checker, monkeypatch: pytest.MonkeyPatch) -> None:
    """A judge for all of these tests: only a report that runs copies has one of its own."""
    monkeypatch.setattr(exporter, "Checker", lambda execute: Checker(execute=execute) if execute else checker)


@pytest.fixture
def books(copies: Any, tmp_path: Path) -> dict[str, Path]:
    made = {how: copies.write(tmp_path / f"{how}.ipynb", copies.lesson(1, how)) for how in ("right", "wrong", "empty")}
    made["error"] = copies.write(tmp_path / "error.ipynb", copies.lesson(1, "right", "1 / 0"))
    made["broken"] = tmp_path / "broken.ipynb"
    made["broken"].write_text("{")
    return made


def test_writes_markdown_beside_the_notebook(books: dict[str, Path]) -> None:
    command_line = [sys.executable, "-m", "nbconvert", "--to", "lesson-report", str(books["right"])]
    assert subprocess.run(command_line, capture_output=True).returncode == 0
    assert "0 wrong" in books["right"].with_suffix(".report.md").read_text()


def test_a_file_that_is_no_notebook_stops_nothing(books: dict[str, Path], tmp_path: Path) -> None:
    found = tmp_path / "all.json"
    assert nbconvert(books["broken"], books["right"], f"--LessonReportExporter.json={found}",
                     f"--LessonReportExporter.junit={tmp_path / 'all.xml'}") == 1
    assert [len(report["errors"]) for report in json.loads(found.read_text())["reports"]] == [1, 0]
    assert "isn't a notebook" in books["broken"].with_suffix(".report.md").read_text()
    assert (tmp_path / "all.xml").read_text().count("<testsuite ") == 2


def test_execute_runs_the_copies_and_errors_make_the_status(books: dict[str, Path]) -> None:
    assert nbconvert(books["error"]) == 0, "without --execute nothing is run"
    assert nbconvert("--execute", books["error"], books["right"]) == 1
    assert "ZeroDivisionError" in books["error"].with_suffix(".report.md").read_text()


def test_strict_asks_for_everything(books: dict[str, Path]) -> None:
    strict = "--LessonReportExporter.strict=True"
    assert [nbconvert(books[how]) for how in ("wrong", "empty")] == [0, 0]
    assert [nbconvert(strict, books[how]) for how in ("right", "wrong", "empty")] == [0, 1, 1]


def test_the_command_says_the_same(books: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--no-execute", "--strict", str(books["right"])]) == 0
    assert command.main(["--no-execute", "--strict", str(books["wrong"])]) == 1
    assert "# right" in capsys.readouterr().out


def test_answers_given_with_the_controls_count_where_no_cell_answers(books: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    folder = books["empty"].parent / ".progress"
    folder.mkdir()
    (folder / "answers.json").write_text('{"version": 1, "answers": {"1.offsets": [{"answer": "b", "outcome": "right", "confidence": 2}]}}')
    command.main(["--no-execute", str(books["empty"])])
    assert "| 1.offsets | prediction | right | `b`, fairly sure |" in capsys.readouterr().out
