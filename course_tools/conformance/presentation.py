"""What a reader sees: how far it is, and each difference with its shortest script and its picture."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from html import escape

from course_tools.conformance.as_history import as_history
from course_tools.conformance.judgement import Difference, Judgement
from course_tools.page import html_page, items, section
from lesson_lib import draw
from lesson_lib.draw.picture import Picture

MOST_SHOWN = 12  # differences with their picture


class Progress:
    """A line on stderr at each tenth of the histories, and for each difference that is made short."""

    def __init__(self, total: int) -> None:
        self.total, self.done, self.small, self.started = total, 0, 0, time.monotonic()

    def add(self, found: int) -> None:
        """One history more is done; `found` differences are known so far."""
        self.done += 1
        if self.done % max(self.total // 10, 1) == 0 or self.done == self.total:
            rate = self.done / max(time.monotonic() - self.started, 1e-9)
            print(f"{self.done} of {self.total} histories, {rate:.0f} a second, {found} differences",
                  file=sys.stderr, flush=True)

    def shortens(self, of: int) -> None:
        """One difference more is about to be made short, out of so many. It can take a minute each."""
        self.small += 1
        print(f"looking for the shortest script of difference {self.small} of {of}", file=sys.stderr,
              flush=True)


def told(judged: Judgement) -> Iterator[str]:
    """Each difference as text, the most frequent first, with a script that is as short as it gets."""
    differences = judged.by_number()
    for number, one in enumerate(differences[:MOST_SHOWN], 1):
        yield f"\n{_heading(number, one)}.\n{_also(one)}Apache Kafka  |  {judged.name}\n{one.smallest}"
        if one.smallest:
            yield f'play it again: python -m lesson_lib judge HOST:PORT --replay "{one.smallest.script}"'
    yield from ("", *_rest(judged))
    if not differences:
        yield "No differences."


def _heading(number: int, one: Difference) -> str:
    times, also = "history" if one.histories == 1 else "histories", one.histories - len(one.found)
    counted = f" ({also} counted with it)" if also else ""
    return f"Difference {number}, in {one.histories} {times}{counted}: {one}"


def _also(one: Difference) -> str:
    return "".join(f"Counted with it, in {len(each.found)}: {each.cause}.\n" for each in one.consequences)


def _rest(judged: Judgement) -> Iterator[str]:
    for number, one in enumerate(judged.by_number()[MOST_SHOWN:], MOST_SHOWN + 1):
        yield f"{_heading(number, one)}. Its script: {one.smallest.script if one.smallest else '-'}"
    if judged.once:
        yield f"{judged.once} differed once, and not when they were played again. That counts for nothing."


def page(judged: Judgement, head: str) -> str:
    """The table, and each difference with its picture: Apache Kafka's answers above, this broker's below."""
    parts = []
    for number, one in enumerate(judged.by_number()[:MOST_SHOWN], 1):
        parts.append(section(_heading(number, one), _also(one), picture=picture_of(one, judged.name))
                     + f"<pre>{escape(str(one.smallest))}</pre>")
    if not judged.differences:
        parts.append("<p>No differences.</p>")
    return html_page(head, f"<pre>{escape(judged.table())}</pre>", *parts, items(_rest(judged)))


def picture_of(one: Difference, name: str) -> Picture | None:
    """What Apache Kafka did above, what this broker did below; None where that would look the same."""
    if one.smallest is None:
        return None
    kafka, theirs = (as_history(one.smallest.script, outcome, broker) for outcome, broker
                     in ((one.smallest.left, "Apache Kafka"), (one.smallest.right, name)))
    return None if kafka.table() == theirs.table() else draw.compare(kafka, theirs, layout="lanes")
