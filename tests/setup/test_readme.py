"""The runs that the README shows: each of its lines gives what stands below it."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import pytest

from course_tools.publish.pictures import FOLDER, pictures

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


def words(svg: str) -> list[str]:
    """Every text in a drawing."""
    return re.findall(r"<text[^>]*>(.*?)</text>", svg)


def test_its_pictures_are_as_they_are_drawn_now() -> None:
    """`python -m course_tools.publish.pictures` makes them again. Words are compared, so that a line may move by a pixel."""
    made = {name: picture.svg for name, picture in pictures()}
    kept = {name: (FOLDER / f"{name}.svg").read_text(encoding="utf-8") for name in made}
    assert {name: words(svg) for name, svg in kept.items()} == {name: words(svg) for name, svg in made.items()}
    assert made.keys() == {"stored-twice", "lost-ack", "trace", "read", "judge"}
    assert all(f"images/{name}.svg" in README.read_text() for name in made)
    assert words(made["trace"]) != words(made["read"]) and "r1 is stored twice" in words(made["trace"])
