"""What a reader of a cell meets, one sentence at a time.

Of a text cell: its lines. Of a code cell: its comments, and what it asks, with explanation, hints and what is said of each option.
Left out is what nobody states here: quotations (lines with `>`, and words between quotation marks), code, questions, and what a
reader is told to do or will be able to do.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from course_tools.report.asked_calls import calls
from lesson_lib.teach.content import Question, find

COMMENT = re.compile(r"(?:^|\s)(?:#|//) +(.*)$")
ITEM = re.compile(r"\s*(?:[-*]|\d+\.) +|#+ +")
END = re.compile(r"(?<=[.?!:])[\"')*]*\s+(?=[\"'`*(A-Z0-9…])")
GOALS = re.compile(r"^(?:At|By) the end you can\n+(?:- .*\n?)+", re.MULTILINE)
QUOTED = re.compile(r"\"[^\"`]* [^\"`]*\"")
TO_DO = re.compile(r"\W*(?:Ask|Be|Commit|Compare|Count|Do|Find|Give|Keep|Lay|Let|Look|Make|Point|Predict|Remember|Run|Say|See|Send|Show|"
                   r"Start|Suppose|Think|Try|Turn|Use|Vary|Write)\b")


def text_of(source: str, kind: str) -> str:
    """All that a cell says, in paragraphs."""
    if kind != "code":
        return source
    asked = [find(call.item_id) for call in calls([source]) if call.role in ("question", "observe", "exercise")]
    return "\n\n".join([*_comments(source.splitlines()), *(text for item in asked for text in _of_item(item))])


def _comments(lines: list[str]) -> list[str]:
    return [found[1] for line in lines if (found := COMMENT.search(line))]


def _of_item(item: Any) -> Iterator[str]:
    yield from (item.text, item.explanation)
    if not isinstance(item, Question):
        yield from item.hints
        return
    runs = item.runs()
    for option in item.options:
        yield option.contradiction(*runs) if option.misconception else option.text


def sentences(text: str) -> list[str]:
    """The sentences of a text that may state something; a row of a table is one."""
    paragraphs = re.split(r"\n\s*\n", "\n".join(_lines(GOALS.sub("", text))))
    found = (" ".join(part.split()) for paragraph in paragraphs for part in END.split(" ".join(paragraph.split())))
    return [sentence for sentence in found if sentence and not sentence.endswith("?") and not TO_DO.match(sentence)]


def bare(sentence: str) -> str:
    """A sentence without what it quotes."""
    return QUOTED.sub('""', sentence)


def _lines(text: str) -> Iterator[str]:
    """Lines, with an empty one wherever a new thing begins."""
    code = False
    for line in text.splitlines():
        if line.startswith("```"):
            code = not code
        elif code:
            yield from ("", *_comments([line]), "")
        elif not line.startswith(">"):
            yield from ("", ITEM.sub("", line, count=1)) if ITEM.match(line) or line.startswith("|") else (line,)
        if line.startswith(("#", "|", ">")):
            yield ""
