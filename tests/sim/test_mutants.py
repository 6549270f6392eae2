"""Every wrong belief can be told from Kafka's rule, by a shortest history, by a fault script, and by our own tests."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from lesson_lib.core.kafka_version import KafkaVersion
from lesson_lib.core.producer_state import judge
from lesson_lib.errors import LessonError
from lesson_lib.explorer.apart import Difference, kind_of, tell_apart
from lesson_lib.explorer.explore import explore
from lesson_lib.explorer.protocol import Protocol
from lesson_lib.sim.broker_with_memory import Broker, State
from lesson_lib.sim.run import simulate
from lesson_lib.sim.wrong_brokers import ALL, MUTANTS, Mutant
from tests.sim.own_tests import outcomes

ROOT = Path(__file__).parents[2]
NAMES = [mutant.name for mutant in ALL]
TIMEOUTS = {"window without epoch": ("cut", "delivery timeout")}


@cache
def difference(name: str) -> Difference:
    """What tells this mutant apart; the one that needs a new epoch gets there by a delivery timeout."""
    found = tell_apart(name, kinds=TIMEOUTS.get(name))
    assert found is not None
    return found


@pytest.mark.parametrize("name", NAMES)
def test_there_is_a_history_in_which_its_verdict_is_not_kafkas(name: str) -> None:
    found = difference(name)
    differ = [(m, k) for m, k in zip(found.history.verdicts, found.kafka.verdicts, strict=False) if m != k]
    assert differ or len(found.history.verdicts) != len(found.kafka.verdicts)
    sends = [(a.batch, a.send.base_sequence) for a in found.history.attempts]
    assert sends[0] == (found.kafka.attempts[0].batch, found.kafka.attempts[0].send.base_sequence)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_shorter_tells_it_apart(name: str) -> None:
    found = difference(name)
    protocol = Protocol(found.protocol.producer, Broker(), found.protocol.values, found.protocol.kinds)
    other = MUTANTS[name].broker()
    faults = sum(step in protocol.kinds for step, _ in found.moves)
    assert not any(differs(protocol, other, State(), protocol.start(faults), len(found.moves) - 1))
    assert any(differs(protocol, other, State(), protocol.start(faults), len(found.moves)))


def differs(protocol: Protocol, other: Broker, state: State, place: tuple, steps: int) -> Iterator[bool]:
    """For every schedule of at most so many steps, walked on its own: do the verdicts differ at its last step?"""
    for step, after in protocol.steps(place) if steps else []:
        state_after, differ = beside(protocol, other, state, place, step, after)
        yield differ
        if not differ:
            yield from differs(protocol, other, state_after, after, steps - 1)


def beside(protocol: Protocol, other: Broker, state: State, place: tuple, step: str, after: tuple) -> tuple[State, bool]:
    """The other broker beside Kafka's for one step: its state then, and whether its verdict was another."""
    happens = {"restart broker": other.restarted, "fail over": other.failed_over,
               "crash broker": lambda state: other.restarted(other.failed_over(state))}
    if step in ("handle", "store and answer", "handle late"):
        gone = place[1] if step != "handle late" else next(old for i, old in enumerate(place[4]) if after[4][i:i + 1] != (old,))
        batch = protocol.batch(protocol.requests[gone[0]])
        theirs = other.handle(state, batch)
        return theirs.state, kind_of(theirs.verdict) != kind_of(Broker().handle(protocol.brokers[place[3]], batch).verdict)
    if step in ("cut", "late", *happens):
        return other.disconnected(happens.get(step, lambda s: s)(state)), False
    return state, False


@pytest.mark.parametrize("name", NAMES)
def test_a_fault_script_tells_it_apart_in_the_simulation(name: str) -> None:
    restarts = ("cut", "restart broker", "fail over")
    found = tell_apart(name, kinds=restarts) if name in TIMEOUTS else difference(name)
    assert found is not None
    script = found.script()
    assert script is not None
    arguments = {"in_flight": found.protocol.producer.in_flight, "client": "java", "faults": script}
    mutant = simulate(found.protocol.values, rule=found.mutant.broker(), **arguments)
    assert mutant.verdicts != simulate(found.protocol.values, **arguments).verdicts


def test_kafkas_rule_is_told_from_itself_by_nothing() -> None:
    assert tell_apart(Mutant("kafka", "The rule is the rule.", judge), faults=1, batches=4) is None


def test_a_mutant_has_to_be_known_by_its_name() -> None:
    with pytest.raises(LessonError, match="window of one"):
        tell_apart("window of two")


@pytest.mark.parametrize(("name", "anomaly"), [
    ("at or below is duplicate", "lost write"), ("greater is accepted", "hole"), ("window of one", "duplicate"),
    ("45 to a duplicate", "duplicate"), ("memory of connection", "duplicate")])
def test_what_a_wrong_belief_costs(name: str, anomaly: str) -> None:
    found = explore(3, 2, 1, rule=MUTANTS[name].broker())
    assert anomaly in found.anomaly_names


def test_what_is_promised_from_a_buffer_is_lost_with_it() -> None:
    buffered = explore(3, 2, 2, rule=MUTANTS["buffer and sort"].broker(), kinds=("refuse", "cut", "fail over"))
    assert "lost write" in buffered.anomaly_names


@pytest.mark.parametrize(("name", "module"), [
    (name, "sim/test_run.py" if name == "memory of connection" else
     "core/test_storage.py" if name == "forget on failover" else "core/test_decision_table.py") for name in NAMES])
def test_our_own_tests_would_catch_it(name: str, module: str) -> None:
    path = ROOT / "tests" / module
    failing = (test for test, passes in outcomes(path, MUTANTS[name].broker) if not passes)
    assert any(dict(outcomes(path, kafka, only=test))[test] for test in failing)


def kafka(version: KafkaVersion) -> Broker:
    """A broker with Kafka's rule, made as a mutant is."""
    return Broker(version=version)
