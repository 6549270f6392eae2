"""What was answered so far, and the learner's own map of misconceptions: first answers against the runs.

Nothing but answers is kept in the file; what is right is found by making the runs again.
"""

from __future__ import annotations

import textwrap
from collections import defaultdict
from typing import Any

from lesson_lib.teach import store
from lesson_lib.teach.ask import SURE, confidence_of
from lesson_lib.teach.content import Question, all_items, lesson_items
from lesson_lib.teach.message import Outcome
from lesson_lib.text_table import TextTable

MOST_CHARACTERS = 90  # of a question in the map


def progress(lesson: int | None = None) -> TextTable:
    """Every question and exercise, of one lesson or of all, with what came of it."""
    items = all_items() if lesson is None else lesson_items(lesson)
    known = store.all_entries()
    rows = tuple((item.id, item.kind, *_state(item, known.get(item.id, []))) for item in items)
    done = sum(row[2] == "right" for row in rows)
    return TextTable(f"{done} of {len(rows)} questions and exercises right so far",
                 ("item", "kind", "state", "last answer", "tries"), rows,
                 "There are no questions in that lesson.")


def _state(item: Any, entries: list[store.Entry]) -> tuple[str, str, str]:
    """State, last answer and number of tries."""
    last = entries[-1] if entries else {}
    state = last.get("outcome", Outcome.NOT_ATTEMPTED)
    if entries and isinstance(item, Question):
        state = Outcome.RIGHT if last.get("answer") == item.truth(*item.runs()) else Outcome.WRONG
    return str(state), str(last.get("answer", ""))[:40], str(len(entries))


def misconception_map() -> TextTable:
    """Where your first answers and the runs disagreed, the surest on top, grouped by the idea behind them."""
    missed: dict[str, list[tuple[int, Question, str]]] = defaultdict(list)
    for item in all_items():
        if isinstance(item, Question) and (found := _first_miss(item)):
            missed[found[0]].append((found[1], item, found[2]))
    ordered = sorted(missed.items(), key=lambda group: -max(sure for sure, _, _ in group[1]))
    rows = tuple((idea, *_row(*miss)) for idea, misses in ordered for miss in misses)
    answered = sum(bool(store.entries(i.id)) for i in all_items() if isinstance(i, Question))
    return TextTable(f"{answered} questions answered. These first answers of yours turned out wrong:",
                 ("the belief", "where", "asked", "you said", "how sure", "what is so"), rows,
                 f"{answered} questions answered, and none of your first answers was wrong." if answered
                 else "You haven't answered a question yet, so there's nothing to map.")


def _first_miss(item: Question) -> tuple[str, int, str] | None:
    """The misconception, how sure (0 to 3) and the letter of a first answer that was wrong; else None."""
    entries = store.entries(item.id)
    key = str(entries[0].get("answer", "")) if entries else ""
    if len(key) != 1 or key not in item.keys or key == item.truth(*item.runs()):
        return None
    return item.option(key).misconception, confidence_of(entries[0]), key


def _row(sure: int, item: Question, key: str) -> tuple[str, str, str, str, str]:
    asked = textwrap.shorten(item.text, MOST_CHARACTERS, placeholder=" …")
    right = item.option(item.truth(*item.runs()))
    return item.id, asked, item.option(key).text, SURE.get(sure, ""), right.text
