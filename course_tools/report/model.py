"""What a report knows: one result for each item, one `CopyReport` for each copy of a notebook; and the same
without the names of learners, and without anything else that a learner wrote in their own words.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any

_NOT_SHOWN = re.compile("[^\t\n\r\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def shown(text: str) -> str:
    """Without control characters and halves of characters, which neither XML nor a screen can hold."""
    return _NOT_SHOWN.sub("\ufffd", text)


class ItemState(StrEnum):
    """What came of an item. `not checked`: there is an answer, and judging it could not be finished."""

    RIGHT = "right"
    WRONG = "wrong"
    NOT_ATTEMPTED = "not attempted"
    NOT_CHECKED = "not checked"


@dataclass(frozen=True, slots=True)
class ItemResult:
    """One item of a lesson. `said` is what the check says, `misconception` the idea behind a wrong option."""

    id: str
    kind: str
    state: ItemState
    answer: str = ""
    confidence: int = 0
    said: str = ""
    misconception: str = ""


@dataclass(frozen=True, slots=True)
class CopyReport:
    """One copy of one notebook. `errors`: what went wrong; `remarks`: what a teacher should know."""

    notebook: str
    learner: str = ""
    results: tuple[ItemResult, ...] = ()
    errors: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    code: dict[str, str] = field(default_factory=dict)  # the learner's functions, by item
    forms: dict[str, dict[str, str]] = field(default_factory=dict)  # letters of the two forms, by sitting

    def count(self) -> dict[str, int]:
        """How many items there are of each state, all states named."""
        found = Counter(result.state for result in self.results)
        return {str(state): found[state] for state in ItemState}

    def as_dict(self) -> dict[str, Any]:
        """Everything, and the figures."""
        return {**asdict(self), "counts": self.count()}


def exit_status(reports: list[CopyReport], strict: bool) -> int:
    """0 good; 1 for errors or an answer that was not checked, if `strict` for anything not right."""
    states = [result.state for report in reports for result in report.results]
    if ItemState.NOT_CHECKED in states or any(report.errors for report in reports):
        return 1
    all_right = all(report.results for report in reports) and set(states) <= {ItemState.RIGHT}
    return int(strict and not all_right)


def aliases(learners: Iterable[str]) -> dict[str, str]:
    """Name -> learner 01, learner 02 and so on, drawn by lot, so that neither the order of a list nor that of
    the files gives a name away; "" stays.
    """
    names = sorted(set(learners) - {""})
    random.SystemRandom().shuffle(names)
    wide = len(str(len(names)))
    return {"": "", **{name: f"learner {number:0{wide}}" for number, name in enumerate(names, 1)}}


def anonymous(report: CopyReport, names: dict[str, str]) -> CopyReport:
    """The report with a number in place of the learner, and letters alone of the answers. The notebook is
    called after its lesson, and of errors and remarks it says how many there are.
    """
    lessons = Counter(result.id.partition(".")[0] for result in report.results).most_common(1)
    return CopyReport(
        f"lesson {lessons[0][0]}" if lessons else "a notebook", names[report.learner],
        tuple(replace(one, said="", answer=_letter(one.answer)) for one in report.results),
        (f"{len(report.errors)} errors in this copy.",) if report.errors else (),
        (f"{len(report.remarks)} remarks on this copy.",) if report.remarks else (), forms=report.forms)


def _letter(answer: str) -> str:
    return "…" if answer and not re.fullmatch("[a-d]", answer) else answer
