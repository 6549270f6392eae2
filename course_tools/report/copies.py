"""The copies as learners hand them in: which there are, what is in a notebook, what was kept beside it."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from lesson_lib.errors import LessonError

_LARGEST = 50 * 2**20  # bytes of a notebook
_LESSON = re.compile(r"[-_. ]*\d\d-[a-z-]+.*$")


class HandedInCopy(NamedTuple):
    """A copy; `learner` where there are many. `alone`: what is in its folder is this learner's, too."""

    path: Path
    learner: str = ""
    alone: bool = True


class NotANotebook(Exception):
    """A file that is no notebook; the text says why."""


def copies_in(folder: Path) -> list[HandedInCopy]:
    """Each copy: in a folder for each learner, or files that are called after them. LessonError for none."""
    found = []
    for path in sorted(_files(folder)):
        parts = path.relative_to(folder).parts
        learner = parts[0] if len(parts) > 1 else _LESSON.sub("", path.stem) or path.stem
        found.append(HandedInCopy(path, learner, len(parts) > 1))
    if not found:
        raise LessonError(f"There are no notebooks in {folder}: put one folder for each learner there, "
                          "or files named after them.")
    return found


def _files(folder: Path) -> Iterator[Path]:
    """The notebooks, and learners' folders that are links: not followed, each has a row that says so."""
    links = folder.iterdir() if folder.is_dir() else ()
    yield from (path for path in links if path.is_symlink() and path.is_dir())
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(parent, name) for name in names
                    if name.endswith(".ipynb") and not name.startswith("."))  # ._x is macOS's, not a copy


def read(path: Path) -> dict[str, Any]:
    """A notebook as it lies in the file. NotANotebook when it is none."""
    try:
        notebook = json.loads(_bytes(path))
    except OSError as error:
        raise NotANotebook(f"The file cannot be read: {error.strerror}.") from None
    except (ValueError, RecursionError):
        raise NotANotebook("The file isn't a notebook: it is not JSON.") from None
    if not isinstance(notebook, dict) or not isinstance(notebook.get("cells"), list):
        raise NotANotebook("The file isn't a notebook: it has no cells.")
    return notebook


def _bytes(path: Path) -> bytes:
    """What is in a file. NotANotebook for none, for one without end, for a link to who knows what."""
    if path.is_symlink():
        raise NotANotebook("The file is a link; a report takes the notebook itself.")
    if not path.is_file():
        raise NotANotebook("There is no such file.")
    with path.open("rb") as file:
        found = file.read(_LARGEST + 1)
    if len(found) > _LARGEST:
        raise NotANotebook(f"The file is larger than {_LARGEST // 2**20} MB.")
    return found


def sources(notebook: dict[str, Any]) -> list[str]:
    """The sources of the code cells."""
    cells = (cell for cell in notebook["cells"] if isinstance(cell, dict) and cell.get("cell_type") == "code")
    texts = (cell.get("source", "") for cell in cells)
    return ["".join(map(str, text)) if isinstance(text, list) else str(text) for text in texts]


def kept_beside(path: Path) -> dict[str, Any]:
    """What the controls under the questions kept in `.progress` beside the notebook: answers only."""
    folder = path.parent / ".progress"
    try:
        if folder.is_symlink():
            return {}
        answers = json.loads(_bytes(folder / "answers.json"))["answers"]
        return {item: [entry for entry in entries if isinstance(entry, dict)]
                for item, entries in answers.items()}
    except (NotANotebook, OSError, ValueError, RecursionError, KeyError, TypeError, AttributeError):
        return {}
