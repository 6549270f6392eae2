"""From a key press to the painted picture, in JupyterLab in Chromium: the stepper, and `interact` on the same figure.

The clock runs from the `keydown` to the second animation frame after the picture has changed and is decoded, so a screen's
frame is the floor. Both sides stand in one notebook and are measured in turn.
"""

from __future__ import annotations

import importlib
import statistics
import tempfile
from pathlib import Path
from typing import Any

from tests.bench.table import Row
from tests.browser.jupyterlab import jupyterlab, open_in, run_all, write_notebook

PRESSES = 28  # the shorter run has 33 events
CELLS = [
    "from ipywidgets import interact, IntSlider\nfrom IPython.display import Image, display\n"
    "from lesson_lib import show, simulate\nfrom lesson_lib.history import History",
    "few, many = simulate(7, faults={2: 'lose ack'}), simulate(48, faults={2: 'lose ack'})\nlen(few.events), len(many.events)",
    "show(few)", "show(many, \"lanes\")",
    "def picture(run, step):\n    return Image(show(History(run.events[:step], run.logs, run.settings), 'lanes', step=False).png)",
    "interact(lambda step: display(picture(few, step)), step=IntSlider(len(few.events) - 16, 1, len(few.events)))\nNone",
    "interact(lambda step: display(picture(many, step)), step=IntSlider(len(many.events) - 16, 1, len(many.events)))\nNone",
]
# Notes the time from a key press to the second frame after the picture has changed: its steps, or the source of its image.
WATCH = """(root) => { window.times = [];
    let pressed = 0, before = '';
    const state = () => root.dataset.picture ? root.dataset.step : root.querySelector('img')?.src;
    new MutationObserver(async () => {
        const from = pressed, now = state();
        if (!from || !now || now === before) return;
        pressed = 0;
        if (!root.dataset.picture) await root.querySelector('img').decode().catch(() => 0);
        requestAnimationFrame(() => requestAnimationFrame(() => window.times.push(performance.now() - from)));
    }).observe(root, {childList: true, subtree: true, attributes: true});
    document.addEventListener('keydown', (event) => {
        if (event.key === 'ArrowRight') { pressed = performance.now(); before = state(); } }, true); }"""


def rows() -> list[Row]:
    """Four rows: the median and the 95th percentile at 30 and at 200 events, in milliseconds."""
    sync_api = importlib.import_module("playwright.sync_api")
    chromium = importlib.import_module("tests.conftest").chromium()
    if not chromium:
        print("no Chromium here: install it, or set CHROMIUM to its path")
        return []
    with tempfile.TemporaryDirectory() as folder, jupyterlab(Path(folder)) as server, sync_api.sync_playwright() as play:
        write_notebook(Path(folder) / "try.ipynb", CELLS)
        browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1300, "height": 1100})
        open_in(page, server, "try.ipynb")
        run_all(page)
        page.wait_for_selector(".widget-interact >> nth=1 >> img")
        found = [row for number, events in enumerate((30, 200)) for row in _both(page, number, events)]
        browser.close()
    return found


def _both(page: Any, number: int, events: int) -> list[Row]:
    stepped = _measure(page, "[data-picture]", number, "input[type=range]")
    redrawn = _measure(page, ".widget-interact", number, "[role=slider]")
    sides = ((statistics.median, "median", "at most 25 ms"), (_high, "95 % within", "at most 35 ms"))
    return [Row(f"key press to picture at {events} events, {name}: stepper, interact", form(stepped), form(redrawn), "ms", aim)
            for form, name, aim in sides]


def _high(times: list[float]) -> float:
    """The 95th percentile."""
    return sorted(times)[int(0.95 * len(times))]


def _measure(page: Any, root: str, number: int, control: str) -> list[float]:
    """Milliseconds for each of the presses, with a pause so that one is done before the next."""
    place = page.locator(root).nth(number)
    place.scroll_into_view_if_needed()
    place.evaluate(WATCH)
    slider = place.locator(control).first
    slider.focus()
    if root == "[data-picture]":
        page.keyboard.press("Home")
    for press in range(1, (PRESSES if root == "[data-picture]" else 15) + 1):
        page.keyboard.press("ArrowRight")
        page.wait_for_function("(n) => window.times.length >= n", arg=press, timeout=30_000)
        page.wait_for_timeout(60)
    return page.evaluate("window.times")
