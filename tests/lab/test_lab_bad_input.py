"""What learners get wrong, and what happens to them: one sentence, and the next cell works."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from lesson_lib import measure_cost, measure_distance, start_lab
from lesson_lib.broker.embedded import EmbeddedBroker
from lesson_lib.errors import LessonError
from lesson_lib.lab.choose_broker import VARIABLE
from lesson_lib.lab.lab import Lab

Mortal = Callable[[], tuple[Lab, EmbeddedBroker]]


@pytest.fixture
def taken_port() -> Iterator[int]:
    """A port where something listens that is no Kafka broker and says nothing."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


def is_one_sentence(error: pytest.ExceptionInfo[LessonError]) -> bool:
    """Whether the error has no traceback and ends its sentence."""
    return str(error.value).endswith(".") and "\n" not in str(error.value) and error.value.__cause__ is None


def under_way(lab: Lab) -> None:
    """Wait until a run has made its second attempt."""
    while lab.proxy.recording.attempts < 2:
        time.sleep(0.01)


@pytest.mark.parametrize("address", ["127.0.0.1:1", "no-such-host.invalid:9092", "127.0.0.1:1,127.0.0.1:2"])
def test_no_broker_at_the_address(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, address)
    with pytest.raises(LessonError, match=f"{VARIABLE} says '{address}', but no Kafka broker answers") as error:
        start_lab()
    assert is_one_sentence(error)


@pytest.mark.parametrize("address", ["nonsense", ":9092", "127.0.0.1:", "127.0.0.1:99999", ",", "127.0.0.1:kafka"])
def test_an_address_that_is_none(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, address)
    with pytest.raises(LessonError, match="not host:port") as error:
        start_lab()
    assert is_one_sentence(error)


def test_something_else_listens_at_the_address(taken_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, f"127.0.0.1:{taken_port}")
    with pytest.raises(LessonError, match="no Kafka broker answers"):
        start_lab()


def test_the_variable_may_name_the_embedded_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "embedded")
    lab = start_lab()
    assert lab.choice.embedded is not None
    lab.stop()


def test_of_several_addresses_the_first_that_answers(mortal: Mortal, monkeypatch: pytest.MonkeyPatch) -> None:
    _, broker = mortal()
    monkeypatch.setenv(VARIABLE, f"127.0.0.1:1, {broker.address}")
    assert start_lab().choice.text == broker.address


def test_a_busy_port(taken_port: int) -> None:
    with pytest.raises(LessonError, match=f"{taken_port}") as error:
        start_lab("embedded", port=taken_port)
    assert is_one_sentence(error)
    assert not [thread for thread in threading.enumerate() if thread.name in ("embedded broker", "fault proxy")]


@pytest.mark.parametrize(("broker", "version"), [("embedded", "0.9"), ("embedded", "four"), (17, "4.4"), ("localhost", "4.4")])
def test_no_such_broker(broker: object, version: str) -> None:
    with pytest.raises(LessonError):
        start_lab(broker, version=version)


def test_a_broker_that_dies_during_a_run(mortal: Mortal) -> None:
    lab, broker = mortal()
    threading.Thread(target=lambda: (under_way(lab), broker.stop())).start()
    with pytest.raises(LessonError, match=f"{broker.address} no longer answers") as error:
        lab.run(100_000)
    assert is_one_sentence(error)
    for call in (lambda: lab.run(1), lab.history, lambda: lab.topic("orders"), lab.producer, lab.admin, lambda: lab.consumer("orders")):
        with pytest.raises(LessonError, match="no longer answers"):
            call()
    assert start_lab("embedded").run(1).values() == ["m0"]


@pytest.mark.parametrize("call", [lambda lab: lab.run(1), lambda lab: lab.topic("orders"), lambda lab: lab.log("orders")])
def test_a_broker_that_dies_after_the_last_look_at_it(mortal: Mortal, call: Callable[[Lab], object]) -> None:
    lab, broker = mortal()
    broker.stop()
    with pytest.raises(LessonError, match=f"{broker.address} no longer answers") as error:
        call(lab)
    assert is_one_sentence(error)


