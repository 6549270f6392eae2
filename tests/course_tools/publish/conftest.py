"""The lessons after Run All, once for all tests here, and pages that may ask for nothing but files."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from course_tools.publish.execute import run_all
from course_tools.publish.published import lessons


@pytest.fixture(scope="session")
def executed_lessons() -> dict[Path, Any]:
    """Every notebook with its outputs, nothing answered."""
    return run_all(lessons())


@pytest.fixture
def own_work(tmp_path: Path) -> Path:
    """A folder of notebooks under git, in which somebody has answered, run and saved, and left files of their own."""
    folder = tmp_path / "course" / "notebooks"
    (folder / "images").mkdir(parents=True)
    (folder / "images" / "a.svg").write_text("<svg/>")
    (folder / "for-instructors.md").write_text("the answers")
    lesson = [new_code_cell('asked = question("2.lost-ack")\nasked.answer(...)'), new_code_cell("def mine(batch):\n    ...")]
    nbformat.write(new_notebook(cells=lesson), folder / "02-one.ipynb")
    for command in (("init", "-q"), ("add", "."), ("-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "lessons")):
        subprocess.run(["git", *command], cwd=folder, check=True)
    lesson = [new_code_cell('asked = question("2.lost-ack")\nasked.answer("SECRET")', outputs=[new_output("stream", text="SECRET")],
                            execution_count=3), new_code_cell("def mine(batch):\n    return 'SECRET'")]
    nbformat.write(new_notebook(cells=lesson), folder / "02-one.ipynb")
    nbformat.write(new_notebook(cells=lesson), folder / "notes.ipynb")
    (folder / ".progress").mkdir()
    (folder / ".progress" / "answers.json").write_text("SECRET")
    return folder


@pytest.fixture
def open_page(browser: Any) -> Iterator[Callable[..., Any]]:
    """Open a file; `page.complaints` holds each error, and each request that is not for a file, which is refused."""
    contexts = []

    def opened(path: Path, width: int = 1280, height: int = 720, **options: Any) -> Any:
        contexts.append(browser.new_context(viewport={"width": width, "height": height}, **options))
        page = contexts[-1].new_page()
        page.complaints = []
        page.on("console", lambda said: page.complaints.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.route("**/*", lambda route: route.continue_() if route.request.url.startswith(("file:", "data:"))
                   else (page.complaints.append(f"asked for {route.request.url}"), route.abort()))
        page.goto(path.as_uri())
        return page
    yield opened
    for context in contexts:
        context.close()


def serious(page: Any) -> list[str]:
    """What axe calls serious or critical, with the first element."""
    from axe_playwright_python.sync_playwright import Axe
    found = Axe().run(page).response["violations"]
    return [f"{v['id']}: {v['nodes'][0]['html'][:200]}" for v in found if v["impact"] in ("serious", "critical")]
