"""`simulate`: what it returns, how the application behaves, what it says about a mistake, and that it never differs."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lesson_lib.core.error_codes import ErrorCode
from lesson_lib.core.partition_log import PartitionLog
from lesson_lib.core.producer_state import Appended
from lesson_lib.errors import LessonError
from lesson_lib.faults import NAMES
from lesson_lib.history import Kind
from lesson_lib.history.story import as_story
from lesson_lib.sim import simulate


def test_nothing_goes_wrong() -> None:
    run = simulate(3)
    assert run.values() == ["m0", "m1", "m2"]
    assert [(e.kind, e.t) for e in run.events if e.attempt == 1] == [(Kind.SEND, 10), (Kind.VERDICT, 20), (Kind.ACK, 30)]
    assert run.of(Kind.INIT)[0].producer_id == 1
    assert (run.told, run.anomalies) == ({0: "ok", 1: "ok", 2: "ok"}, [])


def test_values_may_be_given() -> None:
    assert simulate(["a", "b", "a"]).values() == ["a", "b", "a"]
    assert simulate([1, 2]).values() == ["1", "2"]


def test_records_travel_in_batches_and_sequences_count_records() -> None:
    run = simulate(5, records_per_batch=2)
    assert [(a.send.base_sequence, a.send.record_count, a.offset) for a in run.attempts] == [(0, 2, 0), (2, 2, 2), (4, 1, 4)]
    assert [(c.value, c.batch, c.base_offset, c.sequence) for c in run.log()][2:4] == [("m2", 1, 2, 2), ("m3", 1, 2, 3)]


def test_partitions_take_turns_and_count_for_themselves() -> None:
    run = simulate(4, partitions=2)
    assert (run.values(0), run.values(1)) == (["m0", "m2"], ["m1", "m3"])
    assert [a.send.base_sequence for a in run.attempts] == [0, 0, 1, 1]


def test_the_settings_are_kept_for_captions() -> None:
    run = simulate(2, idempotence=False, acks=1, faults="2: lose ack", broker="4.5")
    kept = run.settings
    assert (kept.world, kept.idempotence, kept.acks, kept.broker, kept.faults) == ("simulated", False, "1", "4.5", "2: lose ack")


def test_another_rule_may_decide() -> None:
    run = simulate(2, faults={1: "lose ack"}, rule=lambda entry, batch, end, version: Appended(end))
    assert run.values() == ["m0", "m0", "m1"]


class MemoryOfConnection(PartitionLog):
    """A broker that forgets everybody whose connection drops."""

    def disconnected(self) -> None:
        self.producers = {}


def test_a_broker_learns_that_a_connection_dropped() -> None:
    run = {"values_or_count": 2, "faults": {2: "lose ack"}}
    assert simulate(**run, rule=MemoryOfConnection()).values() == ["m0", "m1", "m1"]
    assert simulate(**run, rule=PartitionLog()).values() == ["m0", "m1"]


def test_batches_take_turns_whatever_their_size() -> None:
    run = simulate(6, records_per_batch=2, partitions=2)
    assert (run.values(0), run.values(1)) == (["m0", "m1", "m4", "m5"], ["m2", "m3"])


def test_a_burst_is_under_way_before_anything_drops() -> None:
    run = simulate(5, in_flight=5, idempotence=False, faults={1: "lose request"})
    assert [a.lost for a in run.attempts[:5]] == ["request"] * 5
    assert len(run.of(Kind.DROP)) == 1


@pytest.mark.parametrize(("fault", "lost"), [("cut 3 1", "answer answer request request"), ("lose ack", "answer" + 4 * " request"),
                                             ("cut 5 0", "answer" + 4 * " answer"), ("lose request", "request" + 4 * " request")])
def test_the_connection_drops_before_what_was_on_it_is_lost(fault: str, lost: str) -> None:
    events = simulate(5, in_flight=5, idempotence=False, faults={1: fault}).events
    drop = next(n for n, event in enumerate(events) if event.kind == Kind.DROP)
    losses = [n for n, event in enumerate(events) if event.kind == Kind.LOST]
    assert losses == list(range(drop + 1, drop + 1 + len(losses))) and {events[n].t for n in losses} == {events[drop].t}
    assert " ".join(events[n].what for n in losses) == lost


def test_what_was_sent_before_a_cut_is_answered() -> None:
    run = simulate(4, in_flight=4, idempotence=False, faults={3: "lose request"})
    assert [(a.lost, a.answer) for a in run.attempts[:4]] == [("", 0), ("", 0), ("request", None), ("request", None)]


def test_a_silent_fault_waits_for_the_request_timeout() -> None:
    run = simulate(2, faults={1: "lose ack silently"}, request_timeout_ms=700)
    timeout = run.of(Kind.TIMEOUT)[0]
    assert (timeout.attempt, timeout.t) == (1, 710)
    assert [(e.kind, e.t) for e in run.of(Kind.LOST, Kind.DROP)] == [(Kind.LOST, 25), (Kind.DROP, 710)]
    assert run.attempts[1].send.t == 730


def test_a_cut_that_waits_for_more_requests_ends_with_the_request_timeout() -> None:
    run = simulate(2, faults={1: "cut 3 1"}, request_timeout_ms=700)
    assert run.values() == ["m0", "m1"]
    assert len(run.of(Kind.TIMEOUT)) == 1
    assert [e.kind for e in run.events if e.t == run.of(Kind.TIMEOUT)[0].t] == [Kind.TIMEOUT, Kind.DROP, Kind.LOST]


def test_a_repeated_request_meets_the_broker_twice() -> None:
    run = simulate(3, in_flight=3, idempotence=False, faults={1: "repeat"})
    assert run.values() == ["m0", "m0", "m1", "m2"]
    assert [(e.attempt, e.what) for e in run.of(Kind.VERDICT)][:2] == [(1, "stored"), (1, "stored")]


def test_acks_0_is_told_ok_at_once_and_learns_nothing() -> None:
    run = simulate(2, acks=0, idempotence=False, faults={1: "refuse 19"})
    assert (run.told, run.values()) == ({0: "ok", 1: "ok"}, [])
    assert run.of(Kind.ACK) == []
    assert run.of(Kind.DROP)[0].note == "the broker closed it"
    assert run.anomaly_names == ["lost write"]


@pytest.mark.parametrize(("fault", "broker", "lost"), [("restart broker", "restarted", []), ("crash broker", "crashed", []),
                                                       ("fail over", "failed over", []), ("forget idle ids", "forgot ids", [])])
def test_the_broker_may_come_and_go(fault: str, broker: str, lost: list) -> None:
    run = simulate(3, faults={2: fault})
    assert [e.what for e in run.of(Kind.BROKER)] == [broker]
    assert (run.values(), run.anomalies) == (["m0", "m1", "m2"], lost)


@pytest.mark.parametrize("how", ["restart broker", "crash broker"])
def test_a_restart_forgets_all_but_the_last_batch(how: str) -> None:
    run = simulate(3, client="java", in_flight=3, faults={1: "cut 3 0", 4: how})
    assert run.verdicts[3] == (0, "refused", int(ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER))
    assert run.anomaly_names == ["copy", "reordered"]


def test_a_new_leader_has_forgotten_nothing() -> None:
    run = simulate(3, client="java", in_flight=3, faults={1: "cut 3 0", 4: "fail over"})
    assert (run.verdicts[3][1], run.anomalies) == ("duplicate", [])


# the application
def test_a_value_that_the_application_sends_again_is_stored_again() -> None:
    run = simulate(2, idempotence=False, retries=0, faults={1: "lose ack"}, resend=True)
    assert run.values() == ["m0", "m0", "m1"]
    assert run.told == {0: "unknown", 1: "ok", 2: "ok"}
    assert run.anomalies == []


def test_a_failed_value_is_sent_again_only_on_request() -> None:
    assert simulate(3, faults={2: "refuse 45"}).values() == ["m0", "m2"]
    assert simulate(3, faults={2: "refuse 45"}, resend=True).values() == ["m0", "m1", "m2"]


def test_a_killed_producer_starts_again_under_a_new_id() -> None:
    run = simulate(3, faults={2: "kill producer"})
    assert run.told == {0: "ok", 1: "unknown", 2: "ok"}
    assert [(e.lane, e.what) for e in run.of(Kind.PRODUCER)] == [("producer", "killed"), ("producer 2", "started")]
    assert [(e.lane, e.producer_id) for e in run.of(Kind.INIT)] == [("producer", 1), ("producer 2", 2)]
    assert run.values() == ["m0", "m1", "m2"]


def test_idempotence_ends_with_the_process() -> None:
    run = simulate(3, faults={2: "kill producer"}, resend=True)
    assert run.values() == ["m0", "m1", "m1", "m2"]


def test_killed_with_several_in_flight() -> None:
    run = simulate(4, in_flight=4, idempotence=False, faults={2: "kill producer"}, resend=True)
    assert run.values() == ["m0", "m1", "m0", "m1", "m2", "m3"]


# mistakes
@pytest.mark.parametrize(("arguments", "words"), [
    ({"values_or_count": 0}, "whole number from 1"),
    ({"values_or_count": "abc"}, "a list of them"),
    ({"values_or_count": []}, "how many values"),
    ({"values_or_count": 2.5}, "how many values"),
    ({"values_or_count": True}, "how many values"),
    ({"acks": 2}, "acks must be 'all', 0 or 1"),
    ({"acks": 1}, "add idempotence=False"),
    ({"retries": 0}, "add idempotence=False"),
    ({"retries": -1, "idempotence": False}, "retries must be"),
    ({"in_flight": 0}, "in_flight must be a whole number from 1"),
    ({"records_per_batch": 0}, "records_per_batch must be"),
    ({"partitions": 0}, "partitions must be"),
    ({"broker": "four"}, "such as '4.4'"),
    ({"broker": 4.4}, None),
    ({"client": "sarama"}, "choose one of: kafka-python, java, librdkafka"),
    ({"delivery_timeout_ms": 100}, "lower request_timeout_ms"),
    ({"faults": {99: "lose ack"}}, "Choose a request from 1 to 3"),
    ({"faults": {1: "loose ack"}}, "There is no fault"),
    ({"faults": {"1+": "refuse 45"}, "resend": True}, "the fault never ends"),
    ({"faults": {"1+": "kill producer"}, "resend": True}, "the fault never ends"),
    ({"consumer": {"crash": 1}}, "consumer is True or a dict"),
    ({"consumer": {"commit": "later"}}, "after, before, never"),
    ({"consumer": {"isolation": "committed"}}, "read_committed"),
    ({"consumer": {"crash_at": 9}}, "Choose crash_at from 1 to 3"),
], ids=str)
def test_a_mistake_is_one_sentence(arguments: dict, words: str | None) -> None:
    if words is None:
        simulate(**arguments)
        return
    with pytest.raises(LessonError) as mistake:
        simulate(**arguments)
    assert words in str(mistake.value)
    assert "\n" not in str(mistake.value)


def test_a_second_kill_sends_again_only_what_the_second_process_was_not_told() -> None:
    run = simulate(3, faults={2: "kill producer", 4: "kill producer"}, resend=True)
    assert run.values() == ["m0", "m1", "m1", "m2", "m2"]
    assert list(run.told.values()).count("unknown") == 2


# the same every time
def test_the_same_in_another_process_with_other_hashes() -> None:
    code = ("from lesson_lib.sim import simulate\n"
            "run = simulate(6, client='java', in_flight=5, partitions=2, faults='2: lose ack; 5: refuse 6', consumer=True)\n"
            "print(run, *run.events, sep='\\n')")
    outputs = {subprocess.run([sys.executable, "-c", code], env={**os.environ, "PYTHONHASHSEED": seed}, check=True,
                              capture_output=True, text=True).stdout for seed in ("1", "2")}
    assert len(outputs) == 1


ONE_FAULT = st.sampled_from(sorted(NAMES)).map(lambda name: {
    "refuse": "refuse 19", "store and answer": "store and answer 20", "delay": "delay 50", "cut": "cut 2 1"}.get(name, name))
FAULTS = st.dictionaries(st.integers(1, 5), ONE_FAULT, max_size=4)


@settings(max_examples=300)
@given(FAULTS, st.integers(1, 5), st.booleans(), st.sampled_from(["kafka-python", "java"]), st.booleans())
def test_any_script_ends_and_tells_a_consistent_story(faults: dict, in_flight: int, idempotence: bool, client: str, resend: bool) -> None:
    try:
        run = simulate(5, faults=faults, in_flight=in_flight, idempotence=idempotence, client=client, resend=resend, consumer=True)
    except LessonError as mistake:
        assert "never happened" in str(mistake)
        return
    assert [e.t for e in run.events] == sorted(e.t for e in run.events)
    assert [a.number for a in run.attempts] == list(range(1, len(run.attempts) + 1))
    stored = sum(e.record_count for e in run.of(Kind.VERDICT) if e.what == "stored")
    assert stored == len(run.log()) == len(run.of(Kind.READ))
    assert run.table() and as_story(run)


@settings(max_examples=300)
@given(st.dictionaries(st.integers(1, 5), st.sampled_from(["lose ack", "lose request", "repeat", "refuse 19", "store and answer 20",
                                                          "delay 50", "cut 2 1", "fail over", "lose ack silently"]),
                       max_size=4), st.integers(1, 5), st.sampled_from(["kafka-python", "java"]))
def test_idempotence_keeps_its_promise_from_4_5_on(faults: dict, in_flight: int, client: str) -> None:
    run = simulate(5, faults=faults, in_flight=in_flight, client=client, broker="4.5", request_timeout_ms=1_000)
    assert (run.values(), set(run.told.values()), run.anomalies) == (["m0", "m1", "m2", "m3", "m4"], {"ok"}, [])


def work(count: int, **more) -> int:
    """How many functions a run calls: a measure of work without a clock."""
    calls = 0

    def counting(frame: object, event: str, argument: object) -> None:
        nonlocal calls
        calls += event == "call"

    sys.setprofile(counting)
    try:
        run = simulate(count, **more)
        assert run.anomalies == [] and run.table()
    finally:
        sys.setprofile(None)
    return calls


@pytest.mark.parametrize("more", [{}, {"client": "java", "in_flight": 5}, {"in_flight": 5, "idempotence": False},
                                  {"consumer": True}], ids=str)
def test_work_grows_with_the_number_of_batches_and_no_faster(more: dict) -> None:
    assert work(1_000, **more) < 11 * work(100, **more)


@pytest.mark.parametrize(("settings", "receives"), [
    ({"faults": {"1+": "lose request"}, "acks": 0, "idempotence": False}, [(Kind.POLL, None)]),
    ({}, [(Kind.READ, 0)]),
    ({"consumer": {"commit": "before", "crash_at": 1}}, [(Kind.POLL, None)]),  # the next one begins behind the only record
    ({"consumer": {"commit": "after", "crash_at": 1}}, [(Kind.READ, 0), (Kind.READ, 0)])])
def test_a_consumer_says_when_it_receives_nothing(settings: dict, receives: list) -> None:
    run = simulate(1, **{"consumer": True} | settings)
    assert [(event.kind, event.offset) for event in run.of(Kind.READ, Kind.POLL)] == receives
