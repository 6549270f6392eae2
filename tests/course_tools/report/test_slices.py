"""The statements that an answer is made of."""

from __future__ import annotations

import pytest

from course_tools.report.asked_calls import given
from course_tools.report.slices import slice_for


def sliced(*cells: str) -> list[str]:
    cells = (*cells[:-1], f'task = exercise("1.header")\n{cells[-1]}')
    return [statement.source for statement in slice_for(cells, given(cells)["1.header"][0])]


@pytest.mark.parametrize(("cells", "wanted"), [
    (("a = 1", "task.check(2)"), []),
    (("a = 1\nb = a", "c = 3", "task.check(b)"), ["a = 1", "b = a"]),
    (("a = {}\na['x'] = 1\nother = {}\nother['a'] = a", "task.check(a)"), ["a = {}", "a['x'] = 1"]),
    (("a = []\nfor n in range(3):\n    a.append(n)\nprint(a)", "task.check(a)"), ["a = []", "for n in range(3):\n    a.append(n)"]),
    (("batch = slow()", "def f(batch): return helper(batch)", "def helper(x): return x", "task.check(f)"),
     ["def f(batch): return helper(batch)", "def helper(x): return x"]),
    (("import os.path, sys\nfrom math import pi as p", "def f(x): return os, p", "task.check(f)"),
     ["import os.path, sys", "from math import pi as p", "def f(x): return os, p"]),
    (("a = []\nfill(a)\nshow(a)\nreveal(a, 1)", "task.check(a)"), ["a = []", "fill(a)"]),
    (("a = 1", "task.check(a)\na = 2"), ["a = 1"]),
])
def test_slice(cells: tuple[str, ...], wanted: list[str]) -> None:
    assert sliced(*cells) == wanted
