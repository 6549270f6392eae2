"""`python -m lesson_lib answers`: every letter, solution and reason, in a file that nobody commits.

Which option is right is found by making the runs, as in the notebooks, so the file can't say anything else
than they do. Each solution is one of several.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from nbconvert.filters import markdown2html

from course_tools.command_line import write
from course_tools.minutes import NOTEBOOKS
from course_tools.page import html_page
from course_tools.publish import published
from lesson_lib.teach.content import Question, lesson_items
from lesson_lib.teach.lessons.concept_questions import CONCEPTS
from lesson_lib.teach.tasks.task import Task

FILE = published.ROOT / "build" / "answers.md"
TITLE = "Answers"
ABOUT = ("The letters, the solutions and the reasons, from the lessons' own content. Which option is right "
         "was found by making the runs. Each solution is one of several.")
HEAD = "| item | right | why | the idea behind each wrong answer |\n|---|---|---|---|\n"


def answers() -> str:
    """All of it as Markdown."""
    return "\n".join([f"# {TITLE}", "", ABOUT, "", *map(lesson, NOTEBOOKS), forms()])


def forms() -> str:
    """The twelve questions before lesson 1 and the twelve after lesson 7."""
    asked = "".join(map(row, (*(c.before for c in CONCEPTS), *(c.after for c in CONCEPTS))))
    return f"## The forms before lesson 1 and after lesson 7\n\n{HEAD}{asked}"


def lesson(path: Path) -> str:
    """The answers of the notebook at `path`."""
    items = lesson_items(int(path.name[:2]))
    rows = "".join(row(item) for item in items if isinstance(item, Question))
    tasks = "\n".join(task(item) for item in items if isinstance(item, Task))
    title = published.heading(json.loads(path.read_text(encoding="utf-8")))
    return f"## {title}\n\n{HEAD}{rows}\n{tasks}"


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


def main(argv: list[str]) -> int:
    """Write them and say where. LessonError where that can't be done."""
    parser = argparse.ArgumentParser("python -m lesson_lib answers", description=__doc__.partition("\n")[0])
    parser.add_argument("file", nargs="?", type=Path, default=FILE, help="default: build/answers.md")
    parser.add_argument("--html", action="store_true", help="as a page, which ends in .html")
    arguments = parser.parse_args(argv)
    file = arguments.file.with_suffix(".html") if arguments.html else arguments.file
    text = answers()
    FILE.parent.mkdir(exist_ok=True)
    write(file, html_page(TITLE, markdown2html(text.partition("\n")[2])) if arguments.html else text)
    print(f"The answers are in {file}.")
    return 0
