"""The picture that is touched shows the runs that `simulate` makes, and works by mouse and keyboard without a kernel."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from lesson_lib import simulate, touch
from lesson_lib.teach.touch import FAULTS, page_part, runs_ahead

CHOICES = sorted(runs_ahead())


def faults_in(key: str) -> dict[int, str]:
    """The script in the name of a run."""
    return {int(n): fault for n, fault in (part.split(":") for part in key.split(";")[1:])}


def decoded(run: str) -> list[tuple[int, int, int, list[tuple[str, int]], str]]:
    """Batch, try, sequence, arrivals and answer of each request."""
    found = []
    for piece in run.split():
        batch, try_no, sequence, arrivals, answer = piece.split(".")
        seen = [(kind, int(number)) for kind, number in re.findall(r"([sdr])(\d+)", arrivals)]
        found.append((int(batch), int(try_no), int(sequence), seen, answer))
    return found


@pytest.mark.parametrize("key", CHOICES)
def test_every_run_ahead_is_the_simulations(key: str) -> None:
    run = simulate(3, faults=faults_in(key), idempotence=key.startswith("on"))
    requests = decoded(runs_ahead()[key])
    assert [(batch, try_no, sequence) for batch, try_no, sequence, *_ in requests] == [
        (a.batch, a.try_no, a.send.base_sequence) for a in run.attempts]
    stored = [batch for batch, _, _, seen, _ in requests for kind, _ in seen if kind == "s"]
    assert [f"m{batch}" for batch in stored] == run.values()
    assert [offset for *_, seen, _ in requests for kind, offset in seen if kind == "s"] == list(range(len(stored)))
    assert [answer == "x" for *_, answer in requests] == [a.lost == "answer" for a in run.attempts]
    told = {f"m{batch}": answer for batch, *_, answer in requests if answer.startswith("a")}
    assert told == {report.values[0]: f"a{report.offset}" for report in run.reports}


def test_what_can_be_chosen_is_there() -> None:
    assert {fault for key in CHOICES for fault in faults_in(key).values()} == set(FAULTS)
    assert {len(faults_in(key)) for key in CHOICES} == {0, 1, 2}
    assert {key.partition(";")[0] for key in CHOICES} == {"on", "off"}
    assert len(page_part()) < 200_000
    with pytest.raises(KeyError):
        touch({1: "lose request", 2: "lose request", 3: "lose request"})


@pytest.fixture
def page(browser: Any, tmp_path: Path) -> Any:
    """A page with the picture and nothing else, on a small screen."""
    path = tmp_path / "touch.html"
    head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Touch</title>'
    path.write_text(f'<!doctype html><html lang="en">{head}<main><h1>Touch</h1>{page_part("off;2:lose ack")}</main>', encoding="utf-8")
    page = browser.new_page(viewport={"width": 1366, "height": 768})
    page.complaints = []
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.goto(path.as_uri())
    yield page
    assert page.complaints == []
    page.close()


def said(page: Any) -> str:
    """The result as the page tells it."""
    return page.locator(".said").inner_text()


@pytest.mark.browser
def test_by_mouse(page: Any) -> None:
    assert said(page) == "Log: m0 m1 m1 m2. m1 is stored twice."
    page.locator("[data-name=q3] .hit").click(force=True)
    page.get_by_role("menuitemradio", name="comes twice").click()
    assert said(page) == "Log: m0 m1 m1 m1 m2. m1 is stored three times."
    page.get_by_label("idempotence").check()
    assert said(page) == "Log: m0 m1 m2. Each record is stored once."
    assert page.locator("code").inner_text() == 'simulate(3, faults={2: "lose ack", 3: "repeat"}, idempotence=True)'
    assert page.locator("svg > g[opacity]").count() == 1, "the run before stays pale behind"
    page.get_by_role("button", name="No faults").click()
    assert page.locator("code").inner_text() == "simulate(3, idempotence=True)"
    assert page.get_by_role("button", name="No faults").is_disabled()


@pytest.mark.browser
def test_by_keyboard_alone(page: Any) -> None:
    page.keyboard.press("Tab")
    for _ in range(40):
        name = page.evaluate("document.activeElement.getAttribute('aria-label') ?? ''")
        if name.startswith("Answer to request 1"):
            break
        page.keyboard.press("Tab")
    assert name == "Answer to request 1: arrives. Change it."
    for key in ("Enter", "ArrowDown", "Enter"):
        page.keyboard.press(key)
    assert said(page).startswith("Log: m0 m0 m0 m1 m2.")
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "Answer to request 1: is lost. Change it."
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    assert page.get_by_role("menu").count() == 0


@pytest.mark.browser
def test_it_fits_its_screens_and_names_its_parts(page: Any) -> None:
    from axe_playwright_python.sync_playwright import Axe
    assert page.evaluate("document.documentElement.scrollHeight") <= 768
    assert Axe().run(page).response["violations"] == []
    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_function("document.querySelector('.lesson-touch svg').viewBox.baseVal.height > 500")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert json.loads(page.evaluate("JSON.stringify([...document.querySelectorAll('[role=button]')].map(e => e.ariaLabel))"))


@pytest.mark.browser
def test_a_third_fault_is_not_offered(page: Any) -> None:
    page.locator("[data-name=q3] .hit").click(force=True)
    page.get_by_role("menuitemradio", name="is refused").click()
    page.locator("[data-name=q1] .hit").click(force=True)
    assert page.get_by_role("menuitemradio", name="is lost").is_disabled()
