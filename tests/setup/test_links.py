"""Links inside the repository: every relative one in a text or a notebook leads to a file, and every anchor to a heading."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).resolve().parents[2]
MADE = {"build", "dist", "site", "_site", "book", "slides"}  # what the make targets write
LINK = re.compile(r"!?\[[^\]]*\]\(<?([^)\s>]+)>?[^)]*\)|(?:href|src)=\"([^\"]+)\"")
CODE = re.compile(r"^(```|~~~).*?^\1\s*$|`[^`\n]+`", re.MULTILINE | re.DOTALL)


def pages() -> list[Path]:
    """Every text and notebook of the repository."""
    found = []
    for folder, below, names in os.walk(ROOT):
        below[:] = [name for name in below if not name.startswith(".") and name not in MADE]
        found += [Path(folder, name) for name in names if name.endswith((".md", ".ipynb"))]
    return sorted(found)


def prose(page: Path) -> str:
    """Its Markdown, code left out."""
    text = page.read_text(encoding="utf-8")
    if page.suffix == ".ipynb":
        text = "\n\n".join("".join(cell["source"]) for cell in json.loads(text)["cells"] if cell["cell_type"] == "markdown")
    return CODE.sub("", text)


def anchors(page: Path) -> set[str]:
    """The anchors of its headings: GitHub's, and JupyterLab's, which keeps capitals and punctuation."""
    text = page.read_text(encoding="utf-8")
    if page.suffix == ".ipynb":
        text = "\n\n".join("".join(cell["source"]) for cell in json.loads(text)["cells"] if cell["cell_type"] == "markdown")
    headings = [h.replace("`", "").strip() for h in re.findall(r"^#+ (.*)$", text, re.MULTILINE)]
    return {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings} | {h.replace(" ", "-") for h in headings}


def broken(page: Path, text: str) -> list[str]:
    """The links of a page that lead nowhere."""
    links = [one or other for one, other in LINK.findall(text)]
    return [link for link in links if not re.match(r"[a-z]+:", link) and not leads_somewhere(page, link)]


def leads_somewhere(page: Path, link: str) -> bool:
    """Whether there is such a file, inside the repository, and such a heading in it."""
    path, _, anchor = unquote(link).partition("#")
    target = (page.parent / path).resolve() if path else page
    if not (target.exists() and target.is_relative_to(ROOT)):
        return False
    return not anchor or target.suffix in (".md", ".ipynb") and anchor in anchors(target)


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    assert broken(page, prose(page)) == []


@pytest.mark.parametrize(("text", "count"), [
    ("[a](LICENSE)", 0), ("[a](NOWHERE)", 1), ("![a](notebooks/images/nothing.png)", 1), ("[a](README.md#start)", 0),
    ("[a](README.md#nowhere)", 1), ("[a](#start)", 0), ("[a](https://example.org/x)", 0), ("[a](../outside)", 1),
    ('<img src="notebooks/images/lost-ack.svg">', 0), ('<a href="gone.md">', 1), ("[a](LICENSE#x)", 1),
])
def test_a_broken_link_is_found(text: str, count: int) -> None:
    assert len(broken(ROOT / "README.md", text)) == count


def test_the_pages_are_there() -> None:
    names = {page.name for page in pages()}
    assert {"README.md", "CONTRIBUTING.md", "CHANGELOG.md", "for-instructors.md"} <= names
    assert sum(name.endswith(".ipynb") for name in names) >= 7


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "notebooks/for-instructors.md"])
def test_files_that_are_named_in_passing_are_there(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    for path in re.findall(r"`(?:\.venv/bin/python )?((?:tests|tools|lesson_lib|notebooks|\.github|\.ci)/[\w./-]+)", text):
        assert (ROOT / path).exists(), path


def test_make_targets_that_are_named_are_there() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for page in pages():
        for line in re.findall(r"^(?:[A-Z_]+=\S+ )*make ([a-z -]+)", page.read_text(encoding="utf-8"), re.MULTILINE):
            assert set(line.split()) <= targets, (page.name, line)
