"""What a reader sees: how far it is, and each difference with its shortest script and its picture."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from html import escape

from course_tools.conformance.as_history import as_history
from course_tools.conformance.cause import Cause, Difference
from course_tools.conformance.judgement import Judgement
from course_tools.page import html_page, items, section
from lesson_lib import draw
from lesson_lib.draw.picture import Picture

MOST_DRAWN = 100  # differences with their picture, of some 40 kB each


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
        self.small += 1  # more than there were to begin with, where one has two causes
        print(f"looking for the shortest script of difference {self.small} of {max(of, self.small)}",
              file=sys.stderr, flush=True)


def told(judged: Judgement) -> Iterator[str]:
    """Each difference as text, subject by subject, with a script that is as short as it gets."""
    for number, (subject, causes) in enumerate(judged.by_subject().items(), 1):
        yield f"\n{_chapter(number, subject, causes)}"
        for place, one in enumerate(causes, 1):
            yield f"\nDifference {number}.{place}, {_counted(one)}: {one}.\nApache Kafka  |  {judged.name}"
            yield from _script_of(one)
            for form in one.forms[1:]:
                yield f"{_as_form(form)}\n    its script: {_line(form)}"
    yield from ("", *_once(judged))
    if not judged.differences:
        yield "No differences."


def _chapter(number: int, subject: str, causes: Sequence[Difference]) -> str:
    forms = sum(len(one.forms) for one in causes)
    return f"{number}. {subject}: {len(causes)} cause{'s' * (len(causes) > 1)}" + (
        f" in {forms} forms" if forms > len(causes) else "")


def _counted(one: Difference) -> str:
    also = f", in {len(one.forms)} forms" if one.consequences else ""
    return f"{_times(one.times)}{also}"


def _times(number: int) -> str:
    return f"{number} time{'s' * (number > 1)}"


def _as_form(form: Difference) -> str:
    return f"  counted with it, {_times(len(form.found))}: {form}."


def _script_of(one: Difference) -> Iterator[str]:
    yield str(one.smallest)
    yield f'play it again: python -m lesson_lib judge HOST:PORT --replay "{_line(one)}"'


def _line(one: Difference) -> str:
    return str(one.smallest.script) if one.smallest else "-"


def _once(judged: Judgement) -> Iterator[str]:
    if judged.once:
        yield f"{judged.once} differed once, and not when they were played again. That counts for nothing."


def page(judged: Judgement, head: str) -> str:
    """The table, and each difference with its picture: Apache Kafka's answers above, this broker's below.
    What is counted with another is folded."""
    subjects, drawn = judged.by_subject(), _with_a_picture(judged)
    parts = [f"<pre>{escape(judged.table())}</pre>",
             items(_chapter(number, *one) for number, one in enumerate(subjects.items(), 1))]
    for number, (subject, causes) in enumerate(subjects.items(), 1):
        parts.append(section(_chapter(number, subject, causes)))
        for place, one in enumerate(causes, 1):
            parts.append(f"<h3>{escape(f'Difference {number}.{place}, {_counted(one)}: {one}')}</h3>"
                         + _shown(one, judged.name, drawn))
            parts += [f"<details><summary>{escape(_as_form(form).strip())}</summary>"
                      f"{_shown(form, judged.name, drawn)}</details>" for form in one.forms[1:]]
    if not judged.differences:
        parts.append("<p>No differences.</p>")
    return html_page(head, *parts, items(_once(judged)))


def _with_a_picture(judged: Judgement) -> set[Cause]:
    """One of each cause, and then forms, the rarest first: those are least likely to be seen elsewhere."""
    causes = judged.by_number()
    forms = sorted((form for one in causes for form in one.consequences), key=lambda one: len(one.found))
    return {one.cause for one in (*causes, *forms)[:MOST_DRAWN]}


def _shown(one: Difference, name: str, drawn: set[Cause]) -> str:
    """The picture, the script step by step, and the line with which it is played again."""
    picture = picture_of(one, name) if one.cause in drawn else None
    missing = "" if one.cause in drawn else f"<p>No picture: the page has {MOST_DRAWN} already.</p>"
    return f"{picture.html() if picture else missing}<pre>{escape(chr(10).join(_script_of(one)))}</pre>"


def picture_of(one: Difference, name: str) -> Picture | None:
    """What Apache Kafka did above, what this broker did below; None where that would look the same."""
    if one.smallest is None:
        return None
    kafka, theirs = (as_history(one.smallest.script, outcome, broker) for outcome, broker
                     in ((one.smallest.left, "Apache Kafka"), (one.smallest.right, name)))
    return None if kafka.table() == theirs.table() else draw.compare(kafka, theirs, layout="lanes")
