"""What automated checks and readers without a kernel get: Run All by nbconvert's own command, and a page that stands alone."""

from __future__ import annotations

import json
import logging
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from nbconvert import HTMLExporter

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def page(unanswered: Any) -> str:
    """The notebook after Run All as HTML, as a reader without a kernel gets it."""
    complaints: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: complaints.append(record.getMessage())  # type: ignore[method-assign]
    log = logging.getLogger("export")
    log.addHandler(handler)
    html = HTMLExporter(log=log).from_notebook_node(unanswered.notebook)[0]
    assert not complaints, complaints
    return html


def test_a_page_says_everything_without_a_kernel(page: str, unanswered: Any) -> None:
    assert "VBox(" not in page and "RadioButtons(" not in page
    assert page.count('role="group"') >= len(re.findall(r"\b(?:question|observe)\(", "\n".join(unanswered.code)))
    assert "No description has been provided" not in page


def test_a_page_has_no_element_twice_under_one_name(page: str) -> None:
    names = re.findall(r'<(?!svg|g|path|use|clipPath|defs)\w+[^>]*\bid="(question-[^"]+)"', page)
    assert len(names) == len(set(names))


def test_nbconvert_runs_all_notebooks(tmp_path: Path) -> None:
    """The one command that somebody's automated check will use."""
    notebooks = sorted(map(str, ROOT.glob("notebooks/[0-9][0-9]-*.ipynb")))
    command = [sys.executable, "-m", "nbconvert", "--execute", "--to", "notebook", "--output-dir", str(tmp_path),
               "--ExecutePreprocessor.timeout=60", *notebooks]
    run = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=60 * len(notebooks) + 60, check=False,
                         env={**os.environ, "LESSON_PROGRESS": str(tmp_path / "progress")})
    assert run.returncode == 0, run.stderr[-3000:]
    for path in notebooks:
        cells = json.loads((tmp_path / Path(path).name).read_text())["cells"]
        assert all(c["execution_count"] for c in cells if c["cell_type"] == "code" and "".join(c["source"]).strip())
