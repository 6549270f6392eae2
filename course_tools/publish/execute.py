"""Runs the lessons as a reader would find them: as published, on the embedded broker, with no widget state
kept.

nbclient can wait for ever for a message that has come already, when it sends on the socket that it polls; so
it polls in slices here.
"""

from __future__ import annotations

import argparse
import os
import re
import tempfile
import time
from collections.abc import Callable, Collection
from pathlib import Path
from queue import Empty
from typing import Any
from unittest.mock import patch

import nbformat
from jupyter_client.channels import AsyncZMQSocketChannel
from nbconvert import HTMLExporter
from nbconvert.preprocessors import ExecutePreprocessor
from nbformat import NotebookNode
from traitlets.config import Config

from course_tools.command_line import make_folder
from course_tools.publish.published import ROOT, TITLE, as_published, lessons
from lesson_lib.lab.choose_broker import CHANGE

TEMPLATES = Path(__file__).parent / "templates"
CELL_SECONDS = 120
# What the lab tells somebody who could run the cell again, in lines of any length.
FOR_THE_KEYBOARD = re.compile(r"\s+".join(["", *map(re.escape, CHANGE.split())]))
_get_msg = AsyncZMQSocketChannel.get_msg


def make_from_lessons(what: str, make: Callable[[Path, dict[Path, NotebookNode]], list[Path]],
                      argv: list[str]) -> int:
    """A command: run the lessons, `make` something of them in build/ or a folder, say where it is."""
    parser = argparse.ArgumentParser(f"python -m lesson_lib {what}",
                                     description=f"Make {what} of the executed lessons.")
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "build" / what)
    folder = parser.parse_args(argv).folder
    make_folder(folder)
    before = _listed(folder)
    pages = make(folder, run_all(lessons()))
    for page in before.difference(pages):  # of a lesson that has another name now, or none
        page.unlink(missing_ok=True)
    are = "are" if what.endswith("s") else "is"
    print(f"The {what} {are} ready: open {pages[0]} in a browser; nothing in {folder} needs the network.")
    return 0


def _listed(folder: Path) -> set[Path]:
    """The pages of an earlier build, by its list of contents; none where there is no such list."""
    contents = folder / "index.html"
    text = contents.read_text(encoding="utf-8") if contents.is_file() else ""
    return {folder / name for name in re.findall(r'href="([\w.-]+\.html)', text)} if TITLE in text else set()


def exporter_with(template: str, kind: type[HTMLExporter],
                  without_input: Collection[str] = ()) -> HTMLExporter:
    """An exporter with one of the templates here; cells with one of the tags in `without_input` show their
    output alone, and images are in the page.
    """
    config = Config()
    config.TemplateExporter.extra_template_basedirs = [str(TEMPLATES)]
    config.TagRemovePreprocessor.update(enabled=True, remove_input_tags=set(without_input))
    return kind(config=config, template_name=template, embed_images=True)


def run_all(paths: list[Path]) -> dict[Path, NotebookNode]:
    """Every notebook after Run All, saying which one is being run."""
    notebooks = {}
    for path in paths:
        print(f"Running {path.name} ...", flush=True)
        notebooks[path] = executed(path)
    return notebooks


def executed(path: Path) -> NotebookNode:
    """The published notebook after Run All, for readers who have no kernel. Raises nbclient's
    CellExecutionError."""
    notebook = nbformat.reads(as_published(path).decode(), as_version=4)
    runner = ExecutePreprocessor(timeout=CELL_SECONDS, store_widget_state=False, record_timing=False,
                                 shutdown_kernel="immediate")
    AsyncZMQSocketChannel.get_msg = in_slices
    with tempfile.TemporaryDirectory() as no_answers, patch.dict(
            os.environ, KAFKA_BOOTSTRAP_SERVERS="embedded", LESSON_PROGRESS=no_answers):
        runner.preprocess(notebook, {"metadata": {"path": str(path.parent)}})
    for output in (output for cell in notebook.cells for output in cell.get("outputs", ())):
        if output.output_type == "stream":
            output.text = FOR_THE_KEYBOARD.sub("", output.text)
    return notebook


async def in_slices(self: AsyncZMQSocketChannel, timeout: float | None = None) -> Any:
    """What a channel gives within `timeout` seconds, in place of its `get_msg`."""
    end = None if timeout is None else time.monotonic() + timeout
    while True:
        left = 0.25 if end is None else min(0.25, max(0.0, end - time.monotonic()))
        try:
            return await _get_msg(self, left)
        except Empty:
            if end is not None and time.monotonic() >= end:
                raise
