"""Every lesson of the built site reaches its end in Firefox, with the real client in its live cells."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.course_tools.publish.firefox import Firefox, firefox, firefox_path
from tests.course_tools.publish.served_site import CELLS, KERNEL, LESSONS, served


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Where the built site is."""
    with served() as address:
        yield address


@pytest.fixture(scope="module")
def page(address: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firefox]:
    """One page, one lesson after the other."""
    if not firefox_path():
        pytest.skip("needs Firefox: install it, or set FIREFOX to its path")
    with firefox(firefox_path(), tmp_path_factory.mktemp("profile")) as page:
        yield page


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda path: path.stem)
def test_run_all(page: Firefox, address: str, lesson: Path) -> None:
    page.go(f"{address}/notebooks/index.html?path={lesson.name}")
    page.wait_for(f"{KERNEL} === 'idle' && jupyterapp.shell.currentWidget.context.path === '{lesson.name}'")
    page.evaluate("(jupyterapp.commands.execute('notebook:run-all-cells'), 0)")
    page.wait_for(f"({CELLS})().every(([count]) => count) && {KERNEL} === 'idle'")
    outputs = [text for _, text in page.evaluate(f"({CELLS})()")]
    assert [text for text in outputs if '"output_type":"error"' in text] == []
    assert page.evaluate("document.querySelectorAll('[data-picture][data-ready]').length") > 0
    assert any("in a virtual world" in text for text in outputs)
