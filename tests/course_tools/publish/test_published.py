"""Book, slides and site hold what was committed: nobody's outputs, answers or notes."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from course_tools.publish import execute, incidents
from course_tools.publish.book import make_book
from course_tools.publish.execute import executed
from course_tools.publish.published import NOTEBOOKS, as_published, lessons, published_files
from course_tools.publish.slides import make_slides


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


@pytest.mark.parametrize(("what", "make", "ending"), [("book", make_book, ".html"), ("slides", make_slides, ".slides.html")])
def test_a_page_of_an_earlier_build_goes_when_its_lesson_has_another_name(
        monkeypatch: pytest.MonkeyPatch, tmp_path: Path, what: str, make: Any, ending: str) -> None:
    """`make site` publishes the whole folder of the book, and search engines keep what they know."""
    lesson = new_notebook(cells=[new_markdown_cell("# 1 · A name")])
    for name in ("01-old.ipynb", "01-new.ipynb"):
        monkeypatch.setattr(execute, "run_all", lambda _, name=name: {NOTEBOOKS / name: lesson})
        execute.make_from_lessons(what, make, [str(tmp_path)])
        (tmp_path / "mine.html").write_text("somebody's own")
    assert not (tmp_path / f"01-old{ending}").exists()
    assert (tmp_path / f"01-new{ending}").is_file() and (tmp_path / "mine.html").is_file()
