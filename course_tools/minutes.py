"""`python -m lesson_lib minutes`: how long a lesson takes, measured on its text, not wished.

The measure: 200 words a minute over everything that is shown (text, questions, options, the explanation of
the right one), 20 seconds to decide a question, 40 seconds for a picture, 3 minutes for a playground, 5
seconds for a code cell, 3 minutes to work on an exercise. The core is what a first reader works through;
sections under a heading "Going deeper" and exercises are counted apart. Headers, README and the plans for a
room say what comes out here; a test compares them.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from course_tools.publish.published import FOR_INSTRUCTORS, heading, lessons
from course_tools.report.asked_calls import ASKS, calls
from lesson_lib.teach.content import Question, find

NOTEBOOKS = lessons()
PAGE = NOTEBOOKS[0].parent / FOR_INSTRUCTORS
WORD, QUESTION, PICTURE, PLAYGROUND, CELL, EXERCISE = 60 / 200, 20, 40, 180, 5, 180  # seconds
DEEPER = "Going deeper"
PICTURES = re.compile(r"\b(?:show|compare|reveal)\(")
PLAYED = re.compile(r"\b(?:playground|touch)\(")


@dataclass
class LessonPart:
    """A part of a lesson, between two headings of the second level. Seconds, exercises apart."""

    heading: str = ""
    cell: str = ""
    core: float = 0.0
    exercises: float = 0.0

    @property
    def deeper(self) -> bool:
        """Whether a first reader may leave it out."""
        return self.heading.startswith(DEEPER)


def words(text: str) -> int:
    """Words that a reader reads: a link counts with its label, a row of a table with its cells."""
    return len(re.findall(r"[\w'’.-]*\w", re.sub(r"\]\([^)]*\)|[`*#>|]", " ", text)))


def seconds_of(cell: dict[str, Any]) -> tuple[float, float]:
    """Seconds that a cell takes: what belongs to the lesson, and what belongs to its exercises."""
    source = "".join(cell["source"])
    if cell["cell_type"] == "markdown":
        return words(source) * WORD, 0.0
    asked = [find(call.item_id) for call in calls([source]) if call.role in ASKS]
    if tasks := [item for item in asked if not isinstance(item, Question)]:
        return 0.0, sum(words(item.asked) * WORD + EXERCISE for item in tasks)
    core = CELL + PICTURE * len(PICTURES.findall(source)) + PLAYGROUND * len(PLAYED.findall(source))
    for item in asked:  # to read it, to decide, and to read why
        options = " ".join(option.text for option in item.options)
        core += QUESTION + words(f"{item.text} {options} {item.explanation}") * WORD
    return core, 0.0


def sections(path: Path) -> list[LessonPart]:
    """The parts of a lesson in its order; of what comes before the first heading only the seconds."""
    parts = [LessonPart()]
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        new = re.search(r"^## (.*)$", "".join(cell["source"]), re.MULTILINE)
        if new and cell["cell_type"] == "markdown":
            parts.append(LessonPart(new[1], cell["id"]))
        core, exercises = seconds_of(cell)
        parts[-1].core += core
        parts[-1].exercises += exercises
    return parts


@dataclass(frozen=True)
class Minutes:
    """What the header of a lesson says, in whole minutes."""

    core: int
    deeper: int
    exercises: int

    @property
    def words(self) -> str:
        """As the header has it."""
        deeper = f" and {self.deeper} for *Going deeper*" if self.deeper else ""
        return f"about {self.core} minutes, plus {self.exercises} for the exercises{deeper}"


def minutes_of(path: Path) -> Minutes:
    """The measured minutes of a lesson."""
    parts = sections(path)
    first, deeper = ([part for part in parts if part.deeper == left_out] for left_out in (False, True))
    return Minutes(*(round(seconds / 60) for seconds in (
        sum(part.core for part in first), sum(part.core + part.exercises for part in deeper),
        sum(part.exercises for part in first))))


def with_minutes(path: Path) -> str:
    """The notebook's text with the measured minutes in its header."""
    return re.sub(r"(Lesson \d of \d · )about [^·]*( ·)", rf"\g<1>{minutes_of(path).words}\g<2>",
                  path.read_text(encoding="utf-8"), count=1)


# the page for instructors

PLAN = re.compile(r"(?<=^### )(\d+) minutes\n.*?(?=^##)", re.MULTILINE | re.DOTALL)
PLAN_ROW = re.compile(r"^\| (\d+) \| (?P<lesson>\d?) \| ?.*<!-- (?P<cells>[\w -]+) --> \|", re.MULTILINE)
MINUTES = re.compile(r"^\| (\d+) \|.*", re.MULTILINE)
PARTS = re.compile(r"(<!-- parts: (\d) -->\n)(?:Alone.*\n\n)?(?:\|.*\n)*")
TALK = "talk"


def with_plans(page: str) -> str:
    """The page for instructors with the measured minutes in its plans and in the parts of each lesson."""
    page = PLAN.sub(lambda found: _plan(found[0], int(found[1])), page)
    return PARTS.sub(lambda found: f"{found[1]}{_parts_table(NOTEBOOKS[int(found[2]) - 1])}\n", page)


def _plan(text: str, whole: int) -> str:
    """A plan of so many minutes: what its parts, its break and its buffer leave is for talk."""
    text = PLAN_ROW.sub(_plan_row, text)
    rows = (row for row in MINUTES.finditer(text) if f"<!-- {TALK} -->" not in row[0])
    left = whole - sum(int(row[1]) for row in rows)
    return re.sub(rf"^\| -?\d+ (\|.*<!-- {TALK} -->)", rf"| {left} \1", text, flags=re.MULTILINE)


def _plan_row(row: re.Match[str]) -> str:
    """A row with its minutes: of a whole lesson, or of the parts whose cells it names."""
    if row["cells"] == TALK:
        return row[0]
    path = NOTEBOOKS[int(row["lesson"]) - 1]
    if row["cells"] == "lesson":
        minutes, named = minutes_of(path).core, heading(json.loads(path.read_text(encoding="utf-8")))[4:]
    else:
        found = [next(part for part in sections(path) if part.cell == cell) for cell in row["cells"].split()]
        minutes = max(1, round(sum(part.core for part in found) / 60))
        named = "; ".join(part.heading for part in found)
    return f"| {minutes} | {row['lesson']} | {named} <!-- {row['cells']} --> |"


def _parts_table(path: Path) -> str:
    """The parts of one lesson, with minutes of core and exercises. Less than half a minute is left blank."""
    lines = ["| minutes | exercises | part |", "|---|---|---|"]
    for part in sections(path)[1:]:
        core, exercises = (round(seconds / 60) or "" for seconds in (part.core, part.exercises))
        lines.append(f"| {core} | {exercises} | {part.heading} |")
    return "\n".join([f"Alone: {minutes_of(path).words}.", "", *lines])


def main(argv: list[str]) -> int:
    """Write the minutes into the headers and the page for instructors, and print each part's."""
    PAGE.write_text(with_plans(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    for path in NOTEBOOKS:
        path.write_text(with_minutes(path), encoding="utf-8")
        print(f"{path.stem}: {minutes_of(path).words}")
        for part in sections(path)[1:]:
            print(f"  {part.core / 60:5.1f} {part.exercises / 60:5.1f}  {part.heading}")
    return 0
