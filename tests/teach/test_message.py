"""A check that takes its time says how far it is, and leaves nothing behind."""

from __future__ import annotations

from typing import Any

import pytest

from lesson_lib.teach import message
from lesson_lib.teach.message import with_progress


class Output:
    """An output of a cell, with everything that it ever showed."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def update(self, thing: Any) -> None:
        self.said.append(repr(thing))


@pytest.fixture
def output(monkeypatch: pytest.MonkeyPatch) -> Output:
    """What a notebook shows, on a clock on which everything takes 0.4 seconds."""
    output, now = Output(), iter(number * 0.4 for number in range(1000))
    monkeypatch.setattr(message.time, "monotonic", lambda: next(now))
    monkeypatch.setattr(message, "show_now", lambda thing: (output.update(thing), output)[1])
    monkeypatch.setattr(message, "has_kernel", lambda: True)
    return output


def test_it_says_how_far_it_is(output: Output) -> None:
    assert list(with_progress(range(12), "scripts")) == list(range(12))
    assert output.said == [f"Checking: {number} of 12 scripts." for number in (5, 7, 9, 11)] + [""]


def test_a_check_that_ends_early_leaves_nothing_behind(output: Output) -> None:
    assert next(number for number in with_progress(range(12), "scripts") if number == 6) == 6
    assert output.said == ["Checking: 5 of 12 scripts.", ""]


def test_what_is_quick_says_nothing(output: Output) -> None:
    assert list(with_progress("abcde", "letters")) == list("abcde") and output.said == []


def test_without_a_notebook_it_says_nothing(output: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(message, "has_kernel", lambda: False)
    assert list(with_progress(range(12), "scripts")) == list(range(12)) and output.said == []
