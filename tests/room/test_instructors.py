"""notebooks/for-instructors.md says what the lessons say: its answers, its cells and its minutes."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from course_tools import answers
from lesson_lib.teach.content import Question, all_items, find
from lesson_lib.teach.tasks.task import Task

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "notebooks" / "for-instructors.md").read_text(encoding="utf-8")
PLAN, ANSWERS = TEXT.split("\n## Answers\n")
LESSONS = sorted((ROOT / "notebooks").glob("0[1-9]-*.ipynb"))


def sections(path: Path) -> dict[str, str]:
    """Cell id -> heading, of each cell with a heading of the second level, in the order of the notebook."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    texts = {cell["id"]: "".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"}
    return {cell: found[1] for cell,
            text in texts.items() if (found := re.search(r"^## (.*)$", text, re.MULTILINE))}


def rows(heading: str) -> list[list[str]]:
    """The cells of the table rows below a heading, up to the next one."""
    part = re.split(r"^#{2,3} ", PLAN.split(f"### {heading}\n")[1], maxsplit=1, flags=re.MULTILINE)[0]
    lines = [line for line in part.splitlines() if re.match(r"\| (?!minutes|--)", line)]
    return [[cell.strip() for cell in line.removeprefix("|").removesuffix("|").split("|")] for line in lines]


def test_the_answers_are_those_of_the_lessons() -> None:
    assert answers.with_answers(TEXT) == TEXT, "run .venv/bin/python -m lesson_lib answers"


def test_a_letter_that_is_wrong_would_be_found() -> None:
    planted = TEXT.replace("| `2.lost-ack` | **b** ", "| `2.lost-ack` | **a** ")
    assert planted != TEXT == answers.with_answers(planted)


@pytest.mark.parametrize("item", all_items(), ids=lambda item: item.id)
def test_every_item_is_answered_with_its_reason(item: Question | Task) -> None:
    """Not by way of the tool that wrote the page."""
    if isinstance(item, Question):
        line = next(line for line in ANSWERS.splitlines() if line.startswith(f"| `{item.id}` |"))
        assert f"| **{item.truth(*item.runs())}** " in line
        assert item.explanation.replace("|", "\\|") in line
    else:
        after = ANSWERS.split(f"**`{item.id}`** ")[1]
        assert after.startswith(item.explanation)
        assert re.search(r"```python\n(.*?)```", after, re.DOTALL)[1].strip() == item.solution.strip()


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_the_parts_of_a_lesson_are_listed_in_its_order(path: Path) -> None:
    found = rows(f"Lesson {int(path.name[:2])}")
    assert [part for *_, part in found] == list(sections(path).values())
    assert sum(int(minutes or 0) for minutes, *_ in found) > 10


@pytest.mark.parametrize("minutes", [45, 90])
def test_a_plan_leaves_time_to_talk_and_names_parts_that_are_there(minutes: int) -> None:
    found = rows(f"{minutes} minutes")
    assert minutes / 2 < sum(int(n) for n, *_ in found) < minutes * 0.8
    for _, lesson, parts, _ in found:
        for cell in re.findall(r"l\d\d-[\w-]+", parts):
            assert sections(LESSONS[int(lesson) - 1])[cell] in parts


def test_the_long_plan_has_all_lessons_and_leaves_time() -> None:
    found = rows("180 minutes")
    assert [int(lesson) for _, lesson, _ in found] == [1, 2, 3, 4, 5, 6, 7]
    assert sum(int(minutes) for minutes, *_ in found) < 180 * 0.85


def test_every_item_that_the_plans_talk_about_exists() -> None:
    named = set(re.findall(r"`(\d\.[a-z0-9-]+)`", PLAN))
    assert len(named) > 15
    for item_id in named:
        assert find(item_id).id == item_id
