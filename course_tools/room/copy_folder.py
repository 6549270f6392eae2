"""The folder that copies are collected in: a folder for each learner, as `report --class` reads it.

What arrives is a name, notebooks and answers as JSON. Of a notebook only the text of its cells is kept, in a
notebook made anew, so that nothing else gets into the folder, and without the lines that name the room, which
is gone when a report runs the copy. Nothing is run. An earlier copy that differs is
kept in `.earlier`, and two learners of one name get a folder each.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import unicodedata
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

from nbformat import NotebookNode, v4

from lesson_lib.errors import LessonError

MOST_LEARNERS, MOST_NOTEBOOKS = 300, 20
MOST_CELLS = 2_000  # of a hand-in: each takes a moment of the computer that everybody's broker runs on
MOST_BYTES = 2**30  # of the folder
NEW, EARLIER, WHO, ANSWERS = ".new", ".earlier", ".who", ".progress/answers.json"
# Read in time that grows with the text, whatever the text: nothing in it may look on without a bound.
_LINE_OF_A_ROOM = re.compile(
    r"^([ \t]*+).*(?:\bhand_in\([^)]{0,400}\)|%env[ \t]++KAFKA_BOOTSTRAP_SERVERS).*$", re.MULTILINE)
_KINDS = {"code": v4.new_code_cell, "markdown": v4.new_markdown_cell, "raw": v4.new_raw_cell}


class NotTaken(Exception):
    """A hand-in that is refused; the text says why, `status` is HTTP's."""

    def __init__(self, why: str, status: int = 400) -> None:
        super().__init__(why)
        self.status = status


class HandIn(NamedTuple):
    """What was taken: the learner's folder, and the names of the notebooks."""

    learner: str
    notebooks: tuple[str, ...]
    answers: int


class CopyFolder:
    """The folder at `path`. LessonError where it can't be made, or another room collects into it."""

    def __init__(self, path: Path) -> None:
        self.path, self._one_at_a_time = path, Lock()
        try:
            path.mkdir(parents=True, exist_ok=True)
            self._lock = (path / ".lock").open("w")
        except OSError as error:
            raise LessonError(f"{path} can't be the folder for copies: {error.strerror}.") from None
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise LessonError(f"Another room collects copies into {path}: end that one, or name a --folder "
                              "of its own.") from None
        self._bytes = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())

    def close(self) -> None:
        """Let another room have it, once what is being written is whole."""
        with self._one_at_a_time:
            self._lock.close()

    def learners(self) -> list[str]:
        """The folders of learners."""
        return sorted(entry.name for entry in self.path.iterdir()
                      if entry.is_dir() and not entry.name.startswith("."))

    def notebooks(self) -> int:
        """How many notebooks are there."""
        return sum(1 for _ in self.path.glob("*/[!.]*.ipynb"))

    def take(self, body: bytes) -> HandIn:
        """Keep a hand-in. NotTaken says why not; then nothing of it is kept, and nothing earlier is lost."""
        with self._one_at_a_time:
            order = _order(body)
            files = dict(_files(order))
            home = self._home(_safe(order.get("learner")), files[WHO])
            if self._bytes + sum(map(len, files.values())) > MOST_BYTES:
                raise NotTaken("The room's folder is full. Tell your instructor.", 507)
            try:
                self._write(home, files)
            except OSError as error:
                raise NotTaken(f"The room's computer can't write it ({error.strerror}). Tell your "
                               "instructor; what you handed in before is still there.", 507) from None
            notebooks = tuple(name for name in files if name.endswith(".ipynb"))
            return HandIn(home.name, notebooks, len(order.get("answers") or ()))

    def _home(self, name: str, who: bytes) -> Path:
        """The learner's folder: of this name, and of nobody else's."""
        known = {folder.casefold(): folder for folder in self.learners()}
        for wanted in (name, *(f"{name}-{number}" for number in range(2, len(known) + 2))):
            folder = known.get(wanted.casefold())
            if folder is None:
                break
            with suppress(OSError):
                if (self.path / folder / WHO).read_bytes() == who:
                    return self.path / folder
        if len(known) >= MOST_LEARNERS:
            raise NotTaken(f"The room has {MOST_LEARNERS} learners already. Tell your instructor.", 507)
        return self.path / wanted

    def _write(self, home: Path, files: dict[str, bytes]) -> None:
        """All new files first, beside the old ones, so that a full disk changes nothing."""
        changed = [name for name, content in files.items()
                   if not (home / name).exists() or (home / name).read_bytes() != content]
        try:
            for name in changed:
                (home / NEW / name).parent.mkdir(parents=True, exist_ok=True)
                (home / NEW / name).write_bytes(files[name])
            for name in changed:
                self._keep_earlier(home, home / name)
                (home / name).parent.mkdir(exist_ok=True)
                os.replace(home / NEW / name, home / name)
                self._bytes += len(files[name])
        finally:
            shutil.rmtree(home / NEW, ignore_errors=True)
            with suppress(OSError):
                home.rmdir()  # only where it is empty

    def _keep_earlier(self, home: Path, target: Path) -> None:
        if target.name != WHO and target.exists():
            number = len(list((home / EARLIER).glob(f"*-{target.name}"))) + 1
            (home / EARLIER).mkdir(exist_ok=True)
            os.replace(target, home / EARLIER / f"{number}-{target.name}")


