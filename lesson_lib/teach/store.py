"""The learner's answers: one JSON file beside the notebooks, which leaves the machine by `hand_in` alone.

The folder is `.progress` beside the notebooks, or what LESSON_PROGRESS names. Entries are added under a lock
and through a temporary file, so two kernels lose nothing and a crash leaves the old file. A file that cannot
be read is renamed, with a word about it, and never overwritten. If nothing can be written, answers last as
long as the kernel; so they do in a web page for which the browser keeps nothing.
"""

from __future__ import annotations

import json
import math
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

try:
    # Here, since a kernel with too many open files can import nothing any more. That of a page has no flock.
    from fcntl import LOCK_EX, flock
except ImportError:
    flock = None

VERSION = 1
FILE = "answers.json"
BROWSER_STORAGE = "/drive"  # where JupyterLite puts the browser's storage
IN_PAGE, MOMENT_SECONDS = sys.platform == "emscripten", 1.0
MOST_ENTRIES = 50  # entries kept for one item: the first and the newest
Entry = dict[str, Any]

_unsaved: dict[str, list[Entry]] = {}
_said: set[str] = set()
_seen: tuple[float, Path, dict[str, list[Entry]]] = (-math.inf, Path(), {})  # when, where, what


def folder() -> Path:
    """Where the answers are: LESSON_PROGRESS, or `.progress` beside the notebooks."""
    if named := os.environ.get("LESSON_PROGRESS"):
        return Path(named).expanduser()
    return notebooks() / ".progress"


def notebooks() -> Path:
    """Where the notebooks are: the kernel's folder, or the one below it; in a web page always the former."""
    below = Path.cwd() / "notebooks"
    return below if below.is_dir() and not IN_PAGE else below.parent


def entries(item_id: str) -> list[Entry]:
    """What was recorded for one item, the first answer first."""
    return all_entries().get(item_id, [])


def all_entries() -> dict[str, list[Entry]]:
    """What was recorded, by item."""
    merged = {item: list(kept) for item, kept in _kept().items()}
    for item, added in _unsaved.items():
        merged.setdefault(item, []).extend(added)
    return merged


def record(item_id: str, entry: Entry) -> None:
    """Add an entry; one equal to the newest adds nothing, and the first of an item stays the first."""
    if entries(item_id)[-1:] != [entry]:
        _unsaved.setdefault(item_id, []).append(entry)
    if _unsaved:
        _save()


def _save() -> dict[str, list[Entry]]:
    """Add to the file what is not in it; what it then holds. A file that is not one of ours is renamed first,
    under the lock: else another kernel, which has read that one too, could rename our new one.
    """
    try:
        with _lock():
            try:
                answers = _read()
            except ValueError:
                answers = _set_aside()
            for item, added in _unsaved.items():
                kept = [*answers.get(item, []), *added]
                answers[item] = kept if len(kept) <= MOST_ENTRIES else [kept[0], *kept[-MOST_ENTRIES + 1:]]
            _write(answers)
        _unsaved.clear()
        if IN_PAGE and not folder().is_relative_to(BROWSER_STORAGE):
            _say("Your browser keeps nothing for this page, as in a private window: your answers last until "
                 "you leave it.")
        return answers
    except OSError as error:
        _say(f"Your answers cannot be saved in {folder()} ({error.strerror}); "
             "they are kept until the kernel stops.")
        return {}


def _kept() -> dict[str, list[Entry]]:
    """What is in the file. In a web page each look asks the browser and takes 30 ms or more, and a card looks
    many times: what was read a moment ago is as good there.
    """
    global _seen
    now, where = time.monotonic(), folder()
    if not (IN_PAGE and now < _seen[0] + MOMENT_SECONDS and where == _seen[1]):
        try:
            _seen = (now, where, _read())
        except (OSError, ValueError):
            _seen = (now, where, _save())
    return _seen[2]


def _read() -> dict[str, list[Entry]]:
    """What is in the file. ValueError where it is not one of ours; another OSError may go away by itself."""
    try:
        data = json.loads((folder() / FILE).read_text(encoding="utf-8"))
        kept = data["answers"]
        if data["version"] == VERSION and all(isinstance(one, list) for one in kept.values()) and all(
                isinstance(entry, dict) for one in kept.values() for entry in one):
            return kept
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (PermissionError, IsADirectoryError, TypeError, KeyError, AttributeError, RecursionError):
        pass
    raise ValueError(FILE)


def _set_aside() -> dict[str, list[Entry]]:
    """Rename a file that is not one of ours, so that nothing in it is lost; OSError where that cannot be."""
    number = 1
    while (aside := folder() / f"answers-unreadable-{number}.json").exists():
        number += 1
    try:
        (folder() / FILE).rename(aside)
    except OSError as error:
        raise OSError(error.errno, f"the file {FILE} there can be neither read nor renamed") from None
    _say(f"The file with your answers could not be read; it is kept as {aside.name}, and a new one begins.")
    return {}


def _write(answers: dict[str, list[Entry]]) -> None:
    global _seen
    path = folder() / FILE
    text = json.dumps({"version": VERSION, "answers": answers}, indent=1, ensure_ascii=False)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".answers-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        _seen = (time.monotonic(), path.parent, answers)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise


@contextmanager
def _lock() -> Iterator[None]:
    """The folder's lock, which ends with the process; none without `fcntl`, as in a browser."""
    folder().mkdir(parents=True, exist_ok=True)
    with open(folder() / ".lock", "w") if flock else nullcontext() as file:
        if flock:
            flock(file, LOCK_EX)
        yield


def _say(sentence: str) -> None:
    """Say it once a kernel."""
    if sentence not in _said:
        _said.add(sentence)
        print(sentence)
