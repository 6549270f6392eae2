"""One copy of a notebook, from its file to its report."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from course_tools.report import sandbox
from course_tools.report.model import Report, Result, State
from course_tools.report.sandbox import Bounds, Ended, Pristine

_LARGEST = 50 * 2**20  # bytes of a notebook


class Unreadable(Exception):
    """A file that is no notebook; the text says why."""


def read(path: Path) -> dict[str, Any]:
    """A notebook as it lies in the file. Unreadable when it is none."""
    try:
        notebook = json.loads(_bytes(path))
    except OSError as error:
        raise Unreadable(f"The file cannot be read: {error.strerror}.") from None
    except (ValueError, RecursionError):
        raise Unreadable("The file is no notebook: it is not JSON.") from None
    if not isinstance(notebook, dict) or not isinstance(notebook.get("cells"), list):
        raise Unreadable("The file is no notebook: it has no cells.")
    return notebook


def _bytes(path: Path) -> bytes:
    """What is in a file, which may be a link to anything. Unreadable when there is no file, or no end to it."""
    if not path.is_file():
        raise Unreadable("There is no such file.")
    with path.open("rb") as file:
        found = file.read(_LARGEST + 1)
    if len(found) > _LARGEST:
        raise Unreadable(f"The file is larger than {_LARGEST // 2**20} MB.")
    return found


def sources(notebook: dict[str, Any]) -> list[str]:
    """The sources of the code cells."""
    return [_text(cell.get("source", "")) for cell in notebook["cells"] if isinstance(cell, dict) and cell.get("cell_type") == "code"]


def _text(source: Any) -> str:
    return "".join(map(str, source)) if isinstance(source, list) else str(source)


def kept_beside(path: Path) -> dict[str, Any]:
    """What the controls under the questions kept in `.progress` beside the notebook: answers only, whatever else is claimed there."""
    try:
        answers = json.loads(_bytes(path.parent / ".progress" / "answers.json"))["answers"]
        return {item: [entry for entry in entries if isinstance(entry, dict)] for item, entries in answers.items()}
    except (Unreadable, OSError, ValueError, RecursionError, KeyError, TypeError, AttributeError):
        return {}


class Checker:
    """Checks copies, with a lesson_lib that none of them can have touched. `execute`: also run them, to see whether they run."""

    def __init__(self, bounds: Bounds | None = None, execute: bool = False) -> None:
        self.bounds, self.execute, self._pristine = bounds or Bounds(), execute, Pristine()

    def file(self, path: Path, learner: str = "") -> Report:
        """The report of a file, also of one that is no notebook."""
        try:
            return self.notebook(read(path), path.stem, learner, kept_beside(path))
        except Unreadable as error:
            return Report(path.stem, learner, errors=(str(error),))

    def notebook(self, notebook: dict[str, Any], name: str, learner: str = "", kept: dict[str, Any] | None = None) -> Report:
        """The report of a notebook; `kept` is what its learner answered with the controls."""
        cells = sources(notebook)
        with tempfile.TemporaryDirectory(prefix="lesson-report-", ignore_cleanup_errors=True) as folder:
            ran = self._run(Path(folder), cells) if self.execute else Ended([], "")
            stored = kept_beside(Path(folder) / "run-home" / "any")
            judged = self._judge(Path(folder), {"notebook": name, "cells": cells, "kept": kept or {}, "library": _of(ran, "library") or {}})
            return _report(name, learner, ran, judged, set(stored))

    def _run(self, folder: Path, cells: list[str]) -> Ended:
        bounds = self.bounds
        order = {"cells": cells, "cell": bounds.cell, "output": bounds.printed * 2**20}
        library = self._pristine.unpack(folder / "run")
        ran = sandbox.run(library, "execute", order, folder / "run-home", bounds, bounds.run)
        return Ended([*ran.lines, {"files": self._pristine.changed_in(library)}], ran.problem)

    def _judge(self, folder: Path, order: dict[str, Any]) -> Ended:
        """The judge's library is written after the copy has ended, so the copy cannot have touched it."""
        more = {"item": self.bounds.item, "memory": self.bounds.memory, "home": str(folder / "judge-home"),
                "learners": str(self._pristine.unpack(folder / "learners"))}
        library = self._pristine.unpack(folder / "judge")
        return sandbox.run(library, "judge", order | more, folder / "judge-home", self.bounds, self.bounds.run)


def _of(ran: Ended, name: str) -> Any:
    """What the run says under that name, None for nothing."""
    return next((line[name] for line in ran.lines if name in line), None)


def _report(name: str, learner: str, ran: Ended, judged: Ended, stored: set[str]) -> Report:
    """Put together what the run and the judge found."""
    head, *lines = judged.lines or [{"items": [], "missing": [], "changed": []}]
    found = {line["id"]: line for line in lines}
    code = {line["id"]: line["code"] for line in lines if "code" in line}
    results = tuple(_result(item, found.get(item["id"], {})) for item in head["items"])
    errors = [*_run_errors(ran), *_judge_errors(judged, head)]
    return Report(name, learner, results, tuple(errors), tuple(_remarks(ran, found, stored)), code)


def _result(item: dict[str, str], line: dict[str, Any]) -> Result:
    known = {key: value for key, value in line.items() if key in Result.__slots__}
    known["state"] = State(line.get("state", State.NOT_CHECKED))
    return Result(**(item | known))


def _run_errors(ran: Ended) -> Iterator[str]:
    yield from (line["error"] for line in ran.lines if "error" in line)
    if files := _of(ran, "files"):  # whether such a kernel still answers depends on what it had loaded: no second sentence
        yield f"It changes files of lesson_lib while it runs: {len(files)}, such as {files[0]}."
    elif _of(ran, "silent"):
        yield "At its end lesson_lib does not answer any more."
    if ran.problem:
        yield f"Its run {ran.problem}."


def _judge_errors(judged: Ended, head: dict[str, Any]) -> Iterator[str]:
    if judged.problem:
        yield f"Its check {judged.problem}."
    elif not head["items"]:
        yield "It belongs to no lesson: it asks nothing, and its name does not begin with a lesson's number."
    if head["missing"]:
        yield f"{len(head['missing'])} of its {len(head['items'])} questions and exercises are gone: {', '.join(head['missing'])}."
    if head["changed"]:
        yield f"It changes lesson_lib while it runs: {', '.join(head['changed'][:5])}."


def _remarks(ran: Ended, found: dict[str, dict[str, Any]], stored: set[str]) -> Iterator[str]:
    """Where a cell shows another verdict than the judge, and where the run stored an answer that no cell gives."""
    if made_up := sorted(item_id for item_id in stored if "cell" not in found.get(item_id, {})):
        yield f"Its run stores answers that no cell gives; they do not count: {', '.join(made_up)[:200]}."
    shown = {line["cell"]: line["verdicts"] for line in ran.lines if "verdicts" in line}
    for item_id, line in found.items():
        if line["state"] == State.WRONG and shown.get(line.get("cell")) == [State.RIGHT]:
            yield f"Code cell {line['cell'] + 1} shows that {item_id} is right; checked again, it is wrong."
