"""Every schedule with the real client, held against the model of it: log, reports, requests in their order, ids, epochs, sequences."""

from __future__ import annotations

import logging
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import pytest

from lesson_lib import simulate
from lesson_lib.errors import LessonError
from lesson_lib.faults import LOSSES
from lesson_lib.history import History
from lesson_lib.lab import on_every_core
from lesson_lib.lab.clients import open_worlds
from lesson_lib.lab.every_schedule import ending, every_schedule
from lesson_lib.lab.lab import Lab, start_lab
from lesson_lib.lab.on_every_core import CAN_FORK
from lesson_lib.lab.virtual.connections import LATENCY, VirtualSocket
from lesson_lib.sim.producer import KafkaPythonProducer
from lesson_lib.sim.transactions import Transactions

ALL_KINDS = ("lose request", "lose ack", "lose request silently", "lose ack silently", "refuse 6", "refuse 19", "refuse 45", "refuse 47",
             "refuse 59", "store and answer 20", "store and answer 45", "store and answer 46", "repeat", "delay 50", "delay 2500",
             "cut 1 1", "cut 2 0", "kill producer", "restart broker", "crash broker", "fail over", "forget idle ids")
NO_ABORT_AT_ONCE = ("refuse 45", "refuse 47", "refuse 59", "store and answer 45")  # see "Differs from Kafka in" of the model
SETTINGS: list[dict[str, Any]] = [
    *({"idempotence": on, "partitions": partitions, "in_flight": in_flight}
      for on in (True, False) for partitions in (1, 2) for in_flight in (1, 2, 3)),
    *({"idempotence": False, "partitions": 2, "in_flight": in_flight, "acks": acks} for acks in (0, 1) for in_flight in (1, 2, 3))]
STEP = int(os.environ.get("WALK_EVERY", "47"))  # of the schedules with two faults; with 1 all are walked, for a quarter of an hour
TIMES = {"delivery_timeout_ms": 5_000, "request_timeout_ms": 1_000}  # those of `lab.run`


def seen(history: History) -> list[Any]:
    """All in which model and client must agree."""
    cells = {partition: [(c.offset, c.value, c.batch, c.producer_id, c.producer_epoch, c.sequence) for c in log]
             for (_, partition), log in history.logs.items()}
    requests = [(a.batch, a.try_no, a.lost, a.verdict, a.answer, a.send.partition, a.send.producer_id, a.send.producer_epoch,
                 a.send.base_sequence, a.send.record_count) for a in history.attempts]
    return [cells, requests, history.told, [(r.batch, r.what, r.offset, r.error) for r in history.reports], history.anomaly_names]


def is_as_modelled(settings: dict[str, Any], history: History) -> bool:
    """Whether the model does under the same faults what the real client did."""
    script = history.settings.faults or None
    return seen(history) == seen(simulate(3, faults=script, client="kafka-python", **settings, **TIMES))


