"""What is simulated is the same in every run, to the last character: in two processes, whose sets have different orders.

A cell is live when it uses the lab, or a name that a live cell made last; there ids, topics and times differ, and only what the run
shows is compared: what it prints, the option that it proves, the log, and what the application was told. From its words, since in
HTML all of it is one line with the picture, where each try of a real client has its place.
"""

from __future__ import annotations

import re
import symtable
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import nbformat
import pytest

WIDGET = "application/vnd.jupyter.widget-view+json"  # holds nothing but the number of a widget, which is a random one
SHOWS = re.compile(r"The run shows .*|^(?:log|told): .*|^. (?:Right|Wrong)\..*", re.MULTILINE)


def names(table: symtable.SymbolTable) -> tuple[set[str], set[str]]:
    """The global names that a piece of code uses, its functions included, and those that it makes."""
    symbols = table.get_symbols()
    used = {s.get_name() for s in symbols if s.is_referenced() and (s.is_global() or table.get_type() == "module")}
    made = {s.get_name() for s in symbols if s.is_assigned() or s.is_imported() or s.is_namespace()}
    return used.union(*(names(child)[0] for child in table.get_children())), made


def live_cells(sources: Sequence[str]) -> list[bool]:
    """Which of the code cells are live."""
    live: set[str] = set()
    found = []
    for source in sources:
        used, made = names(symtable.symtable(source, "cell", "exec"))
        found.append("start_lab" in used or bool(used & live))
        live = live | made if found[-1] else live - made
    return found


def contents(outputs: Iterable[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """What a cell put out, as (kind, text); what was printed in several pieces is one."""
    found: list[tuple[str, str]] = []
    for output in outputs:
        if output["output_type"] != "stream":
            found += [(kind, str(data)) for kind, data in sorted(output.get("data", {}).items()) if kind != WIDGET]
        elif found and found[-1][0] == output["name"]:
            found[-1] = (output["name"], found[-1][1] + output["text"])
        else:
            found.append((output["name"], output["text"]))
    return found


def differences(one: Any, other: Any) -> list[str]:
    """The ids of the cells whose outputs in two runs of a notebook are not the same, with the first place of each."""
    pairs = [(a, b) for a, b in zip(one.cells, other.cells, strict=True) if a.cell_type == "code"]
    found = []
    for (a, b), live in zip(pairs, live_cells([a.source for a, _ in pairs]), strict=True):
        texts = [str(list((proven if live else contents)(c.outputs))) for c in (a, b)]
        if texts[0] != texts[1]:
            found.append(f"{a.id}: {first_difference(*texts)}")
    return found


def proven(outputs: Iterable[Mapping[str, Any]]) -> Iterator[list[str]]:
    """What the words of a live cell prove, whichever way and time it took."""
    for kind, text in contents(outputs):
        if kind == "stdout":
            # What `producer.send` returns names a topic and a time; an empty line may be all that is left of another one.
            yield [line for line in text.splitlines() if line and not line.startswith("RecordMetadata(")]
        elif kind == "text/plain":
            yield SHOWS.findall(text)


def first_difference(one: str, other: str) -> str:
    """Where two texts part, with some of what stands around."""
    at = next((i for i, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]), min(len(one), len(other)))
    return f"...{one[max(0, at - 40):at + 40]}... / ...{other[max(0, at - 40):at + 40]}..."


def notebook(source: str, *outputs: Mapping[str, Any]) -> Any:
    """A notebook with one code cell that put this out."""
    cell = nbformat.v4.new_code_cell(source, outputs=[nbformat.v4.new_output(**output) for output in outputs], id="a")
    return nbformat.v4.new_notebook(cells=[cell])


def printed(text: str) -> dict[str, Any]:
    """What `print` puts out."""
    return {"output_type": "stream", "name": "stdout", "text": text}


def shown(kind: str, text: str) -> dict[str, Any]:
    """What a value puts out."""
    return {"output_type": "execute_result", "data": {kind: text}}


def test_every_run_shows_the_same(unanswered: Any, executed: Path, path: Path) -> None:
    assert differences(unanswered.notebook, nbformat.read(executed / path.name, as_version=4)) == []


def test_enough_cells_are_simulated(path: Path) -> None:
    sources = [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    live = live_cells(sources)
    assert any(live) and live.count(False) >= 10


@pytest.mark.parametrize(("sources", "live"), [
    (["lab = start_lab()", "run = lab.run(3)", "show(run)", "run = simulate(3)", "show(run)", "lab.stop()"], [1, 1, 1, 0, 0, 1]),
    (["lab = start_lab()", "def f():\n    return lab.run(3)", "def g():\n    lab = 1\n    return lab", "f()", "g()"], [1, 1, 0, 1, 0]),
    (["lab = start_lab()", "with lab.producer() as p:\n    for x in 'ab':\n        y = p.send(x)", "print(x)"], [1, 1, 1]),
    (["from lesson_lib import start_lab", "print(1)"], [0, 0]),
])
def test_what_is_live(sources: list[str], live: list[int]) -> None:
    assert live_cells(sources) == list(map(bool, live))


@pytest.mark.parametrize(("one", "other", "same"), [
    ([printed("a"), printed("b")], [printed("ab")], True),
    ([printed("a")], [printed("b")], False),
    ([shown("text/html", "<g id='x1'/>")], [shown("text/html", "<g id='x2'/>")], False),
    ([shown("image/svg+xml", "<g id='x1'/>")], [shown("image/svg+xml", "<g id='x2'/>")], False),
    ([shown("text/plain", "a")], [shown("text/plain", "a"), printed("b")], False),
    ([shown(WIDGET, "1")], [shown(WIDGET, "2")], True),
])
def test_a_simulated_cell_that_differs_is_found(one: Any, other: Any, same: bool) -> None:
    assert (differences(notebook("simulate(3)", *one), notebook("simulate(3)", *other)) == []) is same


@pytest.mark.parametrize(("one", "other", "same"), [
    ("topic orders-1, 3 ms\nlog:  0:m0", "topic orders-2, 5 ms\nlog:  0:m0", True),
    ("log:  0:m0", "log:  0:m0  1:m0", False),
    ("told: m0 ok", "told: m0 unknown", False),
    ("… Not attempted yet. The run shows a: on.", "… Not attempted yet. The run shows b: off.", False),
])
def test_of_a_live_cell_counts_what_the_run_shows(one: str, other: str, same: bool) -> None:
    one, other = (notebook("start_lab()", shown("text/plain", text)) for text in (one, other))
    assert (differences(one, other) == []) is same


def test_of_a_live_cell_counts_what_it_prints() -> None:
    one, other = (notebook("start_lab()", printed(f"RecordMetadata(topic='orders-{n}')\n{n}"), printed(" copies")) for n in (1, 2))
    assert differences(one, one) == [] and len(differences(one, other)) == 1
    assert list(proven(one.cells[0].outputs)) == [["1 copies"]]


def test_of_a_live_cell_the_picture_does_not_count() -> None:
    one, other = (notebook("start_lab()", shown("text/html", f"<p>The run shows a: on.</p><svg>{tries} tries</svg>")) for tries in (3, 4))
    assert differences(one, other) == []
