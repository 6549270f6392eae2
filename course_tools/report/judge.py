"""The judge: reads the answers of a copy, checks each again, and says what came of it.

It runs in a process of its own, which goes on from copy to copy: it runs no line of any of them, and what it
finds out about an answer is the same for everybody who gives it. One that crashes or is too slow over an item
is replaced by a new one.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from typing import Any

from course_tools.report.asked_calls import ASKS, ItemCall, calls, given, plain, statements
from course_tools.report.confined import Bounds
from course_tools.report.learner_values import FunctionFailed, LearnerFunction, LearnerValues, NoAnswer
from course_tools.report.line import LONGEST, JsonLine
from course_tools.report.model import ItemState
from lesson_lib.teach.ask import SURE, AskedQuestion
from lesson_lib.teach.content import Question, all_items, lesson_items
from lesson_lib.teach.lessons.concept_questions import CONCEPTS
from lesson_lib.teach.message import Message, Outcome

_STATES = {Outcome.RIGHT: ItemState.RIGHT, Outcome.WRONG: ItemState.WRONG,
           Outcome.CANNOT_RUN: ItemState.WRONG, Outcome.OUTSIDE: ItemState.WRONG,
           Outcome.NOT_ATTEMPTED: ItemState.NOT_ATTEMPTED}
_FORMS = {"before": "before", "afterwards": "after"}  # call -> sitting
_LONGEST_CELL = 50_000  # characters of one that may answer a form
Found = dict[str, Any]


def serve(line: JsonLine) -> None:
    """An order is a copy, answered with what it asks, and then with what came of each item.

    It holds its cells, its name, what the learner's controls kept, bounds, and the items to pass over.
    """
    all_items()
    known: dict[str, Found] = {}
    while True:
        for told in judged(line.receive(), known):
            line.send(told)


def judged(order: dict[str, Any], known: dict[str, Found]) -> Iterator[Found]:
    """What a copy asks, and its answers to the forms; then each item's result. `known` is what came of
    answers in literals so far.
    """
    cells = [plain(source) for source in order["cells"]]
    asked = dict.fromkeys(call.item_id for call in calls(cells) if call.role in ASKS)
    items, answers = lesson_items(_lesson(order["notebook"], list(asked))), given(cells)
    yield {"items": [{"id": item.id, "kind": item.kind} for item in items],
           "missing": [item.id for item in items if item.id not in asked], "forms": in_forms(cells)}
    with closing(LearnerValues(cells, Bounds(**order["bounds"]))) as values:
        for item in (one for one in items if one.id not in order["done"]):
            found: Found = {"state": ItemState.NOT_ATTEMPTED}
            for answer in answers.get(item.id, ()):  # the last one that is an attempt counts
                if found["state"] == ItemState.NOT_ATTEMPTED:
                    found = _result(item, answer, values, known)
            kept = order["kept"].get(item.id)
            if found["state"] == ItemState.NOT_ATTEMPTED and kept and isinstance(item, Question):
                found = _question(item, kept[-1].get("answer"), kept[-1].get("confidence"))
            yield found


def in_forms(cells: list[str]) -> dict[str, list[dict[str, str]]]:
    """Answers to the two forms that are written in cells, as `before().answer(3, "b")`; by item, like kept
    ones.
    """
    found: dict[str, list[dict[str, str]]] = {}
    likely = (source for source in cells if "answer" in source and len(source) <= _LONGEST_CELL)
    for node in (node for source in likely for top in statements(plain(source)) for node in ast.walk(top)):
        match node:
            case ast.Call(ast.Attribute(ast.Call(ast.Name(form)), "answer"),
                          [ast.Constant(int(number)), ast.Constant(str(key))]) if form in _FORMS:
                for concept in CONCEPTS[number - 1:number]:
                    item = f"{_FORMS[form]}.{concept.id}"
                    found.setdefault(item, []).append({"answer": key.strip().lower()})
    return found


def _lesson(name: str, asked: list[str]) -> int:
    """The lesson: what most questions belong to, else what the file is called, else -1."""
    numbers = Counter(item_id.partition(".")[0] for item_id in asked)
    named = re.search(r"(?<!\d)(\d\d)-", name)
    likely = [number for number, _ in numbers.most_common() if number.isdecimal()]
    return int(likely[0][:9]) if likely else int(named[1]) if named else -1


def _result(item: Any, answer: ItemCall, values: LearnerValues, known: dict[str, Found]) -> Found:
    """What comes of one answer."""
    place: Found = {"cell": answer.cell}
    try:
        place["answer"] = answer.written[:LONGEST]
        arguments, named, made_of = values.arguments(answer)
        if made_of:
            place["code"] = "\n\n".join(s.source for s in made_of)
        if any(isinstance(one, LearnerFunction) for one in (*arguments, *named.values())):
            return place | _checked(item, arguments, named)
        if (key := f"{item.id} {arguments!r} {named!r}") not in known:
            found = _checked(item, arguments, named)
            if len(key) >= LONGEST:
                return place | found
            known[key] = found
        return place | known[key]
    except FunctionFailed as failed:
        return place | {"state": ItemState.WRONG, "said": str(failed)[:LONGEST]}
    except NoAnswer as error:
        said = str(error)
    except Exception as error:  # noqa: BLE001 - it costs this item, and no other
        said = f"The check broke off: {type(error).__name__}."
    return place | {"state": ItemState.NOT_CHECKED, "said": said[:LONGEST]}


def _checked(item: Any, arguments: list[Any], named: dict[str, Any]) -> Found:
    if not isinstance(item, Question):
        return _said(item.check(*arguments, **named))
    told = dict(zip(("option", "confidence"), arguments, strict=False)) | named
    return _question(item, told.get("option"), told.get("confidence"))


def _question(item: Question, option: Any, sure: Any) -> Found:
    """Judge a letter against the run that the question is about."""
    key = str(option).strip().lower()
    found = {"answer": key[:LONGEST], "confidence": sure if type(sure) is int and sure in SURE else 0}
    if key not in tuple(item.keys):
        return found | {"state": ItemState.NOT_ATTEMPTED, "said": f"{key[:40]!r} is none of the options."}
    message = AskedQuestion(item).judge(key)
    wrong = message.outcome == Outcome.WRONG
    return found | _said(message) | ({"misconception": item.option(key).misconception} if wrong else {})


def _said(message: Message) -> Found:
    return {"state": _STATES.get(message.outcome, ItemState.NOT_CHECKED), "said": message.text[:LONGEST]}
