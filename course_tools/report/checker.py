"""One copy of a notebook, from file to report. Whatever a copy does costs its own row, and no other."""

from __future__ import annotations

import time
from contextlib import closing, suppress
from dataclasses import asdict, fields
from typing import Any

from course_tools.report.confined import Bounds, Confined
from course_tools.report.copies import HandedInCopy, NotANotebook, kept_beside, read, sources
from course_tools.report.line import ProcessEnded
from course_tools.report.model import CopyReport, ItemResult, ItemState
from lesson_lib.teach.concepts import sittings

_START = 60.0  # seconds for a process to be there
_FOR_EVER = 10**6
_BROKE_OFF = "Its check broke off: "


class Checker:
    """Checks copies, in several threads if need be. `execute`: also run them, to see if they run."""

    def __init__(self, bounds: Bounds | None = None, execute: bool = False) -> None:
        self.bounds, self.execute = bounds or Bounds(), execute
        self._judges: list[Confined] = []  # those that wait for a copy
        self._started: list[Confined] = []  # grows only, so that it can be read while another thread adds
        self.stopped = False

    def file(self, copy: HandedInCopy) -> CopyReport:
        """The report of any file; without meaning once this was stopped."""
        kept = kept_beside(copy.path) if copy.alone else {}
        try:
            return self.notebook(read(copy.path), copy.path.stem, copy.learner, kept)
        except NotANotebook as error:
            return CopyReport(copy.path.stem, copy.learner, errors=(str(error),), forms=sittings(kept))

    def notebook(self, notebook: dict[str, Any], name: str, learner: str = "",
                 kept: dict[str, Any] | None = None) -> CopyReport:
        """The report of a notebook; `kept` is what its learner answered with the controls."""
        try:
            return self._report(sources(notebook), name, learner, kept or {})
        except ProcessEnded:
            error = f"{_BROKE_OFF}reading its cells takes too much time or memory."
        except Exception as other:  # noqa: BLE001 - whatever one copy does costs no other its row
            error = f"{_BROKE_OFF}{type(other).__name__}: {str(other)[:200]}"
        return CopyReport(name, learner, errors=(error,), forms=sittings(kept or {}))

    def stop(self) -> None:
        """Give up what is being checked, at once; also from a signal's handler."""
        self.stopped = True
        for process in tuple(self._started):
            if process.runs:  # the number of one that ended may be another's by now
                process.kill()

    def close(self) -> None:
        """End the judges that wait for the next copy."""
        while self._judges:
            self._judges.pop().close()

    def _report(self, cells: list[str], name: str, learner: str, kept: dict[str, Any]) -> CopyReport:
        errors, show_right = self._run(cells) if self.execute else ([], set())
        head, found = self._judged({"notebook": name, "cells": cells, "kept": kept,
                                    "bounds": asdict(self.bounds)})
        if not head["items"]:
            errors.append("It belongs to no lesson: it asks nothing, and its name does not begin with a "
                          "lesson's number.")
        if gone := head["missing"]:
            errors.append(f"{len(gone)} of its {len(head['items'])} questions and exercises are gone: "
                          f"{', '.join(gone)}.")
        remarks = (f"Code cell {one['cell'] + 1} shows that {item} is right; checked again, it is wrong."
                   for item, one in found.items()
                   if one["state"] == ItemState.WRONG and one.get("cell") in show_right)
        return CopyReport(name, learner, tuple(_result(item | found[item["id"]]) for item in head["items"]),
                          tuple(errors), tuple(remarks),
                          {item: one["code"] for item, one in found.items() if "code" in one},
                          sittings(head["forms"] | kept))

    def _start(self, module: str, seconds: float, walled: bool = True) -> Confined:
        process = Confined(module, self.bounds, seconds, walled)
        self._started.append(process)
        if self.stopped:
            process.close()
            raise ProcessEnded
        return process

    def _run(self, cells: list[str]) -> tuple[list[str], set[int]]:
        """Run the cells behind the wall: what went wrong, and the cells that show verdicts, none but right.
        Only lines of the expected shape are believed.
        """
        raised: dict[int, str] = {}
        show_right: set[int] = set()
        cell, patience, end, problem = -1, _START, time.monotonic() + self.bounds.run, []
        with closing(self._start("run_cells", self.bounds.run)) as process:
            try:
                process.send({"cells": cells, "printed": self.bounds.printed}, _START)
                while True:
                    match process.receive(min(patience, end - time.monotonic())):
                        case {"cell": int(number), "raises": str(what)} if 0 <= number < len(cells):
                            raised[number] = what[:300]
                        case {"cell": int(number), "verdicts": [*verdicts]} if 0 <= number < len(cells):
                            if all(verdict == ItemState.RIGHT for verdict in verdicts):
                                show_right.add(number)
                        case {"cell": int(number)} if 0 <= number < len(cells):
                            cell, patience = number, self.bounds.cell
                        case {"ended": True}:
                            break
            except ProcessEnded as ended:
                problem = [self._why(ended, cell, time.monotonic() >= end)]
        errors = [f"Code cell {number + 1} raises {what}" for number, what in raised.items()]
        return errors + problem, show_right

    def _why(self, ended: ProcessEnded, cell: int, over: bool) -> str:
        place = f"code cell {cell + 1}" if cell >= 0 else "its start"
        if over:
            return f"Its run did not end within {self.bounds.run:g} seconds."
        if ended.late:
            return f"It does not end: {place} ran for longer than {self.bounds.cell:g} seconds."
        return f"It crashes: the kernel died in {place}, by itself or for too much memory, time or output."

    def _judged(self, copy: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """What the copy asks, and what came of each item. The judge waits for the next copy afterwards; one
        that ends over an item is replaced.
        """
        found: dict[str, Any] = {}
        while True:
            judge, item = self._judge(), ""
            try:
                head = judge.ask(copy | {"done": list(found)}, self.bounds.run)
                for item in [one["id"] for one in head["items"] if one["id"] not in found]:
                    found[item] = judge.receive(self.bounds.item)
                self._judges.append(judge)
                return head, found
            except BaseException as error:
                judge.close()
                if not item or not isinstance(error, ProcessEnded):
                    raise
                late = f"The check did not end within {self.bounds.item:g} seconds."
                found[item] = {"state": ItemState.NOT_CHECKED,
                               "said": late if error.late else "The check broke off."}

    def _judge(self) -> Confined:
        with suppress(IndexError):
            return self._judges.pop()
        return self._start("judge", _FOR_EVER, walled=False)


def _result(found: dict[str, Any]) -> ItemResult:
    known = {field.name: found[field.name] for field in fields(ItemResult) if field.name in found}
    return ItemResult(**known | {"state": ItemState(found["state"])})
