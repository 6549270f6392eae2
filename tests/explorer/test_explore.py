"""The explorer finds what is there to find, and nothing where there is nothing."""

from __future__ import annotations

from collections import Counter
from itertools import product

import pytest

from lesson_lib.core.kafka_version import KafkaVersion
from lesson_lib.core.partition_log import PartitionLog
from lesson_lib.core.producer_state import judge
from lesson_lib.errors import LessonError
from lesson_lib.explorer.explore import Exploration, explore
from lesson_lib.explorer.moves import KINDS
from lesson_lib.explorer.wrong_brokers import DedupeByContent, at_or_below_is_duplicate
from lesson_lib.history import Kind
from lesson_lib.sim.run import simulate
from tests.explorer.beliefs import ForgetOnFailover, window_of_one

RESTARTS = ("cut", "restart broker")


def test_without_idempotence_one_lost_ack_gives_a_duplicate() -> None:
    history = explore(1, idempotence=False).find("copy")
    assert history is not None
    assert history.values() == ["m0", "m0"]
    assert history.told == {0: "ok"}
    assert history.settings.faults == "1: lose ack"


def test_without_idempotence_one_dropped_connection_reorders() -> None:
    history = explore(3, 3, idempotence=False).find("reordered")
    assert history is not None
    assert len(history.values()) == 3
    assert history.anomaly_names == ["reordered"]


def test_the_table_says_of_each_set_of_anomalies_in_how_many_ends_it_is() -> None:
    found = explore(3, 3, 1, idempotence=False)
    counts = Counter(outcome.anomalies for outcome in found.outcomes)
    lines = str(found).splitlines()[2:2 + len(counts)]
    assert [int(line.split()[0]) for line in lines] == [counts[names] for names in sorted(counts)]
    assert max(counts.values()) > 1


def test_without_faults_there_is_one_end() -> None:
    found = explore(3, 3, 0, idempotence=False)
    assert [o.log for o in found.outcomes] == [("m0", "m1", "m2")]


@pytest.mark.parametrize("in_flight", [2, 3, 5])
@pytest.mark.parametrize("broker", ["2.5", "3.9", "4.4"])
def test_finds_the_lost_first_batch_of_kafka_15591(broker: str, in_flight: int) -> None:
    found = explore(3, in_flight, 1, broker=broker)
    assert found.anomaly_names == ["hole"]
    history = found.find("hole")
    assert history is not None
    assert history.values() == ["m1", "m2"]
    assert history.told == {0: "unknown", 1: "ok", 2: "ok"}
    assert (0, "refused", 45) in history.verdicts


@pytest.mark.parametrize("in_flight", [2, 3, 5])
def test_from_kafka_4_5_the_first_batch_is_not_lost(in_flight: int) -> None:
    assert explore(3, in_flight, 2, broker="4.5").anomaly_names == []


@pytest.mark.parametrize("broker", ["2.4", "4.4", "4.5"])
def test_with_one_in_flight_there_is_no_anomaly(broker: str) -> None:
    assert explore(3, 1, 3, broker=broker).anomaly_names == []


def test_one_fault_never_duplicates_with_idempotence() -> None:
    found = explore(5, 5, 1)
    assert "copy" not in found.anomaly_names
    assert found.find("copy") is None


def test_two_faults_on_a_new_partition_duplicate_through_the_epoch_bump() -> None:
    history = explore(2, 2, 2).find("copy")
    assert history is not None
    assert history.values() == ["m1", "m0", "m1"]
    assert {a.send.producer_epoch for a in history.attempts} == {0, 1}


def test_a_clean_restart_narrows_the_window_and_the_epoch_bump_duplicates() -> None:
    history = explore(2, 2, 1, kinds=RESTARTS).find("copy")
    assert history is not None
    assert history.values() == ["m0", "m1", "m0", "m1"]
    assert explore(2, 1, 2, kinds=RESTARTS).find("copy") is None


def test_a_new_leader_keeps_the_whole_window() -> None:
    assert explore(3, 3, 2, broker="4.5", kinds=("cut", "fail over")).anomaly_names == []


def test_says_what_was_proved_and_within_which_bound() -> None:
    proved = explore(3, 1, 2)
    assert proved.sentence.startswith("No schedule of at most 2 faults (cut, late, refuse, store and answer)")
    assert f"{proved.states:,} states" in str(proved)
    assert "hole" in str(explore(3, 2))


@pytest.mark.parametrize("arguments", [{"batches": 0}, {"in_flight": 0}, {"faults": -1}, {"client": "aiokafka"},
                                       {"partitions": 0}, {"partitions": "2", "client": "kafka-python"},
                                       {"kinds": ("bad luck",)}, {"broker": "x"}, {"max_states": 10}])
def test_wrong_arguments_get_a_sentence(arguments: dict) -> None:
    with pytest.raises(LessonError):
        explore(**arguments)


def test_one_kind_of_fault_needs_no_list() -> None:
    assert str(explore(2, kinds="refuse")) == str(explore(2, kinds=["refuse"]))


def test_an_argument_that_it_does_not_have_gets_a_sentence() -> None:
    with pytest.raises(LessonError, match="explore.*unexpected keyword argument 'partition'; its arguments are batches, "):
        explore(partition=2)  # type: ignore[call-arg]
    with pytest.raises(LessonError, match="simulate.*unexpected keyword argument 'fault'; .*in_flight"):
        simulate(3, fault={2: "lose ack"})  # type: ignore[call-arg]
    assert simulate.__doc__ and "values" in simulate.__doc__


