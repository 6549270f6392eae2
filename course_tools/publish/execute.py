"""Runs the lessons as a reader would find them: nothing answered, on the embedded broker, with no widget state kept."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nbformat
from nbconvert.preprocessors import ExecutePreprocessor
from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = Path(__file__).parent / "templates"
CELL_SECONDS = 120


def lessons() -> list[Path]:
    """The notebooks of the course, in order."""
    return sorted(ROOT.glob("notebooks/[0-9][0-9]-*.ipynb"))


def run_all(paths: list[Path]) -> dict[Path, NotebookNode]:
    """Every notebook after Run All, saying which one is being run."""
    notebooks = {}
    for path in paths:
        print(f"Running {path.name} ...", flush=True)
        notebooks[path] = executed(path)
    return notebooks


def executed(path: Path) -> NotebookNode:
    """A copy of the notebook after Run All. Raises nbclient's CellExecutionError with the cell that failed."""
    notebook = nbformat.read(path, as_version=4)
    runner = ExecutePreprocessor(timeout=CELL_SECONDS, store_widget_state=False, record_timing=False, shutdown_kernel="immediate")
    with _fresh_learner():
        runner.preprocess(notebook, {"metadata": {"path": str(path.parent)}})
    return notebook


@contextmanager
def _fresh_learner() -> Iterator[None]:
    """No answers from before, and the broker that is there everywhere."""
    before = dict(os.environ)
    with tempfile.TemporaryDirectory() as folder:
        os.environ.update(KAFKA_BOOTSTRAP_SERVERS="embedded", LESSON_PROGRESS=folder)
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)
