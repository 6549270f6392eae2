"""`python -m lesson_lib answers`: what notebooks/for-instructors.md says of the lessons, answers and minutes.

Also the parts of each lesson and of the plans, with their measured minutes. For maintainers, after a lesson
was changed. Which option is right is found by making the runs, as in the notebooks, so the page can't say
anything else than they do.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from course_tools.minutes import NOTEBOOKS, LessonPart, minutes_of, sections
from course_tools.publish import published
from lesson_lib.teach.content import Question, lesson_items
from lesson_lib.teach.tasks.task import Task

PAGE = published.NOTEBOOKS / published.FOR_INSTRUCTORS
BEGIN, END = "<!-- answers: course_tools/answers.py writes from here -->", "<!-- answers: to here -->"
HEAD = "| item | right | why | the idea behind each wrong answer |\n|---|---|---|---|\n"


def answers() -> str:
    """The section, from the content of all lessons."""
    return "\n".join(lesson(path) for path in NOTEBOOKS)


def lesson(path: Path) -> str:
    """The answers of the notebook at `path`."""
    items = lesson_items(int(path.name[:2]))
    rows = "".join(row(item) for item in items if isinstance(item, Question))
    tasks = "\n".join(task(item) for item in items if isinstance(item, Task))
    return f"### Answers: {title(path)}\n\n{HEAD}{rows}\n{tasks}"


def title(path: Path) -> str:
    """The first heading of a notebook."""
    return published.heading(json.loads(path.read_text(encoding="utf-8")))


def row(question: Question) -> str:
    """One question: its right option and letter, the reason, and the ideas behind the other options."""
    runs = question.runs()
    right = question.truth(*runs)
    others = [f"{key}: {question.option(key).misconception}" for key in question.keys if key != right]
    cells = (f"`{question.id}`", f"**{right}** {question.option(right).text}", question.explanation,
             "; ".join(others))
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |\n"


def task(exercise: Task) -> str:
    """One exercise: a cell that passes, and the reason."""
    code = "\n".join(line.rstrip() for line in exercise.solution.splitlines())
    return f"**`{exercise.id}`** {exercise.explanation}\n\n```python\n{code}\n```\n"


def parts() -> dict[str, LessonPart]:
    """Cell id -> part that begins with it, of all lessons."""
    return {part.cell: part for path in NOTEBOOKS for part in sections(path) if part.cell}


def plan_row(row: re.Match[str]) -> str:
    """A row of a plan, with the headings of the parts whose cells it names and their measured minutes."""
    found = [parts()[name] for name in row["cells"].split()]
    minutes = max(1, round(sum(part.core for part in found) / 60))
    named = "; ".join(part.heading for part in found)
    return f"| {minutes} | {row['lesson']} | {named} <!-- {row['cells']} --> | {row['why']} |"


def parts_table(number: int) -> str:
    """The parts of one lesson, with minutes of core and exercises. Less than half a minute is left blank."""
    lines = ["| minutes | exercises | part |", "|---|---|---|"]
    for part in sections(NOTEBOOKS[number - 1])[1:]:
        core, exercises = (round(seconds / 60) or "" for seconds in (part.core, part.exercises))
        lines.append(f"| {core} | {exercises} | {part.heading} |")
    return "\n".join([f"Alone: {minutes_of(NOTEBOOKS[number - 1]).words}.", "", *lines])


def lessons_table() -> str:
    """All lessons with the minutes of their core."""
    rows = [f"| {minutes_of(path).core} | {int(path.name[:2])} | {title(path)[4:]} |" for path in NOTEBOOKS]
    return "\n".join(["| minutes | lesson | |", "|---|---|---|", *rows])


PLAN_ROW = re.compile(r"^\| \d+ \| (?P<lesson>\d) \|.*<!-- (?P<cells>[\w -]+) --> \| (?P<why>.*) \|$",
                      re.MULTILINE)
PARTS = re.compile(r"(<!-- parts: (\d) -->\n)(?:Alone.*\n\n)?(?:\|.*\n)*")
LESSONS = re.compile(r"(<!-- lessons -->\n)(?:\|.*\n)*")


def with_answers(page: str) -> str:
    """The page with fresh answers and minutes. ValueError where the marks of the answers are missing."""
    before, rest = page.split(BEGIN)
    before = PLAN_ROW.sub(plan_row, before)
    before = PARTS.sub(lambda m: f"{m[1]}{parts_table(int(m[2]))}\n", before)
    before = LESSONS.sub(lambda m: f"{m[1]}{lessons_table()}\n", before)
    return f"{before}{BEGIN}\n\n{answers()}\n{END}{rest.split(END)[1]}"


def main(argv: list[str]) -> int:
    """Write the page anew."""
    PAGE.write_text(with_answers(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    return 0
