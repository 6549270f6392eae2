"""Many copies as one table: learners down, items across, the most missed first; then why they were missed,
and what the class learned.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from course_tools.report.learned import learned
from course_tools.report.markdown import SIGNS, code, table, text
from course_tools.report.model import CopyReport, ItemResult, ItemState
from lesson_lib.errors import LessonError

_LESSON = re.compile(r"[-_. ]*\d\d-[a-z-]+.*$")
_OPEN = (ItemState.NOT_ATTEMPTED, ItemState.NOT_CHECKED)


class HandedInCopy(NamedTuple):
    """A copy in a folder of many. `alone`: what is in its folder is this learner's, too."""

    learner: str
    path: Path
    alone: bool


def copies_in(folder: Path) -> list[HandedInCopy]:
    """Each copy: in a folder for each learner, or files that are called after them. LessonError for none."""
    files = sorted(path for path in _files(folder))
    if not files:
        raise LessonError(f"There are no notebooks in {folder}: put one folder for each learner there, "
                          "or files named after them.")
    places = [(path, path.relative_to(folder)) for path in files]
    return [HandedInCopy(_learner(place), path, len(place.parts) > 1) for path, place in places]


def _files(folder: Path) -> Iterator[Path]:
    """The notebooks, and learners' folders that are links: not followed, each has a row that says so."""
    links = folder.iterdir() if folder.is_dir() else ()
    yield from (path for path in links if path.is_symlink() and path.is_dir())
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(parent, name) for name in names
                    if name.endswith(".ipynb") and not name.startswith("."))  # ._x is macOS's, not a copy


def _learner(path: Path) -> str:
    return path.parts[0] if len(path.parts) > 1 else _LESSON.sub("", path.stem) or path.stem


def class_table(reports: list[CopyReport]) -> str:
    learners = sorted({report.learner for report in reports})
    rows = {name: _results([r for r in reports if r.learner == name]) for name in learners}
    order = _most_missed(rows)
    head = ("learner", "right", "wrong", "not attempted", "note", *map(text, order))
    lines = [f"# {len(learners)} learners, {len(order)} items", "",
             f"{legend()} The most missed item comes first."]
    lines += table(head, [_row(name, rows[name], reports, order) for name in learners])
    headings = ("item", "wrong", "not attempted", "wrong answers", "ideas behind them")
    lines += ["", "## Most missed", *table(headings, list(_misses(rows, order)))]
    lines += ["", "## Ideas behind the misses", *table(("idea", "times", "where"), list(_ideas(rows)))]
    lines += learned(reports)
    return "\n".join(lines) + "\n"


def legend() -> str:
    return ", ".join(f"{sign} {state}" for state, sign in SIGNS.items()) + "."


def _results(reports: list[CopyReport]) -> dict[str, ItemResult]:
    """What one learner answered; of two copies of a lesson the later one counts where it answers."""
    found: dict[str, ItemResult] = {}
    for result in (result for report in reports for result in report.results):
        if result.id not in found or result.state != ItemState.NOT_ATTEMPTED:
            found[result.id] = result
    return found


def _most_missed(rows: dict[str, dict[str, ItemResult]]) -> list[str]:
    wrong, left = _tally(rows, (ItemState.WRONG,)), _tally(rows, _OPEN)
    items = dict.fromkeys(item for results in rows.values() for item in results)
    return sorted(items, key=lambda item: (-wrong[item], -left[item]))


def _tally(rows: dict[str, dict[str, ItemResult]], states: tuple[ItemState, ...]) -> Counter[str]:
    return Counter(item for results in rows.values() for item, result in results.items()
                   if result.state in states)


def _row(name: str, results: dict[str, ItemResult], reports: list[CopyReport],
         order: list[str]) -> tuple[str, ...]:
    states = Counter(result.state for result in results.values())
    own = [report for report in reports if report.learner == name]
    note = " ".join(f"{r.notebook}: {' '.join(said)}" for r in own if (said := (*r.errors, *r.remarks)))
    figures = (str(states[state]) for state in (ItemState.RIGHT, ItemState.WRONG, ItemState.NOT_ATTEMPTED))
    return text(name), *figures, text(note), *(_cell(results.get(item)) for item in order)


def _cell(result: ItemResult | None) -> str:
    if result is None:
        return ""
    sign = SIGNS[result.state]
    return f"{sign} {code(result.answer, 12)}" if result.state == ItemState.WRONG else sign


def _misses(rows: dict[str, dict[str, ItemResult]], order: list[str]) -> Iterator[tuple[str, ...]]:
    """A row for each item that somebody missed."""
    left = _tally(rows, _OPEN)
    for item in order:
        wrong = [r[item] for r in rows.values() if item in r and r[item].state == ItemState.WRONG]
        if wrong or left[item]:
            answers = Counter(code(r.answer, 40) for r in wrong)
            ideas = Counter(text(r.misconception) for r in wrong if r.misconception)
            yield text(item), str(len(wrong)), str(left[item]), _times(answers), _times(ideas)


def _ideas(rows: dict[str, dict[str, ItemResult]]) -> Iterator[tuple[str, ...]]:
    """A row for each misconception, the most frequent first."""
    where: dict[str, Counter[str]] = {}
    for result in (r for results in rows.values() for r in results.values() if r.misconception):
        where.setdefault(result.misconception, Counter())[text(result.id)] += 1
    for idea, items in sorted(where.items(), key=lambda one: -one[1].total()):
        yield text(idea), str(items.total()), _times(items)


def _times(found: Counter[str]) -> str:
    return ", ".join(f"{words} ({number})" for words, number in found.most_common())
