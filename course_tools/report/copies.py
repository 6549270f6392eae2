"""One copy of a notebook, from file to report. Whatever a copy does costs its own row, and no other."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from queue import Empty, LifoQueue
from typing import Any

from course_tools.report import answers
from course_tools.report.confined import Bounds, Confined, ProcessEnded
from course_tools.report.model import CopyReport, ItemResult, ItemState
from lesson_lib.teach.concepts import sittings

_LARGEST = 50 * 2**20  # bytes of a notebook
_START = 60  # seconds for a process to be there
_FOR_EVER = 10**6


class CheckStopped(Exception):
    """The checker was stopped before this copy's report was ready."""


class NotANotebook(Exception):
    """A file that is no notebook; the text says why."""


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
    return [_text(cell.get("source", "")) for cell in cells]


def _text(source: Any) -> str:
    return "".join(map(str, source)) if isinstance(source, list) else str(source)


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


@dataclass
class CellsRun:
    """What a run brought up: errors by cell, cells that show verdicts and no other one than right, why it
    ended early."""

    raised: dict[int, str] = field(default_factory=dict)
    show_right: set[int] = field(default_factory=set)
    problem: str = ""


class Checker:
    """Checks copies, in several threads if need be. `execute`: also run them, to see if they run."""

    def __init__(self, bounds: Bounds | None = None, execute: bool = False) -> None:
        self.bounds, self.execute = bounds or Bounds(), execute
        self._judges: LifoQueue[Confined] = LifoQueue()
        self._started: list[Confined] = []  # grows only, so that it can be read while another thread adds
        self.stopped = False

    def file(self, path: Path, learner: str = "", alone: bool = True) -> CopyReport:
        """The report of any file. `alone`: the `.progress` beside it is this learner's. CheckStopped when it
        was stopped on the way."""
        if self.stopped:
            raise CheckStopped
        kept = kept_beside(path) if alone else {}
        written: dict[str, Any] = {}
        try:
            notebook = read(path)
            written = answers.in_forms(sources(notebook))
            report = self.notebook(notebook, path.stem, learner, kept)
        except NotANotebook as error:
            report = CopyReport(path.stem, learner, errors=(str(error),))
        if self.stopped:
            raise CheckStopped
        return replace(report, forms=sittings(written | kept))

    def notebook(self, notebook: dict[str, Any], name: str, learner: str = "",
                 kept: dict[str, Any] | None = None) -> CopyReport:
        """The report of a notebook; `kept` is what its learner answered with the controls."""
        try:
            return self._report(sources(notebook), name, learner, kept or {})
        except ProcessEnded:
            return CopyReport(name, learner,
                          errors=("Its check broke off: reading its cells takes too much time or memory.",))
        except Exception as error:  # noqa: BLE001 - whatever one copy does costs no other its row
            return CopyReport(name, learner,
                          errors=(f"Its check broke off: {type(error).__name__}: {str(error)[:200]}",))

    def stop(self) -> None:
        """Give up what is being checked, at once; also from a signal's handler."""
        self.stopped = True
        for process in tuple(self._started):
            if process.runs:  # the number of one that ended may be another's by now
                process.kill()

    def close(self) -> None:
        """End the judges that wait for the next copy."""
        while not self._judges.empty():
            self._judges.get().close()

    def _report(self, cells: list[str], name: str, learner: str, kept: dict[str, Any]) -> CopyReport:
        ran = self._run(cells) if self.execute else CellsRun()
        head, found = self._judged({"notebook": name, "cells": cells, "kept": kept,
                                    "bounds": asdict(self.bounds)})
        results = tuple(_result(item, found[item["id"]]) for item in head["items"])
        code = {item_id: one["code"] for item_id, one in found.items() if "code" in one}
        return CopyReport(name, learner, results, tuple(_errors(ran, head)), tuple(_remarks(ran, found)),
                          code)

    def _start(self, module: str, seconds: float, walled: bool = True) -> Confined:
        process = Confined(module, self.bounds, seconds, walled)
        self._started.append(process)
        if self.stopped:
            process.close()
            raise ProcessEnded
        return process

    def _run(self, cells: list[str]) -> CellsRun:
        """Run the cells behind the wall; only lines of the expected shape are believed."""
        ran, cell, patience, end = CellsRun(), -1, float(_START), time.monotonic() + self.bounds.run
        with self._start("run_cells", self.bounds.run) as process:
            try:
                with process.within(_START) as line:
                    line.send({"cells": cells, "printed": self.bounds.printed})
                while True:
                    with process.within(min(patience, end - time.monotonic())) as line:
                        told = line.receive()
                    match told:
                        case {"cell": int(number), "raises": str(what)} if 0 <= number < len(cells):
                            ran.raised[number] = what[:300]
                        case {"cell": int(number), "verdicts": [*verdicts]} if 0 <= number < len(cells):
                            if all(verdict == ItemState.RIGHT for verdict in verdicts):
                                ran.show_right.add(number)
                        case {"cell": int(number)} if 0 <= number < len(cells):
                            cell, patience = number, self.bounds.cell
                        case {"ended": True}:
                            return ran
            except ProcessEnded as ended:
                ran.problem = _why(ended, cell, self.bounds, time.monotonic() >= end)
        return ran

    def _judged(self, copy: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """What the copy asks, and what came of each item. A judge that ends over one is replaced."""
        found: dict[str, Any] = {}
        while True:
            with self._judge() as judge:
                with judge.within(self.bounds.run) as line:
                    head = line.ask(copy)
                for item in (one["id"] for one in head["items"] if one["id"] not in found):
                    try:
                        with judge.within(self.bounds.item) as line:
                            found[item] = line.ask({"item": item})
                    except ProcessEnded as ended:
                        late = f"The check did not end within {self.bounds.item:g} seconds."
                        found[item] = {"state": ItemState.NOT_CHECKED,
                                       "said": late if ended.late else "The check broke off."}
                        judge.close()
                        break
                else:
                    return head, found

    @contextmanager
    def _judge(self) -> Iterator[Confined]:
        """A judge that waits, else a new one; it waits again afterwards, unless it ended."""
        try:
            judge = self._judges.get_nowait()
        except Empty:
            judge = self._start("judge", _FOR_EVER, walled=False)
        try:
            yield judge
        except BaseException:
            judge.close()
            raise
        if judge.runs:
            self._judges.put(judge)


def _result(item: dict[str, str], found: dict[str, Any]) -> ItemResult:
    known = {key: value for key, value in found.items() if key in ItemResult.__slots__}
    return ItemResult(**(item | known | {"state": ItemState(found["state"])}))


def _errors(ran: CellsRun, head: dict[str, Any]) -> Iterator[str]:
    yield from (f"Code cell {number + 1} raises {what}" for number, what in ran.raised.items())
    if ran.problem:
        yield ran.problem
    if not head["items"]:
        yield "It belongs to no lesson: it asks nothing, and its name does not begin with a lesson's number."
    if gone := head["missing"]:
        yield f"{len(gone)} of its {len(head['items'])} questions and exercises are gone: {', '.join(gone)}."


def _why(ended: ProcessEnded, cell: int, bounds: Bounds, over: bool) -> str:
    place = f"code cell {cell + 1}" if cell >= 0 else "its start"
    if over:
        return f"Its run did not end within {bounds.run:g} seconds."
    if ended.late:
        return f"It does not end: {place} ran for longer than {bounds.cell:g} seconds."
    return f"It crashes: the kernel died in {place}, by itself or for too much memory, time or output."


def _remarks(ran: CellsRun, found: dict[str, dict[str, Any]]) -> Iterator[str]:
    """Where a cell shows another verdict than the judge."""
    for item_id, one in found.items():
        if one["state"] == ItemState.WRONG and one.get("cell") in ran.show_right:
            yield f"Code cell {one['cell'] + 1} shows that {item_id} is right; checked again, it is wrong."
