"""The harness itself: a broken cell is a failure with its source, and no kernel is left behind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest


def written(folder: Path, *sources: str) -> Path:
    """A notebook with these code cells."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    nbformat.write(notebook, folder / "00-try.ipynb")
    return folder / "00-try.ipynb"


def test_a_cell_that_raises_is_a_failure(nb: Any, tmp_path: Path) -> None:
    book = nb(written(tmp_path, "a = 1", "b = a / 0"))
    with pytest.raises(AssertionError, match=r"b = a / 0\s+ZeroDivisionError"):
        book.run()


def test_the_kernel_starts_beside_the_notebook_and_is_gone_afterwards(nb: Any, tmp_path: Path) -> None:
    book = nb(written(tmp_path, "import os", "print(os.getcwd())"))
    assert book.run().texts() == [f"{tmp_path}\n"]
    book.inject("a = 2")
    assert book.value("a + 1") == 3
    kernel = book.client.km.provisioner.process
    book.stop()
    assert kernel.poll() is not None


def test_captured_output_does_not_hang(nb: Any, tmp_path: Path) -> None:
    """Without the cure each such cell waits for its time-out, for ever where there is none."""
    capture = "import ipywidgets\nout = ipywidgets.Output()\nwith out:\n    print(1)"
    nb(written(tmp_path, *[capture] * 5)).run()
