"""`python -m lesson_lib minutes`: how long a lesson takes, measured on its text, not wished.

The measure: 200 words a minute over everything that is shown (text, questions, options, the explanation of
the right one), 20 seconds to decide a question, 40 seconds for a picture, 3 minutes for a playground, 5
seconds for a code cell, 3 minutes to work on an exercise. The core is what a first reader works through;
sections under a heading "Going deeper" and exercises are counted apart. Headers, README and the page for
instructors say what comes out here; a test compares them.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from course_tools.publish.published import lessons
from course_tools.report.asked_calls import ASKS, calls
from lesson_lib.teach.content import Question, find

NOTEBOOKS = lessons()
WORD, QUESTION, PICTURE, PLAYGROUND, CELL, EXERCISE = 60 / 200, 20, 40, 180, 5, 180  # seconds
DEEPER = "Going deeper"
PICTURES = re.compile(r"\b(?:show|compare|reveal)\(")
PLAYED = re.compile(r"\b(?:playground|touch)\(")


@dataclass(frozen=True)
class LessonPart:
    """A part of a lesson, between two headings of the second level. Seconds, exercises apart."""

    heading: str
    cell: str
    core: float
    exercises: float

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
    core = CELL + sum(map(_to_answer, (item for item in asked if isinstance(item, Question))))
    core += PICTURE * len(PICTURES.findall(source)) + PLAYGROUND * len(PLAYED.findall(source))
    tasks = [item for item in asked if not isinstance(item, Question)]
    return (0.0 if tasks else core), sum(words(item.asked) * WORD + EXERCISE for item in tasks)


def _to_answer(item: Question) -> float:
    """Seconds to read a question, to decide, and to read why."""
    options = " ".join(option.text for option in item.options)
    return QUESTION + words(f"{item.text} {options} {item.explanation}") * WORD


def sections(path: Path) -> list[LessonPart]:
    """The parts of a lesson in its order; of what comes before the first heading only the seconds."""
    found: list[LessonPart] = []
    heading, name, core, exercises = "", "", 0.0, 0.0
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        new = cell["cell_type"] == "markdown" and re.search(r"^## (.*)$", "".join(cell["source"]),
                                                            re.MULTILINE)
        if new:
            found.append(LessonPart(heading, name, core, exercises))
            heading, name, core, exercises = new[1], cell["id"], 0.0, 0.0
        more = seconds_of(cell)
        core, exercises = core + more[0], exercises + more[1]
    return [*found, LessonPart(heading, name, core, exercises)]


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
    core = sum(part.core for part in parts if not part.deeper)
    deeper = sum(part.core + part.exercises for part in parts if part.deeper)
    return Minutes(*(round(seconds / 60) for seconds in
                     (core, deeper, sum(part.exercises for part in parts if not part.deeper))))


def with_minutes(path: Path) -> str:
    """The notebook's text with the measured minutes in its header."""
    return re.sub(r"(Lesson \d of \d · )about [^·]*( ·)", rf"\g<1>{minutes_of(path).words}\g<2>",
                  path.read_text(encoding="utf-8"), count=1)


def main(argv: list[str]) -> int:
    """Write the minutes into the headers, and print each part's."""
    for path in NOTEBOOKS:
        path.write_text(with_minutes(path), encoding="utf-8")
        print(f"{path.stem}: {minutes_of(path).words}")
        for part in sections(path)[1:]:
            print(f"  {part.core / 60:5.1f} {part.exercises / 60:5.1f}  {part.heading}")
    return 0