def ends(found: Exploration) -> set[tuple[tuple[str, ...], tuple[str, ...]]]:
    """What the log can hold and the application can be told."""
    return {(o.log, o.told) for o in found.outcomes}


@pytest.mark.parametrize("client", ["java", "kafka-python"])
@pytest.mark.parametrize("broker", ["2.4", "4.4", "4.5"])
@pytest.mark.parametrize("idempotence", [True, False])
@pytest.mark.parametrize("in_flight", [1, 2, 3])
def test_whatever_the_simulation_does_the_explorer_has_seen(in_flight: int, idempotence: bool, broker: str, client: str) -> None:
    settings = {"idempotence": idempotence, "broker": broker, "client": client}
    seen = ends(explore(3, in_flight, 2, **settings))
    faults = ["lose ack", "lose request", "refuse 6", "store and answer 20", "cut 2 0", "cut 2 1", "cut 3 1"]
    runs = 0
    for (first, one), (second, other) in product(product(range(1, 6), faults), repeat=2):
        if first < second:
            try:
                run = simulate(3, in_flight=in_flight, faults={first: one, second: other}, **settings)
            except LessonError:  # it ended before the second fault, or waits for requests that never come
                continue
            runs += 1
            assert (tuple(run.values()), tuple(run.told.values())) in seen, run.settings.faults
    assert runs > 50


@pytest.mark.parametrize("arguments", [{"idempotence": False}, {"broker": "4.4", "faults": 2}, {"kinds": tuple(KINDS), "faults": 2},
                                       {"client": "kafka-python", "kinds": tuple(KINDS), "faults": 2}])
def test_every_end_can_be_told_as_a_history(arguments: dict) -> None:
    found = explore(2, 2, **arguments)
    for outcome in found.outcomes:
        history = found.history(outcome)
        assert (tuple(history.values()), tuple(history.told.values())) == (outcome.log, outcome.told)
        assert history.anomaly_names == list(outcome.anomalies)
        assert len(history.of(Kind.VERDICT)) >= len(outcome.log)
        assert [e.t for e in history.events] == sorted(e.t for e in history.events)
        assert all(a.verdict or a.lost for a in history.attempts)


def test_six_in_flight_are_one_more_than_the_broker_remembers() -> None:
    assert explore(6, 5, 1, broker="4.5").anomaly_names == []
    history = explore(6, 6, 1, broker="4.5").find("copy")
    assert history is not None
    assert history.settings.faults == "1: cut 6 0"
    lost = [(e.kind, e.attempt) for e in history.of(Kind.DROP, Kind.LOST)]
    assert lost == [(Kind.DROP, 0), *((Kind.LOST, attempt) for attempt in range(1, 7))]
    assert (0, "refused", 45) in history.verdicts


def test_a_late_request_lands_behind_its_own_retry() -> None:
    history = explore(1, idempotence=False, kinds=("late",)).find("copy")
    assert history is not None
    assert [(e.attempt, e.offset) for e in history.of(Kind.VERDICT)] == [(2, 0), (1, 1)]
    assert explore(3, 3, 2, broker="4.5", kinds=("late",)).anomaly_names == []


def test_kafka_python_has_one_in_flight_with_idempotence_and_sends_nothing_after_a_timeout() -> None:
    found = explore(2, 5, 2, client="kafka-python", kinds=("cut", "delivery timeout"))
    assert found.settings.in_flight == 1
    assert ends(found) == {(("m0", "m1"), ("ok", "ok")), ((), ("unknown", "unknown")), (("m0",), ("unknown", "unknown")),
                           (("m0",), ("ok", "unknown")), (("m0", "m1"), ("ok", "unknown"))}


def test_captions_name_the_rule_that_decided() -> None:
    assert explore(1).settings.broker == "4.4"
    assert explore(1, rule=window_of_one).settings.broker == "window of one"
    assert explore(1, rule=PartitionLog(rule=window_of_one)).settings.broker == "window of one"
    assert explore(1, rule=PartitionLog(KafkaVersion(2, 4))).settings.broker == "2.4"
    assert explore(1, rule=ForgetOnFailover()).settings.broker == "forget on failover"
    assert explore(1, rule=DedupeByContent()).settings.broker == "a broker with another rule", "a name of our code says nothing"
    assert explore(1, rule=at_or_below_is_duplicate).settings.broker == "a broker with another rule"
    assert explore(1, rule=lambda *known: judge(*known)).settings.broker == "a broker with another rule"


def test_an_anomaly_has_to_be_known_by_its_name() -> None:
    with pytest.raises(LessonError, match="copy, lost write"):
        explore(1).find("duplicates")


def test_a_bound_that_is_too_large_gets_those_that_are_not() -> None:
    with pytest.raises(LessonError) as refusal:
        explore(3, 3, 2, idempotence=False, max_states=5000)
    assert "faults=1 or batches=2 is the most" in str(refusal.value)
    assert explore(3, 3, 1, idempotence=False, max_states=5000).states < 5000
    assert explore(2, 3, 2, idempotence=False, max_states=5000).states < 5000
    with pytest.raises(LessonError, match="fewer of both"):
        explore(1, max_states=1)
