"""The playground in a real JupyterLab: played by keyboard, without a key that reaches the notebook."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from tests.browser.conftest import SCREENSHOTS, Opener, Server
from tests.browser.jupyterlab import IDLE, write_notebook

pytestmark = pytest.mark.browser
PICTURE = ".lesson-playground [data-picture]"
CELLS = ["from lesson_lib import playground", "ground = playground(3, idempotence=False)"]


@pytest.fixture(scope="module")
def page(server: Server, open_notebook: Opener) -> Iterator[Any]:
    """A small notebook after Run All."""
    write_notebook(server.folder / "controls.ipynb", CELLS)
    page = open_notebook("controls.ipynb")
    page.evaluate("jupyterapp.commands.execute('notebook:run-all-cells')")
    page.wait_for_selector(".lesson-playground[data-guarded] select", timeout=60_000)
    yield page
    page.close()


def cells(page: Any) -> int:
    """How many cells the notebook has."""
    return page.locator(".jp-Cell").count()


def tab_to(page: Any, name: str) -> None:
    """Press Tab until the control with that label, or that text, has the focus."""
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.labels?.[0]?.textContent ?? document.activeElement.textContent.trim()") == name:
            return
    pytest.fail(f"Tab does not lead to {name}")


def choose(page: Any, attempt: str, *keys: str) -> str:
    """Tab to an attempt's drop-down and press keys; returns what is chosen then."""
    tab_to(page, attempt)
    for key in keys:
        page.keyboard.press(key)
    return page.evaluate("document.activeElement.selectedOptions[0].text").replace("\xa0", " ")


def run(page: Any) -> Any:
    """Tab to Run and press Enter; returns the picture that then appears, ready to be stepped through."""
    page.wait_for_function(IDLE)
    before = page.locator(PICTURE).get_attribute("data-picture") if page.locator(PICTURE).count() else ""
    tab_to(page, "Run")
    page.keyboard.press("Enter")
    page.wait_for_selector(f'{PICTURE}[data-step]:not([data-picture="{before}"])')
    page.wait_for_function(IDLE)  # the strip follows the picture
    assert page.evaluate("document.activeElement.textContent") == "Run", "the focus stays where it was"
    return page.locator(PICTURE)


def test_in_a_narrow_window_no_control_is_cut_off(page: Any) -> None:
    size = page.viewport_size
    page.set_viewport_size({"width": 800, "height": 1100})
    box = page.get_by_role("group", name="Playground").bounding_box()
    for drop_down in page.locator(".lesson-playground select").all():
        one = drop_down.bounding_box()
        assert one["x"] >= box["x"] and one["x"] + one["width"] <= box["x"] + box["width"]
    page.set_viewport_size(size)


def test_the_playground_by_keyboard(page: Any) -> None:
    playground = page.get_by_role("group", name="Playground")
    page.get_by_label("Request 1 (m0)").focus()
    assert choose(page, "Request 2 (m1)", "ArrowDown", "ArrowDown") == "ack lost"
    picture = run(page)
    assert "faults={2: 'lose ack'}" in playground.locator("[data-outcome]").inner_text()
    assert page.get_by_label("Request 4 (m2)").count() == 1
    alt = picture.get_by_role("img").get_attribute("alt")
    assert alt.startswith("A run, and pale behind it the run before a change. Now: A producer") and "Before: A producer" in alt
    assert cells(page) == len(CELLS)


def test_the_picture_in_the_playground_steps_by_keyboard(page: Any) -> None:
    picture = page.locator(PICTURE)
    last = int(picture.get_attribute("data-step"))
    tab_to(page, "Previous event")
    for key in ("Home", "ArrowRight", "ArrowRight", "d", "d", "b", "x", "a"):
        page.keyboard.press(key)
    assert picture.get_attribute("data-step") == "2" and cells(page) == len(CELLS)
    assert picture.get_by_role("status").inner_text() == f"3 of {last + 1}. The answer for batch 0 arrives: offset 0."
    told = []
    for now in range(3, last + 1):
        page.keyboard.press("ArrowRight")
        told.append(picture.get_by_role("status").inner_text().split(" ", 3)[3])
        assert picture.get_attribute("data-step") == str(now)
    assert "The answer for batch 1 is lost: the broker has decided, the producer cannot know." in told
    assert not [line for line in told if line.startswith(("Now", "Before", "Both"))], "the run before is not stepped"
    tab_to(page, "Next event")
    page.keyboard.press("Space")
    assert picture.get_attribute("data-step") == str(last)


