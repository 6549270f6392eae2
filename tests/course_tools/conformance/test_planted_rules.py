"""The comparison is only worth something if it finds a broker with a wrong rule, and shows it in a few steps."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import replace
from random import Random
from typing import Any

import pytest
from kafka.record.default_records import DefaultRecordBatch

from course_tools.conformance.broker_under_test import BrokerUnderTest, compare
from course_tools.conformance.generate import random_script
from course_tools.conformance.play import marker_in
from course_tools.conformance.presentation import as_history
from course_tools.conformance.script import GARBAGE, Comparison, EndState, ScriptOutcome, StepOutcome, parse
from course_tools.conformance.shrink import smallest
from lesson_lib.broker.cluster import Topic
from lesson_lib.broker.embedded import EmbeddedBroker
from lesson_lib.core.error_codes import ErrorCode
from lesson_lib.core.partition_log import PartitionLog
from lesson_lib.core.producer_state import Appended, Duplicate, Refused, judge
from lesson_lib.history import Kind
from lesson_lib.wire.record_batch import batch_bytes, marker

OUT_OF_ORDER = Refused(ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER)


def at_or_below_is_duplicate(entry: Any, batch: Any, end: int, version: Any) -> Any:
    verdict = judge(entry, batch, end, version)
    below = verdict == OUT_OF_ORDER and batch.producer_epoch == entry.producer_epoch and batch.base_sequence <= entry.last_sequence
    return Duplicate(0, batch.max_timestamp) if below else verdict


def window_of_four(entry: Any, batch: Any, end: int, version: Any) -> Any:
    return judge(replace(entry, batches=entry.batches[-4:]) if entry else None, batch, end, version)


def any_epoch_may_start_anywhere(entry: Any, batch: Any, end: int, version: Any) -> Any:
    newer = entry is not None and batch.producer_epoch > entry.producer_epoch >= 0 and batch.base_sequence > 0
    return Appended(end) if newer else judge(entry, batch, end, version)


def never_fences(entry: Any, batch: Any, end: int, version: Any) -> Any:
    verdict = judge(entry, batch, end, version)
    return Appended(end) if verdict == Refused(ErrorCode.INVALID_PRODUCER_EPOCH) else verdict


def no_wrap(entry: Any, batch: Any, end: int, version: Any) -> Any:
    wraps = entry is not None and entry.last_sequence == 2**31 - 1 and batch.base_sequence == 0 == batch.producer_epoch
    return OUT_OF_ORDER if wraps and not entry.duplicate_of(batch) else judge(entry, batch, end, version)


@contextmanager
def two_brokers(rule: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> Any:
    """An embedded broker that judges by `rule`, and a right one."""
    with EmbeddedBroker() as wrong, EmbeddedBroker() as right:
        def add_partitions(topic: Topic, count: int) -> None:
            topic.logs += [PartitionLog(rule=rule) for _ in range(count)]
        monkeypatch.setattr(wrong.cluster, "add_partitions", add_partitions)
        sides = BrokerUnderTest(wrong.address), BrokerUnderTest(right.address)
        try:
            yield sides
        finally:
            for side in sides:
                side.close()


def differs(compared: Comparison) -> bool:
    return "≠" in str(compared)


def first_difference(left: BrokerUnderTest, right: BrokerUnderTest) -> Comparison | None:
    scripts = (random_script(Random(f"planted-{n}")) for n in range(1000))
    return next((c for c in compare(left, right, scripts, together=100) if differs(c)), None)


@pytest.mark.parametrize("rule, steps", [
    (at_or_below_is_duplicate, 2), (window_of_four, 6), (any_epoch_may_start_anywhere, 2), (never_fences, 2), (no_wrap, 2)])
def test_a_wrong_rule_is_found_and_shown_in_few_steps(rule: Any, steps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    with two_brokers(rule, monkeypatch) as (left, right):
        found = first_difference(left, right)
        assert found is not None
        small = smallest(left, right, found, differs)
    assert small is not None and len(small.script.steps) == steps
    assert differs(small)


def test_the_right_rule_differs_from_itself_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    with two_brokers(judge, monkeypatch) as (left, right):
        assert not any(map(differs, compare(left, right, (random_script(Random(n)) for n in range(200)))))


def test_a_broker_that_hangs_up_is_named_for_the_script_that_made_it() -> None:
    with EmbeddedBroker("3.9") as broker:
        side = BrokerUnderTest(broker.address)
        side.highest[0] = 12  # 3.9 does not serve that version of Produce
        fine, fatal = side.run([parse("send p0 - n1"), parse("v12: send p0 - n1")])
        side.close()
    assert str(fine.steps[0]) == "ok, offset 0, log start 0"
    assert "closed the connection" in str(fatal.steps[0])


def test_each_kind_of_difference_is_seen() -> None:
    script, step = parse("send p0 - n1"), StepOutcome(0, 3, "+1", 0)
    for change in ({"error": 45}, {"base_offset": 4}, {"append_time": ""}, {"log_start_offset": 1}, {"note": "x"}):
        assert differs(Comparison(script, ScriptOutcome((step,)), ScriptOutcome((replace(step, **change),))))
    assert not differs(Comparison(script, ScriptOutcome((step,)), ScriptOutcome((step,))))


def test_a_counterexample_is_a_history_like_any_other() -> None:
    script = parse("send p0 a e0 s0 n2; send p0 a e0 s0 n2; send p0 a e0 s9 n1; init X; add X p0 e+0; send p0 X e+0 s0 n1 txn; abort X e+0")
    with EmbeddedBroker() as broker:
        side = BrokerUnderTest(broker.address)
        history = as_history(script, side.run([script])[0], "embedded")
        side.close()
    assert history.verdicts == [(0, "stored", 0), (0, "duplicate", 0), (1, "refused", 45), (2, "stored", 0)]
    assert [(c.value, c.batch) for c in history.log()] == [("s0r0", 0), ("s0r1", 0), ("s5r0", 2), ("", -1)]
    assert "abort" in str(history)


def test_a_duplicate_without_a_time_is_drawn_as_one() -> None:
    """As kfake answers: what is in the log tells it, not the time of append. And where the log's start has moved on, the offset."""
    for more, end in (("", EndState(0, 1, 1, ("0:a e0 s0..0 s0r0",), (), (), ())), ("; delete p0 1", EndState(1, 1, 1, (), (), (), ()))):
        script = parse(f"send p0 a e0 s0 n1; send p0 a e0 s0 n1{more}")
        history = as_history(script, ScriptOutcome((StepOutcome(0, 0),) * len(script.steps), (end,)), "kfake")
        assert history.verdicts == [(0, "stored", 0), (0, "duplicate", 0)]


