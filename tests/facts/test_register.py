"""Text and tests are held together: every statement has its test or its source, every marked test its statement."""

from __future__ import annotations

import re
import subprocess
from dataclasses import replace

import pytest

from .register import CITED, FACT, ROOT, Cell, Marker, all_cells, all_markers, complaints, excused, markers_in, table

CELL = Cell(1, "l01-a", ("fact:a-b",), "The broker chooses.")
SOURCE = Cell(1, "l01-b", ("cited:c",), "See KIP-98.")
MARKER = Marker("a-b", "test_x.py::test_a", "The broker chooses.")


def test_text_and_tests_hold_together() -> None:
    assert complaints(all_cells(), all_markers()) == []


def test_what_is_excused_is_said_somewhere() -> None:
    assert excused(all_cells()) == []
    assert len(excused([CELL])) > 5


def test_each_lesson_is_looked_at() -> None:
    assert {cell.lesson for cell in all_cells()} == set(range(1, 8))


@pytest.mark.parametrize(("cells", "markers", "complaint"), [
    ([replace(CELL, tags=("fact:a-b", "fact:z"))], [MARKER], "l01-a: no test holds fact:z"),
    ([CELL], [MARKER, replace(MARKER, name="z")], "test_x.py::test_a: no cell states z"),
    ([CELL, SOURCE], [MARKER, replace(MARKER, name="c")], "test_x.py::test_a: no cell states c"),
    ([CELL], [replace(MARKER, sentence="")], "test_x.py::test_a: no docstring repeats a-b"),
    ([CELL, replace(SOURCE, text="See `TimeoutException`.")], [MARKER], "cited:c names no KIP, JIRA or class"),
    ([replace(CELL, tags=("fact:a-b", "cited:a-b"), text="KIP-98")], [MARKER], "l01-a: a-b is both measured and cited"),
    ([CELL, replace(SOURCE, tags=())], [MARKER], "l01-b: KIP-98 is cited, and no tag says for what"),
    ([CELL, replace(CELL, lesson=2, tags=(), text="No.")], [MARKER], "lesson 2 states nothing"),
    ([CELL, replace(CELL, tags=())], [MARKER], "l01-a: no tag for: The broker chooses."),
    ([replace(CELL, text="Since 3.0.12 it chooses.")], [MARKER], "l01-a: no test or citation of its tags speaks of 3.0.12: "
     "Since 3.0.12 it chooses."),
    ([CELL, replace(SOURCE, text="See KIP-98.\n\nWith `acks=0` it does not.")], [MARKER],
     "l01-b: no test or citation of its tags speaks of `acks=0`: With `acks=0` it does not."),
    ([replace(CELL, tags=("fact:A b",))], [replace(MARKER, name="A b")], "A b is no name: small letters, digits and hyphens"),
])
def test_what_does_not_hold_together_is_named(cells: list[Cell], markers: list[Marker], complaint: str) -> None:
    assert complaints(cells, markers) == [complaint]


@pytest.mark.parametrize("text", ["KAFKA-15591", "KIP-98", "`ProducerStateManager.writeSnapshot`", "the `KafkaProducer` javadoc"])
def test_what_counts_as_a_source(text: str) -> None:
    assert complaints([CELL, SOURCE, replace(SOURCE, text=text)], [MARKER]) == []


@pytest.mark.parametrize("marker", [replace(MARKER, sentence="Since 3.0.12, on librdkafka."),
                                    replace(MARKER, source='"3.0.12", "LibRdKafka"')])
def test_a_test_speaks_of_what_stands_in_its_docstring_or_source(marker: Marker) -> None:
    assert complaints([replace(CELL, text="Since 3.0.12 librdkafka chooses.")], [marker]) == []


def test_a_citation_speaks_for_other_cells_with_its_tag() -> None:
    cited = replace(SOURCE, text="Java since 3.0.1 (KIP-98).")
    assert complaints([CELL, cited, replace(SOURCE, text="So it is in Java 3.0.1.")], [MARKER]) == []
    assert len(complaints([CELL, cited, replace(SOURCE, text="So it is in Java 3.0.2.")], [MARKER])) == 1


def test_what_a_question_says_belongs_to_its_cell() -> None:
    (cell,) = (c for c in all_cells() if c.id == "l06-q-expire")
    assert "copies old records with their old timestamps" in cell.text


def test_markers_are_found_wherever_pytest_finds_them() -> None:
    found = markers_in('"""M."""\nimport pytest\n'
                       '@pytest.mark.fact("a", "b")\n@pytest.mark.parametrize("x", [pytest.param(1, marks=pytest.mark.fact("c"))])\n'
                       'def test_a(x):\n    """A."""\npytestmark = [pytest.mark.java, pytest.mark.fact("d")]\n', "m.py")
    assert [(m.name, m.test, m.sentence) for m in found] == [
        ("a", "m.py::test_a", "A."), ("b", "m.py::test_a", "A."), ("c", "m.py::test_a", "A."), ("d", "m.py", "M.")]


def test_the_table_shows_where_each_statement_stands() -> None:
    shown = table(all_cells(), all_markers())
    for name in {name for c in all_cells() for kind in (FACT, CITED) for name in c.names(kind)}:
        assert re.search(rf"^(fact|cited):{name}  in l0", shown, re.MULTILINE)


def test_make_drift_runs_every_file_that_holds_a_statement() -> None:
    script = (ROOT / "tools" / "drift.sh").read_text(encoding="utf-8")
    (chosen,) = re.findall(r"^facts=.*$", script, re.MULTILINE)
    found = subprocess.run(["sh", "-c", f"{chosen}; echo $facts"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    assert re.search(r"-m pytest -q tests/facts \$facts ", script)
    files = {marker.test.partition("::")[0] for marker in all_markers()}
    assert set(found) == {file for file in files if not file.startswith("tests/facts/")}
