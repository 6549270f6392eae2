"""The rule that a learner wrote in lesson 2, brought back in later lessons from the answer that was kept.

A learner who wrote none still sees the later run: with a rule that many write, and a sentence that says so.
"""

from __future__ import annotations

from types import FunctionType
from typing import Any

from lesson_lib.teach import store
from lesson_lib.teach.tasks.learner_rule import Accept, LearnerBroker, as_rule
from lesson_lib.text_table import wrap_output

ITEM = "2.own-rule"
OF_MANY = "a rule that many people write"


def own_rule() -> LearnerBroker:
    """The rule last handed in for 2.own-rule, for `simulate(..., rule=own_rule())` and `explore`.

    Prints which it is.
    """
    accept = _accept()
    return rule_of_many() if accept is highest_number else as_rule(accept)


def rule_of_many() -> LearnerBroker:
    """What decides for a learner who wrote no rule; no caption calls it theirs."""
    return LearnerBroker(accept=highest_number, called=OF_MANY)


def _accept() -> Accept:
    for entry in reversed(store.entries(ITEM)):
        if accept := function_in(str(entry.get("answer", ""))):
            print("The broker decides by the rule that you wrote in lesson 2.")
            return accept
    print(wrap_output("There's no rule of yours from lesson 2, so the broker uses one that many people "
                      "write: it remembers each producer's highest number."))
    return highest_number


def function_in(source: str) -> FunctionType | None:
    """The first function that a source defines; None where it defines none, or isn't Python on its own."""
    names: dict[str, Any] = {}
    try:
        exec(source, names)  # the learner's own cell, in the learner's own kernel
    except Exception:  # noqa: BLE001 - it may need names of a notebook that isn't open
        return None
    return next((value for value in names.values() if isinstance(value, FunctionType)), None)


def highest_number(batch: Any, memory: dict[Any, Any]) -> bool:
    """Store what is above the highest number of its producer."""
    new = batch.number > memory.get(batch.producer, -1)
    memory[batch.producer] = max(batch.number, memory.get(batch.producer, -1))
    return new