def test_a_new_offset_at_which_nothing_is_stored_is_no_append() -> None:
    """The log decides what is drawn, not the answer: nothing of the second step is in it."""
    script, end = parse("send p0 a e0 s0 n1; send p0 a e0 s0 n1"), EndState(0, 1, 1, ("0:a e0 s0..0 s0r0",), (), (), ())
    history = as_history(script, ScriptOutcome((StepOutcome(0, 0), StepOutcome(0, 1)), (end,)), "theirs")
    assert [what for _, what, _ in history.verdicts] == ["stored", "duplicate"]


def test_an_append_with_a_time_is_drawn_as_stored() -> None:
    """As librdkafka's mock answers: every batch has a time of append."""
    end = EndState(0, 2, 2, ("0:a e0 s0..0 s0r0", "1:a e0 s0..0 s1r0"), (), (), ())
    outcome = ScriptOutcome((StepOutcome(0, 0, "0 ms since 1970"), StepOutcome(0, 1, "0 ms since 1970")), (end,))
    history = as_history(parse("send p0 a e0 s0 n1; send p0 a e0 s0 n1"), outcome, "mock")
    assert [what for _, what, _ in history.verdicts] == ["stored", "stored"]


def test_a_request_that_got_no_answer_is_drawn_as_one() -> None:
    history = as_history(parse("send p0 a e0 s0 n1"), ScriptOutcome((StepOutcome(GARBAGE, note="garbage"),)), "broken")
    assert [event.kind for event in history.events] == [Kind.SEND, Kind.LOST]


def test_a_control_batch_that_a_broker_let_in_is_told_as_one() -> None:
    """librdkafka's mock stores what Kafka refuses; its records are no markers."""
    control, right = batch_bytes([b"x"], control=True), marker(7, 0, commit=False, coordinator_epoch=0, timestamp=0)
    assert [marker_in(DefaultRecordBatch(data)) for data in (control, right)] == ["CONTROL", "ABORT"]
