"""What automated checks and readers without a kernel get: Run All by nbconvert's own command, and a page that stands alone."""

from __future__ import annotations

import json
import logging
import re
from pathlib import Path
from typing import Any

import pytest
from nbconvert import HTMLExporter

ROOT = Path(__file__).parents[2]
AXE = {"resultTypes": ["violations"], "rules": {"link-in-text-block": {"enabled": False}}}


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


@pytest.mark.browser
def test_a_page_has_no_serious_accessibility_problem(page: str, browser_path: str, tmp_path: Path) -> None:
    """axe's serious and critical findings, in what the lesson puts on the page. Left out is what nbconvert's own template draws:
    prompts and colours of code, and links that are told from text by colour alone; `make book` mends them."""
    from axe_playwright_python.sync_playwright import Axe
    from playwright.sync_api import sync_playwright
    (tmp_path / "lesson.html").write_text(page, encoding="utf-8")
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=browser_path, args=["--no-sandbox"])
        shown = browser.new_page()
        shown.route("**/*", lambda route: route.continue_() if route.request.url.startswith(("file:", "data:")) else route.abort())
        shown.goto((tmp_path / "lesson.html").as_uri())
        found = Axe().run(shown, {"exclude": [[".jp-InputArea"], [".jp-OutputPrompt"]]}, AXE).response["violations"]
        browser.close()
    assert [(v["id"], v["nodes"][0]["html"][:200]) for v in found if v["impact"] in ("serious", "critical")] == []


def test_nbconvert_runs_all_notebooks(executed: Path) -> None:
    """The one command that somebody's automated check will use."""
    for path in sorted(ROOT.glob("notebooks/[0-9][0-9]-*.ipynb")):
        cells = json.loads((executed / path.name).read_text())["cells"]
        assert all(c["execution_count"] for c in cells if c["cell_type"] == "code" and "".join(c["source"]).strip())
