"""What lesson 7 says of transactions, held against Apache Kafka, the embedded broker, and the clients."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import nbformat
import pytest
from kafka import TopicPartition
from kafka.errors import InvalidProducerEpochError, KafkaError, MessageSizeTooLargeError, ProducerFencedError
from kafka.protocol.admin import DescribeConfigsRequest
from kafka.structs import OffsetAndMetadata

from lesson_lib.core.kafka_version import KafkaVersion
from lesson_lib.errors import LessonError
from lesson_lib.history import Kind, LogCell
from lesson_lib.lab.choose_broker import find
from lesson_lib.lab.clients import LabProducer
from lesson_lib.lab.forge import forge
from lesson_lib.lab.lab import Lab, start_lab
from lesson_lib.wire import requests
from lesson_lib.wire.requests import RawClient, make_topic

from .classes import classes
from .register import ROOT
from .relay import END_TXN, PRODUCE, Relay

PATIENCE_SECONDS = 20.0
NOTEBOOKS = ROOT / "notebooks"
SHORT = {"delivery_timeout_ms": 3_000, "request_timeout_ms": 2_000}  # long enough for a try on a busy machine


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


def in_time(lab: Lab, ready: Callable[[], bool]) -> bool:
    """Whether it is so before long."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not (done := ready()) and time.monotonic() < end:
        lab.sleep(0.05)
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
    with lab.consumer(isolation_level="read_committed", consumer_timeout_ms=10_000) as consumer:
        where = TopicPartition(topic, 0)
        consumer.assign([where])
        assert next(consumer).offset == last
        assert consumer.poll(500) == {}, "the marker is nobody's record"
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
        assert in_time(lab, lambda: words(lab.log(topic)) == "s0 o0 ABORT")
        assert in_time(lab, lambda: [record.value for record in careful] == [b"o0"])
    assert told(lambda: slow.send(topic, b"s1").get()) == "InvalidProducerEpochError"


@pytest.mark.fact("given-up-error")
def test_who_was_only_too_slow_begins_again(lab: Lab, topic: str) -> None:
    """`InvalidProducerEpochError`: the coordinator gave up on you. It is not fenced for ever: begin again, in kafka-python as soon as
    the new epoch is there."""
    slow = started(lab, "too-slow", transaction_timeout_ms=1_500)
    slow.begin_transaction()
    slow.send(topic, b"s0").get()
    assert in_time(lab, lambda: words(lab.log(topic)) == "s0 ABORT")
    assert told(lambda: slow.send(topic, b"s1").get()) == "InvalidProducerEpochError"
    assert in_time(lab, lambda: told(slow.begin_transaction) == "ok")
    slow.send(topic, b"again").get()
    slow.commit_transaction()
    assert words(lab.log(topic)) == "s0 ABORT again COMMIT"


@pytest.mark.incident(9, "KIP-588")
@pytest.mark.java
@pytest.mark.fact("given-up-java")
def test_java_that_was_only_too_slow_aborts_and_goes_on(lab: Lab, topic: str, java: Callable[..., list[str]]) -> None:
    """Java gets `InvalidProducerEpochException`, aborts and goes on (KIP-588)."""
    told = java(lab.address, topic, "!init", "!begin", "s0", "!wait4000", "s1", "!abort", "!begin", "again", "!commit",
                transactional_id=f"slow-{topic}", transaction_timeout_ms=1_500)
    assert told == ["ok", "ok", "ok 0", "ok", "InvalidProducerEpochException", "ok", "ok", "ok 2", "ok"]


@pytest.mark.fact("one-minute")
def test_transactions_time_out_after_a_minute_by_default(lab: Lab) -> None:
    """`transaction.timeout.ms`, one minute by default."""
    assert lab.producer().config["transaction_timeout_ms"] == 60_000


@pytest.mark.kafka
@pytest.mark.fact("looks-every-ten-seconds", "seven-days", "three-copies-of-decisions")
@pytest.mark.parametrize(("name", "default"), [
    ("transaction.abort.timed.out.transaction.cleanup.interval.ms", "10000"), ("transactional.id.expiration.ms", str(7 * 86_400_000)),
    ("transaction.state.log.replication.factor", "3"), ("transaction.state.log.min.isr", "2")])
