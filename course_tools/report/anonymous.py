"""Reports without the names of learners, and without anything else that a learner wrote in their own words.

What is left of an answer is its letter. A learner is a number, drawn by lot, so that neither the order of a
list nor that of the files gives a name away. Notebooks are called after their lessons.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable
from dataclasses import replace

from course_tools.report.model import CopyReport, ItemResult

_LETTER = re.compile("[a-d]")


def aliases(learners: Iterable[str]) -> dict[str, str]:
    """Name -> learner 01, learner 02 and so on; "" stays."""
    names = sorted(set(learners) - {""})
    random.SystemRandom().shuffle(names)
    wide = len(str(len(names)))
    return {"": "", **{name: f"learner {number:0{wide}}" for number, name in enumerate(names, 1)}}


def anonymous(report: CopyReport, names: dict[str, str]) -> CopyReport:
    """The report with a number in place of the learner; of errors and remarks it says how many there are."""
    errors = (f"{len(report.errors)} errors in this copy.",) if report.errors else ()
    remarks = (f"{len(report.remarks)} remarks on this copy.",) if report.remarks else ()
    return CopyReport(_lesson(report), names[report.learner], tuple(map(_without_words, report.results)),
                      errors, remarks, forms=report.forms)


def _lesson(report: CopyReport) -> str:
    """The lesson that most of its items belong to."""
    numbers = [result.id.partition(".")[0] for result in report.results]
    return f"lesson {max(set(numbers), key=numbers.count)}" if numbers else "a notebook"


def _without_words(result: ItemResult) -> ItemResult:
    words = result.answer and not _LETTER.fullmatch(result.answer)
    return replace(result, answer="…" if words else result.answer, said="")
