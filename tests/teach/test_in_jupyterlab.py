"""The controls in a real JupyterLab: answered and played by keyboard, without a key that reaches the notebook."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest

pytestmark = pytest.mark.browser
TOKEN = "lesson"
CELLS = ["from lesson_lib import playground, question", 'predict = question("2.lost-ack")', "ground = playground(3, idempotence=False)"]
IDLE = "() => window.jupyterapp?.shell.currentWidget?.context?.sessionContext.session?.kernel?.status === 'idle'"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """Address and folder of a JupyterLab that knows nothing of this machine's settings; stopped afterwards."""
    folder = tmp_path_factory.mktemp("lab")
    cells = [nbformat.v4.new_code_cell(source) for source in CELLS]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), folder / "try.ipynb")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    own = {name: str(folder / "home") for name in ("HOME", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR",
                                                   "JUPYTERLAB_WORKSPACES_DIR")}
    options = ["--no-browser", "--allow-root", f"--IdentityProvider.token={TOKEN}", f"--ServerApp.port={port}",
               "--ServerApp.port_retries=0", f"--ServerApp.root_dir={folder}", "--LabApp.expose_app_in_browser=True"]
    with open(folder / "lab.log", "w") as log:
        server = subprocess.Popen([sys.executable, "-m", "jupyterlab", *options], stdout=log, stderr=subprocess.STDOUT,
                                  env={**os.environ, **own, "LESSON_PROGRESS": str(folder / "progress")})
    try:
        _wait_for(f"http://127.0.0.1:{port}/api?token={TOKEN}", folder / "lab.log")
        yield f"http://127.0.0.1:{port}", folder
    finally:
        server.terminate()
        server.wait(20)


def _wait_for(address: str, log: Path) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            urllib.request.urlopen(address, timeout=5).close()
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    pytest.fail(f"JupyterLab did not answer: {log.read_text()[-2000:]}")


@pytest.fixture(scope="module")
def page(lab: tuple[str, Path], browser_path: str) -> Iterator[Any]:
    """The notebook after Run All, with what the console complained about in `page.complaints`."""
    from playwright.sync_api import sync_playwright
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=browser_path, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1200, "height": 1100})
        page.complaints = []
        page.on("console", lambda message: page.complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.on("request", lambda request: None if request.url.startswith((lab[0], "data:", "blob:"))
                else page.complaints.append(f"asked for {request.url}"))
        page.goto(f"{lab[0]}/lab/tree/try.ipynb?token={TOKEN}&reset")
        page.wait_for_function(IDLE, timeout=60_000)
        page.evaluate("jupyterapp.commands.execute('notebook:run-all-cells')")
        page.wait_for_selector(".lesson-answer[data-guarded] input[type=radio]", timeout=60_000)
        page.wait_for_selector(".lesson-playground[data-guarded] select", timeout=60_000)
        yield page
        browser.close()


def cells(page: Any) -> int:
    """How many cells the notebook has."""
    return page.locator(".jp-Cell").count()


def test_a_prediction_by_keyboard(page: Any, lab: tuple[str, Path]) -> None:
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
    kept = json.loads((lab[1] / "progress" / "answers.json").read_text())
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
