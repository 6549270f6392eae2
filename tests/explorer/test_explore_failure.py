"""Somebody's own rule: its shortest failure, the bound within which it holds, and every way to write rubbish."""

from __future__ import annotations

from typing import Any

import pytest

from lesson_lib.core.producer_state import Appended, Duplicate, judge
from lesson_lib.errors import LessonError
from lesson_lib.explorer.failure import shortest_failure


def store_everything(entry: Any, batch: Any, end: int, version: Any) -> Any:
    return Appended(end)


def store_nothing(entry: Any, batch: Any, end: int, version: Any) -> Any:
    return Duplicate(0)


def returns_true(entry: Any, batch: Any, end: int, version: Any) -> Any:
    return True


def divides(entry: Any, batch: Any, end: int, version: Any) -> Any:
    return 1 // batch.base_sequence


def never_ends(entry: Any, batch: Any, end: int, version: Any) -> Any:
    while True:
        try:
            pass
        except Exception:
            return None


def one_argument(batch: Any) -> Any:
    return Appended(0)


def test_storing_everything_fails_with_one_fault() -> None:
    trial = shortest_failure(store_everything, 1, 1)
    assert trial.history is not None
    assert trial.history.values() == ["m0", "m0"]
    assert trial.history.settings.faults == "1: lose ack"
    assert trial.sentence.startswith("Duplicate: batch 0")


def test_storing_nothing_fails_without_any_fault() -> None:
    trial = shortest_failure(store_nothing)
    assert trial.history is not None
    assert trial.history.anomaly_names == ["lost write"]
    assert trial.history.settings.faults == ""


def test_only_the_named_anomalies_count() -> None:
    assert shortest_failure(store_nothing, failures=("duplicate",)).history is None


def test_kafkas_rule_holds_with_one_in_flight_and_says_within_which_bound() -> None:
    trial = shortest_failure(judge, 3, 1, 2)
    assert trial.history is None
    assert "3 batches, 1 in flight and at most 2 faults" in trial.sentence
    assert trial.states > 100


def test_kafkas_rule_fails_on_a_new_partition_until_4_4() -> None:
    trial = shortest_failure(judge, broker="4.4")
    assert trial.history is not None
    assert trial.history.anomaly_names == ["hole"]
    assert shortest_failure(judge, broker="4.5").history is None


@pytest.mark.parametrize(("rule", "words"), [
    (returns_true, "returned True"), (divides, "ZeroDivisionError"), (never_ends, "did not finish"),
    (one_argument, "TypeError")])
def test_rubbish_gets_a_sentence(rule: Any, words: str) -> None:
    with pytest.raises(LessonError, match=words) as raised:
        shortest_failure(rule)
    assert rule.__name__ in str(raised.value)
