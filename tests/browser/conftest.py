"""A JupyterLab of the tests' own, and a page in Chromium that remembers every complaint and every request that would leave the machine."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
TOKEN = "lesson"
IDLE = "() => window.jupyterapp?.shell.currentWidget?.context?.sessionContext.session?.kernel?.status === 'idle'"
Opener = Callable[[str], Any]


@dataclass(frozen=True)
class Server:
    """Where JupyterLab answers, and the folder that it shows."""

    address: str
    folder: Path


@pytest.fixture(scope="module")
def jupyterlab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A JupyterLab that knows nothing of this machine's settings, on copies of the lessons; stopped afterwards."""
    folder = tmp_path_factory.mktemp("lab")
    for path in ROOT.glob("notebooks/0*.ipynb"):
        shutil.copy(path, folder / path.name)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    own = {name: str(folder / "home") for name in ("HOME", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR",
                                                   "JUPYTERLAB_WORKSPACES_DIR")}
    options = ["--no-browser", "--allow-root", f"--IdentityProvider.token={TOKEN}", f"--ServerApp.port={port}",
               "--ServerApp.port_retries=0", f"--ServerApp.root_dir={folder}", "--LabApp.expose_app_in_browser=True"]
    learner = {"LESSON_PROGRESS": str(folder / "progress"), "KAFKA_BOOTSTRAP_SERVERS": "embedded"}
    with open(folder / "lab.log", "w") as log:
        server = subprocess.Popen([sys.executable, "-m", "jupyterlab", *options], stdout=log, stderr=subprocess.STDOUT,
                                  env={**os.environ, **own, **learner})
    try:
        _wait_for(f"http://127.0.0.1:{port}/api?token={TOKEN}", folder / "lab.log")
        yield Server(f"http://127.0.0.1:{port}", folder)
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
def chromium(browser_path: str) -> Iterator[Any]:
    """The browser."""
    from playwright.sync_api import sync_playwright
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=browser_path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def open_notebook(jupyterlab: Server, chromium: Any) -> Opener:
    """Open a notebook of the folder in a new page, and wait for its kernel; `page.complaints` must stay empty."""
    def opened(name: str) -> Any:
        page = chromium.new_page(viewport={"width": 1200, "height": 1100})
        page.complaints = []
        page.on("console", lambda message: page.complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.on("request", lambda request: None if request.url.startswith((jupyterlab.address, "data:", "blob:"))
                else page.complaints.append(f"asked for {request.url}"))
        page.goto(f"{jupyterlab.address}/lab/tree/{name}?token={TOKEN}&reset")
        page.wait_for_function(IDLE, timeout=60_000)
        return page
    return opened


def run_all(page: Any, command: str = "notebook:run-all-cells") -> None:
    """Run every cell and wait until the last one has its number."""
    page.evaluate(f"jupyterapp.commands.execute('{command}')")
    page.wait_for_function(f"({DONE})()", timeout=120_000)


DONE = """() => {
  const cells = window.jupyterapp?.shell.currentWidget?.content?.widgets ?? [];
  const code = cells.filter(cell => cell.model.type === 'code' && cell.model.sharedModel.source.trim());
  return code.length > 0 && code.every(cell => cell.model.executionCount) &&
    window.jupyterapp.shell.currentWidget.context.sessionContext.session?.kernel?.status === 'idle';
}"""