def test_defaults_of_the_coordinator(kafka_address: str, name: str, default: str) -> None:
    """The coordinator looks for transactions that are over their time every 10 seconds; it forgets a transactional id after
    seven days; its own topic asks for three replicas, two of them in sync."""
    with RawClient(kafka_address) as client:
        broker = client.ask(requests.metadata("none")).brokers[0].node_id
        asked = DescribeConfigsRequest.DescribeConfigsResource(resource_type=4, resource_name=str(broker), configuration_keys=[name])
        answer = client.ask(DescribeConfigsRequest(resources=[asked], include_synonyms=True, include_documentation=False))
    (config,) = answer.results[0].configs
    assert [one.value for one in config.synonyms if one.source == 5] == [default]  # 5: DEFAULT_CONFIG


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
    assert in_time(lab, lambda: told(old.begin_transaction) == "KafkaError")
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
    assert in_time(lab, lambda: words(lab.log(topic)) == "a0 ABORT b0 ABORT")
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
        assert in_time(lab, lambda: words(lab.log(topic)) == "A ABORT A ABORT") and reader.committed(where) is None
        third = with_position(lab, topic, reader, where)
        third.commit_transaction()
        assert in_time(lab, lambda: reader.committed(where) == 1)
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
    lab.faults({"2+": "lose request silently"})  # on a connection that drops the time may end amid a try, which is another exception
    careless = started(lab, "careless", **SHORT)
    careless.begin_transaction()
    careless.send(topic, b"order").get()
    lost = careless.send(topic, b"stock")
    careless.commit_transaction()
    assert type(lost.exception).__name__ == "KafkaTimeoutError"
    assert words(lab.log(topic)) == "order COMMIT"


def finished(lab: Lab, topic: str, producer: LabProducer) -> str:
    """Begin again, send, commit: "ok", or the first exception."""
    return next((what for what in (told(producer.begin_transaction), told(lambda: producer.send(topic, b"again").get()),
                                   told(producer.commit_transaction)) if what != "ok"), "ok")


@pytest.mark.fact("error-timeout-new-producer")
@pytest.mark.parametrize(("lost", "same_producer", "log"), [
    ("request", "OutOfOrderSequenceNumberError", "a ABORT"), ("ack", "ok", "a b ABORT again COMMIT")])
def test_after_a_time_out_a_new_producer_goes_on(lab: Lab, topic: str, lost: str, same_producer: str, log: str) -> None:
    """`KafkaTimeoutError`: unknown; abort, close(), begin again in a new producer. In the same one kafka-python 3.0.12 can
    begin again if the ack was lost, and not if the request was lost: it does not take the sequence back."""
    lab.faults({"2+": f"lose {lost} silently"})
    shop = started(lab, f"timeout-{lost}", **SHORT)
    shop.begin_transaction()
    shop.send(topic, b"a").get()
    assert told(lambda: shop.send(topic, b"b").get()) == "KafkaTimeoutError"
    assert told(shop.abort_transaction) == "ok"
    lab.faults()
    assert finished(lab, topic, shop) == same_producer
    assert words(lab.log(topic)).startswith(log)
    shop.close()
    assert finished(lab, topic, started(lab, f"timeout-{lost}")) == "ok"
    assert words(lab.log(topic)).endswith("again COMMIT")


UNKNOWN = {"KafkaTimeoutError", "RequestTimedOutError", "KafkaConnectionError"}


@pytest.mark.fact("unknown-has-three-names")
@pytest.mark.parametrize(("breaks", "delivery", "names"), [
    (None, 1_500, {"KafkaTimeoutError"}), (None, 1_000, {"RequestTimedOutError"}), (0.995, 1_000, UNKNOWN)])
def test_unknown_has_three_names(relayed: Relayed, breaks: float | None, delivery: int, names: set[str]) -> None:
    """The delivery timeout ends while the batch waits for its next try: `KafkaTimeoutError`. It ends during a try that
    gets no answer: `RequestTimedOutError`; and where the connection drops at that moment, it can be
    `KafkaConnectionError`. All three mean unknown: here the record is in the log each time."""
    lab, relay = relayed
    topic = lab.topic("unknown")
    producer = lab.producer(delivery_timeout_ms=delivery, request_timeout_ms=1_000)
    producer.send(topic, b"first").get()
    if breaks is None:
        relay.loses.add(PRODUCE)
    else:
        relay.breaks[PRODUCE] = breaks
    assert told(lambda: producer.send(topic, b"m").get()) in names
    assert words(lab.log(topic)) == "first m"


