"""Every lesson in a real JupyterLab: Run All, stepping by keyboard, restart and run all; a picture of each for people to look at."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from lesson_lib.jupyter.kernel import sentence
from tests.browser.conftest import ROOT, SCREENSHOTS, Opener, Server
from tests.browser.jupyterlab import IDLE, run_all
from tests.browser.test_no_answer_in_sight import answers_in_sight

pytestmark = pytest.mark.browser
PATHS = sorted(ROOT.glob("notebooks/0*.ipynb"))
LESSONS = [path.name for path in PATHS]
HIGH = {"width": 1200, "height": 1100}
MOST_SCREENS = 40
# What of a picture and its bar leaves the notebook to the right: a picture that is too wide is scrolled in itself, not with its bar.
TOO_WIDE = """panel => {
  const edge = panel.getBoundingClientRect().left + panel.clientWidth + 1;
  return [...panel.querySelectorAll('.lesson-picture, .lesson-picture > *, .lesson-picture button')]
    .filter(e => e.getBoundingClientRect().right > edge).map(e => `${e.tagName} ${e.textContent.slice(0, 30)}`);
}"""
CELLS = "jupyterapp.shell.currentWidget.content.widgets.length"


def errors(page: Any) -> list[str]:
    """What cells ended with, where they ended with an error."""
    return page.evaluate("""() => jupyterapp.shell.currentWidget.content.widgets.flatMap(cell => {
      const outputs = cell.model.type === 'code' ? cell.model.outputs.toJSON() : [];
      return outputs.filter(o => o.output_type === 'error').map(o => o.ename + ': ' + o.evalue);
    })""")


def take_pictures(page: Any, name: str) -> None:
    """A picture of each screen of a notebook, in a folder that git ignores; nothing in it may be cut off."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    panel = page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-WindowedPanel-outer")
    step = panel.evaluate("e => e.clientHeight")
    number, end = 0, False
    while not end and number < MOST_SCREENS:  # a cell has its height only once it has been in view, so the end is where scrolling stops
        panel.evaluate("(e, top) => e.scrollTo(0, top)", number * step)
        page.wait_for_timeout(80)
        assert panel.evaluate(TOO_WIDE) == []
        page.screenshot(path=SCREENSHOTS / f"{Path(name).stem}-{number:02}.png")
        end = panel.evaluate("e => e.scrollTop + e.clientHeight >= e.scrollHeight - 2")
        number += 1
    assert number < MOST_SCREENS, "scrolling came to no end"


@pytest.mark.parametrize("path", PATHS, ids=LESSONS)
def test_a_lesson_runs_from_start_to_end_and_has_no_answer_beside_its_question(open_notebook: Opener, path: Path) -> None:
    page = open_notebook(path.name)
    assert answers_in_sight(page, path) == {}
    page.set_viewport_size(HIGH)
    run_all(page)
    assert errors(page) == []
    assert page.locator(".jp-OutputArea img, .jp-OutputArea svg[role=img]").count() > 2
    take_pictures(page, path.name)
    assert page.complaints == []
    page.close()


def test_stepping_by_keyboard_and_a_second_start(open_notebook: Opener) -> None:
    page = open_notebook(LESSONS[0])
    run_all(page)
    cells = page.evaluate(CELLS)
    slider = page.locator(".jp-OutputArea input[type=range]").first
    slider.scroll_into_view_if_needed()
    slider.focus()
    last = slider.input_value()
    for key in ("Home", "ArrowRight", "ArrowRight", "d", "d", "b"):
        page.keyboard.press(key)
    assert int(slider.input_value()) == int(slider.get_attribute("min") or 0) + 2 != int(last)
    assert page.evaluate(CELLS) == cells, "keys for the picture stayed with the picture"
    page.evaluate("jupyterapp.shell.currentWidget.context.sessionContext.restartKernel()")
    page.wait_for_function(IDLE, timeout=60_000)
    run_all(page)
    assert errors(page) == []
    assert page.complaints == []
    page.close()


def test_a_cell_in_the_middle_of_a_kernel_that_knows_nothing(open_notebook: Opener, server: Server) -> None:
    """What it says can be read, and the menu has what it names. A copy, for a lesson's own kernel lives on from test to test."""
    shutil.copy(ROOT / "notebooks" / LESSONS[2], server.folder / "middle.ipynb")
    page = open_notebook("middle.ipynb")
    place = page.evaluate("""() => {
      const book = jupyterapp.shell.currentWidget.content;
      book.activeCellIndex = book.widgets.findIndex(cell => /^reveal[(]/m.test(cell.model.sharedModel.source));
      return book.activeCellIndex;
    }""")
    page.evaluate("jupyterapp.commands.execute('notebook:run-cell')")
    page.wait_for_function(f"jupyterapp.shell.currentWidget.content.widgets[{place}].model.executionCount", timeout=60_000)
    said = page.locator(".jp-OutputArea-output").filter(has_text="isn't known in this kernel").first
    name = said.inner_text().split("`")[1]
    assert said.inner_text().strip() == sentence(name)
    said.scroll_into_view_if_needed()
    page.locator(".lm-MenuBar-itemLabel", has_text="Run").first.click()
    assert page.locator(".lm-Menu-itemLabel", has_text="Run All Above Selected Cell").count() == 1
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / "restarted.png")
    page.keyboard.press("Escape")
    assert page.complaints == []
    page.close()
