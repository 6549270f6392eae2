"""The card of a question in a real JupyterLab: answered by mouse and by keyboard, still there the next day, nothing in red."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from lesson_lib.teach.card import HINT
from tests.browser.conftest import SCREENSHOTS, Opener, Server
from tests.browser.jupyterlab import IDLE, TOKEN, run_all, write_notebook

pytestmark = pytest.mark.browser
CELLS = ["from lesson_lib import question, reveal, simulate", 'predict = question("2.lost-ack")\npredict.answer(...)',
         "run = simulate(3, faults={2: 'lose ack'}, idempotence=False)\nreveal(run, predict)",
         'recall = question("2.recall-batch")\nrecall.answer(...)',
         "from lesson_lib import playground\nground = playground(3)"]
SAVED = "jupyterapp.commands.execute('docmanager:save')"
END = "jupyterapp.shell.currentWidget.context.sessionContext.shutdown()"
RESTART = "jupyterapp.shell.currentWidget.context.sessionContext.restartKernel()"


@pytest.fixture(scope="module")
def page(server: Server, open_notebook: Opener) -> Iterator[Any]:
    """A small notebook after Run All, in the window of a small laptop."""
    write_notebook(server.folder / "card.ipynb", CELLS)
    page = open_notebook("card.ipynb")
    page.set_viewport_size({"width": 1366, "height": 768})
    run_all(page)
    page.wait_for_selector(".lesson-wire input", state="attached")
    yield page
    page.close()


def card(page: Any, name: str) -> Any:
    """The card of a question."""
    return page.locator(f".lesson-card[aria-labelledby=question-{name}]")


def kept(server: Server) -> dict[str, Any]:
    """What the kernel wrote down."""
    path = server.folder / "progress" / "answers.json"
    return json.loads(path.read_text())["answers"] if path.is_file() else {}


def assert_written(page: Any, server: Server, item: str, answers: list[dict[str, Any]]) -> None:
    """Wait for the kernel, which may write a moment after the page has shown the answer."""
    end = time.monotonic() + 30
    while kept(server).get(item) != answers and time.monotonic() < end:
        page.wait_for_timeout(50)
    assert kept(server).get(item) == answers


def test_unanswered_it_says_nothing_more(page: Any) -> None:
    outputs = page.evaluate("jupyterapp.shell.currentWidget.content.widgets[1].model.outputs.toJSON().map(o => Object.keys(o.data))")
    assert ["application/vnd.jupyter.widget-view+json" in kinds for kinds in outputs] == [False, True]
    for output in page.locator(".jp-Cell").nth(1).locator(".jp-OutputArea-child").all():
        assert output.is_visible() == (output.locator(".lesson-card").count() == 1)
    assert card(page, "2-lost-ack").get_by_text("Run this cell to answer").is_hidden()


def test_options_are_buttons_that_a_finger_can_hit(page: Any) -> None:
    asked = card(page, "2-lost-ack")
    wide = asked.bounding_box()["width"]
    for option in asked.get_by_role("group", name="Options").get_by_role("button").all():
        box = option.bounding_box()
        assert box["height"] >= 44 and box["width"] > wide - 40
    asked.screenshot(path=SCREENSHOTS / "card-open.png")


def test_an_answer_by_keyboard(page: Any, server: Server) -> None:
    asked, cells = card(page, "2-lost-ack"), page.locator(".jp-Cell").count()
    asked.get_by_role("button", name="b m0 m1 m1 m2").focus()
    for key in ("d", "d", "b", "x", "a", "ArrowDown"):
        page.keyboard.press(key)
    assert page.locator(".jp-Cell").count() == cells, "keys for the card stayed with the card"
    page.keyboard.press("Space")
    for _ in asked.get_by_role("group", name="Options").get_by_role("button").all()[1:]:  # those after b, and on to the next
        page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "A guess"
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    line = asked.get_by_role("button", name="You said b, fairly sure. Now run the next cell.")
    expect(line).to_be_visible()
    page.wait_for_function(IDLE)
    expect(line).to_be_focused()
    assert asked.get_by_role("group", name="Options").is_hidden() and line.get_attribute("aria-expanded") == "false"
    assert_written(page, server, "2.lost-ack", [{"answer": "b", "confidence": 2}])
    page.screenshot(path=SCREENSHOTS / "card-folded.png")
    page.keyboard.press("Enter")
    assert asked.get_by_role("group", name="Options").is_visible(), "and it opens again"
    assert asked.get_by_role("button", name="b m0 m1 m1 m2").get_attribute("aria-pressed") == "true"
    page.keyboard.press("Space")


def test_an_answer_by_mouse_is_judged_at_once(page: Any, server: Server) -> None:
    asked = card(page, "2-recall-batch")
    asked.get_by_role("button", name="a 1.").click()
    asked.get_by_role("button", name="Sure", exact=True).click()
    expect(asked.get_by_text("Wrong. a: 1.")).to_be_visible()
    page.wait_for_function(IDLE)
    asked.get_by_role("button", name="You said a, sure.").click()
    asked.get_by_role("button", name="b 3.").click()
    asked.get_by_role("button", name="A guess").click()
    expect(asked.get_by_text("Right. b: 3.")).to_be_visible()
    expect(asked.get_by_role("button", name="You said b, a guess. Your first answer, a, stays on record.")).to_be_visible()
    page.wait_for_function(IDLE)  # the page judges at once, the kernel writes it down a moment later
    assert_written(page, server, "2.recall-batch", [{"answer": "a", "confidence": 3}, {"answer": "b", "confidence": 1}])


def test_the_verdict_comes_with_the_last_event_and_where_it_was_seen_the_run_opens_at_its_end(page: Any) -> None:
    run, picture = page.locator(".lesson-reveal"), page.locator("[data-picture]").first
    verdict, hint = run.get_by_text("Right. You predicted b"), run.get_by_text(HINT)
    run_cell(page, 2)
    expect(hint).to_be_visible()
    assert not verdict.is_visible() and picture.get_attribute("data-step") == "5"
    page.screenshot(path=SCREENSHOTS / "verdict-waits.png")
    picture.get_by_role("button", name="Last").click()
    expect(verdict).to_be_visible()
    assert not hint.is_visible()
    page.screenshot(path=SCREENSHOTS / "verdict.png")
    run_cell(page, 2)
    expect(verdict).to_be_visible()
    assert not hint.is_visible() and picture.get_attribute("data-step") == "15"


def run_cell(page: Any, number: int) -> None:
    """Run one cell, and wait until its output is the new one."""
    before = page.locator(".lesson-reveal").element_handle()
    page.evaluate(f"jupyterapp.shell.currentWidget.content.activeCellIndex = {number}")
    page.evaluate("jupyterapp.commands.execute('notebook:run-cell')")
    page.wait_for_function("e => !e.isConnected", arg=before)
    page.wait_for_function(IDLE)
    page.wait_for_selector(".lesson-reveal [data-step]")


def test_axe_finds_nothing_and_each_control_has_a_name(page: Any) -> None:
    found = Axe().run(page, {"include": [[".lesson-card"]]}).response["violations"]
    assert [(v["id"], v["nodes"][0]["html"][:200]) for v in found] == []
    assert "button \"You said b, fairly sure. Now run the next cell.\"" in card(page, "2-lost-ack").aria_snapshot()


def test_nobody_complained_and_nothing_left_the_machine(page: Any) -> None:
    assert page.complaints == []


def test_after_a_restart_it_asks_to_be_run(page: Any) -> None:
    page.evaluate(RESTART)
    page.wait_for_function(IDLE, timeout=60_000)
    expect(card(page, "2-lost-ack").get_by_text("Run this cell to answer.")).to_be_visible()


def test_the_next_day_it_shows_what_was_answered_and_the_playground_still_plays(page: Any, server: Server, browser: Any) -> None:
    page.evaluate(SAVED)
    page.evaluate(END)
    remembered = page.context.storage_state()  # it is the same browser
    later = browser.new_context(viewport={"width": 1366, "height": 768}, storage_state=remembered).new_page()
    later.goto(f"{server.address}/lab/tree/card.ipynb?token={TOKEN}&reset")
    asked = card(later, "2-lost-ack")
    expect(later.get_by_text("Right. You predicted b")).to_be_visible(timeout=60_000)
    expect(asked.get_by_text("Run this cell to answer.")).to_be_visible(timeout=60_000)
    asked.get_by_role("button", name="You said b, fairly sure.").click()
    asked.get_by_role("button", name="a m0 m1 m2").click()
    expect(later.get_by_text("Run this cell for every fault and switch.")).to_be_visible()
    later.get_by_role("group", name="Playground").get_by_label("idempotence").uncheck()
    expect(later.locator(".said")).to_have_text("Log: m0 m1 m2. Each record is stored once.")
    later.wait_for_timeout(4_000)  # as long as the widgets' manager looks for its models
    assert not [text for text in later.get_by_text("displaying widget").all() if text.is_visible()]
    later.screenshot(path=SCREENSHOTS / "card-next-day.png")
    later.context.close()
