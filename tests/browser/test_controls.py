"""The controls in a real JupyterLab: answered and played by keyboard, without a key that reaches the notebook."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser.conftest import Opener, Server
from tests.browser.jupyterlab import IDLE, write_notebook

pytestmark = pytest.mark.browser
CELLS = ["from lesson_lib import playground, question", 'predict = question("2.lost-ack")', "ground = playground(3, idempotence=False)"]


@pytest.fixture(scope="module")
def page(server: Server, open_notebook: Opener) -> Iterator[Any]:
    """A small notebook after Run All."""
    write_notebook(server.folder / "controls.ipynb", CELLS)
    page = open_notebook("controls.ipynb")
    page.evaluate("jupyterapp.commands.execute('notebook:run-all-cells')")
    page.wait_for_selector(".lesson-answer[data-guarded] input[type=radio]", timeout=60_000)
    page.wait_for_selector(".lesson-playground[data-guarded] select", timeout=60_000)
    yield page
    page.close()


def cells(page: Any) -> int:
    """How many cells the notebook has."""
    return page.locator(".jp-Cell").count()


def test_a_prediction_by_keyboard(page: Any, server: Server) -> None:
    group = page.get_by_role("radiogroup", name="Answer: Predict. This time the request")
    group.get_by_role("radio").first.focus()
    for key in ("ArrowDown", "b", "d", "d", "x", "a"):
        page.keyboard.press(key)
    assert group.get_by_role("radio", name="b").is_checked() and cells(page) == len(CELLS)
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Commit"
    page.wait_for_function(IDLE)
    page.keyboard.press("Enter")
    page.wait_for_selector(".lesson-answer [role=status]")
    assert "You predict b: m0 m1 m1 m2, a guess." in page.locator(".lesson-answer [role=status]").inner_text()
    assert page.evaluate("document.activeElement.textContent") == "Commit", "the focus stays where it was"
    kept = json.loads((server.folder / "progress" / "answers.json").read_text())
    assert kept["answers"] == {"2.lost-ack": [{"answer": "b", "confidence": 1}]}


def test_the_playground_by_keyboard(page: Any) -> None:
    page.get_by_label("Attempt 2 (m1)").focus()
    for key in ("ArrowDown", "ArrowDown"):
        page.keyboard.press(key)
    assert page.evaluate("document.activeElement.selectedOptions[0].text").replace("\xa0", " ") == "ack lost"
    page.wait_for_function(IDLE)
    page.locator(".lesson-playground").get_by_role("button", name="Run").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector(".lesson-playground img")
    assert "faults={2: 'lose ack'}" in page.locator(".lesson-playground [role=status]").inner_text()
    assert page.get_by_label("Attempt 4 (m2)").count() == 1
    assert cells(page) == len(CELLS)


def test_nobody_complained_and_nothing_left_the_machine(page: Any) -> None:
    assert page.complaints == []
