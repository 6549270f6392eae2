"""Many copies as one table: learners down, items across, the most missed first; then why they were missed,
and what the class learned.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from course_tools.report.formats import SIGNS, code, table, text
from course_tools.report.learned import learned
from course_tools.report.model import CopyReport, ItemResult, ItemState

_LEGEND = ", ".join(f"{sign} {state}" for state, sign in SIGNS.items())
_COUNTED = (ItemState.RIGHT, ItemState.WRONG, ItemState.NOT_ATTEMPTED)
_ITEM_HEADINGS = ("item", "wrong", "not attempted or not checked", "wrong answers", "ideas behind them")


def class_table(reports: Sequence[CopyReport]) -> str:
    """The whole page, as Markdown."""
    copies: dict[str, list[CopyReport]] = defaultdict(list)
    for report in reports:
        copies[report.learner].append(report)
    results = {learner: _results(copies[learner]) for learner in sorted(copies)}
    wrong: dict[str, list[ItemResult]] = {}
    left: Counter[str] = Counter()
    for one in (one for found in results.values() for one in found.values()):
        missed = wrong.setdefault(one.id, [])
        if one.state == ItemState.WRONG:
            missed.append(one)
        left[one.id] += one.state in (ItemState.NOT_ATTEMPTED, ItemState.NOT_CHECKED)
    order = sorted(wrong, key=lambda item: (-len(wrong[item]), -left[item]))
    head = ("learner", "right", "wrong", "not attempted", "note", *map(text, order))
    rows = [_row(copies[learner], found, order) for learner, found in results.items()]
    misses = [_miss(item, wrong[item], left[item]) for item in order if wrong[item] or left[item]]
    return "\n".join([
        f"# {len(results)} learners, {len(order)} items", "", f"{_LEGEND}. The most missed item comes first.",
        *table(head, rows), "", "## Most missed", *table(_ITEM_HEADINGS, misses),
        "", "## Ideas behind the misses", *table(("idea", "times", "where"), _ideas(results.values())),
        *learned(reports)]) + "\n"


def _results(copies: Iterable[CopyReport]) -> dict[str, ItemResult]:
    """What one learner answered; of two copies of a lesson the later one counts where it answers."""
    found: dict[str, ItemResult] = {}
    for result in (result for report in copies for result in report.results):
        if result.id not in found or result.state != ItemState.NOT_ATTEMPTED:
            found[result.id] = result
    return found


def _row(copies: Sequence[CopyReport], results: dict[str, ItemResult], order: list[str]) -> tuple[str, ...]:
    states = Counter(result.state for result in results.values())
    note = " ".join(f"{r.notebook}: {' '.join(said)}" for r in copies if (said := (*r.errors, *r.remarks)))
    cells = (_cell(results[item]) if item in results else "" for item in order)
    return text(copies[0].learner), *(str(states[state]) for state in _COUNTED), text(note), *cells


def _cell(result: ItemResult) -> str:
    sign = SIGNS[result.state]
    return f"{sign} {code(result.answer, 12)}" if result.state == ItemState.WRONG else sign


def _miss(item: str, wrong: Sequence[ItemResult], left: int) -> tuple[str, ...]:
    answers = Counter(code(one.answer, 40) for one in wrong)
    ideas = Counter(text(one.misconception) for one in wrong if one.misconception)
    return text(item), str(len(wrong)), str(left), _times(answers), _times(ideas)


def _ideas(results: Iterable[dict[str, ItemResult]]) -> list[tuple[str, ...]]:
    """A row for each misconception, the most frequent first."""
    where: dict[str, Counter[str]] = defaultdict(Counter)
    for one in (one for found in results for one in found.values() if one.misconception):
        where[one.misconception][text(one.id)] += 1
    rows = sorted(where.items(), key=lambda one: -one[1].total())
    return [(text(idea), str(items.total()), _times(items)) for idea, items in rows]


def _times(found: Counter[str]) -> str:
    return ", ".join(f"{words} ({number})" for words, number in found.most_common())
