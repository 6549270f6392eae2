"""Reports as Markdown, as JSON with everything, and as JUnit XML for what draws test results. Everything that
comes from a copy is shown as text, whatever it holds.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from xml.etree import ElementTree

from course_tools.report.model import CopyReport, ItemResult, ItemState, shown

SIGNS = dict(zip(ItemState, "✓✗·?", strict=True))
_SURE = {1: ", a guess", 2: ", fairly sure", 3: ", sure"}
_TAGS = {ItemState.WRONG: "failure", ItemState.NOT_ATTEMPTED: "skipped", ItemState.NOT_CHECKED: "error"}
_FIGURES = {"tests": "testcase", "failures": "failure", "errors": "error", "skipped": "skipped"}


def as_markdown(one: CopyReport) -> str:
    """One copy: the figures, what went wrong with it, every item, and the functions that were handed in."""
    figures = ", ".join(f"{number} {state}" for state, number in one.count().items())
    parts = [f"# {text(f'{one.learner}: {one.notebook}' if one.learner else one.notebook)}", "",
             f"{figures}, of {len(one.results)}.\n"]
    parts += [f"- **{text(error)}**" for error in one.errors]
    parts += [f"- {text(remark)}" for remark in one.remarks]
    if one.results:
        parts += table(("", "item", "kind", "state", "answer", "what the check says"), map(_row, one.results))
    for item_id, source in one.code.items():
        fence = _fence(source, 3)
        parts += [f"\n## The function handed in for {item_id}",
                  f"{fence}python\n{shown(source).rstrip()}\n{fence}"]
    return "\n".join(parts) + "\n"


def _row(one: ItemResult) -> tuple[str, ...]:
    answer = f"{code(one.answer)}{_SURE.get(one.confidence, '')}" if one.answer else ""
    return SIGNS[one.state], text(one.id), text(one.kind), one.state, answer, text(one.said)


def table(headings: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    """The lines of a table, with an empty one before."""
    return ["", *(f"| {' | '.join(row)} |" for row in (headings, ("---",) * len(headings), *rows))]


def text(words: str) -> str:
    """Words that are no Markup and stay in one line."""
    return re.sub(r"([\\`*_\[\]|<>#&~])", r"\\\1", _one_line(words, 400))


def code(source: str, longest: int = 80) -> str:
    """Source in one line of a table."""
    source = _one_line(source, longest)
    fence = _fence(source, 1)
    fenced_in = f"{fence} {source} {fence}" if "`" in source else f"`{source}`"
    return fenced_in.replace("|", "\\|")


def _one_line(words: str, longest: int) -> str:
    words = " ".join(shown(words).split())
    return words if len(words) <= longest else f"{words[:longest]} …"


def _fence(source: str, shortest: int) -> str:
    """What no row of backticks in it can end."""
    return "`" * max(shortest, 1 + max(map(len, re.findall("`+", source)), default=0))


def as_json(reports: Sequence[CopyReport]) -> str:
    """All reports, and the figures over all of them."""
    total: Counter[str] = Counter()
    for report in reports:
        total.update(report.count())
    return json.dumps({"version": 1, "counts": dict(total), "reports": [r.as_dict() for r in reports]},
                      indent=1) + "\n"


def as_junit(reports: Sequence[CopyReport]) -> str:
    """A suite for each copy, a case for each item, and one for a copy with errors."""
    root = ElementTree.Element("testsuites")
    for report in reports:
        name = shown(f"{report.learner} {report.notebook}".strip())
        suite = ElementTree.SubElement(root, "testsuite", name=name)
        cases = [("the copy itself", "error", "; ".join(report.errors))] if report.errors else []
        cases += [(one.id, _TAGS.get(one.state, ""), f"{one.answer}: {one.said}" if one.answer else one.state)
                  for one in report.results]
        for case, tag, message in cases:
            element = ElementTree.SubElement(suite, "testcase", classname=name, name=shown(case))
            if tag:
                ElementTree.SubElement(element, tag, message=shown(message))
    for element in (root, *root):
        for figure, tag in _FIGURES.items():  # those that JUnit readers look for
            element.set(figure, str(len(list(element.iter(tag)))))
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"
