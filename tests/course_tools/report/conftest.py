"""Copies of lessons as learners hand them in, made from what the lessons ask."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from course_tools.report.checker import Checker
from course_tools.report.confined import no_wall
from lesson_lib.teach.content import Question, lesson_items
from tests.teach.wrong_answers import WRONG

SETUP = "from lesson_lib import exercise, observe, question, simulate"


class Copies:
    """Makes notebooks: `lesson(2, "right")` answers everything as its author does, `notebook(cells)` holds what it is given."""

    @staticmethod
    def notebook(*cells: str) -> dict[str, Any]:
        return {"cells": [{"cell_type": "code", "id": f"c{n}", "source": s, "metadata": {}, "outputs": [], "execution_count": None}
                          for n, s in enumerate((SETUP, *cells))], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}

    @classmethod
    def lesson(cls, number: int, how: str, *cells: str) -> dict[str, Any]:
        return cls.notebook(*(cls.cell(item, how) for item in lesson_items(number)), *cells)

    @staticmethod
    def cell(item: Any, how: str) -> str:
        """A cell that asks one thing and answers it: right, wrong or empty."""
        if isinstance(item, Question):
            right = item.truth(*item.runs())
            wrong = next(key for key in item.keys if key != right)
            answer = {"right": f'"{right}"', "wrong": f'"{wrong}"', "empty": "..."}[how]
            return f'asked = question("{item.id}")\nasked.answer({answer})'
        calls = {"right": str(item.right[0]), "wrong": str(WRONG[item.id][0]), "empty": "task.check(...)"}
        return f'task = exercise("{item.id}")\n{calls[how]}'

    @staticmethod
    def write(path: Path, notebook: dict[str, Any]) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(notebook))
        return path


@pytest.fixture(scope="session")
def copies() -> Copies:
    return Copies()


@pytest.fixture(scope="session")
def checker() -> Iterator[Checker]:
    """Judges without running; its judge goes on from test to test, as from copy to copy."""
    made = Checker()
    yield made
    made.close()


@pytest.fixture
def judged(checker: Checker) -> Callable[..., dict[str, Any]]:
    """Judge cells without running the copy; the results by item."""
    def judge(*cells: str, name: str = "copy") -> dict[str, Any]:
        report = checker.notebook(Copies.notebook(*cells), name)
        return {result.id: result for result in report.results}
    return judge


@pytest.fixture(scope="session")
def behind_a_wall() -> None:
    """For tests of what only the system's wall can hold back."""
    if why := no_wall():
        pytest.skip(why)
