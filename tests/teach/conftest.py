"""Every test has a progress folder of its own."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import pytest

from lesson_lib.teach import store
from lesson_lib.teach.tasks import bounded

PATIENCE = 60.0  # seconds


class StillRunning(BaseException):
    """No Exception: what a learner writes would catch it."""


@pytest.fixture
def ends() -> Iterator[None]:
    """For tests of a guard against loops without an end: where the guard breaks, the test fails instead of running for ever.

    It strikes again and again, for a learner's `except:` may swallow it, but never outside of what the guard has called.
    """
    def strike(_: int, frame: FrameType | None) -> None:
        while frame is not None:
            if frame.f_code is bounded.call.__code__:
                raise StillRunning(f"the guard has not stopped it within {PATIENCE:.0f} seconds")
            frame = frame.f_back

    before = signal.signal(signal.SIGALRM, strike)
    signal.setitimer(signal.ITIMER_REAL, PATIENCE, 0.01)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture(autouse=True)
def progress(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder with the answers, empty."""
    monkeypatch.setenv("LESSON_PROGRESS", str(tmp_path / "progress"))
    monkeypatch.delenv("SOLUTIONS", raising=False)
    monkeypatch.setattr(store, "_unsaved", {})
    monkeypatch.setattr(store, "_said", set())
    return tmp_path / "progress"
