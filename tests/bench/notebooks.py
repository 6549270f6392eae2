"""Headless time of the lessons against its floor: as many kernels that import the same packages and draw one figure.

Both sides are one `nbconvert --execute` call over all notebooks, so nbconvert's own start counts on both.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from itertools import count
from pathlib import Path

import nbformat

from tests.bench.table import Row, seconds, side_by_side
from tests.notebooks.test_same import contents

NOTEBOOKS = sorted(Path(__file__).parents[2].glob("notebooks/0*.ipynb"))
FLOOR_CELL = """import kafka, ipywidgets, matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
figure = Figure(figsize=(10, 4))
figure.add_subplot().plot(range(30))
FigureCanvasAgg(figure).print_png(__import__("io").BytesIO())"""


def rows() -> list[Row]:
    """Seconds for the lessons on sockets and in the virtual world, against the floor; and what the latter put out each time."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        floor = [_floor_notebook(folder / path.name) for path in NOTEBOOKS]
        runs = (folder / f"virtual-{number}" for number in count())
        sockets, virtual, reference = side_by_side(
            lambda: seconds(lambda: _convert(NOTEBOOKS, folder / "sockets", "sockets")),
            lambda: seconds(lambda: _convert(NOTEBOOKS, next(runs), "virtual")),
            lambda: seconds(lambda: _convert(floor, folder / "floor", "sockets")))
        first, *others = [_outputs(run) for run in sorted(folder.glob("virtual-*"))]
    differ = sum(one != other for run in others for one, other in zip(first, run, strict=True))
    title = f"{len(NOTEBOOKS)} notebooks by nbconvert, "
    return [Row(f"{title}against their floor", sockets, reference, "s", "at most 1.5"),
            Row(f"{title}LESSON_WORLD=virtual, against their floor", virtual, reference, "s", "at most 1.25"),
            Row(f"of {len(first)} cells in it, those that put out something else another time", differ, None, "cells", "none")]


def _convert(paths: list[Path], folder: Path, world: str) -> None:
    command = [sys.executable, "-m", "jupyter", "nbconvert", "--execute", "--to", "notebook", "--output-dir", str(folder)]
    subprocess.run([*command, *map(str, paths)], check=True, capture_output=True,
                   env={**os.environ, "LESSON_WORLD": world, "KAFKA_BOOTSTRAP_SERVERS": ""})


def _outputs(folder: Path) -> list[str]:
    """What each code cell put out, to the letter; but for the numbers of widgets, which are random."""
    cells = [cell for path in sorted(folder.iterdir()) for cell in nbformat.read(path, as_version=4).cells]
    return [str(contents(cell.outputs)) for cell in cells if cell.cell_type == "code"]


def _floor_notebook(path: Path) -> Path:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(FLOOR_CELL)])
    nbformat.write(notebook, path)
    return path
