"""Every test has a progress folder of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lesson_lib.teach import store
from lesson_lib.teach.tasks import bounded
from tests.labs import ending


@pytest.fixture
def ends() -> Iterator[None]:
    """For tests of the guard against a learner's loops without an end."""
    with ending(bounded.call, 60):
        yield


@pytest.fixture(autouse=True)
def progress(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder with the answers, empty."""
    monkeypatch.setenv("LESSON_PROGRESS", str(tmp_path / "progress"))
    monkeypatch.delenv("SOLUTIONS", raising=False)
    monkeypatch.setattr(store, "_unsaved", {})
    monkeypatch.setattr(store, "_said", set())
    return tmp_path / "progress"
