"""Every lesson reaches its end in the virtual world too: to the letter the same each time, and with what sockets show."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.notebooks.conftest import VIRTUAL, Book
from tests.notebooks.test_same import contents, differences, first_difference

MEASURED = "relative time"  # in seconds, which a virtual world has not; see `measure_cost`
ANNOUNCED = re.compile(r"Live broker:.*?(?:run\s+this\s+cell\s+again\.|world='sockets'\)\.)\s*", re.DOTALL)
NAMED = re.compile(r"the embedded broker \(\d\.\d\)|127\.0\.0\.1:\d+|Apache Kafka \d\.\d\.\d(?= of docker)")


@pytest.fixture(scope="module")
def in_virtual_world(path: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Book]:
    """Run the notebook there with this order of sets, with nothing answered."""
    def run(seed: str) -> Book:
        book = Book(path, tmp_path_factory.mktemp("virtual") / "progress")
        try:
            book.start(PYTHONHASHSEED=seed, **VIRTUAL)
            return book.run()
        finally:
            book.stop()
    return run


def test_every_cell_is_the_same_every_time(in_virtual_world: Callable[[str], Book], unanswered: Book) -> None:
    first, second = in_virtual_world("1").notebook, in_virtual_world("2").notebook
    assert whole_differences(first, second) == []
    assert [words for words in differences(unannounced(first), unannounced(unanswered.notebook)) if MEASURED not in words] == []


def unannounced(notebook: Any) -> Any:
    """The notebook without the lines in which `start_lab` says which broker and which world it is, and without its name."""
    notebook = copy.deepcopy(notebook)
    for output in (output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs):
        if "text" in output:
            output["text"] = NAMED.sub("the broker", ANNOUNCED.sub("", output["text"]))
    return notebook


def whole_differences(one: Any, other: Any) -> list[str]:
    """The cells that put out something else, live ones included."""
    texts = [(a.id, *(str(contents(cell.outputs)) for cell in (a, b)))
             for a, b in zip(one.cells, other.cells, strict=True) if a.cell_type == "code"]
    return [f"{name}: {first_difference(a, b)}" for name, a, b in texts if a != b]
