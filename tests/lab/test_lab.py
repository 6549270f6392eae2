"""The lab by hand: topics, clients, faults, history, log, and what is left when it stops."""

from __future__ import annotations

import logging
import os
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from kafka import KafkaProducer
from kafka.errors import KafkaTimeoutError

from lesson_lib import simulate, start_lab
from lesson_lib.broker.embedded import EmbeddedBroker
from lesson_lib.errors import LessonError
from lesson_lib.history import Kind
from lesson_lib.lab import topics
from lesson_lib.lab.clients import LabProducer
from lesson_lib.lab.lab import Lab
from tests.raw import topics_at

PATIENT = {"request_timeout_ms": 10_000, "delivery_timeout_ms": 20_000}


def send(lab: Lab, topic: str, *values: str, **options: object) -> None:
    """Send with a producer of the lab and wait for each answer."""
    producer = lab.producer(**{"enable_idempotence": True, **options})
    for value in values:
        producer.send(topic, value.encode()).get()


def soon(condition: Callable[[], bool]) -> bool:
    """Whether it becomes true; a real broker deletes a topic a little after it has said so."""
    end = time.monotonic() + 10
    while not condition() and time.monotonic() < end:
        time.sleep(0.05)
    return condition()


def test_by_hand_as_in_a_run(lab: Lab) -> None:
    topic = lab.topic("orders")
    lab.faults({2: "lose ack"})
    send(lab, topic, "m0", "m1", "m2")
    by_hand, run = lab.history(), lab.run(3, faults={2: "lose ack"})
    assert by_hand.table() == run.table()
    assert [(e.kind, e.what, e.batch) for e in by_hand.events] == [(e.kind, e.what, e.batch) for e in run.events]


def test_by_hand_the_acks_are_those_of_the_requests(lab: Lab) -> None:
    topic = lab.topic("orders")
    for acks, words in ((1, "1"), ("all", "all")):
        lab.faults()
        send(lab, topic, "m0", acks=acks, enable_idempotence=False)
        assert lab.history().settings.acks == words


def test_time_only_grows_and_ids_are_short(lab: Lab) -> None:
    history = lab.run(3, faults={2: "lose ack"})
    assert all(a.t < b.t for a, b in pairwise(history.events))
    assert {e.producer_id for e in history.of(Kind.SEND)} == {1}


@pytest.mark.parametrize("settings", [
    {"faults": {2: "lose ack"}}, {"faults": {2: "kill producer"}}, {"faults": {2: "refuse 45"}},
    {"faults": {2: "lose ack"}, "in_flight": 5, "idempotence": False}, {"faults": {1: "cut 2 1"}, "in_flight": 5, "idempotence": False},
    {"faults": {2: "lose request"}, "acks": 0, "idempotence": False},
], ids=str)
def test_events_come_in_the_same_order_every_time(lab: Lab, settings: dict[str, Any]) -> None:
    runs = [[(e.kind, e.what, e.attempt, e.batch, e.conn, e.lane, e.producer_id, e.note) for e in lab.run(4, **settings, **PATIENT).events]
            for _ in range(3)]
    assert runs[0] == runs[1] == runs[2]


def test_faults_count_from_one_again(lab: Lab) -> None:
    topic, producer = lab.topic("orders"), lab.producer(enable_idempotence=False)
    for _ in range(2):
        lab.faults({1: "lose ack"})
        producer.send(topic, b"m").get()
        assert [a.lost for a in lab.history().attempts] == ["answer", ""]


def test_a_duplicate_of_a_batch_of_an_earlier_recording_is_told_as_one(lab: Lab) -> None:
    topic = lab.topic("orders")
    lab.faults({1: "lose ack"})
    send(lab, topic, "m0")
    lab.faults()
    send(lab, topic, "m1")
    assert lab.history().verdicts == [(0, "stored", 0)]


def test_two_producers_are_two_lanes(lab: Lab) -> None:
    topic = lab.topic("orders")
    lab.faults()
    send(lab, topic, "a")
    send(lab, topic, "b")
    assert [e.lane for e in lab.history().of(Kind.SEND)] == ["producer", "producer 2"]


def test_two_partitions_in_one_request_are_two_attempts_with_one_fate(lab: Lab) -> None:
    topic = lab.topic("two", partitions=2)
    lab.faults({1: "lose ack"})
    producer = lab.producer(enable_idempotence=False, linger_ms=200)
    for future in [producer.send(topic, b"x", partition=p) for p in (0, 1)]:
        future.get()
    history = lab.history()
    assert sorted((a.send.partition, a.lost) for a in history.attempts) == [(0, ""), (0, "answer"), (1, ""), (1, "answer")]
    assert history.values(0) == history.values(1) == ["x", "x"]


