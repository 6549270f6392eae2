"""The card on a page without a kernel, as in the book: it is answered, says what the run shows, and the browser remembers it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from lesson_lib.teach.ask import AskedQuestion, reveal
from lesson_lib.teach.card import HINT
from lesson_lib.teach.content import find

pytestmark = pytest.mark.browser
PREDICTION, RECALL = find("2.lost-ack"), find("2.recall-batch")
PLACES = {  # where a notebook's outputs stand on a page: an export has the classes of JupyterLab
    "export": '<div class="jp-OutputArea"><div class="jp-OutputArea-child">{}</div></div>', "bare": "<div>{}</div>"}


@pytest.fixture(params=PLACES)
def page(request: pytest.FixtureRequest, browser: Any, tmp_path: Path) -> Iterator[Any]:
    """A page with a prediction, its run, and a recalled question."""
    asked = AskedQuestion(PREDICTION)
    outputs = [asked.rich(), reveal(PREDICTION.scenario.run(), asked).rich(), AskedQuestion(RECALL).rich()]
    path = tmp_path / "page.html"
    path.write_text("<!doctype html><html lang='en'><meta charset='utf-8'><title>Page</title><main>"
                    f"{''.join(map(PLACES[request.param].format, outputs))}</main>", encoding="utf-8")
    context = browser.new_context()
    page = context.new_page()
    page.complaints = []
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.goto(path.as_uri())
    yield page
    assert page.complaints == []
    context.close()


def card(page: Any, name: str) -> Any:
    """The card of a question."""
    return page.locator(f".lesson-card[aria-labelledby=question-{name}]")


def test_nothing_is_said_before_an_answer(page: Any) -> None:
    text = page.locator("main").inner_text()
    assert "You said" not in text and "The run shows" not in text and "Run this cell" not in text and "in code" not in text
    assert page.locator("img").is_hidden()


def test_an_answer_opens_the_run_and_is_remembered(page: Any) -> None:
    asked = card(page, "2-lost-ack")
    asked.get_by_role("button", name="a m0 m1 m2").focus()
    page.keyboard.press("Enter")
    asked.get_by_role("button", name="Sure", exact=True).focus()
    page.keyboard.press("Space")
    line = asked.get_by_role("button", name="You said a, sure. Now look at the run below.")
    expect(line).to_be_focused()
    expect(page.get_by_text(HINT)).to_be_visible()
    page.get_by_role("button", name="Last").click()
    expect(page.get_by_text("Wrong. You predicted a: m0 m1 m2, and three oks.")).to_be_visible()
    assert page.locator("img").is_visible()
    for _ in range(10):  # a busy browser keeps what a page stored a moment later, and a reload may be quicker
        page.reload()
        if line.count():
            break
        page.wait_for_timeout(500)
    expect(line).to_be_visible()
    expect(page.get_by_text("Wrong. You predicted a: m0 m1 m2, and three oks.")).to_be_visible()
    assert page.locator("[data-picture]").get_attribute("data-step") == "15", "at its end, where it was seen before"


def test_the_verdict_comes_with_the_last_event_and_stays(page: Any) -> None:
    asked, picture = card(page, "2-lost-ack"), page.locator("[data-picture]")
    verdict, hint, line = page.get_by_text("Wrong. You predicted a"), page.get_by_text(HINT), page.locator(".lesson-reveal > [role=status]")
    asked.get_by_role("button", name="a m0 m1 m2").click()
    asked.get_by_role("button", name="Sure", exact=True).click()
    high = line.bounding_box()["height"]
    for step in range(5, 15):
        assert picture.get_attribute("data-step") == str(step)
        assert hint.is_visible() and not verdict.is_visible(), step
        assert "The run shows" not in page.locator("main").inner_text()
        assert "The run shows" not in page.locator("main").aria_snapshot() and "twice" not in page.locator("main").aria_snapshot()
        assert line.evaluate("e => getComputedStyle(e).borderLeftColor") == "rgb(86, 180, 233)", "nor does its colour tell"
        assert "The run shows b" in line.text_content(), "the text is in the output all the time"
        picture.get_by_role("button", name="Next event").click()
    assert verdict.is_visible() and not hint.is_visible()
    assert "The run shows b" in page.locator("main").aria_snapshot()
    assert line.evaluate("e => getComputedStyle(e).borderLeftColor") == "rgb(213, 94, 0)"
    assert line.bounding_box()["height"] == high, "nothing jumps"
    picture.get_by_role("button", name="First").click()
    assert verdict.is_visible() and not hint.is_visible()


def test_a_page_opened_again_before_the_end_was_seen_waits_again(page: Any) -> None:
    asked, picture = card(page, "2-lost-ack"), page.locator("[data-picture]")
    asked.get_by_role("button", name="a m0 m1 m2").click()
    asked.get_by_role("button", name="Sure", exact=True).click()
    for _ in range(10):
        page.reload()
        if asked.get_by_role("button", name="You said a, sure.").count():
            break
        page.wait_for_timeout(500)
    assert picture.get_attribute("data-step") == "5" and page.get_by_text(HINT).is_visible()


def test_on_paper_the_verdict_is_there_at_once(page: Any) -> None:
    asked = card(page, "2-lost-ack")
    asked.get_by_role("button", name="a m0 m1 m2").click()
    asked.get_by_role("button", name="Sure", exact=True).click()
    page.emulate_media(media="print")
    assert page.get_by_text("Wrong. You predicted a").is_visible() and not page.get_by_text(HINT).is_visible()


def test_without_script_the_verdict_is_there_at_once(browser: Any, page: Any) -> None:
    plain = browser.new_context(java_script_enabled=False).new_page()
    plain.goto(page.url)
    assert plain.get_by_text("The run shows b:").is_visible() and plain.locator("img").is_visible()
    assert not plain.get_by_text(HINT).count()
    plain.context.close()


def test_after_a_prediction_the_run_begins_before_the_fault(page: Any) -> None:
    picture, asked = page.locator("[data-picture]"), card(page, "2-lost-ack")
    assert picture.get_attribute("data-step") == "15"
    asked.get_by_role("button", name="a m0 m1 m2").click()
    asked.get_by_role("button", name="Sure", exact=True).click()
    assert picture.get_by_role("status").inner_text() == "6 of 16. The broker stores batch 1 at offset 1."
    assert picture.locator("img").evaluate("e => e.style.opacity") == "0", "what comes then is not there as a ghost"


def test_a_page_of_a_notebook_that_was_answered_shows_the_run(browser: Any, tmp_path: Path) -> None:
    asked = AskedQuestion(PREDICTION)
    asked.answer("a", confidence=3)
    outputs = [asked.rich(), reveal(PREDICTION.scenario.run(), asked).rich()]
    (tmp_path / "page.html").write_text(f"<!doctype html><meta charset='utf-8'>{''.join(outputs)}", encoding="utf-8")
    page = browser.new_page()
    page.goto((tmp_path / "page.html").as_uri())
    expect(page.get_by_text("You said a, sure. Now look at the run below.")).to_be_visible()
    expect(page.get_by_text("Wrong. You predicted a (sure)")).to_be_visible()
    assert page.locator("[data-picture]").get_attribute("data-step") == "15", "it says how it ends, and shows it"
    assert page.locator(".lesson-wait").is_hidden()
    page.close()


def test_the_run_is_there_for_those_who_do_not_answer(page: Any) -> None:
    page.get_by_role("button", name="Show it without an answer").click()
    expect(page.get_by_text("The run shows b:")).to_be_visible()
    assert "Wrong" not in page.locator("main").inner_text() and page.locator("img").is_visible()


def test_a_recalled_question_is_judged_on_the_page(page: Any) -> None:
    asked = card(page, "2-recall-batch")
    asked.get_by_role("button", name="a 1.").click()
    asked.get_by_role("button", name="A guess").click()
    expect(asked.get_by_text("Wrong. a: 1.")).to_be_visible()
    asked.get_by_role("button", name="You said a, a guess.").click()
    asked.get_by_role("button", name="b 3.").click()
    asked.get_by_role("button", name="Fairly sure").click()
    expect(asked.get_by_text("Right. b: 3.")).to_be_visible()


def test_axe_finds_nothing_open_or_folded(page: Any) -> None:
    asked = card(page, "2-recall-batch")
    asked.get_by_role("button", name="b 3.").click()
    open_card = Axe().run(page, {"include": [[".lesson-card"], [".lesson-wait"]]}).response["violations"]
    asked.get_by_role("button", name="Sure", exact=True).click()
    folded = Axe().run(page, {"include": [[".lesson-card"]]}).response["violations"]
    assert [(v["id"], v["nodes"][0]["html"][:200]) for v in (*open_card, *folded)] == []
