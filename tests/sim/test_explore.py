"""The explorer finds what is there to find, and nothing where there is nothing."""

from __future__ import annotations

import pytest

from lesson_lib.errors import LessonError
from lesson_lib.sim.explore import explore

RESTARTS = ("cut", "restart broker")


def test_without_idempotence_one_lost_ack_gives_a_duplicate() -> None:
    history = explore(1, idempotence=False).find("duplicate")
    assert history is not None
    assert history.values() == ["m0", "m0"]
    assert history.told == {0: "ok"}
    assert history.settings.faults == "1: lose ack"


def test_without_idempotence_one_torn_connection_reorders() -> None:
    history = explore(3, 3, idempotence=False).find("reordered")
    assert history is not None
    assert len(history.values()) == 3
    assert history.anomaly_names == ["reordered"]


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
    assert "duplicate" not in found.anomaly_names
    assert found.find("duplicate") is None


def test_two_faults_on_a_new_partition_duplicate_through_the_epoch_bump() -> None:
    history = explore(2, 2, 2).find("duplicate")
    assert history is not None
    assert history.values() == ["m1", "m0", "m1"]
    assert {a.send.producer_epoch for a in history.attempts} == {0, 1}


def test_a_clean_restart_narrows_the_window_and_the_epoch_bump_duplicates() -> None:
    history = explore(2, 2, 1, kinds=RESTARTS).find("duplicate")
    assert history is not None
    assert history.values() == ["m0", "m1", "m0", "m1"]
    assert explore(2, 1, 2, kinds=RESTARTS).find("duplicate") is None


def test_a_new_leader_keeps_the_whole_window() -> None:
    assert explore(3, 3, 2, broker="4.5", kinds=("cut", "fail over", "crash broker")).anomaly_names == []


def test_says_what_was_proved_and_within_which_bound() -> None:
    proved = explore(3, 1, 2)
    assert proved.sentence.startswith("No schedule of at most 2 faults (cut, repeat, refuse, store and answer)")
    assert f"{proved.states:,} states" in str(proved)
    assert "hole" in str(explore(3, 2))


@pytest.mark.parametrize("arguments", [{"batches": 0}, {"in_flight": 0}, {"faults": -1}, {"client": "librdkafka"},
                                       {"kinds": ("bad luck",)}, {"broker": "x"}, {"max_states": 10}])
def test_wrong_arguments_get_a_sentence(arguments: dict) -> None:
    with pytest.raises(LessonError):
        explore(**arguments)
