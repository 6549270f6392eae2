"""One JupyterLab for all tests here, and pages in Chromium that remember every complaint and every request to elsewhere."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.browser.jupyterlab import jupyterlab, open_in

ROOT = Path(__file__).parents[2]
SCREENSHOTS = ROOT / "build" / "screenshots"  # for people to look at; git ignores them
Opener = Callable[[str], Any]


@dataclass(frozen=True)
class Server:
    """Where JupyterLab answers, and the folder that it shows: copies of the lessons, and what a test adds."""

    address: str
    folder: Path


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, browser_path: str) -> Iterator[Server]:
    """JupyterLab, stopped after the last test."""
    folder = tmp_path_factory.mktemp("lab")
    for path in ROOT.glob("notebooks/0*.ipynb"):
        shutil.copy(path, folder / path.name)
    with jupyterlab(folder) as address:
        yield Server(address, folder)


@pytest.fixture(scope="module")
def open_notebook(server: Server, browser: Any) -> Opener:
    """Open a notebook of the folder in a new page, with its kernel up; `page.complaints` must stay empty."""
    def opened(name: str) -> Any:
        page = browser.new_page(viewport={"width": 1200, "height": 1100})
        page.complaints = []
        page.on("console", lambda message: page.complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.on("request", lambda request: None if request.url.startswith((server.address, "data:", "blob:"))
                else page.complaints.append(f"asked for {request.url}"))
        open_in(page, server.address, name)
        return page
    return opened
