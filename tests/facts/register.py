"""What the lessons state about Kafka and its clients, and what holds each statement.

A cell that says how Kafka or a client behaves carries a tag `fact:<name>` for each statement, and so does a cell whose question
says it when it is answered. Each name is held by a test with `@pytest.mark.fact("<name>")`, and the docstring of that test
repeats the sentence. What cannot be run here is tagged `cited:<name>`, and one of its cells, or its question, names a KIP, a JIRA
number or a class. A sentence that looks like a statement (see `marks`) in a cell without a tag is complained about, and so is one
that names what no test and no citation of its cell's tags speaks of. `python -m tests.facts.register` prints all of it: where a
sentence stands, and what holds it.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import nbformat

from .marks import NO_STATEMENT, marked, speaks_of
from .sentences import sentences, text_of

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted(ROOT.glob("notebooks/0[1-9]-*.ipynb"))
TESTS = sorted(ROOT.glob("tests/**/test_*.py"))
FACT, CITED = "fact:", "cited:"
NUMBER = r"\b(?:KIP|KAFKA)-\d+"
CITATION = re.compile(rf"{NUMBER}|`[A-Z][A-Za-z]+(?:\.\w+`|` javadoc)")


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of a lesson. `text` is all that it says, the question and its explanation included."""

    lesson: int
    id: str
    tags: tuple[str, ...]
    text: str

    def names(self, kind: str) -> list[str]:
        """What the cell states, of that kind."""
        return [tag.removeprefix(kind) for tag in self.tags if tag.startswith(kind)]


@dataclass(frozen=True, slots=True)
class Marker:
    """A test that holds a statement. `sentence` is its docstring, `source` all of it."""

    name: str
    test: str
    sentence: str
    source: str = ""


@cache
def cells_of(path: Path) -> list[Cell]:
    """The cells of one notebook."""
    found = nbformat.read(path, as_version=4).cells
    return [Cell(int(path.name[:2]), c.id, tuple(c.metadata.get("tags", ())), text_of(c.source, c.cell_type)) for c in found]


def markers_in(source: str, name: str) -> list[Marker]:
    """The markers in the source of a test module: of its functions, and those that the module gives to all of them."""
    tree = ast.parse(source)
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    rest = [node for node in tree.body if node not in functions]
    return [*(Marker(fact, f"{name}::{f.name}", ast.get_docstring(f) or "", ast.unparse(f))
              for f in functions for fact in _facts(f.decorator_list)),
            *(Marker(fact, name, ast.get_docstring(tree) or "", source) for fact in _facts(rest))]


def _facts(nodes: Iterable[ast.AST]) -> list[str]:
    calls = (call for node in nodes for call in ast.walk(node) if isinstance(call, ast.Call))
    return [str(ast.literal_eval(name)) for call in calls if ast.unparse(call.func) == "pytest.mark.fact" for name in call.args]


def all_cells() -> list[Cell]:
    """Of all lessons."""
    return [cell for path in NOTEBOOKS for cell in cells_of(path)]


def all_markers() -> list[Marker]:
    """Of all tests."""
    return [m for path in TESTS for m in markers_in(path.read_text(encoding="utf-8"), str(path.relative_to(ROOT)))]


def complaints(cells: Sequence[Cell], markers: Sequence[Marker]) -> list[str]:
    """What does not hold together, a sentence each."""
    tagged, held = {name for c in cells for name in c.names(FACT)}, {m.name for m in markers}
    cited = {name for c in cells for name in c.names(CITED)}
    return [*(f"{c.id}: no test holds fact:{name}" for c in cells for name in c.names(FACT) if name not in held),
            *(f"{m.test}: no cell states {m.name}" for m in markers if m.name not in tagged),
            *(f"{m.test}: no docstring repeats {m.name}" for m in markers if not m.sentence),
            *(f"cited:{name} names no KIP, JIRA or class" for name in sorted(cited)
              if not any(CITATION.search(c.text) for c in cells if name in c.names(CITED))),
            *(f"{c.id}: {name} is both measured and cited" for c in cells for name in c.names(CITED) if name in tagged),
            *(f"{c.id}: {found[0]} is cited, and no tag says for what" for c in cells
              if (found := re.findall(NUMBER, c.text)) and not c.names(FACT) + c.names(CITED)),
            *(f"lesson {lesson} states nothing" for lesson in sorted({c.lesson for c in cells})
              if not any(c.names(FACT) for c in cells if c.lesson == lesson)),
            *(f"{name} is no name: small letters, digits and hyphens" for name in sorted(tagged | cited | held)
              if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name)),
            *untagged(cells, markers)]


def untagged(cells: Sequence[Cell], markers: Sequence[Marker]) -> Iterator[str]:
    """What looks like a statement, and no tag of its cell answers for it."""
    told = spoken(cells, markers)
    for cell in cells:
        tags = [tag for tag in cell.tags if tag.startswith((FACT, CITED))]
        for sentence, names in marked(cell.text):
            unknown = [name for name in names if not any(speaks_of(told[tag], name) for tag in tags)]
            if not tags:
                yield f"{cell.id}: no tag for: {sentence}"
            elif unknown and not CITATION.search(sentence):
                yield f"{cell.id}: no test or citation of its tags speaks of {', '.join(unknown)}: {sentence}"


def spoken(cells: Sequence[Cell], markers: Sequence[Marker]) -> Mapping[str, str]:
    """For each tag its name and all that speaks for it: sources of tests, or the sentences with a citation."""
    told: dict[str, str] = defaultdict(str)
    for m in markers:
        told[f"{FACT}{m.name}"] += f"\n{m.name}\n{m.source}\n{m.sentence}"
    for cell in cells:
        for name in cell.names(CITED):
            told[f"{CITED}{name}"] += "\n".join([name, *(s for s in sentences(cell.text) if CITATION.search(s))])
    return told


def excused(cells: Sequence[Cell]) -> list[str]:
    """What is excused although no lesson says it any more."""
    said = {sentence for cell in cells for sentence in sentences(cell.text)}
    return [f"no cell says, so nothing to excuse: {sentence}" for sentence in NO_STATEMENT if sentence not in said]


def table(cells: Sequence[Cell], markers: Sequence[Marker]) -> str:
    """Every statement: its name, the cells that make it, and the sentences and tests that hold it."""
    lines = []
    for kind in (FACT, CITED):
        for name in sorted({name for c in cells for name in c.names(kind)}):
            lines.append(f"{kind}{name}  in {', '.join(c.id for c in cells if name in c.names(kind))}")
            lines += [f"    {m.sentence.splitlines()[0]}  ({m.test})" for m in markers if m.name == name]
    return "\n".join(lines)


if __name__ == "__main__":
    print(table(all_cells(), all_markers()))
