"""The judge: reads the answers of a copy, checks each again, and says what came of it.

It runs in a process of its own, which goes on from copy to copy: it runs no line of any of them, and what it
finds out about an answer is the same for everybody who gives it. One that crashes or is too slow over an item
is replaced by a new one.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Callable
from typing import Any

from course_tools.report import answers
from course_tools.report.answers import LONGEST, WrittenAnswer
from course_tools.report.confined import Bounds, begin
from course_tools.report.learner_values import FunctionFailed, LearnerFunction, LearnerValues, NoAnswer
from course_tools.report.model import ItemState
from lesson_lib.teach.ask import SURE, AskedQuestion
from lesson_lib.teach.content import Question, all_items, find, lesson_items
from lesson_lib.teach.message import Message, Outcome

_STATES = {Outcome.RIGHT: ItemState.RIGHT, Outcome.WRONG: ItemState.WRONG,
           Outcome.CANNOT_RUN: ItemState.WRONG,
           Outcome.OUTSIDE: ItemState.WRONG, Outcome.NOT_ATTEMPTED: ItemState.NOT_ATTEMPTED}
Found = dict[str, Any]


class JudgedCopy:
    """One copy before the judge. `order` holds its cells, its name, and what the learner's controls kept."""

    def __init__(self, order: dict[str, Any]) -> None:
        self._cells = [answers.plain(source) for source in order["cells"]]
        self._given, self._kept = answers.given(self._cells), order["kept"]
        self._values = LearnerValues(self._cells, Bounds(**order["bounds"]))
        asked = answers.asked(self._cells)
        self.items = [{"id": item.id, "kind": item.kind}
                      for item in lesson_items(_lesson(order["notebook"], asked))]
        self.missing = [item["id"] for item in self.items if item["id"] not in set(asked)]

    def judged(self, item_id: str, known: dict[str, Found]) -> Found:
        """What came of one item: of the last answer in the cells, else of what the controls kept."""
        item, found = find(item_id), {"state": ItemState.NOT_ATTEMPTED}
        for given in self._given.get(item_id, []):
            found = self._result(item, given, known)
            if found["state"] != ItemState.NOT_ATTEMPTED:
                return found
        kept = self._kept.get(item_id, [])
        if isinstance(item, Question) and kept:
            return _question(item, [kept[-1].get("answer")], {"confidence": kept[-1].get("confidence")})
        return found

    def _result(self, item: Any, given: WrittenAnswer, known: dict[str, Found]) -> Found:
        """What comes of one answer; `known` is what came of others that were literals."""
        place = {"cell": given.cell}
        try:
            place["answer"] = given.written[:LONGEST]
            arguments, named, made_of = self._values.arguments(given)
            code = {"code": "\n\n".join(s.source for s in made_of)} if made_of else {}
            check = _question if isinstance(item, Question) else _task
            if any(isinstance(one, LearnerFunction) for one in (*arguments, *named.values())):
                return place | check(item, arguments, named) | code
            return place | _once(f"{item.id} {arguments!r} {named!r}", known,
                                 lambda: check(item, arguments, named)) | code
        except (NoAnswer, FunctionFailed) as error:
            said = str(error)
        except Exception as error:  # noqa: BLE001 - it costs this item, and no other
            said = f"The check broke off: {type(error).__name__}."
        return place | {"state": ItemState.NOT_CHECKED, "said": said[:LONGEST]}

    def close(self) -> None:
        """End what was started for it."""
        self._values.close()


def _once(key: str, known: dict[str, Found], check: Callable[[], Found]) -> Found:
    if key not in known and len(key) < LONGEST:
        known[key] = check()
    return known[key] if key in known else check()


def _lesson(name: str, asked: list[str]) -> int:
    """The lesson: what most questions belong to, else what the file is called, else -1."""
    numbers = Counter(item_id.partition(".")[0] for item_id in asked)
    named = re.search(r"(?<!\d)(\d\d)-", name)
    likely = [number for number, _ in numbers.most_common() if number.isdecimal()]
    return int(likely[0][:9]) if likely else int(named[1]) if named else -1


def _question(item: Question, arguments: list[Any], named: dict[str, Any]) -> Found:
    """Judge a letter against the run that the question is about."""
    named = dict(zip(("option", "confidence"), arguments, strict=False)) | named
    key, sure = str(named.get("option")).strip().lower(), named.get("confidence")
    found = {"answer": key[:LONGEST], "confidence": sure if type(sure) is int and sure in SURE else 0}
    if key not in tuple(item.keys):
        return found | {"state": ItemState.NOT_ATTEMPTED, "said": f"{key[:40]!r} is none of the options."}
    message = AskedQuestion(item).judge(key)
    wrong = message.outcome == Outcome.WRONG
    return found | _said(message) | ({"misconception": item.option(key).misconception} if wrong else {})


def _task(item: Any, arguments: list[Any], named: dict[str, Any]) -> Found:
    try:
        return _said(item.check(*arguments, **named))
    except FunctionFailed as failed:
        return {"state": ItemState.WRONG, "said": str(failed)[:LONGEST]}


def _said(message: Message) -> Found:
    return {"state": _STATES.get(message.outcome, ItemState.NOT_CHECKED), "said": message.text[:LONGEST]}


def main(argv: list[str]) -> int:
    """An order is a copy, answered with what it asks, or an item's id, with what came of it."""
    line, copy, known = begin(argv), None, {}
    all_items()
    while True:
        order = line.receive()
        if "cells" in order:
            if copy:
                copy.close()
            copy = JudgedCopy(order)
            line.send({"items": copy.items, "missing": copy.missing})
        else:
            line.send(copy.judged(order["item"], known))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