def _order(body: bytes) -> dict[str, Any]:
    try:
        order = json.loads(body)
    except (ValueError, RecursionError):
        order = None
    if not isinstance(order, dict) or not isinstance(order.get("notebooks"), dict):
        raise NotTaken("Only notebooks (.ipynb) are taken here.")
    return order


def _files(order: dict[str, Any]) -> Iterator[tuple[str, bytes]]:
    """Path in the learner's folder -> content, of all that was handed in. NotTaken for anything else."""
    yield WHO, str(order.get("who"))[:64].encode(errors="replace")
    notebooks = order["notebooks"]
    if not 1 <= len(notebooks) <= MOST_NOTEBOOKS:
        raise NotTaken(f"Hand in 1 to {MOST_NOTEBOOKS} notebooks, not {len(notebooks)}.")
    names, left = set(), MOST_CELLS
    for name, notebook in notebooks.items():
        if not name.endswith(".ipynb"):
            raise NotTaken(f"{name[:60]!r} isn't taken: only notebooks (.ipynb) are.")
        safe = _safe(name.removesuffix(".ipynb"), "One of your notebooks has no name.")
        names.add(safe.casefold())
        cells = _cells(name, notebook)
        if (left := left - len(cells)) < 0:
            raise NotTaken(f"That's more than {MOST_CELLS:,} cells, which is more than is taken at once.")
        made = v4.new_notebook(cells=[_made_anew(cell, number) for number, cell in enumerate(cells)])
        yield f"{safe}.ipynb", json.dumps(made, ensure_ascii=False, indent=1).encode(errors="replace")
    if len(names) < len(notebooks):
        raise NotTaken("Two of your notebooks have the same name. Hand them in one after the other.")
    answers = order.get("answers") or {}
    if not isinstance(answers, dict):
        raise NotTaken("The answers aren't ones of the course.")
    if answers:
        yield ANSWERS, json.dumps({"version": 1, "answers": answers}).encode()


def _cells(name: str, notebook: Any) -> list[dict[str, Any]]:
    cells = notebook.get("cells") if isinstance(notebook, dict) else None
    if not isinstance(cells, list) or not all(
            isinstance(cell, dict) and cell.get("cell_type") in tuple(_KINDS) for cell in cells):
        raise NotTaken(f"{name[:60]!r} isn't taken: it isn't a notebook.")
    return cells


def _made_anew(cell: dict[str, Any], number: int) -> NotebookNode:
    text = cell.get("source", "")
    text = "".join(map(str, text)) if isinstance(text, list) else str(text)
    if cell["cell_type"] == "code":
        text = _LINE_OF_A_ROOM.sub(r"\1pass  # a line of the room", text)
    return _KINDS[cell["cell_type"]](text, id=str(number))


def _safe(name: Any, else_say: str = "Say who you are: type a name, your own or any other.") -> str:
    """A name for a file: letters, digits, blanks, dots, dashes, no dot first. NotTaken where none is left."""
    text = unicodedata.normalize("NFC", str(name or ""))
    if found := re.sub(r"[^\w. -]+", "_", text)[:60].strip(". -_"):
        return found
    raise NotTaken(else_say)
