"""Every wrong belief can be told from Kafka's rule: by a fault script, by our own tests, and by what it costs."""

from __future__ import annotations

from pathlib import Path

import pytest

from lesson_lib.core.kafka_version import DEFAULT_VERSION, KafkaVersion
from lesson_lib.core.partition_log import PartitionLog
from lesson_lib.core.producer_state import Appended, Batch, Duplicate, judge
from lesson_lib.errors import LessonError
from lesson_lib.explorer.explore import explore
from lesson_lib.explorer.wrong_brokers import BufferAndSort, DedupeByContent, KeptAside, at_or_below_is_duplicate
from lesson_lib.history import Kind
from lesson_lib.sim.run import log_of, simulate
from tests.core.test_decision_table import batch
from tests.explorer.beliefs import BELIEFS, MemoryOfConnection
from tests.explorer.own_tests import outcomes

TESTS = Path(__file__).parents[1]
NAMES = list(BELIEFS)
SCRIPTS = {  # values, in flight, and the shortest fault script in which its verdict is not Kafka's
    "at or below is duplicate": (["m0", "m1"], 2, "1: refuse 6"),
    "greater is accepted": (["m0", "m1", "m2"], 2, "2: refuse 6"),
    "dedupe by content": (["m0", "m0"], 1, ""),
    "buffer and sort": (["m0", "m1"], 2, "1: refuse 6"),
    "window of one": (["m0", "m1"], 2, "1: cut 2 0"),
    "window without epoch": (["m0", "m1"], 2, "1: cut 2 0; 3: restart broker; 4: lose request; 5: fail over"),
    "forget on failover": (["m0"], 1, "1: lose ack; 2: fail over"),
    "45 to a duplicate": (["m0"], 1, "1: lose ack"),
    "memory of connection": (["m0"], 1, "1: lose ack"),
}


@pytest.mark.parametrize("name", NAMES)
def test_a_fault_script_tells_it_apart_in_the_simulation(name: str) -> None:
    values, in_flight, script = SCRIPTS[name]
    runs = [simulate(values, in_flight=in_flight, client="java", faults=script, rule=rule)
            for rule in (BELIEFS[name](), judge, PartitionLog())]
    assert runs[0].verdicts != runs[1].verdicts == runs[2].verdicts


@pytest.mark.parametrize(("name", "module"), [
    (name, "sim/test_run.py" if name == "memory of connection" else
     "core/test_storage.py" if name == "forget on failover" else "core/test_decision_table.py") for name in NAMES])
def test_our_own_tests_would_catch_it(name: str, module: str) -> None:
    path = TESTS / module
    failing = (test for test, passes in outcomes(path, BELIEFS[name]) if not passes)
    assert any(dict(outcomes(path, PartitionLog, only=test))[test] for test in failing)


def test_what_is_kept_is_told_apart_from_what_is_stored() -> None:
    assert KeptAside(3) != KeptAside(4) and KeptAside(3).what == "kept"
    log = log_of(DEFAULT_VERSION, BufferAndSort())
    assert log.append(batch(1, epoch=0)) == KeptAside(1) and log.batches == []


def test_what_was_kept_is_stored_under_its_own_number() -> None:
    run = simulate(4, client="java", in_flight=4, faults={2: "refuse 6"}, rule=BufferAndSort())
    assert [event.behind for event in run.of(Kind.VERDICT)][-1] == (2, 3)
    assert [cell.batch for log in run.logs.values() for cell in log] == [0, 1, 2, 3]


@pytest.mark.incident(12, "redpanda issue 3039")
@pytest.mark.parametrize(("name", "anomaly"), [
    ("at or below is duplicate", "lost write"), ("greater is accepted", "hole"), ("window of one", "copy"),
    ("45 to a duplicate", "copy"), ("memory of connection", "copy")])
def test_what_a_wrong_belief_costs(name: str, anomaly: str) -> None:
    found = explore(3, 2, 1, rule=BELIEFS[name]())
    assert anomaly in found.anomaly_names


def test_what_is_promised_from_a_buffer_is_lost_with_it() -> None:
    buffered = explore(3, 2, 2, rule=BufferAndSort(), kinds=("refuse", "cut", "fail over"))
    assert "lost write" in buffered.anomaly_names


def returns_true(entry: object, *_: object) -> bool:
    """No verdict."""
    return True


def divides(entry: object, *_: object) -> float:
    """Raises."""
    return 1 / 0


@pytest.mark.parametrize(("rule", "words"), [(returns_true, "returned True"), (divides, "ZeroDivisionError")])
def test_a_rule_that_is_none_gets_a_sentence(rule: object, words: str) -> None:
    with pytest.raises(LessonError, match=words) as raised:
        explore(1, rule=rule)  # type: ignore[arg-type]
    assert rule.__name__ in str(raised.value)  # type: ignore[attr-defined]


def test_a_connection_drops_for_the_broker_too_where_its_requests_arrive_late() -> None:
    assert explore(2, 2, 1, kinds=("late",), rule=MemoryOfConnection()).find("copy") is not None
    assert explore(2, 2, 1, kinds=("late",), rule=PartitionLog()).find("copy") is None


def test_at_or_below_answers_with_the_offset_of_the_batch_where_it_is_remembered() -> None:
    log = log_of(DEFAULT_VERSION, at_or_below_is_duplicate)
    for sequence in range(7):
        log.append(batch(sequence))
    assert [log.append(batch(sequence)) for sequence in (4, 0)] == [Duplicate(4), Duplicate(6)]


def only_onto_an_empty_log(entry: object, batch: Batch, log_end_offset: int, version: KafkaVersion) -> Appended | Duplicate:
    """Stores the first batch that comes, drops all others."""
    return Duplicate(0) if log_end_offset else Appended(log_end_offset)


def test_a_rule_sees_where_the_log_ends() -> None:
    assert {end.log for end in explore(3, rule=only_onto_an_empty_log).outcomes} == {("m0",)}
    assert simulate(3, rule=only_onto_an_empty_log).values() == ["m0"]


def test_the_same_content_is_answered_with_the_offset_of_its_first_copy() -> None:
    log = DedupeByContent()
    sent = [Batch(1, payload=(value,)) for value in "abba"]
    assert [log.append(one) for one in sent] == [Appended(0), Appended(1), Duplicate(1), Duplicate(0)]
    log.restart_clean()
    log.fail_over()
    assert log.append(sent[1]) == Duplicate(1)
