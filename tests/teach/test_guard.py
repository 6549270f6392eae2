"""The script beside a question finds its controls, whatever notebook they are in and in whatever order their parts come."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lesson_lib.teach.ask import Asked
from lesson_lib.teach.content import Question, find

pytestmark = pytest.mark.browser
GROUP = ('<div class="widget-radio"><label class="widget-label">{0}</label><div class="widget-radio-box">'
         '<label><input type="radio">1</label><label><input type="radio">2</label></div></div>')
PARTS = {  # what is done to the empty box of the controls, step by step; front ends differ, and a slow one differs from a fast one
    "class first": ("box.className = told", "box.innerHTML = first + second + commit"),
    "class last": ("box.innerHTML = first + second + commit", "box.className = told"),
    "one by one": ("box.className = told", "box.innerHTML = first", "box.insertAdjacentHTML('beforeend', second)",
                   "box.insertAdjacentHTML('beforeend', commit)"),
}
PLACES = {  # the outputs of a cell, as JupyterLab and as VS Code nest them
    "jupyterlab": '<div class="jp-OutputArea"><div class="jp-OutputArea-child"><div>{0}</div></div><div>{1}</div></div>',
    "vscode": '<div class="cell_container"><div class="output_container"><div class="output"><div>{0}</div></div></div>'
              '<div class="output_container"><div class="output"><div>{1}</div></div></div></div>',
}
NO_FOCUS = "addEventListener('mousedown', event => event.preventDefault(), true)"  # a click focuses no button or radio, as in Safari


def opened(browser: Any, tmp_path: Path, place: str, parts: tuple[str, ...]) -> Any:
    """A page with a question and, in the next output, its controls; keys that get out of them are noted."""
    question = Asked(find("2.lost-ack", Question)).rich()
    names = {"first": GROUP.format("Answer"), "second": GROUP.format("How sure"), "commit": "<button>Commit</button>",
             "told": "lesson-answer question-2-lost-ack"}
    path = tmp_path / "page.html"
    path.write_text(f"<!doctype html><meta charset='utf-8'>{PLACES[place].format(question, '<div id=box></div>')}")
    page = browser.new_page()
    page.goto(path.as_uri())
    page.evaluate("window.leaked = []; document.addEventListener('keydown', event => leaked.push(event.key))")
    for part in parts:
        page.evaluate(f"names => {{ const box = document.getElementById('box'); Object.assign(window, names); {part} }}", names)
    return page


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("order", PARTS)
def test_groups_have_names_and_keys_stay_inside(browser: Any, tmp_path: Path, place: str, order: str) -> None:
    page = opened(browser, tmp_path, place, PARTS[order])
    for label in ("Answer", "How sure"):
        group = page.get_by_role("radiogroup", name=f"{label}: Predict. This time the request")
        group.get_by_role("radio").first.focus()
        for key in ("ArrowDown", "d", "d", "b"):
            page.keyboard.press(key)
        assert group.get_by_role("radio", name="2").is_checked()
    page.get_by_role("button", name="Commit").focus()
    page.keyboard.press("d")
    assert page.evaluate("leaked") == []
    page.keyboard.press("Escape")
    assert page.evaluate("leaked") == ["Escape"]
    page.close()


def test_a_clicked_control_has_the_focus_where_a_click_gives_none(browser: Any, tmp_path: Path) -> None:
    page = opened(browser, tmp_path, "jupyterlab", PARTS["class first"])
    page.evaluate(NO_FOCUS)
    for control in (page.get_by_role("radio").nth(1), page.get_by_role("button", name="Commit")):
        control.click()
        assert control.evaluate("control => control === document.activeElement")
    page.close()