def test_a_connection_that_breaks_while_the_broker_lives(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ConnectionResetError("reset")

    monkeypatch.setattr("lesson_lib.lab.as_history.read_topic", broken)
    with pytest.raises(LessonError, match="broke .reset.; run this cell again") as error:
        lab.log("orders")
    assert is_one_sentence(error)


def test_a_broker_that_dies_and_comes_back(mortal: Mortal) -> None:
    lab, broker = mortal()
    topic, producer = lab.topic("orders"), lab.producer(enable_idempotence=True)
    producer.send(topic, b"m0").get()
    broker.stop()
    with pytest.raises(LessonError, match="no longer answers"):
        producer.send(topic, b"m1").get()
    again = EmbeddedBroker(port=broker.port).start()
    assert lab.run(2, faults={2: "lose ack"}).values() == ["m0", "m1"]
    again.stop()


def test_a_broker_that_is_gone_when_a_consumer_polls(mortal: Mortal) -> None:
    lab, broker = mortal()
    consumer = lab.consumer(lab.topic("orders"))
    consumer.poll(100)
    broker.stop()
    with pytest.raises(LessonError, match="no longer answers"):
        for _ in range(30):
            consumer.poll(200)


@pytest.mark.parametrize(("call", "words"), [
    (lambda lab: lab.run(3, faults={2: "loose ack"}), "There is no fault 'loose ack'"),
    (lambda lab: lab.run(3, faults={99: "lose ack"}), "only 3 requests were sent"),
    (lambda lab: lab.run(3, faults={0: "lose ack"}), "Requests are counted from 1"),
    (lambda lab: lab.run(0), "whole number from 1"),
    (lambda lab: lab.run("abc"), "Pass how many values"),
    (lambda lab: lab.run(3, colour="red"), "unexpected keyword argument 'colour'; its arguments are values_or_count, faults"),
    (lambda lab: start_lab(colour="red"), "unexpected keyword argument 'colour'; its arguments are broker, version, port, world"),
    (lambda lab: lab.run(3, acks=2), "acks must be"),
    (lambda lab: lab.run(3, acks=1), "incompatible"),
    (lambda lab: lab.run(3, retries=0), "incompatible"),
    (lambda lab: lab.run(3, retries="many"), "retries must be"),
    (lambda lab: lab.run(3, in_flight=0), "in_flight must be"),
    (lambda lab: lab.run(3, records_per_batch=0), "records_per_batch must be"),
    (lambda lab: lab.run(3, delivery_timeout_ms=100), "delivery_timeout_ms"),
    (lambda lab: lab.faults({1: "explode"}), "There is no fault 'explode'"),
    (lambda lab: lab.log("no-such-topic"), "no partition 0 of a topic 'no-such-topic'"),
    (lambda lab: lab.topic("two words"), "can't be the name of a topic"),
    (lambda lab: lab.topic("orders", partitions=0), "1 to 64 partitions"),
    (lambda lab: lab.producer(enable_idempotence=True, acks=1), "incompatible"),
    (lambda lab: lab.producer(colour="red"), "does not understand"),
    (lambda lab: measure_cost(lab, 0), "records must be"),
    (lambda lab: measure_distance(lab, records="many"), "records must be"),
    (lambda lab: lab.producer(acks="1"), "acks is a number, 0 or 1"),
])
def test_a_mistake_is_one_sentence_and_the_next_cell_works(lab: Lab, call: Callable[[Lab], object], words: str) -> None:
    with pytest.raises(LessonError, match=words) as error:
        call(lab)
    assert is_one_sentence(error)
    assert lab.run(1).values() == ["m0"]


def test_a_script_by_hand_that_was_not_used_up(lab: Lab) -> None:
    topic = lab.topic("orders")
    lab.faults({9: "lose ack"})
    lab.producer(enable_idempotence=True).send(topic, b"m0").get()
    with pytest.raises(LessonError, match="'9: lose ack' never happened"):
        lab.history()


@pytest.mark.usefixtures("interruptible")
def test_an_interrupted_run(lab: Lab) -> None:
    threading.Thread(target=lambda: (under_way(lab), os.kill(os.getpid(), signal.SIGINT))).start()
    with pytest.raises(LessonError, match="interrupted"):
        lab.run(3, faults={2: "lose ack silently"}, request_timeout_ms=20_000, delivery_timeout_ms=30_000)
    assert not [t for t in threading.enumerate() if t.name.endswith("-network-thread") or t.name.startswith("lab-run")]
    assert lab.run(2, faults={2: "lose ack"}).values() == ["m0", "m1"]


def test_a_lab_that_was_stopped_says_so(lab: Lab) -> None:
    topic, producer = lab.topic("orders"), lab.producer(enable_idempotence=True)
    lab.stop()
    for call in (lambda: lab.run(1), lab.producer, lambda: lab.topic("x"), lambda: producer.send(topic, b"m")):
        with pytest.raises(LessonError, match="start_lab"):
            call()