def with_a_second(kinds: Sequence[str], histories: Sequence[History]) -> list[str]:
    """The scripts of those with one fault and one more, at any later request."""
    scripts = {h.settings.faults: len(h.attempts) for h in histories if h.settings.faults}
    return [f"{script}; {later}: {kind}" for script, requests in scripts.items()
            for later in range(int(script.split(":")[0]) + 1, requests + 1) for kind in kinds]


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_the_model_of_kafka_python_is_kafka_python(lab: Lab, settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """In every schedule of one fault, and in some of two that are spread over all. (See "Differs from Kafka in" of the model's sender.)"""
    kinds = [kind for kind in ALL_KINDS if kind != "kill producer" or settings.get("acks") != 0]
    monkeypatch.setattr(KafkaPythonProducer, "shares_requests", True)
    walked = every_schedule(lab, 3, 1, kinds=kinds, **settings).histories
    assert len(walked) == 1 + 3 * len(kinds)
    assert [h.settings.faults for h in walked if not is_as_modelled(settings, h)] == []
    some = with_a_second(kinds, walked)[SETTINGS.index(settings) % STEP::STEP]
    with on_every_core.on_every_core(partial(run_as_modelled, lab, settings)) as run_all:
        assert [script for script, agrees in zip(some, run_all(some), strict=True) if not agrees] == []


def run_as_modelled(lab: Lab, settings: dict[str, Any], script: str) -> bool:
    """Whether it is, in a run of its own."""
    with lab.without_traces():
        return is_as_modelled(settings, lab.run(3, faults=script, **settings))


def test_several_in_flight_are_those_of_the_model(lab: Lab) -> None:
    """Of one partition, without idempotence; with it kafka-python sends one at a time."""
    settings: dict[str, Any] = {"idempotence": False, "in_flight": 3}
    walked = every_schedule(lab, 3, 2, **settings)
    assert len(walked.histories) == 43 and walked.anomaly_names == ["copy", "reordered"]
    for history in walked.histories:
        script = history.settings.faults or None
        assert seen(history) == seen(simulate(3, faults=script, client="kafka-python", **settings, **TIMES)), script


def transaction(script: str, end: str, partitions: int) -> History:
    """The model of it: three batches, one after the other, and an abort where one fails."""
    kafka = Transactions(partitions=partitions, faults=script, topic="toy")
    shop = kafka.producer("toy")
    shop.begin()
    with suppress(LessonError):  # it was killed
        told = [shop.send(f"m{number}", partition=number % partitions) for number in range(3)]
        shop.commit() if end == "commit" and told == ["ok"] * 3 else shop.abort()
    return kafka.history()


@pytest.mark.parametrize(("end", "partitions", "faults", "kinds", "count"), [
    ("commit", 2, 1, [kind for kind in ALL_KINDS if kind != "delay 2500"], 1 + 3 * 21),  # the model's client waits longer
    ("abort", 1, 2, ("lose request", "lose ack"), 31)])
def test_a_transaction_is_that_of_the_model(lab: Lab, end: str, partitions: int, faults: int, kinds: Any, count: int) -> None:
    walked = every_schedule(lab, 3, faults, kinds=kinds, transaction=end, partitions=partitions)
    scripts = {h.settings.faults: h for h in walked.histories if "Txn" not in h.settings.faults and "Init" not in h.settings.faults}
    assert len(scripts) == count
    differ = {script for script, h in scripts.items() if seen(h) != seen(transaction(script, end, partitions))}
    assert differ == {script for script in scripts if script.endswith(NO_ABORT_AT_ONCE)}
    assert {ending(scripts[script])[0] for script in differ} <= {"told unknown, is empty", "told unknown, is open"}


def test_a_request_to_a_coordinator_that_is_lost_is_sent_again(lab: Lab) -> None:
    """Where the connection drops with it, whichever it is: the transaction ends as the application wants."""
    walked = every_schedule(lab, 2, 2, transaction="commit", partitions=2)
    assert len(walked.histories) > 60 and list(walked.firsts) == [("told committed, is committed",)]


@pytest.mark.parametrize(("end", "becomes"), [("commit", "committed"), ("abort", "aborted")])
def test_of_two_losses_only_a_silent_coordinator_costs_a_transaction_its_end(lab: Lab, end: str, becomes: str) -> None:
    """Whichever two requests are lost, or their answers."""
    walked = every_schedule(lab, 1, 2, transaction=end, kinds=list(LOSSES))
    assert len(walked.histories) > 100
    for history in walked.histories:
        ends = {f"told {becomes}, is {becomes}"}
        if re.search(r"(Txn|Id) \d: lose \w+ silently", history.settings.faults):
            ends = {f"told unknown, is {fate}" for fate in ("empty", "open", becomes)}
        assert ending(history)[0] in ends, history.settings.faults


@pytest.mark.fact("kafka-python-silent-coordinator")
def test_a_silent_coordinator_is_the_end_of_kafka_python(lab: Lab) -> None:
    """A coordinator that stays silent for `request_timeout_ms` is the end of a kafka-python producer: neither commit nor abort works."""
    walked = every_schedule(lab, 2, 1, transaction="commit", partitions=2, kinds=["lose request silently", "lose ack silently"])
    unknown = {h.settings.faults: ending(h)[-1] for h in walked.histories if "told unknown" in ending(h)[0]}
    assert unknown == {
        **{f"{request}: {fault} silently": f"told unknown, is {fate}" for fault in ("lose request", "lose ack")
           for request, fate in (("InitProducerId 1", "empty"), ("AddPartitionsToTxn 1", "empty"), ("AddPartitionsToTxn 2", "open"))},
        "EndTxn 1: lose request silently": "told unknown, is open", "EndTxn 1: lose ack silently": "told unknown, is committed"}


@pytest.mark.fact("kafka-python-throws-ack-away")
@pytest.mark.parametrize(("hang_up", "log"), [(2, "m0 m1"), (1, "m0 m0 m1")], ids=["a moment later", "together"])
def test_an_answer_that_is_read_together_with_the_end_of_its_connection_is_thrown_away(
        lab: Lab, monkeypatch: pytest.MonkeyPatch, hang_up: int, log: str) -> None:
    """An ack that kafka-python reads together with the end of its connection is thrown away, and the batch sent again: a copy."""
    def transmit(end: VirtualSocket, data: bytes | None) -> None:
        end.world.call_later(hang_up * LATENCY if data is None else LATENCY, end.other.receive, data)

    monkeypatch.setattr(VirtualSocket, "transmit", transmit)
    assert " ".join(lab.run(2, faults={1: "cut 1 1"}, idempotence=False).values()) == log


def test_what_was_walked_in_words(lab: Lab) -> None:
    off = every_schedule(lab, 2, 1, idempotence=False)
    assert off.anomaly_names == ["copy"]
    assert off.find("copy").settings.faults == "1: lose ack" and off.find("reordered") is None
    assert "in 5 schedules of at most 1 fault (lose request, lose ack): there can be copy." in " ".join(str(off).split())
    on = every_schedule(lab, 2, 1)
    assert "in every one of the 5 schedules of at most 1 fault (lose request, lose ack): no anomaly." in " ".join(str(on).split())


@pytest.mark.parametrize("settings", [{"transaction": "commit", "partitions": 2}, {"idempotence": False, "in_flight": 2}], ids=str)
def test_on_every_core_it_is_what_it_is_in_one_process(lab: Lab, monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any]) -> None:
    walk = partial(every_schedule, lab, 2, 1, kinds=["lose ack", "cut 1 1", "kill producer"], **settings)
    on_all = walk()
    monkeypatch.setattr(on_every_core, "CAN_FORK", False)
    assert walk() == on_all


