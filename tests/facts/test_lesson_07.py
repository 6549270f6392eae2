"""What lesson 7 says of transactions, held against Apache Kafka, the embedded broker, and the clients."""

from __future__ import annotations

import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kafka import TopicPartition
from kafka.errors import KafkaError
from kafka.structs import OffsetAndMetadata

from course_tools.apache_kafka import maven
from lesson_lib.core.kafka_version import KafkaVersion
from lesson_lib.errors import LessonError
from lesson_lib.history import Kind, LogCell
from lesson_lib.lab.clients import LabProducer
from lesson_lib.lab.compose import read_compose
from lesson_lib.lab.lab import Lab

PATIENCE_SECONDS = 20.0
SHORT = {"delivery_timeout_ms": 1_500, "request_timeout_ms": 1_000}  # long enough for a first try on a busy machine


def started(lab: Lab, transactional_id: str, **options: Any) -> LabProducer:
    """A transactional producer after `init_transactions()`."""
    producer = lab.producer(transactional_id=transactional_id, **options)
    producer.init_transactions()
    return producer


def words(cells: tuple[LogCell, ...]) -> str:
    """A log, markers in capitals."""
    return " ".join(cell.value or cell.kind.upper() for cell in cells)


def read(lab: Lab, topic: str, **options: Any) -> list[str]:
    """What a consumer is handed, up to the end that it may see."""
    where, found = TopicPartition(topic, 0), []
    with lab.consumer(**options) as consumer:
        consumer.assign([where])
        consumer.seek_to_beginning(where)
        end = consumer.end_offsets([where])[where]
        while consumer.position(where) < end:
            found += consumer.poll(timeout_ms=200).get(where, [])
    return [record.value.decode() for record in found]