@pytest.mark.fact("commit-unknown")
def test_a_commit_that_raises_may_have_committed(relayed: Relayed) -> None:
    """kafka-python 3.0.12: a `commit_transaction()` that times out raises, and the transaction may be committed all the same.
    Neither a second commit nor an abort is possible; a new producer with the same `transactional_id` waits until it is decided, and
    then the committed offset says what became of it."""
    lab, relay = relayed
    topic, where = lab.topic("unknown"), TopicPartition(lab.topic("in"), 0)
    with lab.consumer(group_id="unknown", enable_auto_commit=False) as reader:
        reader.assign([where])
        shop = started(lab, "unknown", **SHORT)
        shop.begin_transaction()
        shop.send(topic, b"a").get()
        shop.send_offsets_to_transaction({where: OffsetAndMetadata(1, "", -1)}, reader.group_metadata())
        relay.loses.add(END_TXN)
        assert "RequestTimedOutError" in error_of(shop.commit_transaction)
        relay.loses.clear()
        assert [told(shop.commit_transaction), told(shop.abort_transaction)] == ["KafkaError"] * 2
        shop = started(lab, "unknown")
        assert reader.committed(where) == 1 and words(lab.log(topic)) == "a COMMIT"
    assert finished(lab, topic, shop) == "ok"
    assert words(lab.log(topic)) == "a COMMIT again COMMIT"


Relayed = tuple[Lab, Relay]


@pytest.fixture(params=["embedded", pytest.param("kafka", marks=pytest.mark.kafka)])
def relayed(request: pytest.FixtureRequest) -> Iterator[Relayed]:
    """A lab, and a relay between its proxy and its broker."""
    broker = find("embedded", "4.4")() if request.param == "embedded" else None
    relay = Relay(broker.text if broker else request.getfixturevalue("kafka_address"))
    lab = start_lab(relay.address)
    yield lab, relay
    lab.stop()
    relay.stop()
    if broker and broker.embedded:
        broker.embedded.stop()


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
    """`OutOfOrderSequenceNumberError`: refused; the client has the transaction aborted; begin again, at first `KafkaError` until the
    new epoch is there, and with brokers before 4.1 for good: there it takes a new producer."""
    lab.faults({2: "refuse 45"})
    shop = started(lab, "gap")
    shop.begin_transaction()
    shop.send(topic, b"a").get()
    assert told(lambda: shop.send(topic, b"b").get()) == "OutOfOrderSequenceNumberError"
    assert in_time(lab, lambda: words(lab.log(topic)) == "a ABORT")
    if not release.remembers_epoch_before_fence:  # the coordinator aborted for a new epoch; the client still asks with the one before
        assert in_time(lab, lambda: "ProducerFencedError" in error_of(shop.begin_transaction))
        shop = started(lab, "gap")
    assert in_time(lab, lambda: told(shop.begin_transaction) == "ok")
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
    assert in_time(lab, lambda: words(lab.log(topic)) == "order ABORT")


@pytest.mark.fact("fenced-in-the-log")
def test_a_fenced_producer_says_so_in_its_log(lab: Lab) -> None:
    """A fenced producer says so in its log."""
    old = started(lab, "log")
    started(lab, "log")
    old.begin_transaction()
    old.send(lab.topic("fact"), b"late")
    assert in_time(lab, lambda: any(old.client_id in line and "Fenced" in line for line in lab.client_log().splitlines()))


@pytest.mark.fact("librdkafka-has-statistics")
@pytest.mark.sockets
def test_librdkafka_tells_its_numbers(lab: Lab, topic: str) -> None:
    """librdkafka's statistics have the producer id, its epoch and how often it was raised (`eos`), and for each partition the
    next number to be acked (`next_ack_seq`)."""
    library, told = pytest.importorskip("confluent_kafka"), []
    producer = library.Producer({"bootstrap.servers": lab.address, "enable.idempotence": True, "statistics.interval.ms": 50,
                                 "stats_cb": lambda text: told.append(json.loads(text))})
    producer.produce(topic, b"m", partition=0)
    assert in_time(lab, lambda: producer.poll(0.05) is not None and told and told[-1]["eos"]["producer_id"] >= 0)
    assert {"idemp_state", "producer_id", "producer_epoch", "epoch_cnt"} <= set(told[-1]["eos"])
    assert {"next_ack_seq", "next_err_seq", "acked_msgid"} <= set(told[-1]["topics"][topic]["partitions"]["0"])


def somewhere(text: str) -> list[str]:
    """The classes of the pinned Kafka that hold this text."""
    return [name for name, found in classes().items() if any(text.encode() in code for code in found)]


@pytest.mark.java
@pytest.mark.fact("broker-metrics", "log-lines")
@pytest.mark.parametrize(("text", "holder"), [
    ("FailedProduceRequestsPerSec", "BrokerTopicMetrics"), ("ProducerIdCount", "ReplicaManager"),
    ("PartitionsWithLateTransactionsCount", "ReplicaManager"), ("Error processing append operation", "ReplicaManager"),
    ("Loading producer state from snapshot file", "ProducerStateManager"), ("ProducerId set to", "TransactionManager"),
    ("Going to bump epoch and reset sequence numbers", "TransactionManager"), ("Idempotence will be disabled because", "ProducerConfig")])
