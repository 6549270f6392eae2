"""Runs notebooks as JupyterLab would, and cures what testbook and nbclient do not: see each comment."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from jupyter_client.channels import AsyncZMQSocketChannel
from testbook.client import TestbookNotebookClient

from course_tools.publish.execute import in_slices

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted(ROOT.glob("notebooks/[0-9][0-9]-*.ipynb"))
AsyncZMQSocketChannel.get_msg = in_slices
# Live cells wait for nothing there, and show what they show on sockets: `test_worlds` holds it.
VIRTUAL = {"LESSON_WORLD": "virtual", "KAFKA_BOOTSTRAP_SERVERS": ""}


class Book:
    """A notebook with a running kernel. `run()` runs its cells; `value` and `inject` are testbook's."""

    def __init__(self, path: Path, progress: Path) -> None:
        self.path = path
        self.notebook = nbformat.read(path, as_version=4)
        # The folder, else the kernel starts in pytest's; "immediate", else one shutdown in ten takes three seconds.
        self.client = TestbookNotebookClient(self.notebook, timeout=60, kernel_name="python3", shutdown_kernel="immediate",
                                             resources={"metadata": {"path": str(path.parent)}}, allow_errors=True)
        self.progress = progress

    def start(self, **environment: str) -> None:
        """Start the kernel, with a progress folder of its own."""
        self.client.create_kernel_manager()
        self.client.start_new_kernel(env={**os.environ, "LESSON_PROGRESS": str(self.progress), **environment})
        self.client.start_new_kernel_client()

    @property
    def code(self) -> list[str]:
        """The sources of the code cells."""
        return [cell.source for cell in self.notebook.cells if cell.cell_type == "code"]

    @code.setter
    def code(self, sources: list[str]) -> None:
        cells = [cell for cell in self.notebook.cells if cell.cell_type == "code"]
        for cell, source in zip(cells, sources, strict=True):
            cell.source = source

    def run(self, times: int = 1) -> Book:
        """Run every cell that many times in a row. AssertionError with the cell when one raises."""
        for index, cell in enumerate(self.notebook.cells):
            for _ in range(times if cell.cell_type == "code" else 0):
                self.client.execute_cell(index)
                self._check(cell)
        return self

    def _check(self, cell: Any) -> None:
        errors = [o for o in cell.outputs if o.output_type == "error"]
        assert not errors, f"{self.path.name}: {cell.source}\n{errors[0].ename}: {errors[0].evalue}"

    def texts(self, kind: str = "text/plain") -> list[str]:
        """What the outputs hold of one kind, printed text among the plain ones."""
        outputs = [o for cell in self.notebook.cells if cell.cell_type == "code" for o in cell.outputs]
        printed = [o.text for o in outputs if o.output_type == "stream" and kind == "text/plain"]
        return [*printed, *(o.data[kind] for o in outputs if kind in o.get("data", {}))]

    def value(self, expression: str) -> Any:
        """A value in the kernel, as JSON brings it over."""
        return self.client.value(expression)

    def inject(self, code: str) -> Any:
        """Run code in the kernel and take the cell away again."""
        return self.client.inject(code, pop=True)

    def stop(self) -> None:
        """Stop the kernel, whatever happened; a second time does nothing."""
        if self.client.km is not None:
            self.client._cleanup_kernel()


@pytest.fixture
def nb(tmp_path: Path) -> Iterator[Callable[..., Book]]:
    """Open a notebook with a kernel of its own; all are stopped after the test, also after one that failed."""
    opened: list[Book] = []

    def open_book(path: Path, progress: Path | None = None, **environment: str) -> Book:
        book = Book(path, progress or tmp_path / "progress")
        opened.append(book)
        book.start(**environment)
        return book
    yield open_book
    for book in opened:
        book.stop()


@pytest.fixture(scope="session")
def unanswered(path: Path, tmp_path_factory: pytest.TempPathFactory) -> Book:
    """The notebook after Run All with nothing answered; run once for all tests that look at it."""
    book = Book(path, tmp_path_factory.mktemp("unanswered") / "progress")
    try:
        book.start(PYTHONHASHSEED="1")
        return book.run()
    finally:
        book.stop()


@pytest.fixture(scope="session")
def executed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All notebooks after one command of nbconvert, as an automated check would run it, with nothing answered; run once.

    Sets have another order here than in `unanswered`, so what depends on that order differs between the two.
    """
    folder = tmp_path_factory.mktemp("executed")
    command = [sys.executable, "-m", "nbconvert", "--execute", "--to", "notebook", "--output-dir", str(folder),
               "--ExecutePreprocessor.timeout=60", *map(str, NOTEBOOKS)]
    run = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=60 * len(NOTEBOOKS) + 60, check=False,
                         env={**os.environ, "LESSON_PROGRESS": str(folder / "progress"), "PYTHONHASHSEED": "2"})
    assert run.returncode == 0, run.stderr[-3000:]
    return folder


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Each test with `path` runs once for each notebook, however many there are."""
    if "path" in metafunc.fixturenames:
        metafunc.parametrize("path", NOTEBOOKS, ids=[p.stem for p in NOTEBOOKS], scope="session")
