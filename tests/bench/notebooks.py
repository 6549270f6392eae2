"""Headless time of the lessons against its floor: as many kernels that import the same packages and draw one figure.

Both sides are one `nbconvert --execute` call over all notebooks, so nbconvert's own start counts on both.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import nbformat

from tests.bench.table import Row, seconds, side_by_side

NOTEBOOKS = sorted(Path(__file__).parents[2].glob("notebooks/0*.ipynb"))
FLOOR_CELL = """import kafka, ipywidgets, matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
figure = Figure(figsize=(10, 4))
figure.add_subplot().plot(range(30))
FigureCanvasAgg(figure).print_png(__import__("io").BytesIO())"""


def rows() -> list[Row]:
    """One row: seconds for the lessons, seconds for the floor."""
    with tempfile.TemporaryDirectory() as folder:
        floor = [_floor_notebook(Path(folder) / path.name) for path in NOTEBOOKS]
        ours, reference = side_by_side(lambda: seconds(lambda: _convert(NOTEBOOKS, folder)),
                                       lambda: seconds(lambda: _convert(floor, folder)))
    return [Row(f"{len(NOTEBOOKS)} notebooks by nbconvert, against their floor", ours, reference, "s", "at most 1.5")]


def _convert(paths: list[Path], folder: str) -> None:
    command = [sys.executable, "-m", "jupyter", "nbconvert", "--execute", "--to", "notebook", "--output-dir", f"{folder}/out"]
    subprocess.run([*command, *map(str, paths)], check=True, capture_output=True)


def _floor_notebook(path: Path) -> Path:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(FLOOR_CELL)])
    nbformat.write(notebook, path)
    return path