def test_clients_of_ones_own(lab: Lab) -> None:
    topic = lab.topic("orders")
    lab.faults({1: "lose ack"})
    producer = KafkaProducer(bootstrap_servers=lab.address, enable_idempotence=False)
    producer.send(topic, b"m0").get(5)
    producer.close()
    assert lab.history().values() == ["m0", "m0"]
    assert lab.history().told == {0: "unknown"}  # nobody knows what that application was told


def test_the_consumer_sees_what_the_log_holds(lab: Lab) -> None:
    topic = lab.topic("orders")
    send(lab, topic, "m0", "m1")
    assert [record.value for record in lab.consumer(topic)] == [b"m0", b"m1"]
    assert [(c.offset, c.value, c.batch, c.sequence) for c in lab.log(topic)] == [(0, "m0", 0, 0), (1, "m1", 1, 1)]


def test_markers_and_aborted_records_are_in_the_log(lab: Lab) -> None:
    topic, producer = lab.topic("orders"), lab.producer(transactional_id="mover")
    producer.init_transactions()
    for value, end in ((b"a", producer.commit_transaction), (b"b", producer.abort_transaction)):
        producer.begin_transaction()
        producer.send(topic, value).get()
        end()
    producer.begin_transaction()
    producer.send(topic, b"c").get()
    assert [(c.kind, c.value, c.txn) for c in lab.log(topic)] == [
        ("data", "a", "committed"), ("commit", "", "committed"), ("data", "b", "aborted"), ("abort", "", "aborted"), ("data", "c", "open")]
    assert [r.value for r in lab.consumer(topic, isolation_level="read_committed")] == [b"a"]
    assert [r.value for r in lab.consumer(topic, isolation_level="read_committed").to_end()] == [b"a"]
    assert [r.value for r in lab.consumer(topic).to_end()] == [b"a", b"b", b"c"]
    assert [e.what for e in lab.history().of(Kind.TXN)] == ["begin", "add partition", "commit", "begin", "add partition", "abort",
                                                            "begin", "add partition"]


def test_reading_to_the_end_of_nothing(lab: Lab) -> None:
    assert list(lab.consumer(lab.topic("empty", partitions=2)).to_end()) == []
    with pytest.raises(LessonError, match="subscribed to no topic"):
        list(lab.consumer().to_end())


def test_a_killed_producer_is_dead(lab: Lab) -> None:
    topic, producer = lab.topic("orders"), lab.producer(enable_idempotence=True)
    lab.faults({1: "kill producer"})
    future = producer.send(topic, b"m0")
    with pytest.raises(LessonError, match="killed"):
        future.get()
    with pytest.raises(LessonError, match="killed"):
        producer.send(topic, b"m1")
    assert (lab.history().values(), lab.history().told) == (["m0"], {0: "unknown"})


def test_an_expired_idempotent_producer_does_not_keep_the_lab(lab: Lab) -> None:
    """m0 expires half a second into its second try: much later, and the try itself would end m0, and m1 would be sent."""
    history = lab.run(3, faults="1+: lose ack silently", delivery_timeout_ms=1_500, request_timeout_ms=1_000)
    assert (history.values(), history.told) == (["m0"], {0: "unknown", 1: "unknown"})
    assert [e.what for e in history.of(Kind.PRODUCER)] == ["stuck"]
    assert lab.run(2).values() == ["m0", "m1"]


def test_lost_request_and_lost_ack_are_the_same_exception(lab: Lab) -> None:
    settings = {"idempotence": False, "delivery_timeout_ms": 1_500, "request_timeout_ms": 1_000}
    lost_request = lab.run(1, faults="1+: lose request silently", **settings)
    lost_ack = lab.run(1, faults="1+: lose ack silently", **settings)
    told = [[(e.what, e.note) for e in history.reports] for history in (lost_request, lost_ack)]
    assert told == [[("unknown", "KafkaTimeoutError")]] * 2
    assert lost_request.values() == [] and len(lost_ack.values()) > 1


@pytest.mark.parametrize("faults", [None, "1: kill producer", "1+: lose request"])
def test_once_a_run_is_over_nothing_of_it_can_arrive_any_more(lab: Lab, faults: str | None) -> None:
    lab.run(1, faults=faults, delivery_timeout_ms=700, request_timeout_ms=200)
    clients = lab.proxy.recording.client_ids
    assert clients and clients <= lab.proxy.dead
    assert lab.producer().client_id not in lab.proxy.dead


def test_a_wait_with_a_limit_says_the_limit(lab: Lab) -> None:
    topic = lab.topic("orders")
    lab.faults({1: "lose ack silently"})
    with pytest.raises(KafkaTimeoutError, match=r"No answer within 0\.3 s.*may be stored already"):
        lab.producer().send(topic, b"m0").get(0.3)