def in_time(ready: Callable[[], bool]) -> bool:
    """Whether it is so before long."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not (done := ready()) and time.monotonic() < end:
        time.sleep(0.05)
    return done


def told(call: Callable[[], Any]) -> str:
    """The name of the exception, "ok" without one."""
    try:
        call()
    except KafkaError as error:
        return type(error).__name__
    return "ok"


def error_of(call: Callable[[], Any]) -> str:
    """What the exception says, "" without one."""
    try:
        call()
    except KafkaError as error:
        return str(error)
    return ""


@pytest.mark.fact("no-transaction-no-together")
def test_half_an_order_is_stored_without_a_transaction(lab: Lab) -> None:
    """`order`, and no `stock`."""
    topic = lab.topic("fact", partitions=2)
    producer = lab.producer()
    producer.send(topic, b"order", partition=0).get()
    producer.kill()
    assert (words(lab.log(topic, 0)), words(lab.log(topic, 1))) == ("order", "")


@pytest.mark.fact("marker-takes-an-offset")
def test_a_marker_takes_an_offset_in_every_partition(lab: Lab) -> None:
    """The coordinator decides, and a marker that takes an offset is written into every partition."""
    topic = lab.topic("fact", partitions=2)
    shop = started(lab, "markers")
    shop.begin_transaction()
    shop.send(topic, b"order", partition=0).get()
    shop.send(topic, b"stock", partition=1).get()
    shop.commit_transaction()
    assert [words(lab.log(topic, n)) for n in (0, 1)] == ["order COMMIT", "stock COMMIT"]
    assert lab.producer().send(topic, b"next", partition=0).get().offset == 2


def one_of_each(lab: Lab, topic: str) -> None:
    """`a` is committed, `x` is aborted."""
    shop = started(lab, "levels")
    for value, end in ((b"a", shop.commit_transaction), (b"x", shop.abort_transaction)):
        shop.begin_transaction()
        shop.send(topic, value).get()
        end()


def handed_by_librdkafka(lab: Lab, topic: str, **settings: str) -> list[str]:
    """What a librdkafka consumer is handed up to the end of the log."""
    library = pytest.importorskip("confluent_kafka")
    consumer = library.Consumer({"bootstrap.servers": lab.address, "group.id": "unused", "enable.partition.eof": True,
                                 **{name.replace("_", "."): value for name, value in settings.items()}})
    consumer.assign([library.TopicPartition(topic, 0, library.OFFSET_BEGINNING)])
    values = []
    while (message := consumer.poll(20)) is not None and not message.error():
        values.append(message.value().decode())
    consumer.close()
    assert message and message.error().code() == library.KafkaError._PARTITION_EOF
    return values


@pytest.mark.java
@pytest.mark.fact("read-uncommitted-is-default")
def test_the_default_of_java_shows_what_was_aborted_and_that_of_librdkafka_does_not(lab: Lab, topic: str,
                                                                                   java: Callable[..., list[str]]) -> None:
    """In Java and kafka-python read_committed is not the default; in librdkafka it is."""
    one_of_each(lab, topic)
    assert java(lab.address, topic, "!read") == ["a x"]
    assert handed_by_librdkafka(lab, topic) == ["a"]
    assert handed_by_librdkafka(lab, topic, isolation_level="read_uncommitted") == ["a", "x"]


@pytest.mark.fact("abort-removes-nothing", "read-uncommitted-is-default")
def test_what_was_aborted_stays_and_the_default_shows_it(lab: Lab, topic: str) -> None:
    """Aborting removes nothing; only read_committed leaves out what was aborted, and in kafka-python it is not the default."""
    one_of_each(lab, topic)
    assert words(lab.log(topic)) == "a COMMIT x ABORT"
    assert read(lab, topic) == read(lab, topic, isolation_level="read_uncommitted") == ["a", "x"]
    assert read(lab, topic, isolation_level="read_committed") == ["a"]


@pytest.mark.fact("lag-of-one")
def test_a_lag_of_one_that_nobody_can_work_off(lab: Lab, topic: str) -> None:
    """No consumer is handed a marker, and who commits "last record read + 1" shows a lag of 1 for ever."""
    shop = started(lab, "lag")
    shop.begin_transaction()
    last = shop.send(topic, b"a").get().offset
    shop.commit_transaction()
    assert words(lab.log(topic)) == "a COMMIT"
    with lab.consumer(isolation_level="read_committed", consumer_timeout_ms=500) as consumer:
        where = TopicPartition(topic, 0)
        consumer.assign([where])
        assert [record.offset for record in consumer] == [last]
        assert consumer.end_offsets([where])[where] - (last + 1) == 1


@pytest.mark.fact("open-transaction-holds-back", "coordinator-gives-up", "given-up-error")
def test_an_open_transaction_holds_back_what_lies_behind_it(lab: Lab, topic: str) -> None:
    """Whatever lies behind waits, of whomever it is, until the coordinator gives the producer up, which then is told so."""
    slow = started(lab, "slow", transaction_timeout_ms=1_500)
    slow.begin_transaction()
    slow.send(topic, b"s0").get()
    lab.producer().send(topic, b"o0").get()
    with lab.consumer(topic, isolation_level="read_committed", consumer_timeout_ms=300) as careful:
        assert list(careful) == []
        assert in_time(lambda: words(lab.log(topic)) == "s0 o0 ABORT")
        assert in_time(lambda: [record.value for record in careful] == [b"o0"])
    assert told(lambda: slow.send(topic, b"s1").get()) == "InvalidProducerEpochError"


@pytest.mark.fact("one-minute")
def test_transactions_time_out_after_a_minute_by_default(lab: Lab) -> None:
    """`transaction.timeout.ms`, one minute by default."""
    assert lab.producer().config["transaction_timeout_ms"] == 60_000


@pytest.mark.fact("successor-fences")
def test_a_successor_aborts_and_fences(lab: Lab, topic: str) -> None:
    """Same transactional_id, same producer id, epoch raised by two: to end what was open, and for the newcomer."""
    old = started(lab, "zombie")
    old.begin_transaction()
    old.send(topic, b"a0").get()
    new = started(lab, "zombie")
    assert told(lambda: old.send(topic, b"a1").get()) == "InvalidProducerEpochError"
    assert words(lab.log(topic)) == "a0 ABORT"
    inits = [(e.producer_id, e.producer_epoch) for e in lab.history().of(Kind.INIT) if e.note.startswith("zombie")]
    assert len({producer_id for producer_id, _ in inits}) == 1
    assert max(epoch for _, epoch in inits) == min(epoch for _, epoch in inits) + 2
    assert in_time(lambda: told(old.begin_transaction) == "KafkaError")
    new.begin_transaction()
    new.send(topic, b"b0").get()
    new.commit_transaction()
    assert words(lab.log(topic)) == "a0 ABORT b0 COMMIT"


@pytest.mark.fact("zombie-takes-successor-down")
def test_a_zombie_of_kafka_python_takes_its_successor_down(lab: Lab, topic: str) -> None:
    """kafka-python 3.0.12: once it is refused a zombie asks for a new epoch by itself, and an open transaction of its successor is
    aborted for that, the successor fenced."""
    old = started(lab, "down")
    old.begin_transaction()
    old.send(topic, b"a0").get()
    new = started(lab, "down")
    new.begin_transaction()
    new.send(topic, b"b0").get()
    assert told(lambda: old.send(topic, b"a1").get()) == "InvalidProducerEpochError"
    assert in_time(lambda: words(lab.log(topic)) == "a0 ABORT b0 ABORT")
    assert told(lambda: new.send(topic, b"b1").get()) == "InvalidProducerEpochError"


@pytest.mark.fact("producer-fenced-error")
def test_a_zombie_that_has_to_add_its_partition(lab: Lab, topic: str) -> None:
    """`ProducerFencedError`: another one has your id."""
    old = started(lab, "late")
    started(lab, "late")
    old.begin_transaction()
    assert told(lambda: old.send(topic, b"late").get()) == "ProducerFencedError"
    assert words(lab.log(topic)) == ""


@pytest.mark.fact("nobody-fenced-without-id")
def test_without_a_transactional_id_nobody_is_fenced(lab: Lab, topic: str) -> None:
    """Without a transactional_id nobody is."""
    old, new = lab.producer(), lab.producer()
    assert [told(lambda p=p, v=v: p.send(topic, v).get()) for p, v in ((old, b"a0"), (new, b"b0"), (old, b"a1"))] == ["ok"] * 3


@pytest.mark.fact("transactional-id-brings-idempotence")
def test_a_transactional_id_without_idempotence_is_refused(lab: Lab) -> None:
    """With `enable_idempotence=False` it is refused."""
    with pytest.raises(LessonError, match="transactional_id"):
        lab.producer(transactional_id="x", enable_idempotence=False)
    assert lab.producer(transactional_id="x").config["enable_idempotence"] is True


@pytest.mark.fact("position-in-transaction")
def test_a_position_counts_only_with_its_transaction(lab: Lab, topic: str) -> None:
    """Result and position become one step, so a crash leaves both or neither."""
    where = TopicPartition(lab.topic("in"), 0)
    with lab.consumer(group_id="positions", enable_auto_commit=False) as reader:
        reader.assign([where])
        first = with_position(lab, topic, reader, where)
        first.kill()
        second = with_position(lab, topic, reader, where)  # a successor, which aborts what was open
        assert words(lab.log(topic)) == "A ABORT A"
        second.abort_transaction()
        assert in_time(lambda: words(lab.log(topic)) == "A ABORT A ABORT") and reader.committed(where) is None
        third = with_position(lab, topic, reader, where)
        third.commit_transaction()
        assert in_time(lambda: reader.committed(where) == 1)
    assert words(lab.log(topic)) == "A ABORT A ABORT A COMMIT"


def with_position(lab: Lab, topic: str, reader: Any, where: TopicPartition) -> LabProducer:
    """A producer in the middle of a transaction with a result and a position."""
    writer = started(lab, "positions")
    writer.begin_transaction()
    writer.send(topic, b"A").get()
    writer.send_offsets_to_transaction({where: OffsetAndMetadata(1, "", -1)}, reader.group_metadata())
    return writer


@pytest.mark.fact("kafka-python-commits-half")
def test_kafka_python_commits_what_a_failed_send_left_half(lab: Lab, topic: str) -> None:
    """All or nothing is said of what reached the transaction; kafka-python 3.0.12 does not throw at the commit."""
    lab.faults({"2+": "lose request silently"})  # on a torn connection the time may end amid a try, which is another exception
    careless = started(lab, "careless", **SHORT)
    careless.begin_transaction()
    careless.send(topic, b"order").get()
    lost = careless.send(topic, b"stock")
    careless.commit_transaction()
    assert type(lost.exception).__name__ == "KafkaTimeoutError"
    assert words(lab.log(topic)) == "order COMMIT"


@pytest.mark.fact("error-timeout-abort")
def test_after_a_time_out_abort_works(lab: Lab, topic: str) -> None:
    """`KafkaTimeoutError`: unknown; `abort_transaction()`, begin all of it again."""
    lab.faults({"2+": "lose ack silently"})
    shop = started(lab, "timeout", **SHORT)
    shop.begin_transaction()
    shop.send(topic, b"a").get()
    assert told(lambda: shop.send(topic, b"b").get()) == "KafkaTimeoutError"
    shop.abort_transaction()
    assert words(lab.log(topic)) == "a b ABORT"


@pytest.mark.parametrize(("code", "name"), [(10, "MessageSizeTooLargeError"), (87, "InvalidRecordError")])
@pytest.mark.fact("error-refused-abort")
def test_after_a_refused_record_only_abort_is_possible(lab: Lab, topic: str, code: int, name: str) -> None:
    """`MessageSizeTooLargeError`, `InvalidRecordError`: refused; abort, mend the record."""
    lab.faults({2: f"refuse {code}"})
    shop = started(lab, f"refused-{code}")
    shop.begin_transaction()
    shop.send(topic, b"a").get()
    assert told(lambda: shop.send(topic, b"b").get()) == name
    assert told(shop.commit_transaction) == "KafkaError"
    assert told(shop.abort_transaction) == "ok"
    assert words(lab.log(topic)) == "a ABORT"


EVERY_LAB = ["embedded", "embedded 4.1", "embedded 4.0", "embedded 3.9", pytest.param("kafka", marks=pytest.mark.kafka)]


@pytest.mark.fact("error-out-of-order-over")
@pytest.mark.parametrize("lab", EVERY_LAB, indirect=True)
def test_after_an_out_of_order_error_the_transaction_is_over(lab: Lab, topic: str, release: KafkaVersion) -> None:
    """`OutOfOrderSequenceNumberError`: refused; the transaction is aborted; begin all of it again, before Kafka 4.1 with a new producer."""
    lab.faults({2: "refuse 45"})
    shop = started(lab, "gap")
    shop.begin_transaction()
    shop.send(topic, b"a").get()
    assert told(lambda: shop.send(topic, b"b").get()) == "OutOfOrderSequenceNumberError"
    assert in_time(lambda: words(lab.log(topic)) == "a ABORT")
    if not release.remembers_epoch_before_fence:  # the coordinator aborted for a new epoch; the client still asks with the one before
        assert in_time(lambda: "ProducerFencedError" in error_of(shop.begin_transaction))
        shop = started(lab, "gap")
    assert in_time(lambda: told(shop.begin_transaction) == "ok")
    shop.send(topic, b"again").get()
    shop.commit_transaction()
    assert words(lab.log(topic)) == "a ABORT again COMMIT"


@pytest.mark.fact("retriable-errors-stay-inside")
def test_retriable_errors_do_not_reach_the_application(lab: Lab, topic: str) -> None:
    """Retriable errors do not reach you."""
    lab.faults({1: "refuse 19", 2: "lose ack"})
    shop = started(lab, "retriable")
    shop.begin_transaction()
    assert told(lambda: shop.send(topic, b"a").get()) == "ok"
    shop.commit_transaction()
    assert words(lab.log(topic)) == "a COMMIT"


@pytest.mark.fact("kafka-python-no-metric")
def test_kafka_python_has_no_metric_for_it(lab: Lab, topic: str) -> None:
    """No metrics on sequence number resets or producer id fencing; those that are worth an alarm are there."""
    producer = lab.producer()
    producer.send(topic, b"a").get()
    names = {name for group in producer.metrics().values() for name in group}
    assert not [n for n in names if any(word in n for word in ("sequence", "id-", "epoch", "fenc"))]
    assert {"record-error-rate", "record-retry-rate", "request-latency-max"} <= names


@pytest.mark.java
@pytest.mark.fact("java-no-metric")
def test_the_java_client_has_none_either(lab: Lab, java: Callable[..., list[str]]) -> None:
    """Nor does the Java client have any."""
    (line,) = java(lab.address, "unused", "!metrics", transactional_id="metrics")
    names = line.split()
    assert "record-error-rate" in names and "txn-commit-time-ns-total" in names
    assert not [n for n in names if any(word in n for word in ("sequence", "producer-id", "epoch", "fenc"))]


@pytest.mark.java
@pytest.mark.fact("java-commit-throws")
def test_the_java_client_throws_at_the_commit(lab: Lab, topic: str, java: Callable[..., list[str]]) -> None:
    """Java's `commitTransaction()` throws the error of a send that failed."""
    lab.faults({"2+": "lose request silently"})
    settings = {"transactional_id": f"half-{topic}", **SHORT}
    told = java(lab.address, topic, "!init", "!begin", "order", "~stock", "!commit", "!abort", **settings)
    assert told[:4] == ["ok", "ok", "ok 0", "not asked"] and told[4].endswith("Exception")
    assert in_time(lambda: words(lab.log(topic)) == "order ABORT")


@pytest.mark.fact("fenced-in-the-log")
def test_a_fenced_producer_says_so_in_its_log(lab: Lab) -> None:
    """A fenced producer says so in its log."""
    old = started(lab, "log")
    started(lab, "log")
    old.begin_transaction()
    old.send(lab.topic("fact"), b"late")
    assert in_time(lambda: any(old.client_id in line and "Fenced" in line for line in lab.client_log().splitlines()))


@pytest.mark.java
@pytest.mark.fact("broker-metrics")
def test_the_broker_has_the_metrics_that_are_named() -> None:
    """On the broker watch FailedProduceRequestsPerSec, ProducerIdCount, and PartitionsWithLateTransactionsCount."""
    jars = [Path(jar) for jar in maven.classpath(maven.kafka_server(read_compose().version)).split(":")]
    code = b"".join(zipped.read(name) for jar in jars if jar.name.startswith("kafka") for zipped in [zipfile.ZipFile(jar)]
                    for name in zipped.namelist() if name.endswith(".class"))
    for metric in (b"FailedProduceRequestsPerSec", b"ProducerIdCount", b"PartitionsWithLateTransactionsCount"):
        assert metric in code