def test_what_one_can_watch_is_there(text: str, holder: str) -> None:
    """On the broker watch FailedProduceRequestsPerSec, ProducerIdCount, and PartitionsWithLateTransactionsCount. Log lines of
    the broker: "Error processing append operation", "Loading producer state from snapshot file"; of the Java client:
    "ProducerId set to", "Going to bump epoch and reset sequence numbers", "Idempotence will be disabled because"."""
    assert holder in somewhere(text)


def hanging(address: str, reader: Callable[[str], list[str]]) -> tuple[str, list[str]]:
    """A late batch of a transaction that is over, sent to a new topic, and what a read_committed consumer gets of the next record."""
    topic = f"hanging-{uuid.uuid4().hex[:8]}"
    with RawClient(address) as client:
        make_topic(client, topic)
    bench = forge(address, topic)
    late = str(bench.send(4711, 0, 0, transactional=True, transactional_id="late", values=["late"]))
    bench.send(values=["next"])
    bench.close()
    return late, reader(topic)


@pytest.mark.incident(10, "KAFKA-12671")
@pytest.mark.fact("late-batch-hangs")
@pytest.mark.parametrize("lab", ["embedded 3.5", "embedded", pytest.param("kafka", marks=pytest.mark.kafka)], indirect=True)
def test_a_late_batch_opens_a_transaction_that_nobody_ends(lab: Lab, release: KafkaVersion) -> None:
    """Before Kafka 3.6 a late transactional batch was stored and opened a transaction that nobody ends: a read_committed
    consumer stands still in front of it. Kafka 4.4 refuses the batch."""
    def careful(topic: str) -> list[str]:
        with lab.consumer(topic, isolation_level="read_committed", consumer_timeout_ms=500) as consumer:
            return [record.value.decode() for record in consumer]
    late, seen = hanging(lab.choice.text, careful)
    if release.verifies_transactions:
        assert late.startswith("refused") and seen == ["next"]
    else:
        assert late == "stored at offset 0" and seen == []


# The recipe, as it stands in the notebook

RECIPE = ("l07-live-life", "l07-live-right")


class Impatient:
    """A lab whose producers do not wait for minutes."""

    def __init__(self, lab: Lab, **options: Any) -> None:
        self.lab, self.options = lab, {**SHORT, **options}

    def producer(self, **options: Any) -> LabProducer:
        """With short time-outs."""
        return self.lab.producer(**options, **self.options)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.lab, name)


def recipe(lab: Lab) -> dict[str, Any]:
    """The lesson's own `process`, on new topics whose input is `a`, an aborted `never`, `b`, `c`."""
    notebook = nbformat.read(next(NOTEBOOKS.glob("07-*.ipynb")), as_version=4)
    setup, *cells = ("".join(c.source) for c in notebook.cells if c.id in ("l07-setup", *RECIPE))
    names: dict[str, Any] = {"lab": Impatient(lab), "source": lab.topic("in"), "target": lab.topic("out")}
    for source in (setup, *cells):
        exec(source, names)
    filler = started(lab, "filler")
    for value, end in ((b"a", "commit"), (b"never", "abort"), (b"b", "commit"), (b"c", "commit")):
        filler.begin_transaction()
        filler.send(names["source"], value).get()
        getattr(filler, f"{end}_transaction")()
    return names


@pytest.mark.fact("recipe-holds", "aborted-input-comes-out")
@pytest.mark.parametrize(("faults", "crash_at", "begins_again"), [
    ({}, None, False), ({}, b"b", False), ({1: "lose ack"}, None, False), ({2: "refuse 45"}, None, True), ({2: "refuse 10"}, None, True),
    ({2: "lose request silently", 3: "lose request silently"}, None, True),
    ({2: "lose ack silently", 3: "lose ack silently"}, None, True)])
def test_the_recipe_writes_each_result_once(lab: Lab, capsys: pytest.CaptureFixture[str], faults: dict[int, str],
                                            crash_at: bytes | None, begins_again: bool) -> None:
    """The recipe on kafka-python: after a crash, or after any exception, it begins again from what is committed, and a
    read_committed reader gets each result once; what was aborted in the input is left out."""
    names = recipe(lab)
    lab.faults(faults)
    if crash_at:
        names["process"](b"b", crash_at=crash_at)
    names["process"](b"c")
    assert read(lab, names["target"], isolation_level="read_committed") == ["A", "B", "C"]
    assert ("ended with" in capsys.readouterr().out) == begins_again