def test_the_picture_is_as_wide_as_its_place_and_no_wider(page: Any) -> None:
    place = page.locator(".lesson-playground").bounding_box()
    for part in (page.locator(f"{PICTURE} img"), page.locator(PICTURE).get_by_role("button", name="Next surprise")):
        box = part.bounding_box()
        assert box["width"] > 50 and box["x"] + box["width"] <= place["x"] + place["width"] + 1
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.locator(".lesson-playground").screenshot(path=SCREENSHOTS / "playground.png")


def test_two_faults_chosen_in_one_go_and_one_that_happens_no_more(page: Any) -> None:
    page.get_by_label("Request 1 (m0)").focus()
    assert choose(page, "Request 2 (m1)", "Home") == "deliver"
    assert choose(page, "Request 3 (m1)", "ArrowDown") == "request lost"
    assert choose(page, "Request 4 (m2)", "ArrowDown") == "request lost"
    picture = run(page)
    said = page.locator(".lesson-playground [data-outcome]").inner_text()
    assert "faults={3: 'lose request', 4: 'lose request'}" in said and "dropped" not in said
    assert "pale behind it the run before" in picture.get_by_role("img").get_attribute("alt")
    page.get_by_label("Request 2 (m1)").focus()
    assert choose(page, "Request 3 (m2)", "Home") == "deliver"
    run(page)
    said = page.locator(".lesson-playground [data-outcome]").inner_text()
    assert "There is no request 4 any more, so its fault is dropped: 4: lose request." in said
    assert page.get_by_label("Request 4 (m2)").count() == 0 and cells(page) == len(CELLS)


def test_a_front_end_that_sees_keys_first_is_told_which_are_for_the_controls(page: Any) -> None:
    page.evaluate("""() => { window.seen = []; document.addEventListener('keydown', event => window.seen.push(
        [event.key, event.target.hasAttribute('data-lm-suppress-shortcuts')]), true); }""")
    page.get_by_label("Request 1 (m0)").focus()
    for key in ("d", "Home", "Tab"):
        page.keyboard.press(key)
    assert page.evaluate("window.seen") == [["d", True], ["Home", True], ["Tab", False]]


def test_nobody_complained_and_nothing_left_the_machine(page: Any) -> None:
    assert page.complaints == []


def brightness(colour: Sequence[int]) -> float:
    """Relative luminance, as WCAG has it."""
    linear = [c / 255 / 12.92 if c <= 10 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in colour]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_the_arrow_of_a_drop_down_is_seen_in_either_theme(page: Any) -> None:
    """The last one here: JupyterLab itself complains when its theme is changed."""
    drop_down = page.get_by_label("Request 1 (m0)")
    grounds = []
    for theme in ("JupyterLab Dark", "JupyterLab Light"):
        page.evaluate("theme => jupyterapp.commands.execute('apputils:change-theme', {theme})", theme)
        page.wait_for_function("theme => document.body.dataset.jpThemeName === theme", arg=theme)
        arrow, ground = drop_down.evaluate("e => [getComputedStyle(e).backgroundImage, getComputedStyle(e).backgroundColor]")
        grey = bytes.fromhex(re.search(r"stroke=%22%23(\w{6})", arrow)[1])
        grounds.append(brightness([int(c) for c in re.findall(r"\d+", ground)]))
        light, dark = sorted([brightness(grey), grounds[-1]], reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 3, theme
    assert grounds[0] < 0.1 < 0.9 < grounds[1]
