"""What of the notebooks' folder is published: the text of the last commit, and nothing of the builder's own.

Whoever builds a book or a site has often been through the lessons, and saved them: their outputs, their
answers and their own files are none of a reader's business. In a folder that is no checkout there is no
commit to look at. There, outputs and answers are taken out of the files as they are.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nbformat

from course_tools.report.asked_calls import ItemCall, answered

TITLE = "Sent Twice, Stored Once"
ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = ROOT / "notebooks"
FOR_INSTRUCTORS = "for-instructors.md"  # it says which wrong answers to expect


def lessons(folder: Path = NOTEBOOKS) -> list[Path]:
    """The notebooks of the course, in order."""
    return [path for path in published_files(folder) if path.match("[0-9][0-9]-*.ipynb")]


def heading(notebook: Mapping[str, Any]) -> str:
    """The first heading of a notebook, such as "1 · A record, an ack, an offset"."""
    return "".join(notebook["cells"][0]["source"]).splitlines()[0].lstrip("# ")


def published_files(folder: Path = NOTEBOOKS) -> list[Path]:
    """The committed files that are for readers; where there is no commit, all that are not hidden."""
    tracked = _git(folder, "ls-tree", "-r", "-z", "--name-only", "HEAD", ".")
    here = (path.relative_to(folder) for path in folder.rglob("*"))
    names = map(Path, tracked.decode().split("\0")) if tracked else here
    paths = [folder / name for name in names if not any(part.startswith(".") for part in name.parts)]
    return sorted(path for path in paths if path.is_file() and path.name != FOR_INSTRUCTORS)


def as_published(path: Path) -> bytes:
    """A file as it was committed; a notebook that never was, without outputs and answers."""
    committed = _git(path.parent, "show", f"HEAD:./{path.name}")
    if committed is None:
        found = path.read_bytes()
        return stripped(found.decode()).encode() if path.suffix == ".ipynb" else found
    if committed != path.read_bytes():
        print(f"{path.name} differs from the last commit. The committed version is published.", flush=True)
    return committed


def stripped(text: str) -> str:
    """A notebook without outputs, and with dots in place of whatever was handed in."""
    notebook = nbformat.reads(text, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for cell, source in zip(code, answered([cell.source for cell in code], _dots), strict=True):
        cell.source, cell.outputs, cell.execution_count = source, [], None
    return nbformat.writes(notebook) + "\n"


def _dots(call: ItemCall) -> str | None:
    return None if call.variable == "_" else f"{call.variable}.{call.role}(...)"


def _git(folder: Path, *arguments: str) -> bytes | None:
    """What git says; None where it is missing, or the folder is no checkout, or the file is in no commit."""
    try:
        done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, check=False)
    except OSError:
        return None
    return done.stdout if done.returncode == 0 else None
