"""Reports for programs: JSON with everything, JUnit XML for what draws test results."""

from __future__ import annotations

import json
from collections import Counter
from xml.etree import ElementTree

from course_tools.report.model import CopyReport, ItemResult, ItemState, shown

_TAGS = {ItemState.WRONG: "failure", ItemState.NOT_ATTEMPTED: "skipped", ItemState.NOT_CHECKED: "error"}


def as_json(reports: list[CopyReport]) -> str:
    """All reports, and the figures over all of them."""
    total: Counter[str] = Counter()
    for report in reports:
        total.update(report.count())
    return json.dumps({"version": 1, "counts": dict(total), "reports": [r.as_dict() for r in reports]},
                      indent=1) + "\n"


def as_junit(reports: list[CopyReport]) -> str:
    """A suite for each copy, a case for each item, and one for a copy with errors."""
    root = ElementTree.Element("testsuites")
    for report in reports:
        suite = ElementTree.SubElement(root, "testsuite",
                                       name=shown(f"{report.learner} {report.notebook}".strip()))
        if report.errors:
            case = ElementTree.SubElement(suite, "testcase", classname=suite.attrib["name"],
                                          name="the copy itself")
            _add(case, "error", "; ".join(report.errors))
        for result in report.results:
            _case(suite, result)
        _count(suite)
    _count(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _case(suite: ElementTree.Element, result: ItemResult) -> None:
    case = ElementTree.SubElement(suite, "testcase", classname=suite.attrib["name"], name=shown(result.id))
    if result.state in _TAGS:
        _add(case, _TAGS[result.state], f"{result.answer}: {result.said}" if result.answer else result.state)


def _add(case: ElementTree.Element, tag: str, message: str) -> None:
    ElementTree.SubElement(case, tag, message=shown(message))


def _count(element: ElementTree.Element) -> None:
    """Write the figures that JUnit readers look for."""
    for name, tag in (("tests", "testcase"), ("failures", "failure"), ("errors", "error"),
                      ("skipped", "skipped")):
        element.set(name, str(len(list(element.iter(tag)))))
