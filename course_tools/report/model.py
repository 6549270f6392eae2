"""What a report knows: one result for each item, one `CopyReport` for each copy of a notebook."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import asdict, dataclass, field
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

    @property
    def all_right(self) -> bool:
        """Whether everything was answered, and rightly."""
        return bool(self.results) and all(result.state == ItemState.RIGHT for result in self.results)

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "counts": self.count()}


def exit_status(reports: list[CopyReport], strict: bool) -> int:
    """0 good; 1 for errors or an answer that was not checked, if `strict` for anything not right."""
    unchecked = any(result.state == ItemState.NOT_CHECKED for report in reports for result in report.results)
    if unchecked or any(report.errors for report in reports):
        return 1
    return int(strict and not all(report.all_right for report in reports))
