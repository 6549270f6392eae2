"""The judge of one copy: reads its answers, checks each again, and sends a line for each item.

It runs in a process of its own, from a clean lesson_lib, and runs no line of the copy.
"""

from __future__ import annotations

import json
import os
import re
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from course_tools.report import answers, fingerprint
from course_tools.report.answers import Given
from course_tools.report.model import State
from course_tools.report.worker_client import Failed, NoAnswer, Worker
from lesson_lib.teach.ask import SURE, Asked
from lesson_lib.teach.content import Question, lesson_items
from lesson_lib.teach.message import Message, Outcome

_STATES = {Outcome.RIGHT: State.RIGHT, Outcome.WRONG: State.WRONG, Outcome.CANNOT_RUN: State.WRONG,
           Outcome.OUTSIDE: State.WRONG, Outcome.NOT_ATTEMPTED: State.NOT_ATTEMPTED}
_LONGEST = 2000  # characters of an answer or a sentence that are reported


class TooLong(BaseException):
    """The time for one item is over. Not an Exception, so that no check takes it for its own."""


def main(argv: list[str]) -> int:
    """`judge order.json pipe`: the order holds the cells, what the learner's controls kept, and the bounds."""
    order = json.loads(Path(argv[0]).read_text(encoding="utf-8"))
    with os.fdopen(int(argv[1]), "w", encoding="utf-8") as pipe:
        for line in judged(order):
            print(json.dumps(line), file=pipe, flush=True)
    return 0


def judged(order: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """First what the copy asks and what it should ask, then a line for each item."""
    cells = [answers.plain(source) for source in order["cells"]]
    lesson, asked = _lesson(order["notebook"], cells), answers.asked(cells)
    items = list(lesson_items(lesson))
    missing = [item.id for item in items if item.id not in asked]
    yield {"items": [{"id": item.id, "kind": item.kind} for item in items], "missing": missing,
           "changed": fingerprint.changed(order["library"])}
    given = answers.given(cells)
    for item in items:
        yield _judged(item, given.get(item.id, []), cells, order)


def _lesson(name: str, cells: list[str]) -> int:
    """The number of the lesson: what most questions belong to, else what the file is called; -1 when neither tells."""
    numbers = Counter(i.partition(".")[0] for i in answers.asked(cells))
    named = re.search(r"(?<!\d)(\d\d)-", name)
    likely = [number for number, _ in numbers.most_common() if number.isdigit()]
    return int(likely[0]) if likely else int(named[1]) if named else -1


def _judged(item: Any, given: list[Given], cells: list[str], order: dict[str, Any]) -> dict[str, Any]:
    """A line for one item: the last answer in the cells that is one, else what the controls under the question kept."""
    line = {"id": item.id, "kind": item.kind, "state": State.NOT_ATTEMPTED}
    for one in given:
        line |= _result(item, one, cells, order)
        if line["state"] != State.NOT_ATTEMPTED:
            return line
    kept = order["kept"].get(item.id, [])
    if isinstance(item, Question) and kept:
        return line | _question(item, [kept[-1].get("answer")], {"confidence": kept[-1].get("confidence")})
    return line


def _result(item: Any, given: Given, cells: list[str], order: dict[str, Any]) -> dict[str, Any]:
    """What comes of one answer."""
    line = {"cell": given.cell, "answer": given.written[:_LONGEST]}
    try:
        with _at_most(order["item"]), Worker(cells, given, order) as worker:
            arguments, named = worker.arguments()
            check = _question if isinstance(item, Question) else _task
            return line | check(item, arguments, named) | worker.code()
    except (NoAnswer, Failed) as error:
        said = str(error)
    except TooLong:
        said = f"The check did not end within {order['item']:g} seconds."
    except Exception as error:  # noqa: BLE001 - whatever one answer does to its check, the others are checked too
        said = f"The check broke off: {type(error).__name__}."
    return line | {"state": State.NOT_CHECKED, "said": said[:_LONGEST]}


def _question(item: Question, arguments: list[Any], named: dict[str, Any]) -> dict[str, Any]:
    """Judge a letter against the run that the question is about."""
    named = dict(zip(("option", "confidence"), arguments, strict=False)) | named
    key, sure = str(named.get("option")).strip().lower(), named.get("confidence")
    found = {"answer": key[:_LONGEST], "confidence": sure if type(sure) is int and sure in SURE else 0}
    if key not in tuple(item.keys):
        return found | {"state": State.NOT_ATTEMPTED, "said": f"{key[:40]!r} is none of the options."}
    message = Asked(item).judge(key)
    wrong = message.outcome == Outcome.WRONG
    return found | _said(message) | ({"misconception": item.option(key).misconception} if wrong else {})


def _task(item: Any, arguments: list[Any], named: dict[str, Any]) -> dict[str, Any]:
    try:
        return _said(item.check(*arguments, **named))
    except Failed as failed:
        return {"state": State.WRONG, "said": str(failed)[:_LONGEST]}


def _said(message: Message) -> dict[str, Any]:
    return {"state": _STATES.get(message.outcome, State.NOT_CHECKED), "said": message.text[:_LONGEST]}


@contextmanager
def _at_most(seconds: float) -> Iterator[None]:
    """TooLong when it takes longer."""
    def over(number: int, frame: Any) -> None:
        raise TooLong
    signal.signal(signal.SIGALRM, over)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
