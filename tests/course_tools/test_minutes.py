"""The minutes that a lesson promises are those that its text takes."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from course_tools.minutes import (
    CELL,
    NOTEBOOKS,
    PICTURE,
    PLAYGROUND,
    QUESTION,
    minutes_of,
    seconds_of,
    sections,
    with_minutes,
    words,
)


def code(source: str) -> dict[str, object]:
    """A code cell."""
    return {"cell_type": "code", "id": "x", "source": [source]}


def text(source: str) -> dict[str, object]:
    """A text cell."""
    return {"cell_type": "markdown", "id": "y", "source": [source]}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_header_says_what_is_measured(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == with_minutes(path), "run .venv/bin/python -m lesson_lib minutes"


@pytest.mark.parametrize(("source", "count"), [
    ("one two, three.", 3), ("`in_flight` isn't **bold**", 3), ("[label](a-link.ipynb) here", 2), ("| a | b |", 2), ("", 0)])
def test_words_are_what_is_read(source: str, count: int) -> None:
    assert words(source) == count


def test_what_each_kind_of_cell_takes() -> None:
    assert seconds_of(text("word " * 200)) == (60.0, 0.0)
    assert seconds_of(code("x = 1")) == (CELL, 0.0)
    assert seconds_of(code("show(run)")) == (CELL + PICTURE, 0.0)
    assert seconds_of(code("ground = playground(3)")) == (CELL + PLAYGROUND, 0.0)
    core, exercises = seconds_of(code('q = question("1.offsets")'))
    assert core > CELL + QUESTION + 10 and exercises == 0
    core, exercises = seconds_of(code('task = exercise("1.last-offset")'))
    assert core == 0 and exercises > 180


def test_exercises_and_what_goes_deeper_are_counted_apart(tmp_path: Path) -> None:
    cells = [text("# Lesson 1 of 7 \u00b7 about 9 minutes \u00b7 x"), text("## Core\n" + "word " * 399), code('exercise("1.last-offset")'),
             text("## Going deeper: x\n" + "word " * 600)]
    path = tmp_path / "01-x.ipynb"
    path.write_text(json.dumps({"cells": cells}, ensure_ascii=False), encoding="utf-8")
    found = minutes_of(path)
    assert (found.core, found.deeper, found.exercises) == (2, 3, 3)
    assert [part.heading for part in sections(path)] == ["", "Core", "Going deeper: x"]
    assert re.search(r"about 2 minutes, plus 3 for the exercises and 3 for \*Going deeper\* \u00b7 x", with_minutes(path))


def test_the_readme_says_about_how_long_a_lesson_is() -> None:
    said = re.search(r"^About (\d+) minutes each", (NOTEBOOKS[0].parents[1] / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    measured = [minutes_of(path).core for path in NOTEBOOKS]
    assert int(said[1]) == 5 * round(sum(measured) / len(measured) / 5)