def test_a_producer_that_is_dropped_is_closed_elsewhere(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Python may drop it in the event loop of another client, which must not wait. And the log of the others goes on."""
    monkeypatch.setattr("kafka.producer.kafka.log", logging.getLogger("kafka.producer.kafka"))  # an earlier test may have silenced it
    closed: queue.SimpleQueue[threading.Thread] = queue.SimpleQueue()
    close = LabProducer.close
    monkeypatch.setattr(LabProducer, "close", lambda self, *rest: (close(self, *rest), closed.put(threading.current_thread())))
    held = [lab.producer()]
    sender = held[0]._sender
    other = threading.Thread(target=held.clear)
    other.start()
    assert closed.get(timeout=30) not in (other, threading.main_thread())
    assert not sender.is_alive()
    lab.producer()
    assert closed.get(timeout=30) is threading.main_thread()
    lab.starts(acks=1)
    assert "Idempotence will be disabled" in lab.client_log()


def test_whose_name_is_a_bare_release(lab: Lab) -> None:
    assert lab.choice.is_release
    assert not replace(lab.choice, name="Apache Kafka 4.4.0").is_release
    assert not replace(lab.choice, name="10.0.0.1:9092").is_release


def test_whether_a_producer_starts(lab: Lab) -> None:
    assert lab.starts() == "It starts, with idempotence on."
    assert lab.starts(acks=1) == "It starts, with idempotence off."
    assert "incompatible" in lab.starts(acks=1, enable_idempotence=True)


def test_each_topic_is_new_and_has_the_suffix(lab: Lab) -> None:
    first, second = lab.topic("orders"), lab.topic("orders")
    assert first != second and first.endswith(lab.topics.suffix) and second.endswith(lab.topics.suffix)
    send(lab, first, "m0")
    assert lab.log(second) == ()
    assert {lab.topics.short(first), lab.topics.short(second)} == {"orders"}


def test_groups_and_transactional_ids_have_the_suffix(lab: Lab) -> None:
    assert lab.producer(transactional_id="mover").config["transactional_id"].endswith(lab.topics.suffix)
    assert lab.consumer(group_id="readers").config["group_id"].endswith(lab.topics.suffix)


def test_client_noise_goes_to_the_lab(lab: Lab, capfd: pytest.CaptureFixture[str]) -> None:
    lab.run(3, faults={2: "lose ack"}, idempotence=False)
    assert "socket disconnected" in lab.client_log()
    assert capfd.readouterr() == ("", "")


def test_nothing_is_left_when_it_stops() -> None:
    start_lab("embedded").stop()
    threads, descriptors = set(threading.enumerate()), len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    lab = start_lab("embedded")
    topic = lab.topic("orders")
    send(lab, topic, "m0")
    list(lab.consumer(topic))
    lab.admin()
    lab.run(2, faults={1: "lose ack silently"}, request_timeout_ms=300)
    lab.stop()
    lab.stop()
    assert set(threading.enumerate()) <= threads  # less, where something of an earlier test ended only now
    assert not descriptors or len(os.listdir("/proc/self/fd")) <= descriptors


def test_an_ok_that_nobody_asked_for_says_so(lab: Lab) -> None:
    for run in (lab.run(1, acks=0, idempotence=False), simulate(1, acks=0, idempotence=False)):
        assert [(told.what, told.offset, told.note) for told in run.reports] == [("ok", None, "no answer was asked for")]


def test_a_broker_that_was_there_before_is_there_afterwards(embedded: EmbeddedBroker) -> None:
    lab = start_lab(embedded)
    lab.stop()
    assert lab.choice.embedded is None and embedded.running


def test_a_second_lab_replaces_the_first() -> None:
    first = start_lab("embedded")
    second = start_lab("embedded")
    assert not first.proxy.running and second.run(1).values() == ["m0"]
    second.stop()


@pytest.mark.kafka
def test_topics_on_a_real_broker_are_deleted(kafka_address: str) -> None:
    lab = start_lab(kafka_address)
    lab.topic("orders")
    lab.run(1)
    suffix = lab.topics.suffix
    assert len([name for name in topics_at(kafka_address) if name.endswith(suffix)]) == 2
    lab.stop()
    assert soon(lambda: not [name for name in topics_at(kafka_address) if name.endswith(suffix)])


@pytest.mark.kafka
def test_topics_of_a_killed_kernel_are_deleted_by_the_next_lab(kafka_address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    left = topics.Topics(kafka_address)
    left.suffix = f"{topics.learner()}-999999999-1"
    name = left.make("orders")
    monkeypatch.setattr(topics, "_is_alive", lambda pid: pid != 999999999)
    lab = start_lab(kafka_address)
    assert soon(lambda: name not in topics_at(kafka_address))
    lab.stop()
