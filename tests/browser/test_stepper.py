"""Stepping in a real JupyterLab: no key of the learner reaches the notebook, and before the first run the picture is there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import nbformat
import pytest

from lesson_lib.draw import show
from tests.browser.conftest import Opener, Server
from tests.browser.jupyterlab import KERNEL, run_all, write_notebook
from tests.draw.runs import lesson
from tests.draw.test_stepper import LEAST_LABEL

pytestmark = pytest.mark.browser
CELLS = ["from lesson_lib import show, simulate", "show(simulate(3, faults={2: 'lose ack'}))", "1 + 1"]


@pytest.fixture(scope="module")
def page(server: Server, open_notebook: Opener) -> Iterator[Any]:
    """A small notebook after Run All."""
    write_notebook(server.folder / "stepper.ipynb", CELLS)
    page = open_notebook("stepper.ipynb")
    run_all(page)
    page.wait_for_selector("[data-picture][data-step]")
    yield page
    page.close()


def test_no_key_on_a_control_reaches_the_notebook(page: Any) -> None:
    picture = page.locator("[data-picture]")
    for control in (picture.get_by_role("slider"), picture.get_by_role("button", name="Next event")):
        control.focus()
        for key in ("ArrowDown", "b", "d", "d", "x", "a", "0", "0", "Home"):
            page.keyboard.press(key)
    assert page.locator(".jp-CodeCell").count() == len(CELLS)
    assert picture.get_attribute("data-step") == "0"


def test_arrows_step(page: Any) -> None:
    picture = page.locator("[data-picture]")
    picture.get_by_role("slider").focus()
    page.keyboard.press("Home")
    for _ in range(6):
        page.keyboard.press("ArrowRight")
    assert picture.get_attribute("data-step") == "6"
    assert picture.get_by_role("status").inner_text().startswith("7 of ")


def test_nothing_left_the_machine(page: Any) -> None:
    assert page.complaints == []


def test_on_a_small_screen_two_runs_can_be_read_and_are_scrolled_above_their_bar(server: Server, open_notebook: Opener) -> None:
    """At 1366 by 768 with the list of files open: labels of 11 pixels, and the bar below what is in view of the picture."""
    cells = [CELLS[0], "show(simulate(3, idempotence=False), control=simulate(3, faults={2: 'lose ack'}))"]
    write_notebook(server.folder / "small.ipynb", cells)
    page = open_notebook("small.ipynb")
    page.set_viewport_size({"width": 1366, "height": 768})
    run_all(page)
    page.wait_for_selector("[data-picture][data-step]")
    page.get_by_role("button", name="Next surprise").click()
    assert page.evaluate(LEAST_LABEL) >= 11
    frame, bar = (page.locator(f"[data-picture] > {part}").first.bounding_box() for part in ("div", ".lesson-player"))
    panel = page.locator(".jp-WindowedPanel-outer").bounding_box()
    assert 200 <= frame["height"] and frame["height"] + bar["height"] <= panel["height"]
    assert bar["y"] + bar["height"] <= panel["y"] + panel["height"] + 1
    assert page.locator(".jp-WindowedPanel-outer").evaluate("e => getComputedStyle(e).overflowY") == "auto", "it still scrolls"
    page.close()


def test_a_notebook_that_is_not_trusted_yet_shows_the_finished_picture(server: Server, open_notebook: Opener) -> None:
    output = nbformat.v4.new_output("execute_result", show(lesson("lost ack"))._repr_mimebundle_(), execution_count=1)
    cell = nbformat.v4.new_code_cell("show(run)", outputs=[output], execution_count=1)
    nbformat.write(nbformat.v4.new_notebook(cells=[cell], metadata=KERNEL), server.folder / "fresh.ipynb")
    page = open_notebook("fresh.ipynb")
    image = page.locator(".jp-OutputArea-output img")
    image.wait_for(timeout=60_000)
    assert "its answer is lost" in image.get_attribute("alt") and image.bounding_box()["width"] > 500
    assert page.get_by_role("button", name="Next event").count() == 0
    assert page.get_by_text("duplicate of offset 1").count() == 1
    page.close()