@pytest.mark.fact("aborted-input-comes-out")
def test_without_read_committed_an_aborted_record_comes_out_committed(lab: Lab) -> None:
    """Read with the default, an aborted record of the input comes out the other end as a committed one."""
    names = recipe(lab)
    careless = names["process"]
    names["lab"].consumer = lambda *topics, **options: lab.consumer(*topics, **{**options, "isolation_level": "read_uncommitted"})
    careless(b"c")
    assert read(lab, names["target"], isolation_level="read_committed") == ["A", "NEVER", "B", "C"]


@pytest.mark.fact("recipe-holds")
def test_the_recipe_survives_an_unknown_commit(relayed: Relayed, capsys: pytest.CaptureFixture[str]) -> None:
    """A commit whose answer gets lost raises; the recipe begins again from what is committed, and writes nothing twice."""
    lab, relay = relayed
    names = recipe(lab)
    relay.loses_once.add(END_TXN)
    names["process"](b"c")
    assert "try 1 ended with KafkaError" in capsys.readouterr().out
    assert read(lab, names["target"], isolation_level="read_committed") == ["A", "B", "C"]


class Pausing(Impatient):
    """A lab whose first producer stops before one of its calls, while something else happens; before a send, in the middle of a
    transaction."""

    def __init__(self, lab: Lab, step: str, meanwhile: Callable[[], Any], **options: Any) -> None:
        super().__init__(lab, **options)
        self.step, self.meanwhile = step, meanwhile

    def producer(self, **options: Any) -> LabProducer:
        """The first with the pause, the next without one."""
        writer, step = super().producer(**options), self.step
        if step:
            call, self.step = getattr(writer, step), ""
            setattr(writer, step, lambda *args: self.later(writer, step, call, args))
        return writer

    def later(self, writer: LabProducer, step: str, call: Callable[..., Any], args: tuple[Any, ...]) -> Any:
        """What was called, after what happens in the meantime."""
        setattr(writer, step, call)
        if step == "send":
            call(*args).get()
        self.meanwhile()
        return call(*args)


@pytest.mark.fact("recipe-stops")
@pytest.mark.parametrize(("step", "raises"), [
    ("begin_transaction", ProducerFencedError), ("send", InvalidProducerEpochError),
    ("send_offsets_to_transaction", ProducerFencedError), ("commit_transaction", ProducerFencedError)])
def test_a_zombie_in_the_recipe_stops_and_leaves_its_successor_alone(lab: Lab, capsys: pytest.CaptureFixture[str], step: str,
                                                                     raises: type[Exception]) -> None:
    """Two processes with one transactional id, the first paused until the second has taken over: whichever of the two errors the
    first gets, it stops. It doesn't begin again, which would fence the second."""
    names, successors = recipe(lab), []
    names["lab"] = Pausing(lab, step, lambda: successors.append(started(lab, "capitals")))
    with pytest.raises(raises):
        names["process"](b"c")
    assert "ended with" not in capsys.readouterr().out
    (successor,) = successors
    assert finished(lab, names["target"], successor) == "ok"
    assert read(lab, names["target"], isolation_level="read_committed") == ["again"]


@pytest.mark.fact("recipe-stops")
def test_a_slow_process_in_the_recipe_stops_too_and_loses_nothing(lab: Lab) -> None:
    """The coordinator gave up on it: kafka-python raises the same error as for a zombie, so the recipe stops here too. Started
    again it goes on from what is committed."""
    names = recipe(lab)
    given_up = lambda: in_time(lab, lambda: words(lab.log(names["target"])) == "A ABORT")  # noqa: E731
    names["lab"] = Pausing(lab, "send", given_up, transaction_timeout_ms=1_500)
    with pytest.raises(InvalidProducerEpochError):
        names["process"](b"c")
    names["process"](b"c")
    assert read(lab, names["target"], isolation_level="read_committed") == ["A", "B", "C"]


@pytest.mark.fact("recipe-stops")
def test_the_recipe_counts_its_tries(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    """A record that the broker always refuses: the recipe raises after the last try."""
    names = recipe(lab)
    lab.faults({"1+": "refuse 10"})
    with pytest.raises(MessageSizeTooLargeError):
        names["process"](b"c", tries=3)
    lab.faults()
    assert capsys.readouterr().out.count("ended with") == 3
    assert read(lab, names["target"], isolation_level="read_committed") == []