@pytest.mark.skipif(not CAN_FORK, reason="without a fork a walk is a row of ordinary runs")
def test_a_walk_leaves_the_lab_as_it_was(lab: Lab) -> None:
    before = lab.client_log(), open_worlds[0].now, lab.topics._made
    every_schedule(lab, 1, 1)
    assert (lab.client_log(), open_worlds[0].now, lab.topics._made) == before


def test_a_walk_in_one_process_leaves_no_topic_and_no_line_in_the_log(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that fails neither."""
    monkeypatch.setattr(on_every_core, "CAN_FORK", False)
    monkeypatch.setattr("kafka.producer.kafka.log", logging.getLogger("kafka.producer.kafka"))  # an earlier test may have silenced it
    lab.topic("orders")
    before = lab.client_log(), list(lab.choice.embedded.cluster.topics)
    every_schedule(lab, 1, 1)
    with pytest.raises(LessonError, match="never|kafka-python refuses"):
        every_schedule(lab, 1, 1, retries=0)
    assert (lab.client_log(), list(lab.choice.embedded.cluster.topics)) == before
    lab.producer(client_id="heard").close()
    assert "heard" in lab.client_log()


def children() -> set[str]:
    """The processes that this one started and has not waited for; other tests of the session may have some."""
    listed = subprocess.run(["ps", "-o", "pid=,args=", "--ppid", str(os.getpid())], capture_output=True, text=True, check=False)
    return {line for line in listed.stdout.splitlines() if " ps -o " not in line}


@pytest.mark.skipif(not CAN_FORK, reason="without a fork a walk is a row of ordinary runs")
def test_an_interrupt_ends_every_process_of_a_walk(lab: Lab, interruptible: None) -> None:
    before = children()
    threading.Timer(0.3, signal.pthread_kill, (threading.get_ident(), signal.SIGINT)).start()  # as from outside
    with pytest.raises(KeyboardInterrupt):
        every_schedule(lab, 9, 2)
    assert children() <= before
    assert lab.run(1).told == {0: "ok"}


WALK = """from lesson_lib import start_lab
from lesson_lib.lab.every_schedule import every_schedule
every_schedule(start_lab(world="virtual"), 9, 2)"""


def in_session(session: int) -> list[str]:
    """The processes that are in it and live."""
    listed = subprocess.run(["ps", "-o", "pid=,stat=", "-s", str(session)], capture_output=True, text=True, check=False)
    return [line.split()[0] for line in listed.stdout.splitlines() if not line.split()[1].startswith("Z")]


@pytest.mark.skipif(not CAN_FORK, reason="without a fork a walk is a row of ordinary runs")
def test_a_walk_ends_with_the_process_that_asked() -> None:
    """As a kernel that is restarted; nobody is left who could wait for the copies."""
    asker = subprocess.Popen([sys.executable, "-c", WALK], start_new_session=True, stdout=subprocess.DEVNULL)
    wait_until(lambda: len(in_session(asker.pid)) > 1)
    asker.kill()
    asker.wait()
    wait_until(lambda: in_session(asker.pid) == [])


def wait_until(condition: Callable[[], bool]) -> None:
    """For a minute at most; a busy machine needs time."""
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.1)


def test_bad_input(lab: Lab) -> None:
    with pytest.raises(LessonError, match="There is no fault 'loose ack'"):
        every_schedule(lab, 3, 1, kinds=["loose ack"])
    with pytest.raises(LessonError, match="kafka-python refuses"):
        every_schedule(lab, 3, 1, retries=0, acks=1, idempotence=True)
    with pytest.raises(LessonError, match="transaction is 'commit', 'abort' or None, not 'perhaps'"):
        every_schedule(lab, 3, 1, transaction="perhaps")
    for faults in (-1, 1.0, "1", True, None):
        with pytest.raises(LessonError, match=f"whole number from 0, not {faults!r}"):
            every_schedule(lab, 3, faults)
    for kinds in (None, 5, "", ["lose ack", 5]):
        with pytest.raises(LessonError, match="There is no fault"):
            every_schedule(lab, 3, 1, kinds=kinds)
    with pytest.raises(LessonError, match=r"run\(...\) got an unexpected .* 'colour'; its arguments are values_or_count, faults"):
        every_schedule(lab, 1, 1, colour="red")
    on_sockets = start_lab("embedded", world="sockets")
    with pytest.raises(LessonError, match="start_lab\\(world='virtual'\\)"):
        every_schedule(on_sockets)
    on_sockets.stop()
    with pytest.raises(LessonError, match="takes a lab in a virtual world"):
        every_schedule(3, 1)
    with pytest.raises(LessonError, match="most_runs must be a whole number from 1, not 'many'"):
        every_schedule(lab, 3, 1, most_runs="many")


@pytest.mark.parametrize(("arguments", "options", "sentence"), [
    ((3, 3), {"kinds": ALL_KINDS}, "about 12,167 schedules of at most 3 faults, more than most_runs=5,000. faults=2 has 1,519"),
    ((3, 2), {"most_runs": 10}, "about 19 schedules of at most 2 faults, more than most_runs=10. faults=1 has 7: take that, fewer"),
    ((3, 1), {"most_runs": 6}, "about 7 schedules of at most 1 fault, more than most_runs=6. faults=0 has 1: take"),
    ((2, 2), {"most_runs": 18, "transaction": "commit"}, "more than most_runs=18. faults=1 has"),
])
def test_a_bound_that_is_too_large_is_refused_after_one_run(
        lab: Lab, monkeypatch: pytest.MonkeyPatch, arguments: tuple[int, int], options: dict[str, Any], sentence: str) -> None:
    """With the bound that fits, before anything with a fault ran."""
    monkeypatch.setattr(on_every_core, "CAN_FORK", False)
    runs: list[Any] = []
    run = Lab.run
    monkeypatch.setattr(Lab, "run", lambda *args, **settings: runs.append(settings) or run(*args, **settings))
    with pytest.raises(LessonError) as refused:
        every_schedule(lab, *arguments, **options)
    assert sentence in str(refused.value) and len(runs) == 1


def test_a_bound_that_turns_out_too_large_is_refused_too(lab: Lab) -> None:
    """A fault makes the client send again, so there is more to go wrong than in a run without one."""
    everything = every_schedule(lab, 3, 2)
    assert len(everything.histories) == 31
    with pytest.raises(LessonError, match="about 31 schedules of at most 2 faults, more than most_runs=30. faults=1 has 7"):
        every_schedule(lab, 3, 2, most_runs=30)


def test_a_bound_far_too_large_is_refused_early_and_one_that_runs_out_is_walked(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each lost request makes a further one, so a bound of 99 would go on for ever; a delay makes none."""
    monkeypatch.setattr(on_every_core, "CAN_FORK", False)
    runs: list[Any] = []
    run = Lab.run
    monkeypatch.setattr(Lab, "run", lambda *args, **settings: runs.append(settings) or run(*args, **settings))
    with pytest.raises(LessonError, match="about 7,423 schedules of at most 7 faults, more than most_runs=5,000. faults=6 has 2,815: take"):
        every_schedule(lab, 3, 99)
    assert len(runs) == 7
    assert "every one of the 8 schedules of at most 99 faults" in " ".join(every_schedule(lab, 3, 99, kinds="delay 50").sentence.split())
    retried_once = every_schedule(lab, 3, 99, kinds="lose ack", retries=1, idempotence=False)
    assert len(retried_once.histories) == 27 and retried_once.anomaly_names == ["copy"]


def test_a_kind_by_itself_or_twice_is_one_kind(lab: Lab) -> None:
    assert every_schedule(lab, 1, 1, kinds="lose ack") == every_schedule(lab, 1, 1, kinds=["lose ack", "lose ack"])
