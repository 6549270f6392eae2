"""The kinds of exercise that lesson 6 brought: a smallest bound, and a learner's rule that may refuse."""

from __future__ import annotations

from typing import Any

import pytest

from lesson_lib.core.producer_state import Appended, Batch, Duplicate, Refused
from lesson_lib.errors import LessonError
from lesson_lib.teach.content import find
from lesson_lib.teach.lessons.lesson_06 import accept
from lesson_lib.teach.message import Outcome
from lesson_lib.teach.tasks.function import BOUNDS, BoundTask
from lesson_lib.teach.tasks.learner_rule import LearnerBroker
from lesson_lib.teach.tasks.task import given
from tests.teach.wrong_answers import only_next, refuses_all

BOUND = {"batches": 2, "in_flight": 2, "faults": 1}


@pytest.mark.parametrize("changed", [{"batches": "2"}, {"faults": -1}, {"in_flight": 0}, {"in_flight": True}, {"batches": ["a", "b"]},
                                     {"faults": 1.0}, {"batches": 40, "in_flight": 40, "faults": 9}, {"more": 1}])
def test_a_bound_that_is_none_cannot_be_explored(changed: dict[str, Any]) -> None:
    said = find("6.smallest").check(BOUND | changed)
    assert said.outcome == Outcome.CANNOT_RUN and said.text.rstrip()[-1] in ".!"


def test_dots_in_a_bound_are_not_attempted() -> None:
    assert find("6.smallest").check(BOUND | {"faults": ...}).outcome == Outcome.NOT_ATTEMPTED


@pytest.mark.parametrize("name", BOUNDS)
def test_a_bound_with_one_number_too_large_is_told_which(name: str) -> None:
    """With one in flight a lost ack leaves a copy, where idempotence is off: each number is at its least."""
    smallest = {"batches": 1, "in_flight": 1, "faults": 1}
    task = BoundTask(id="6.x", text="", right=(given(smallest),), explanation="So it is.", hints=(), anomaly="copy",
                     world={"idempotence": False})
    assert task.check(smallest).outcome == Outcome.RIGHT
    said = task.check(smallest | {name: 2})
    assert said.outcome == Outcome.WRONG and f"a smaller number for {name} too" in said.text


def batch(number: int) -> Batch:
    """Of producer 7."""
    return Batch(1, 7, 0, number, payload=(f"m{number}",))


def after(*numbers: int) -> LearnerBroker:
    """The broker after these batches."""
    broker = LearnerBroker(accept=accept, refusing=True)
    for number in numbers:
        broker.append(batch(number))
    return broker


def test_a_refusing_rule_stores_refuses_and_drops() -> None:
    assert [type(after(0, 1).append(batch(number))) for number in (2, 3, 1)] == [Appended, Refused, Duplicate]


def test_what_a_rule_refuses_leaves_memory_and_log_as_they_are() -> None:
    def counts_and_refuses(seen: Any, memory: dict[str, int]) -> bool | str:
        memory["asked"] = memory.get("asked", 0) + 1
        return "refuse" if memory["asked"] > 1 else True

    broker = LearnerBroker(accept=counts_and_refuses, refusing=True)
    assert [type(broker.append(batch(number))) for number in (0, 1, 2)] == [Appended, Refused, Refused]
    assert (broker.remembered, len(broker.batches)) == ({"asked": 1}, 1)


@pytest.mark.parametrize("happens", ["restart_clean", "restart_after_crash", "fail_over"])
def test_who_has_the_log_has_its_memory(happens: str) -> None:
    for numbers in ((0, 1), ()):
        broker, forgetful = after(*numbers), LearnerBroker(accept=accept)
        forgetful.recall(broker.memory())
        before = broker.memory()
        broker.recall(b"")
        getattr(broker, happens)()
        getattr(forgetful, happens)()
        assert (broker.memory(), forgetful.memory()) == (before, b"")


def test_lesson_2_knows_no_refusal() -> None:
    with pytest.raises(LessonError, match="return True to store the batch, False to drop it"):
        LearnerBroker(accept=lambda seen, memory: "refuse").append(batch(0))


@pytest.mark.parametrize(("rule", "words"), [(refuses_all, "With no fault at all, `a b a` can go on for ever"),
                                             (only_next, "With 1 fault `a b a` can go on for ever")])
def test_a_rule_that_never_comes_to_an_end_is_told_so(rule: Any, words: str) -> None:
    said = find("6.own-rule").check(rule)
    assert said.outcome == Outcome.WRONG and words in said.text
