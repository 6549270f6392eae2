"""What instructors read says what the lessons say: the answers, and the plans with their cells and minutes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from course_tools import answers, minutes
from lesson_lib.teach.content import Question, all_items, find
from lesson_lib.teach.lessons.concept_questions import CONCEPTS, FORMS
from lesson_lib.teach.tasks.task import Task

ROOT = Path(__file__).resolve().parents[2]
PLAN = (ROOT / "notebooks" / "for-instructors.md").read_text(encoding="utf-8")
ANSWERS = answers.answers()
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
    lines = [line for line in part.splitlines() if re.match(r"\| (?!minutes|--|\*\*)", line)]
    return [[cell.strip() for cell in line.removeprefix("|").removesuffix("|").split("|")] for line in lines]


def test_the_minutes_are_those_of_the_lessons() -> None:
    assert minutes.with_plans(PLAN) == PLAN, "run .venv/bin/python -m lesson_lib minutes"


@pytest.mark.parametrize(("row", "planted"), [
    ("| 13 | 2 | First, the request", "| 14 | 2 | First, the request"), ("Two coffees; ", "Three coffees; "),
    ("| 22 | 2 | One lost ack", "| 22 | 2 | Two lost acks")])
def test_a_row_that_is_wrong_would_be_found(row: str, planted: str) -> None:
    assert PLAN.count(row) >= 1
    assert PLAN.replace(row, planted) != PLAN == minutes.with_plans(PLAN.replace(row, planted))


def test_the_answers_are_written_where_nobody_commits_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert answers.main([str(tmp_path / "mine.md")]) == 0 == answers.main([str(tmp_path / "mine.md"), "--html"])
    assert (tmp_path / "mine.md").read_text(encoding="utf-8") == ANSWERS
    page = (tmp_path / "mine.html").read_text(encoding="utf-8")
    assert page.count("<table>") == ANSWERS.count("\n## ") == 8
    assert page.count("<h1>") == 1 and "<code>2.lost-ack</code>" in page and "<pre>" in page
    assert all(f"<code>{form}.{concept.id}</code>" in page for concept in CONCEPTS for form in FORMS)
    assert str(tmp_path / "mine.html") in capsys.readouterr().out
    assert "build/" in (ROOT / ".gitignore").read_text(encoding="utf-8")


def test_no_answer_lies_beside_the_lessons() -> None:
    """No sentence that tells why an option is right, and no solution, is in a text beside the notebooks."""
    texts = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "notebooks").glob("*.md"))
    spelled = [item.explanation if isinstance(item, Question) else item.solution for item in all_items()]
    assert [words for words in spelled if len(words) > 30 and words.strip() in texts] == []


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


@pytest.mark.parametrize("whole", [45, 90, 180])
def test_a_plan_adds_up_with_a_break_a_buffer_and_time_to_talk(whole: int) -> None:
    found = {cells[2].partition(" <")[0] or cells[3]: int(cells[0]) for cells in rows(f"{whole} minutes")}
    assert sum(found.values()) == whole and f"| **{whole}** | | Sum | |" in PLAN
    assert found["Break"] >= 2 and found["Buffer"] >= whole / 20 and found["Votes and talk"] >= 5


@pytest.mark.parametrize("whole", [45, 90])
def test_a_plan_names_parts_that_are_there_and_have_slides(whole: int) -> None:
    named = [(lesson, parts) for _, lesson, parts, _ in rows(f"{whole} minutes") if lesson]
    assert len(named) > 4
    for lesson, parts in named:
        for cell in re.findall(r"l\d\d-[\w-]+", parts):
            heading = sections(LESSONS[int(lesson) - 1])[cell]
            assert heading in parts and not heading.startswith("Going deeper")


RUN = """import contextlib, io, json, sys
space = {}
for cell, source in json.load(sys.stdin):
    with contextlib.redirect_stdout(io.StringIO()):
        exec(compile(source, cell, "exec"), space)
"""


def plan_cells(path: Path, parts: set[str], lab: bool) -> list[tuple[str, str]]:
    """Id and source: the first code cell, those of the parts, and if wanted the one that starts the lab."""
    found, inside = [], False
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        source = "".join(cell["source"])
        if re.search("^## ", source, re.MULTILINE) and cell["cell_type"] == "markdown":
            inside = cell["id"] in parts
        if cell["cell_type"] == "code" and (inside or not found or lab and re.search(r"^lab = start_lab\(", source, re.MULTILINE)):
            found.append((cell["id"], source))
    return found


@pytest.mark.parametrize(("whole", "lesson"), [(whole, lesson) for whole in (45, 90) for lesson in range(1, 7)
                                               if any(cells[1] == str(lesson) for cells in rows(f"{whole} minutes"))])
def test_the_parts_of_a_plan_run_by_themselves(whole: int, lesson: int, tmp_path: Path) -> None:
    """With the cells that the page names, and no others."""
    parts = {cell for cells in rows(f"{whole} minutes") if cells[1] == str(lesson) for cell in re.findall(r"l\d\d-[\w-]+", cells[2])}
    named = re.search(r"The 90 minutes leave its section out(.*?)\n- ", PLAN, re.DOTALL)[1]
    cells = plan_cells(LESSONS[lesson - 1], parts, whole == 90 and bool(re.search(rf"lessons? {lesson}\b|and {lesson}\b", named)))
    done = subprocess.run([sys.executable, "-c", RUN], input=json.dumps(cells), capture_output=True, text=True, cwd=ROOT,
                          env={**os.environ, "LESSON_WORLD": "virtual", "KAFKA_BOOTSTRAP_SERVERS": "", "LESSON_PROGRESS": str(tmp_path)})
    assert done.returncode == 0, done.stderr
    known = {heading for path in LESSONS for heading in sections(path).values()}
    assert set(re.findall(r"\*([^*]+)\*", " ".join(named.split()))) <= known


def test_the_long_plan_has_all_lessons() -> None:
    assert [int(lesson) for _, lesson, *_ in rows("180 minutes") if lesson] == [1, 2, 3, 4, 5, 6, 7]


def test_every_item_that_the_plans_talk_about_exists() -> None:
    named = set(re.findall(r"`(\d\.[a-z0-9-]+)`", PLAN))
    assert len(named) > 15
    for item_id in named:
        assert find(item_id).id == item_id
