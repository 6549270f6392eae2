"""A changed lesson_lib is recognised, an unchanged one is not accused."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from course_tools.report import fingerprint
from lesson_lib.teach import content
from lesson_lib.teach.content import Question
from lesson_lib.teach.lessons import lesson_02

LOAD = "import lesson_lib.explorer.explore, lesson_lib.teach; from lesson_lib.teach.content import all_items; all_items(); "


def elsewhere(change: str = "") -> dict[str, str]:
    """What another process holds, after a change."""
    code = f"{LOAD}{change}\nfrom course_tools.report import fingerprint; print(fingerprint.as_json())"
    return json.loads(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)


def test_another_process_holds_the_same() -> None:
    found = elsewhere()
    assert len(found) > 200 and fingerprint.changed(found) == []


@pytest.mark.parametrize(("change", "named"), [
    ("from lesson_lib.teach.content import Question; Question.truth = lambda *any: 'a'", "lesson_lib.teach.content.Question"),
    ("from lesson_lib.teach import content; content.find = lambda *any: None", "lesson_lib.teach.content.find"),
    ("from lesson_lib.teach.lessons import lesson_02 as l; object.__setattr__(l.ITEMS[0], 'options', l.ITEMS[0].options[::-1])",
     "lesson_lib.teach.lessons.lesson_02.ITEMS"),
    ("from lesson_lib.teach.tasks.puzzle import PuzzleTask; PuzzleTask.check = print", "lesson_lib.teach.tasks.puzzle.PuzzleTask"),
])
def test_a_change_is_named(change: str, named: str) -> None:
    assert named in fingerprint.changed(elsewhere(change))


def test_these_are_what_the_changes_name() -> None:
    assert callable(Question.truth) and callable(content.find) and lesson_02.ITEMS
