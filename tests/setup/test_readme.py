"""The runs that the README shows: each of its lines gives what stands below it."""

from __future__ import annotations

import doctest
from pathlib import Path

import pytest

README = Path(__file__).resolve().parents[2] / "README.md"


def results(text: str) -> doctest.TestResults:
    """How many of the lines were run, and how many gave something else than what the text says."""
    runner = doctest.DocTestRunner(verbose=False)
    return runner.run(doctest.DocTestParser().get_doctest(text, {}, README.name, None, 0), out=lambda _: None)


def test_the_short_answer_is_what_the_runs_give() -> None:
    found = results(README.read_text(encoding="utf-8"))
    assert found.failed == 0
    assert found.attempted == 8


@pytest.mark.parametrize(("said", "instead"), [("['m0', 'm1', 'm2']", "['m0', 'm1', 'm1', 'm2']"), ("happen: hole", "happen: duplicate")])
def test_another_answer_is_noticed(said: str, instead: str) -> None:
    text = README.read_text(encoding="utf-8")
    assert said in text
    assert results(text.replace(said, instead)).failed == 1
