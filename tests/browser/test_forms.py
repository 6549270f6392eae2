"""The twelve questions before and after the course, in a real JupyterLab by keyboard, and on a page without a kernel."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from lesson_lib.teach.concepts import ConceptForm, question_of, right_keys
from lesson_lib.teach.lessons.concept_questions import CONCEPTS
from tests.browser.conftest import Opener, Server
from tests.browser.jupyterlab import IDLE, run_all, write_notebook

pytestmark = pytest.mark.browser
LAPTOP = {"width": 1366, "height": 768}
FORMS = ("from lesson_lib import afterwards, before\nbefore()", "afterwards()")
expect.set_options(timeout=30_000)  # a busy machine
CELLS = "jupyterapp.shell.currentWidget.content.widgets.length"


def kept(server: Server) -> dict[str, str]:
    """First answers in the learner's file, by question."""
    path = server.folder / "progress" / "answers.json"
    found = json.loads(path.read_text()) if path.exists() else {"answers": {}}
    return {item: entries[0]["answer"] for item, entries in found["answers"].items() if "answer" in entries[0]}


def soon(page: Any, server: Server, wanted: dict[str, str]) -> bool:
    """Whether these answers are among those kept, once the kernel has heard of them."""
    for _ in range(100):
        if wanted.items() <= kept(server).items():
            return True
        page.wait_for_timeout(200)
    return False


def line(card: Any, words: str) -> Any:
    """The paragraph that begins so."""
    return card.locator("p", has_text=re.compile(f"^{re.escape(words)}"))


def test_both_forms_by_keyboard_and_over_a_restart(open_notebook: Opener, server: Server) -> None:
    shutil.rmtree(server.folder / "progress", ignore_errors=True)
    write_notebook(server.folder / "forms.ipynb", FORMS)
    page = open_notebook("forms.ipynb")
    page.set_viewport_size(LAPTOP)
    run_all(page)
    card = page.locator(".lesson-card[aria-label='Twelve questions']").first
    begin, cells = card.get_by_role("button", name="Begin (five minutes, no feedback)"), page.evaluate(CELLS)
    expect(begin).to_be_visible(timeout=30_000)
    assert card.bounding_box()["height"] < 200, "closed, it is out of the way"
    begin.focus()
    page.keyboard.press("Enter")
    for number, keys in enumerate((["b"], ["ArrowRight"], ["d", "d", "b"], ["b"], ["b"]), 1):  # `d` is nobody's, here or in the notebook
        expect(line(card, f"{number} of 12.")).to_be_focused()
        for key in keys:
            page.keyboard.press(key)
    page.keyboard.press("ArrowLeft")
    expect(card.locator("button[aria-pressed=true]")).to_be_disabled()
    card.get_by_role("button", name="Stop").press("Enter")
    expect(card.get_by_role("button", name="Go on (4 of 12 answered)")).to_be_visible()
    assert page.evaluate(CELLS) == cells
    assert soon(page, server, {f"before.{name}": "b" for name in ("retry", "content", "process", "close")})
    page.evaluate("jupyterapp.shell.currentWidget.context.sessionContext.restartKernel()")
    expect(card.get_by_text("Run this cell to answer.")).to_be_visible(timeout=30_000)
    page.wait_for_function(IDLE, timeout=60_000)
    run_all(page)
    card.get_by_role("button", name="Go on (4 of 12 answered)").click(timeout=30_000)
    expect(line(card, "2 of 12.")).to_be_focused()
    for _ in range(8):
        page.keyboard.press("c")
    expect(line(card, "You answered 12 of 12.")).to_be_focused()
    card.get_by_role("button", name="Finish").click()
    expect(card.get_by_text("Your answers are kept.")).to_be_visible()
    after_the_course(page, server)
    assert page.complaints == []
    page.close()


def after_the_course(page: Any, server: Server) -> None:
    """The second form: all right but the last, which is left out; then what changed."""
    card = page.locator(".lesson-card[aria-label='Twelve questions']").nth(1)
    card.get_by_role("button", name="Begin (five minutes)").click(timeout=30_000)
    rights = [right_keys()[question_of(concept, "after").id] for concept in CONCEPTS]
    for number, key in enumerate(rights[:-1], 1):
        expect(line(card, f"{number} of 12.")).to_be_focused()
        assert card.locator("[data-outcome], table").count() == 0
        page.keyboard.press(key)
    card.get_by_role("button", name="Skip").click()
    expect(line(card, "You answered 11 of 12. You left out 12.")).to_be_focused()
    assert soon(page, server, {f"after.{concept.id}": key for concept, key in zip(CONCEPTS[:-1], rights[:-1], strict=True)})
    assert f"after.{CONCEPTS[-1].id}" not in kept(server)
    card.get_by_role("button", name="Finish, and show me what changed").click()
    rows = card.locator("tbody tr")
    expect(rows).to_have_count(12)
    said = [row.locator("td").all_inner_texts()[1:] for row in rows.all()]
    assert [after for _, after in said] == ["right"] * 11 + ["left out"]
    assert {before.partition(":")[0] for before, _ in said} == {"right", "wrong"}


def test_on_a_page_it_says_where_it_is_asked(browser: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LESSON_PROGRESS", str(tmp_path / "progress"))
    path = tmp_path / "page.html"
    path.write_text("<!doctype html><html lang='en'><meta charset='utf-8'><title>Page</title><main><h1>Page</h1>"
                    f"<div class='jp-OutputArea'><div>{ConceptForm('before').rich()}</div></div></main>", encoding="utf-8")
    page = browser.new_page()
    page.complaints = []
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.goto(path.as_uri())
    expect(page.get_by_text("They are asked in the notebook of this lesson.")).to_be_visible()
    assert page.get_by_role("button").count() == 0 and "Run this cell" not in page.locator("main").inner_text()
    assert Axe().run(page).response["violations"] == [] and page.complaints == []
    page.close()
