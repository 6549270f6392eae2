"""Book, slides and site hold what was committed: nobody's outputs, answers or notes."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell

from course_tools.publish import incidents
from course_tools.publish.execute import executed
from course_tools.publish.published import as_published, lessons, published_files


def test_what_was_committed_is_published(own_work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert [path.name for path in published_files(own_work)] == ["02-one.ipynb", "a.svg"]
    assert b"SECRET" not in as_published(own_work / "02-one.ipynb")
    assert "02-one.ipynb differs from the last commit" in capsys.readouterr().out


def test_a_lesson_of_ones_own_and_an_edited_page_stay_at_home(own_work: Path) -> None:
    page = own_work / "about.md"
    page.write_text("# About\n")
    subprocess.run(["git", "add", page.name], cwd=own_work, check=True)
    subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "a page"], cwd=own_work, check=True)
    page.write_text("# About\nSECRET\n")
    shutil.copy(own_work / "02-one.ipynb", own_work / "02-one-copy.ipynb")
    assert [path.name for path in lessons(own_work)] == ["02-one.ipynb"]
    assert incidents.read(page) == "# About\n"


def test_the_committed_lesson_is_run_for_a_book(own_work: Path) -> None:
    path = own_work / "02-one.ipynb"
    subprocess.run(["git", "checkout", "-q", path.name], cwd=own_work, check=True)
    book = nbformat.read(path, as_version=4)
    book.cells = [new_code_cell("print('committed')")]
    nbformat.write(book, path)
    subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qam", "shorter"], cwd=own_work, check=True)
    book.cells[0].source = "print('SECRET')"
    nbformat.write(book, path)
    assert executed(path).cells[0].outputs[0].text == "committed\n"


def test_without_git_outputs_and_answers_are_taken_out(own_work: Path) -> None:
    shutil.rmtree(own_work.parent / "notebooks" / ".git")
    notebook = nbformat.reads(as_published(own_work / "02-one.ipynb").decode(), as_version=4)
    assert notebook.cells[0].source == 'asked = question("2.lost-ack")\nasked.answer(...)'
    assert not notebook.cells[0].outputs and notebook.cells[0].execution_count is None
    assert [path.name for path in published_files(own_work)] == ["02-one.ipynb", "a.svg", "notes.ipynb"]
