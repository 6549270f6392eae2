"""What a reader sees: a bar, the rows of the decision table with their hits, the differences."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Mapping
from typing import TextIO

from course_tools.conformance.compare import Comparison
from course_tools.conformance.mirror import DECISION_TABLE

WIDTH = 32


class ProgressBar:
    """One line that fills up on a terminal; elsewhere a line at each tenth."""

    def __init__(self, total: int, out: TextIO = sys.stderr) -> None:
        self.total, self.out, self.done, self.started = total, out, 0, time.monotonic()

    def add(self, found: int) -> None:
        """One history more is done; `found` of them differed so far."""
        self.done += 1
        tenth = max(self.total // 10, 1)
        if self.out.isatty() and (self.done % 10 == 0 or self.done == self.total):
            print(f"\r{self._text(found)}", end="\n" if self.done == self.total else "", file=self.out,
                  flush=True)
        elif not self.out.isatty() and (self.done % tenth == 0 or self.done == self.total):
            print(self._text(found), file=self.out, flush=True)

    def _text(self, found: int) -> str:
        full = WIDTH * self.done // self.total
        rate = self.done / max(time.monotonic() - self.started, 1e-9)
        bar = f"[{'#' * full}{'.' * (WIDTH - full)}]"
        return f"{bar} {self.done}/{self.total} histories, {rate:.0f} a second, {found} differ"


def table(hits: Mapping[str, int]) -> str:
    """Every row of the decision table and how often the histories hit it."""
    width = max(map(len, DECISION_TABLE))
    return "\n".join(f"{row.ljust(width)}  {hits.get(row, 0) or 'never':>7}  {meaning}"
                     for row, meaning in DECISION_TABLE.items())


def never_hit(hits: Mapping[str, int]) -> list[str]:
    """Rows that no history reached."""
    return [row for row in DECISION_TABLE if not hits.get(row)]


def summary(hits: Counter[str], compared: int, found: int, left: str, right: str) -> str:
    """The table, and one sentence at the end."""
    verdict = "no differences" if not found else f"{found} with differences"
    return f"{table(hits)}\n{compared} histories, {left} against {right}: {verdict}."


def counterexample(found: Comparison, left: str, right: str) -> str:
    """A difference as text: what each broker did at each step, and the command that plays it again."""
    return (f"{left}  |  {right}\n{found}\n"
            f"play it again: python -m lesson_lib conformance --replay \"{found.script}\"")
