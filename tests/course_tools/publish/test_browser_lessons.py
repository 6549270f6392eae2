"""Every cell of every lesson runs in a web page: tried in an ordinary kernel from which what a browser lacks is taken away."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest
from nbconvert.preprocessors import ExecutePreprocessor

from course_tools.publish.published import lessons
from lesson_lib.errors import LessonError
from lesson_lib.lab import choose_broker

WEB_PAGE = """import socket, sys
for name in ("matplotlib", "crc32c", "yaml", "fcntl", "psutil"):
    sys.modules[name] = None
from lesson_lib.lab import choose_broker
choose_broker.IN_PAGE = True
def no_way(*_):
    raise OSError("a page has no sockets")
socket.create_connection = socket.create_server = socket.socketpair = no_way
"""


@pytest.mark.parametrize("path", lessons(), ids=lambda path: path.stem)
def test_every_cell_runs(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LESSON_PROGRESS", str(tmp_path / "progress"))
    monkeypatch.delenv("KAFKA_BOOTSTRAP_SERVERS", raising=False)
    sources = [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in (WEB_PAGE, *sources)])
    runner = ExecutePreprocessor(timeout=120, store_widget_state=False, shutdown_kernel="immediate")
    runner.preprocess(notebook, {"metadata": {"path": str(tmp_path)}})  # a cell that raises is a failure
    said = " ".join(" ".join(str(cell.outputs) for cell in notebook.cells).split("\\n"))
    assert said.count("in a virtual world") >= 1 and "`make lab` on a computer" in said
    for cell in notebook.cells:
        if "simulate(" in cell.source and re.search(r"\b(show|reveal|compare)\(", cell.source):
            assert "data:image/svg+xml" in str(cell.outputs), cell.source


def test_a_page_has_one_world(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choose_broker, "IN_PAGE", True)
    monkeypatch.delenv(choose_broker.WORLD, raising=False)
    assert choose_broker.is_virtual(None) and choose_broker.is_virtual("virtual")
    with pytest.raises(LessonError, match="A web page has no sockets"):
        choose_broker.is_virtual("sockets")
