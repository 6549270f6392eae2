"""One copy of a notebook, from its file to its report."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from lesson_lib.report import sandbox
from lesson_lib.report.model import Report, Result, State
from lesson_lib.report.sandbox import Bounds, Pristine

_LARGEST = 50 * 2**20  # bytes of a notebook


class Unreadable(Exception):
    """A file that is no notebook; the text says why."""


def read(path: Path) -> dict[str, Any]:
    """A notebook as it lies in the file. Unreadable when it is none."""
    try:
        if path.stat().st_size > _LARGEST:
            raise Unreadable(f"The file is larger than {_LARGEST // 2**20} MB.")
        notebook = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise Unreadable(f"The file cannot be read: {error.strerror}.") from None
    except (ValueError, RecursionError):
        raise Unreadable("The file is no notebook: it is not JSON.") from None
    if not isinstance(notebook, dict) or not isinstance(notebook.get("cells"), list):
        raise Unreadable("The file is no notebook: it has no cells.")
    return notebook


def sources(notebook: dict[str, Any]) -> list[str]:
    """The sources of the code cells."""
    return [_text(cell.get("source", "")) for cell in notebook["cells"] if isinstance(cell, dict) and cell.get("cell_type") == "code"]


def _text(source: Any) -> str:
    return "".join(map(str, source)) if isinstance(source, list) else str(source)


def kept_beside(path: Path) -> dict[str, Any]:
    """What the controls under the questions kept in `.progress` beside the notebook; answers only, whatever else is claimed there."""
    try:
        answers = json.loads((path.parent / ".progress" / "answers.json").read_text(encoding="utf-8"))["answers"]
        return {item: [entry for entry in entries if isinstance(entry, dict)] for item, entries in answers.items()}
    except (OSError, ValueError, RecursionError, KeyError, TypeError, AttributeError):
        return {}


class Checker:
    """Checks copies, one after another, with a lesson_lib that none of them can have touched."""

    def __init__(self, bounds: Bounds = Bounds(), execute: bool = True) -> None:
        self.bounds, self.execute, self._pristine = bounds, execute, Pristine()

    def file(self, path: Path, learner: str = "") -> Report:
        """The report of a file, also of one that is no notebook."""
        try:
            return self.notebook(read(path), path.stem, learner, kept_beside(path))
        except Unreadable as error:
            return Report(path.stem, learner, errors=(str(error),))

    def notebook(self, notebook: dict[str, Any], name: str, learner: str = "", kept: dict[str, Any] | None = None) -> Report:
        """The report of a notebook."""
        with tempfile.TemporaryDirectory(prefix="lesson-report-", ignore_cleanup_errors=True) as folder:
            return self._judge(Path(folder), sources(notebook), name, learner, kept or {})

    def _judge(self, folder: Path, cells: list[str], name: str, learner: str, kept: dict[str, Any]) -> Report:
        library = self._pristine.unpack(folder / "judge")
        order = {"notebook": name, "cells": cells, "kept": kept, "item": self.bounds.item, "memory": self.bounds.memory,
                 "library": str(self._pristine.unpack(folder / "learner")), "home": str(folder / "home")}
        ended = sandbox.run(library, "judge", order, folder / "home", self.bounds, self.bounds.run)
        return _report(ended, name, learner)


def _report(ended: sandbox.Ended, name: str, learner: str) -> Report:
    errors = [f"The check {ended.problem}."] if ended.problem else []
    head, *lines = ended.lines or [{"items": [], "missing": []}]
    if not head["items"]:
        errors.append("It belongs to no lesson: it asks nothing, and its name does not begin with a lesson's number.")
    found = {line["id"]: line for line in lines}
    code = {line["id"]: line.pop("code") for line in lines if "code" in line}
    results = [Result(**({"state": State.NOT_CHECKED} | item | found.get(item["id"], {}))) for item in head["items"]]
    if missing := head["missing"]:
        errors.append(f"{len(missing)} of its {len(head['items'])} questions and exercises are gone: {', '.join(missing)}.")
    return Report(name, learner, tuple(results), tuple(errors), code=code)
