"""At the moment of a question nothing below it gives its answer away: measured on a screen of 1440 by 900, in JupyterLab
(`test_lessons` asks before it runs a lesson).

A text gives an answer away when it has half of the words in which the question is answered (the right option and the explanation,
without what the question itself says), or when its cell carries the tag of a fact that the question's cell carries too. The cells below
are not run yet, so nothing but text stands between question and conclusion.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from course_tools.report.asked_calls import calls
from lesson_lib.teach.content import Question, find

SCREEN = {"width": 1440, "height": 900}
HALF = 0.5
COMMON = set("about again been does doesn from have into isn only that their them then there they this were what when "
             "which will with".split())
ASK = """async (id) => {
  const book = jupyterapp.shell.currentWidget.content;
  book.activeCellIndex = book.widgets.findIndex(cell => cell.model.sharedModel.id === id);
  await jupyterapp.commands.execute('notebook:run-cell');
  const cell = book.widgets[book.activeCellIndex];
  await new Promise(done => setTimeout(done, 150));
  cell.node.scrollIntoView({ block: 'start' });
  await new Promise(done => setTimeout(done, 150));
  return [...document.querySelectorAll('.jp-MarkdownOutput :is(p, li, td, h2, h3)')]
    .filter(e => { const box = e.getBoundingClientRect(); return box.top < innerHeight && box.bottom > 0 && box.height; })
    .filter(e => cell.node.compareDocumentPosition(e) & Node.DOCUMENT_POSITION_FOLLOWING && !cell.node.contains(e))
    .map(e => [book.widgets.find(one => one.node.contains(e)).model.sharedModel.id, e.innerText]);
}"""


def content(text: str) -> set[str]:
    """The words of a text that carry something."""
    return set(re.findall(r"[a-z0-9]{4,}", text.lower())) - COMMON


def gives_away(question: Question, text: str) -> bool:
    """Whether a text says half of what answers the question."""
    answer = content(f"{question.explanation} {_right(question)}") - content(question.text)
    return len(answer & content(text)) >= HALF * max(6, len(answer))


def _right(question: Question) -> str:
    return question.option(question.truth(*question.runs())).text


def same_facts(cells: list[dict[str, Any]], question: str, below: set[str]) -> set[str]:
    """The facts that the cell of a question shares with cells below it: who states one of them states the answer."""
    facts = {cell["id"]: {tag for tag in cell["metadata"].get("tags", []) if tag.startswith("fact:")} for cell in cells}
    return facts[question] & set().union(*(facts[cell] for cell in below))


def asked(path: Path) -> list[tuple[str, Question]]:
    """(Cell, question) of every question that comes before what answers it; recall asks about what was read."""
    cells = [cell for cell in json.loads(path.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]
    found = [(cell["id"], find(call.item_id)) for cell in cells
             for call in calls(["".join(cell["source"])]) if call.role == "question"]
    return [(cell, item) for cell, item in found if item.kind in ("prediction", "choice")]


def answers_in_sight(page: Any, path: Path) -> dict[str, str]:
    """By question, the text below it that gives its answer away. Runs the questions of a lesson that was just opened."""
    page.set_viewport_size(SCREEN)
    page.evaluate(ASK, f"l{path.name[:2]}-setup")
    seen = {cell: page.evaluate(ASK, cell) for cell, _ in asked(path)}
    assert any(seen.values()), "something stands below a question"
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    below = {cell: " ".join(text for _, text in found) for cell, found in seen.items()}
    return {question.id: below[cell] for cell, question in asked(path)
            if gives_away(question, below[cell]) or same_facts(cells, cell, {owner for owner, _ in seen[cell]})}


def test_a_conclusion_below_its_question_is_found() -> None:
    question = find("1.acks-0")
    assert isinstance(question, Question)
    assert gives_away(question, question.explanation)
    assert not gives_away(question, "The same lost request. Over TCP a message is lost when its connection drops.")


def test_a_cell_below_that_states_the_questions_fact_is_found() -> None:
    cells = [{"id": name, "metadata": {"tags": tags}} for name, tags in (("asks", ["fact:a", "deeper"]), ("states", ["fact:a"]),
                                                                         ("other", ["fact:b", "deeper"]))]
    assert same_facts(cells, "asks", {"states", "other"}) == {"fact:a"}
    assert same_facts(cells, "asks", {"other"}) == set()
