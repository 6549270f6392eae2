"""What lesson 5 says of restarts, `close`, time-outs and positions, held against both brokers and the clients."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import islice

import pytest
from kafka import KafkaProducer, TopicPartition
from kafka.errors import KafkaError, KafkaTimeoutError
from kafka.structs import OffsetAndMetadata

from lesson_lib.history import Kind
from lesson_lib.lab.forge import forge
from lesson_lib.lab.lab import Lab

from .classes import is_there

SHORT = {"delivery_timeout_ms": 3_000, "request_timeout_ms": 2_000}  # long enough for a try on a busy machine


@pytest.mark.incident(15, "lesson 5")
@pytest.mark.fact("restart-is-a-new-id")
def test_three_lives_are_three_ids(lab: Lab, topic: str) -> None:
    """Without a `transactional_id` no id is used twice, however a producer ended; each begins at 0: what is sent again is stored again."""
    lab.faults({2: "kill producer"})
    for ending in ("closed", "killed", "started"):
        producer = lab.producer()
        future = producer.send(topic, b"m")
        producer.flush(timeout=1) if ending == "killed" else future.get()
        if ending == "closed":
            producer.close()
    cells = lab.log(topic)
    assert [cell.value for cell in cells] == ["m"] * 3
    assert len({cell.producer_id for cell in cells}) == 3
    assert [event.base_sequence for event in lab.history().of(Kind.SEND)] == [0, 0, 0]


@pytest.mark.fact("close-tells-nothing")
def test_close_tells_the_broker_nothing_about_the_id(lab: Lab, topic: str) -> None:
    """`close` tells the broker nothing about the id: what comes under it later is stored as before."""
    producer = lab.producer()
    producer.send(topic, b"m0").get()
    producer.close()
    bench = forge(lab, topic)
    (known,) = bench.describe_producers().rows
    answer = bench.send(known.producer_id, known.epoch, known.last_sequence + 1)
    bench.close()
    assert str(answer) == "stored at offset 1"


@pytest.mark.fact("close-waits")
def test_close_waits_for_what_is_on_its_way(lab: Lab, topic: str) -> None:
    """`close` waits for what is still on its way."""
    lab.faults({1: "delay 200"})
    producer = lab.producer(linger_ms=2_000)
    future = producer.send(topic, b"m0")
    producer.close()
    assert future.is_done and future.get().offset == 0


@pytest.mark.fact("kafka-python-asks-once")
def test_an_id_that_does_not_come(lab: Lab, topic: str) -> None:
    """`kafka-python` asks for its producer id once: without an answer within `request_timeout_ms` every send fails with `KafkaError`."""
    lab.faults({"InitProducerId 1": "lose ack silently"})
    with lab.producer(**SHORT) as producer:
        for value in (b"m0", b"m1"):  # the broker would answer again by then
            with pytest.raises(KafkaError) as failed:
                producer.send(topic, value).get()
            assert type(failed.value) is KafkaError
    assert lab.proxy.recording.asked["InitProducerId"] == 1
    with lab.producer() as another:
        assert another.send(topic, b"m2").get().offset == 0


@pytest.mark.fact("timeout-means-unknown")
def test_a_time_out_is_the_same_in_both_worlds(lab: Lab) -> None:
    """No answer comes until `delivery.timeout.ms` is over: one exception in both worlds, and the record once in one of the logs."""
    runs = [lab.run(1, faults={"1+": fault}, **SHORT) for fault in ("lose ack silently", "lose request silently")]
    assert [[(report.what, report.note) for report in run.reports] for run in runs] == [[("unknown", "KafkaTimeoutError")]] * 2
    assert [run.values() for run in runs] == [["m0"], []]


@pytest.mark.java
@pytest.mark.fact("java-timeout-is-unknown")
@pytest.mark.parametrize(("fault", "stored"), [("lose ack silently", ["m0"]), ("lose request silently", [])])
def test_a_java_time_out_is_the_same_in_both_worlds(lab: Lab, topic: str, java: Callable[..., list[str]], fault: str,
                                                    stored: list[str]) -> None:
    """The Java client says `TimeoutException` when `delivery.timeout.ms` is over, whether the record is stored or not."""
    assert java(lab.address, lab.topic("first"), "m") == ["ok 0"]  # the first send of a Java process takes its time
    lab.faults({"1+": fault})
    assert java(lab.address, topic, "m0", **SHORT) == ["TimeoutException"]
    assert [cell.value for cell in lab.log(topic)] == stored


@pytest.mark.incident(6, "lesson 5")
@pytest.mark.fact("kafka-python-never-sends-again")
def test_kafka_python_sends_nothing_more_once_a_retry_expired(lab: Lab, topic: str) -> None:
    """The installed `kafka-python` 3.0.12 never sends again after this; start a new producer."""
    lab.faults({"1+": "lose ack silently"})
    stuck = lab.producer(**SHORT)
    with pytest.raises(KafkaTimeoutError):
        stuck.send(topic, b"m0").get()
    lab.faults()
    with pytest.raises(KafkaTimeoutError):  # from `get`: without a limit it would wait for ever
        stuck.send(topic, b"m1").get(1)
    assert lab.history().attempts == []
    assert lab.producer().send(topic, b"m2").get().offset == 1


@pytest.mark.fact("kafka-python-first-try-expired")
@pytest.mark.parametrize(("fault", "next_record", "stored"), [
    ("lose request silently", "OutOfOrderSequenceNumberError", ["warm", "m2"]),
    ("lose ack silently", "ok", ["warm", "m0", "m1", "m2"])])
def test_after_a_first_try_expired_the_producer_goes_on(lab: Lab, topic: str, fault: str, next_record: str,
                                                        stored: list[str]) -> None:
    """`kafka-python` 3.0.12: a first try that ran into the end; its future fails with `RequestTimedOutError` or
    `KafkaTimeoutError`. Was its request lost, the next record fails with `OutOfOrderSequenceNumberError`; then it goes on."""
    lab.faults({2: fault})
    producer = lab.producer(delivery_timeout_ms=4_000, request_timeout_ms=4_000)  # a busy broker lets a new connection wait
    assert outcome(producer, topic, b"warm") == "ok"
    assert outcome(producer, topic, b"m0") in ("RequestTimedOutError", "KafkaTimeoutError")
    assert [outcome(producer, topic, value) for value in (b"m1", b"m2")] == [next_record, "ok"]
    assert [cell.value for cell in lab.log(topic)] == stored


def outcome(producer: KafkaProducer, topic: str, value: bytes) -> str:
    """What the future of one record says: ok, or the name of the exception."""
    try:
        producer.send(topic, value).get(20)
    except KafkaError as error:
        return type(error).__name__
    return "ok"


@pytest.mark.fact("kafka-python-timeouts-of-waiting")
def test_a_time_out_of_waiting_says_nothing_about_the_producer(lab: Lab, topic: str) -> None:
    """`send()` for a topic that is not there, `flush(timeout=...)` and `future.get(timeout=...)` of `kafka-python` raise
    `KafkaTimeoutError` as well; the producer is fine."""
    lab.faults({1: "delay 900"})
    producer = lab.producer(max_block_ms=3_000, allow_auto_create_topics=False)
    future = producer.send(topic, b"m0")
    with pytest.raises(KafkaTimeoutError):
        future.get(timeout=0.1)
    with pytest.raises(KafkaTimeoutError):
        producer.flush(timeout=0.1)
    with pytest.raises(KafkaTimeoutError):
        producer.send(f"{topic}-that-is-not-there", b"m")
    assert future.get(20).offset == 0
    assert producer.send(topic, b"m1").get(20).offset == 1


@pytest.mark.java
@pytest.mark.fact("java-resend-is-new")
def test_what_the_application_sends_again_is_a_new_record(lab: Lab, topic: str, java: Callable[..., list[str]]) -> None:
    """A new `send` is a new record; having given up on a number, the Java client has raised its epoch and counts from 0."""
    assert java(lab.address, lab.topic("first"), "m") == ["ok 0"]  # the first send of a Java process takes its time
    lab.faults({"1+": "lose ack"})
    settings = {"delivery_timeout_ms": 4000, "request_timeout_ms": 200, "reconnect_backoff_ms": 20}
    told = java(lab.address, topic, "m0", "m0", **settings)
    assert len(told) == 2 and set(told) <= {"TimeoutException", "NetworkException"}  # the second where its last try ended so
    sent = {(event.producer_epoch, event.base_sequence) for event in lab.history().of(Kind.SEND)}
    assert sent == {(0, 0), (1, 0)}
    assert [cell.value for cell in lab.log(topic)] == ["m0", "m0"]


@pytest.mark.fact("position-moves-when-committed")
def test_a_position_moves_when_it_is_committed(lab: Lab, topic: str) -> None:
    """A consumer that crashes between handling and committing reads twice; one that commits first skips."""
    where = TopicPartition(topic, 0)
    producer = lab.producer()
    for value in (b"m0", b"m1", b"m2"):
        producer.send(topic, value).get()

    def handed_after(committed: int, group: str) -> list[bytes]:
        """What a consumer is handed when the one before it had handled all and committed so far."""
        for count in (3, 3 - committed):
            with lab.consumer(group_id=group, enable_auto_commit=False, consumer_timeout_ms=10_000) as consumer:
                consumer.assign([where])
                values = [record.value for record in islice(consumer, count)]
                consumer.commit({where: OffsetAndMetadata(committed, "", -1)})
        return values
    assert handed_after(1, "after") == [b"m1", b"m2"]
    assert handed_after(2, "before") == [b"m2"]


@pytest.mark.fact("consumer-sees-no-number")
def test_a_consumer_is_handed_no_number(lab: Lab, topic: str) -> None:
    """A consumer knows nothing of sequences: the log holds one for each record, and what it is handed has no place for it."""
    lab.producer(enable_idempotence=True).send(topic, b"m").get()
    assert [cell.producer_id is not None for cell in lab.log(topic)] == [True]
    with lab.consumer(topic, consumer_timeout_ms=10_000) as consumer:
        record = next(consumer)
    assert (record.offset, record.value) == (0, b"m")
    assert not [name for name in record._fields if re.search("sequence|producer", name)]


@pytest.mark.java
@pytest.mark.fact("consumer-sees-no-number")
def test_a_java_consumer_is_handed_no_number() -> None:
    """A consumer knows nothing of sequences: the record that a Java consumer is handed has no place for one either."""
    assert is_there("ConsumerRecord", "timestamp") and not is_there("ConsumerRecord", "equence")
