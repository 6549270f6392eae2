"""Every notebook reaches its end: with nothing answered, with right and wrong answers, and with every cell run twice."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from itertools import cycle
from pathlib import Path
from typing import Any

from course_tools.report.asked_calls import ANSWERS, ItemCall, answered, calls
from lesson_lib.draw.canvas import WIDTH
from lesson_lib.draw.picture import READABLE
from lesson_lib.teach.content import Question, find
from tests.notebooks.conftest import VIRTUAL
from tests.teach.wrong_answers import WRONG


def right_answer(call: ItemCall) -> str:
    """The call with the right answer, as a learner would write it."""
    item = find(call.item_id)
    if isinstance(item, Question):
        return f'{call.variable}.answer("{item.truth(*item.runs())}"{sure(item)})'
    return item.solution.replace("task.check", f"{call.variable}.check")


def wrong_answers() -> Callable[[ItemCall], str]:
    """Makes calls with a wrong answer; an exercise that is asked more than once gets another one each time."""
    pools: dict[str, Any] = {}

    def wrong_answer(call: ItemCall) -> str:
        item = find(call.item_id)
        if isinstance(item, Question):
            key = next(k for k in item.keys if k != item.truth(*item.runs()))
            return f'{call.variable}.answer("{key}"{sure(item)})'
        given = next(pools.setdefault(item.id, cycle(WRONG[item.id])))
        return str(given).replace("task.check", f"{call.variable}.check")
    return wrong_answer


def sure(item: Question) -> str:
    """Predictions come with a confidence."""
    return ", confidence=3" if item.kind == "prediction" else ""


def is_right(item_id: str, entry: dict[str, Any]) -> bool:
    """Whether what was kept of an answer is right."""
    item = find(item_id)
    return entry["answer"] == item.truth(*item.runs()) if isinstance(item, Question) else entry["outcome"] == "right"


def placeholder_calls(code: list[str]) -> list[ItemCall]:
    """Where the learner's answers go."""
    return [call for call in calls(code) if call.role in ANSWERS]


def test_reaches_the_end_with_nothing_answered(unanswered: Any) -> None:
    said = "\n".join(unanswered.texts())
    checks = [call for call in placeholder_calls(unanswered.code) if call.role == "check"]
    assert said.count("Not attempted yet.") == len(checks), "an unanswered question says nothing more"
    assert "Right." not in said and "Wrong." not in said
    assert not list(unanswered.progress.glob("answers*.json")), "nothing was answered, so nothing may be kept"


def test_figures_fit_a_cell(unanswered: Any, path: Path) -> None:
    """All but one: two clients with five requests in flight to two partitions. It is scrolled, its labels stay as large."""
    widths = [int(width) for width in re.findall(r'<img\b[^>]*\bwidth="(\d+)"', "".join(unanswered.texts("text/html")))]
    assert widths and sum(width * READABLE > WIDTH for width in widths) <= path.name.startswith("06")


def test_figures_have_words(unanswered: Any) -> None:
    images = re.findall(r"<img\b[^>]*>", "".join(unanswered.texts("text/html")))
    assert images or not placeholder_calls(unanswered.code)
    for image in images:
        alt = re.search(r'alt="([^"]*)"', image)
        assert alt and len(alt.group(1)) > 20, image[:200]
    assert len(unanswered.texts("image/png")) <= len(images), "a picture without an img element loses its words in an export"


def test_right_answers_are_called_right(nb: Any, path: Path) -> None:
    book = nb(path, **VIRTUAL)
    asked = placeholder_calls(book.code)
    book.code = answered(book.code, right_answer)
    said = "\n".join(book.run().texts())
    assert "Wrong." not in said, said[said.index("Wrong.") - 300:][:800]
    kept = json.loads((book.progress / "answers.json").read_text())["answers"]
    assert set(kept) == {call.item_id for call in asked}
    assert all(is_right(item_id, entries[-1]) for item_id, entries in kept.items())


def test_wrong_answers_are_told_what_the_run_shows(nb: Any, path: Path) -> None:
    book = nb(path, **VIRTUAL)
    asked = placeholder_calls(book.code)
    book.code = answered(book.code, wrong_answers())
    said = "\n".join(book.run().texts())
    for call in asked:
        item = find(call.item_id)
        if isinstance(item, Question):
            wrong = next(k for k in item.keys if k != item.truth(*item.runs()))
            assert item.option(wrong).contradiction(*item.runs()) in said, item.id
    assert said.count("Wrong.") >= len({c.item_id for c in asked})
    assert not re.search(r"Right\. (?!$)", said), "a wrong answer was called right"


def test_every_cell_can_be_run_twice(nb: Any, path: Path) -> None:
    book = nb(path)
    book.code = answered(book.code, right_answer)
    book.run(times=2)
    assert book.value("__import__('threading').active_count()") < 20
