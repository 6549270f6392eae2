"""Consume, transform, produce, with a crash after every step: what the output holds and what a reader of it sees."""

from __future__ import annotations

import pytest

from lesson_lib.errors import LessonError
from lesson_lib.history import History, Kind
from lesson_lib.sim.pipeline import TRANSACTION, simulate_pipeline


def seen(run: History) -> list[str]:
    """What the consumer of `out` read."""
    return [value for e in run.of(Kind.READ) if e.topic == "out" for value in e.values]


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("record", [1, 2, 3])
@pytest.mark.parametrize("step", TRANSACTION)
def test_with_transactions_each_result_is_seen_once(step: str, record: int, version: int) -> None:
    run = simulate_pipeline(["a", "b", "c"], crash={record: step}, transaction_version=version)
    assert seen(run) == ["A", "B", "C"]
    assert run.of(Kind.POSITION)[-1].offset == 3


@pytest.mark.parametrize(("step", "result"), [("read", "A B C"), ("send", "A B B C"), ("position", "A B C")])
def test_without_transactions_a_crash_between_result_and_position_makes_two(step: str, result: str) -> None:
    run = simulate_pipeline(["a", "b", "c"], transactions=False, crash={2: step})
    assert " ".join(seen(run)) == result
    assert "copy" not in run.anomaly_names  # for Kafka these are two records: the application asked twice


@pytest.mark.parametrize(("step", "result"), [("read", "A B C"), ("position", "A C"), ("send", "A B C")])
def test_with_the_position_first_such_a_crash_makes_none(step: str, result: str) -> None:
    run = simulate_pipeline(["a", "b", "c"], transactions=False, commit="before", crash={2: step})
    assert " ".join(seen(run)) == result


def test_read_uncommitted_sees_the_aborted_result_as_well() -> None:
    run = simulate_pipeline(["a", "b"], crash={2: "send"}, isolation="read_uncommitted")
    assert seen(run) == ["A", "B", "B"]
    assert "aborted read" in run.anomaly_names


def test_an_unanswered_commit_is_a_commit() -> None:
    run = simulate_pipeline(["a", "b"], crash={1: "commit"})
    told = [e.what for e in run.of(Kind.TXN) if e.what == "committed"]
    assert (len(told), [c.kind for c in run.log(topic="out")]) == (1, ["data", "commit", "data", "commit"])
    assert [e.offset for e in run.of(Kind.READ) if e.topic == "in"] == [0, 1]


def test_input_and_output_are_logs_of_their_own() -> None:
    run = simulate_pipeline(["a"])
    assert run.partitions == [("in", 0), ("out", 0)]
    assert [c.value for c in run.log(topic="in")] == ["a"]


@pytest.mark.parametrize(("arguments", "words"), [
    ({"crash": {9: "send"}}, "count from 1 to 3"), ({"crash": {1: "think"}}, "The steps are read, begin"),
    ({"crash": "send"}, "crash is a dict"), ({"crash": 1}, "crash is a dict"),
    ({"crash": {1: "begin"}, "transactions": False}, "read, work, send, position"),
    ({"commit": "never"}, "\"after\" the send or \"before\""), ({"isolation": "none"}, "read_committed")])
def test_a_mistake_is_one_sentence(arguments: dict, words: str) -> None:
    with pytest.raises(LessonError, match=words):
        simulate_pipeline(**arguments)
