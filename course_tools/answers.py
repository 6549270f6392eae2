"""Write the answers in notebooks/for-instructors.md: every question and exercise of every lesson, with its reason.

Also the names of a lesson's parts in its minute plan. For maintainers, after a lesson was changed. Which option is right is
found by making the runs, as in the notebooks, so the page cannot say anything else than they do; tests/room holds the two together.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from lesson_lib.teach.content import Question, lesson_items
from lesson_lib.teach.tasks.task import Task

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "notebooks" / "for-instructors.md"
BEGIN, END = "<!-- answers: course_tools/answers.py writes from here -->", "<!-- answers: to here -->"
HEAD = "| item | right | why | who chose another one may believe |\n|---|---|---|---|\n"


def answers() -> str:
    """The section, from the content of all lessons."""
    return "\n".join(lesson(path) for path in sorted((ROOT / "notebooks").glob("0[1-9]-*.ipynb")))


def lesson(path: Path) -> str:
    """The answers of the notebook at `path`."""
    items = lesson_items(int(path.name[:2]))
    title = json.loads(path.read_text(encoding="utf-8"))["cells"][0]["source"]
    title = "".join(title).splitlines()[0].removeprefix("# ")
    rows = "".join(row(item) for item in items if isinstance(item, Question))
    return f"### Answers: {title}\n\n{HEAD}{rows}\n" + "\n".join(task(item) for item in items if isinstance(item, Task))


def row(question: Question) -> str:
    """One question: its right option and letter, the reason, and the ideas behind the other options."""
    runs = question.runs()
    right = question.truth(*runs)
    others = [f"{key}: {question.option(key).misconception}" for key in question.keys if key != right]
    cells = (f"`{question.id}`", f"**{right}** {question.option(right).text}", question.explanation, "; ".join(others))
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |\n"


def task(exercise: Task) -> str:
    """One exercise: a cell that passes, and the reason."""
    code = "\n".join(line.rstrip() for line in exercise.solution.splitlines())
    return f"**`{exercise.id}`** {exercise.explanation}\n\n```python\n{code}\n```\n"


def parts() -> dict[str, str]:
    """Cell id -> heading of the second level, of all lessons."""
    cells = [cell for path in sorted((ROOT / "notebooks").glob("0[1-9]-*.ipynb"))
             for cell in json.loads(path.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "markdown"]
    found = ((cell["id"], re.search(r"^## (.*)$", "".join(cell["source"]), re.MULTILINE)) for cell in cells)
    return {name: heading[1] for name, heading in found if heading}


def with_answers(page: str) -> str:
    """The page with a fresh section. ValueError where the two marks are missing."""
    before, rest = page.split(BEGIN)
    names = parts()
    before = re.sub(r"^(\| \d+ \| `([\w-]+)` \| ).* \|$", lambda m: f"{m[1]}{names.get(m[2], '?')} |", before, flags=re.MULTILINE)
    return f"{before}{BEGIN}\n\n{answers()}\n{END}{rest.split(END)[1]}"


if __name__ == "__main__":
    PAGE.write_text(with_answers(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
