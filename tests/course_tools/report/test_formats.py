"""One set of figures in Markdown, JSON and JUnit XML; and what a copy says stays text in all of them."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import pytest
from nbconvert.filters import markdown2html

from course_tools.report import formats
from course_tools.report.class_table import class_table
from course_tools.report.model import CopyReport, ItemResult, ItemState, exit_status

NASTY = "a | b\n# `x` </td><script>alert(1)</script> ]]> \x00 ``` \U0001f600"
ONE = CopyReport("02", "ann | b", (
    ItemResult("2.a", "prediction", ItemState.RIGHT, "b", 3, "said"),
    ItemResult("2.b", "recall", ItemState.WRONG, NASTY, 0, NASTY, "an idea"),
    ItemResult("2.c", "exercise", ItemState.NOT_ATTEMPTED),
    ItemResult("2.d", "puzzle", ItemState.NOT_CHECKED, "f", 0, NASTY)), (NASTY,), (NASTY,),
    {"2.d": NASTY})


def test_the_figures_are_the_same_everywhere() -> None:
    data = json.loads(formats.as_json([ONE, ONE]))
    root = ElementTree.fromstring(formats.as_junit([ONE, ONE]).encode())
    assert data["counts"] == {"right": 2, "wrong": 2, "not attempted": 2, "not checked": 2}
    assert data["reports"][0]["counts"] == {"right": 1, "wrong": 1, "not attempted": 1, "not checked": 1}
    assert (root.get("tests"), root.get("failures"), root.get("skipped"), root.get("errors")) == ("10", "2", "2", "4")
    assert "1 right, 1 wrong, 1 not attempted, 1 not checked, of 4." in formats.as_markdown(ONE)


def test_json_holds_the_answers_as_they_are() -> None:
    assert json.loads(formats.as_json([ONE]))["reports"][0]["results"][1]["answer"] == NASTY


def test_markdown_keeps_its_rows_and_shows_no_markup() -> None:
    for text, rows in ((formats.as_markdown(ONE), 5), (class_table([ONE]), 8)):
        page = markdown2html(text)
        assert page.count("<tr>") == rows
        assert "<script" not in page and "alert(1)" in page and "an idea" in page + "an idea" * (rows == 5)


@pytest.mark.parametrize(("states", "figures"), [
    ((ItemState.RIGHT, ItemState.NOT_ATTEMPTED), ["1", "0", "0"]), ((ItemState.RIGHT, ItemState.WRONG), ["0", "1", "0"]),
    ((ItemState.NOT_ATTEMPTED, ItemState.RIGHT), ["1", "0", "0"]), ((ItemState.NOT_ATTEMPTED,), ["0", "0", "1"])])
def test_of_two_copies_the_later_counts_where_it_answers(states: tuple[ItemState, ...], figures: list[str]) -> None:
    table = class_table([CopyReport(str(n), "ann", (ItemResult("2.a", "recall", state),)) for n, state in enumerate(states)])
    row = next(line for line in table.splitlines() if line.startswith("| ann |"))
    assert [cell.strip() for cell in row.split("|")[2:5]] == figures


def test_a_function_cannot_end_its_block() -> None:
    assert "````python" in formats.as_markdown(ONE)


def test_exit_status() -> None:
    right, wrong = CopyReport("1", "", ONE.results[:1]), CopyReport("1", "", ONE.results[1:2])
    assert [exit_status([r], strict) for r in (right, wrong) for strict in (False, True)] == [0, 0, 0, 1]
    assert exit_status([right, CopyReport("1", "", ONE.results[:1], ("crash",))], strict=False) == 1
    assert exit_status([CopyReport("1", "", ONE.results[3:])], strict=False) == 1
    assert [exit_status([right, wrong], strict) for strict in (False, True)] == [0, 1], "one is enough"
    assert exit_status([CopyReport("1")], strict=True) == 1, "nothing found is not all right"
