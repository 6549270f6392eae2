"""Nothing of the source page is dropped: each of its sections is treated in a cell that carries the section's tag."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import nbformat
import pytest

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"

# Section of the page -> number of the lesson that treats it.
PAGE = {
    "overview-what": 1, "overview-why": 1, "overview-where": 1,
    "mental-core-idea": 3, "mental-analogy": 1, "mental-diagram": 1, "analogy-breaks": 3,
    "step-1": 1, "step-1-result": 1,
    "step-2": 2, "step-2-result": 2,
    "step-3-question": 3, "step-3": 3, "step-3-result": 3,
    "step-4-question": 4, "step-4": 4, "step-4-code": 4, "step-4-result": 4,
    "step-5-question": 5, "step-5": 5, "step-5-result": 5,
    "step-6-question": 6, "step-6": 6, "step-6-result": 6,
    "step-7-question": 7, "step-7": 7, "step-7-result": 7,
    "under-the-hood": 6, "hood-diagram": 6, "why-designed": 6,
    "myth-1": 5, "myth-2": 4, "myth-3": 7, "myth-4": 5,
    "expert-1": 5, "expert-2": 6, "expert-3": 4,
    "when-not": 4, "production-patterns": 7,
    "connection-db": 7, "connection-http": 3, "connection-consensus": 6,
    "pitfall-1": 2, "pitfall-1-correct": 4, "pitfall-2": 5, "pitfall-3": 7,
    "takeaway-1": 7, "takeaway-2": 7, "takeaway-3": 7, "takeaway-4": 7, "takeaway-5": 7,
}


def tagged() -> Counter[tuple[str, int]]:
    """(section, lesson) of every tag in the notebooks."""
    found: Counter[tuple[str, int]] = Counter()
    for path in sorted(NOTEBOOKS.glob("0*.ipynb")):
        for cell in nbformat.read(path, as_version=4).cells:
            for tag in cell.metadata.get("tags", []):
                if tag.startswith("page:"):
                    found[tag.removeprefix("page:"), int(path.name[:2])] += 1
    return found


@pytest.mark.parametrize("section", PAGE)
def test_every_section_has_its_place(section: str) -> None:
    assert tagged()[section, PAGE[section]] == 1


def quoted() -> list[str]:
    """What the lessons quote where they take up a section of the page, in pieces without an omission."""
    cells = [cell for path in sorted(NOTEBOOKS.glob("0*.ipynb")) for cell in nbformat.read(path, as_version=4).cells
             if any(tag.startswith("page:") for tag in cell.metadata.get("tags", []))]
    lines = [line for cell in cells for line in cell.source.splitlines() if line.startswith("> ")]
    pieces = [re.sub(r"^(Myth|Common belief): ", "", piece.strip()) for line in lines for piece in line[2:].split("…")]
    return [plain(piece).rstrip(".") for piece in pieces if piece]


def plain(text: str) -> str:
    """Without marks, line ends and capitals."""
    return " ".join(re.sub(r"[*>]", "", text).lower().split())


def test_the_lessons_quote_the_article_as_it_stands() -> None:
    article = plain((NOTEBOOKS / "the-article.md").read_text(encoding="utf-8"))
    assert len(quoted()) > 15
    assert [piece for piece in quoted() if piece not in article] == []


def test_the_article_names_every_lesson_that_takes_it_up() -> None:
    text = (NOTEBOOKS / "the-article.md").read_text(encoding="utf-8")
    named = Counter(int(number) for number in re.findall(r"\[lesson (\d), ", text))
    assert set(named) == set(PAGE.values())


def test_no_tag_is_unknown() -> None:
    assert {section for section, _ in tagged()} <= set(PAGE)
