"""What lesson 6 says of brokers, held against Apache Kafka: the verdicts on batches made by hand, and what makes it forget.

That a restart leaves one batch of each id, stopped in order or killed, is held in tests/course_tools/conformance/test_restart.py; that the
embedded broker gives every verdict that Apache Kafka gives, in tests/course_tools/conformance.
"""

from __future__ import annotations

import inspect
import os
import re
import signal
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaProducer

from course_tools.apache_kafka.process import KafkaProcess
from course_tools.clients.command import open_client
from course_tools.clients.experiments import ClientBench, after_45, answer_45, hole
from course_tools.clients.librdkafka import QUICK, quiet, reporter
from lesson_lib.core.kafka_version import KafkaVersion
from lesson_lib.core.producer_state import Batch
from lesson_lib.errors import LessonError
from lesson_lib.lab.every_schedule import every_schedule
from lesson_lib.lab.forge import Forge, forge
from lesson_lib.lab.lab import Lab, start_lab
from lesson_lib.teach.content import Scenario
from lesson_lib.teach.lessons.lesson_06 import BACK, CUTS, EPOCHS, FORGED_TASK, SEVEN, SHARED_EPOCH
from lesson_lib.teach.scenarios import forged
from lesson_lib.wire import probe, requests
from lesson_lib.wire.record_batch import batch_bytes
from lesson_lib.wire.requests import RawClient, make_topic

from .classes import is_there

DAY_MS = 24 * 60 * 60 * 1000
STORY, OTHER_EPOCHS = forged(*SEVEN, *BACK, *CUTS), forged(*EPOCHS)


@pytest.fixture
def bench(kafka_address: str) -> Iterator[Forge]:
    """A bench on a topic that nobody has used."""
    bench = forge(kafka_address)
    yield bench
    bench.close()


@pytest.mark.kafka
@pytest.mark.parametrize("story", [STORY, OTHER_EPOCHS, forged(*FORGED_TASK)], ids=["numbers", "epochs", "exercise"])
@pytest.mark.fact("five-batches", "gap-refused", "range-whole", "epoch-from-0")
def test_forged_batches_get_the_toys_verdicts(bench: Forge, story: Scenario) -> None:
    """Five are duplicates with their own offsets; 1 and 0, a gap and another cut are refused with error 45; a higher epoch from 0."""
    for numbers in story.values:
        bench.send(*numbers)
    apache, toy = bench.history(), story.run()
    assert apache.verdicts == toy.verdicts
    assert [a.offset for a in apache.attempts] == [a.offset for a in toy.attempts]


@pytest.mark.kafka
@pytest.mark.fact("describe-producers")
def test_the_brokers_own_word_on_its_memory(bench: Forge) -> None:
    """`describe_producers`: after the three other epochs it is epoch 1, last sequence 0."""
    for numbers in OTHER_EPOCHS.values:
        bench.send(*numbers)
    assert [(row.producer_id, row.epoch, row.last_sequence) for row in bench.describe_producers().rows] == [(7, 1, 0)]


@pytest.mark.kafka
@pytest.mark.fact("unknown-id-begins-anywhere")
def test_an_unknown_id_may_begin_anywhere_before_4_5(bench: Forge, kafka_version: str) -> None:
    """KAFKA-15591: up to Kafka 4.4 "an unknown id may begin anywhere, so 1 was stored. Now 0 is neither remembered nor next"."""
    answers = [str(bench.send(4711, 0, 5)), str(bench.send(4711, 0, 0))]
    if KafkaVersion.of(kafka_version).checks_first_sequence_of_new_log:
        assert answers == ["refused: 45 out of order sequence number", "stored at offset 0"]
    else:
        assert answers == ["stored at offset 0", "refused: 45 out of order sequence number"]


@pytest.mark.fact("sequence-per-partition")
def test_each_partition_counts_for_itself(lab: Lab) -> None:
    """Four records, by turns to two partitions: the sequences 0, 0, 1, 1; and one id may be at different numbers."""
    topic = lab.topic("turns", partitions=2)
    lab.faults()
    with lab.producer() as producer:
        for n in range(4):
            producer.send(topic, b"m", partition=n % 2).get()
    assert [a.send.base_sequence for a in lab.history().attempts] == [0, 0, 1, 1]


@pytest.mark.kafka
@pytest.mark.fact("no-session")
def test_a_connection_is_no_session(kafka_address: str, bench: Forge) -> None:
    """There is no session: what is remembered outlives the connection that it came on."""
    bench.send(7, 0, 0)
    again = forge(kafka_address, bench.bench.topic)  # type: ignore[attr-defined]
    bench.close()
    assert str(again.send(7, 0, 0)) == "duplicate of offset 0: success, nothing stored"
    again.close()


@pytest.fixture
def forgetful(tmp_path: Path, kafka_version: str) -> Iterator[KafkaProcess]:
    """An Apache Kafka of this test's own, which looks for idle ids twice a second instead of every ten minutes."""
    process = KafkaProcess(probe.two_free_ports(), tmp_path)
    process.start(kafka_version)
    with process.settings.open("a", encoding="utf-8") as settings:
        settings.write("\nproducer.id.expiration.check.interval.ms=500\n")
    os.kill(process.pid() or 0, signal.SIGTERM)
    while process.pid():
        time.sleep(0.05)
    process.resume()
    yield process
    process.stop()


@pytest.mark.java
@pytest.mark.fact("id-lives-a-day", "last-batch-counts", "next-number-after-a-day", "log-append-time")
def test_an_id_lives_as_long_as_its_last_batch_is_young(forgetful: KafkaProcess) -> None:
    """The broker forgets an id a day after the last batch it stored for it, by the timestamp in that batch and not by the
    clock, also where the batch before was younger. Then a copy is stored once more; and the next number is stored as well.
    With `LogAppendTime` the timestamp is the broker's own, so an old one counts for nothing."""
    with RawClient(forgetful.address) as client:
        make_topic(client, "idle")
        make_topic(client, "stamped", configs={"message.timestamp.type": "LogAppendTime"})
    bench, now = forge(forgetful.address, "idle"), int(time.time() * 1000)
    old = now - DAY_MS - 1
    for producer_id, first, timestamp in ((7, 0, old), (7, 1, now), (8, 0, now), (8, 1, old), (9, 0, old)):
        bench.bench.produce(Batch(1, producer_id, 0, first, max_timestamp=timestamp), [b"x"], None)
    _wait_until_known(bench, {7})
    answers = [bench.bench.produce(Batch(1, producer_id, 0, first, max_timestamp=now), [b"x"], None).verdict
               for producer_id, first in ((7, 1), (8, 1), (9, 1))]
    bench.close()
    assert answers == ["duplicate", "stored", "stored"]
    stamped = forge(forgetful.address, "stamped")
    stamped.bench.produce(Batch(1, 7, 0, 0, max_timestamp=old), [b"x"], None)
    time.sleep(2)  # four looks of this broker
    assert [row.producer_id for row in stamped.describe_producers().rows] == [7]
    stamped.close()


def _wait_until_known(bench: Forge, ids: set[int]) -> None:
    for _ in range(150):
        if {row.producer_id for row in bench.describe_producers().rows} == ids:
            return
        time.sleep(0.1)
    raise LessonError(f"The broker still remembers {bench.describe_producers()}.")


@pytest.mark.java
@pytest.mark.fact("java-refuses-six")
@pytest.mark.parametrize(("settings", "told"), [
    ({"enable_idempotence": "true", "max_in_flight_requests_per_connection": 5}, ["ok 0"]),
    ({"enable_idempotence": "true", "max_in_flight_requests_per_connection": 6}, ["ConfigException"]),
    ({"max_in_flight_requests_per_connection": 6}, ["ConfigException"]),
])
def test_a_java_producer_refuses_six_in_flight(lab: Lab, java: Callable[..., list[str]], settings: dict[str, Any], told: list[str]) -> None:
    """A real Java client refuses six while idempotence is on, by default too; it keeps at most five in flight."""
    assert java(lab.address, lab.topic("five"), "m0", **settings) == told


@pytest.mark.kafka
@pytest.mark.fact("acks-rule-in-client")
def test_no_broker_asks_for_acks_all(kafka_address: str) -> None:
    """No broker asks for `acks=all`; the rule is in the client alone: with `acks=1` numbers are looked at in the same way."""
    batch = batch_bytes([b"m"], producer_id=7, producer_epoch=0, base_sequence=0)
    gap = batch_bytes([b"m"], producer_id=7, producer_epoch=0, base_sequence=2)
    with RawClient(kafka_address) as client:
        make_topic(client, name := f"fact-{uuid.uuid4().hex[:8]}")
        parts = [client.ask(requests.produce(name, 0, data, acks=1)).responses[0].partition_responses[0] for data in (batch, batch, gap)]
        client.ask(requests.delete_topic(name))
    assert [(part.error_code, part.base_offset) for part in parts] == [(0, 0), (0, 0), (45, -1)]


@pytest.mark.java
@pytest.mark.fact("no-client-chooses-numbers")
def test_no_client_lets_you_choose_numbers() -> None:
    """No client lets you choose numbers, or send two things under one: neither `send` nor a record has a place for a sequence."""
    import aiokafka
    import confluent_kafka
    taken = {name for send in (KafkaProducer.send, aiokafka.AIOKafkaProducer.send) for name in inspect.signature(send).parameters}
    assert "value" in taken and not [name for name in taken | set(KafkaProducer.DEFAULT_CONFIG) if re.search("sequence|producer_", name)]
    assert is_there("ProducerRecord", "timestamp") and not is_there("ProducerRecord", "equence")
    with pytest.raises(TypeError, match="sequence"):
        confluent_kafka.Producer({"bootstrap.servers": "127.0.0.1:1"}).produce("unused", b"m", sequence=0)


@pytest.mark.fact("kafka-python-splits")
def test_kafka_python_splits_what_is_too_large(lab: Lab) -> None:
    """A batch of several records that is too large for the broker: kafka-python splits it into smaller ones, each with a number
    of its own."""
    run = lab.run(4, records_per_batch=2, faults={1: "refuse 10"})
    first, *later = [(attempt.send.base_sequence, attempt.send.record_count) for attempt in run.attempts]
    assert first == (0, 2) and later[0] == (0, 1)
    assert [sequence for sequence, _ in later] == [sum(count for _, count in later[:n]) for n in range(len(later))]
    assert run.values() == ["m0", "m1", "m2", "m3"] and set(run.told.values()) == {"ok"} and not run.anomalies


# What two partitions share


def sent_by_librdkafka(lab: Lab, partitions: list[int], script: dict[int, str], topic: str, *,
                       flush_first: bool = False) -> list[str]:
    """What real librdkafka tells its application of m0, m1, ... sent at once with idempotence on, to these partitions."""
    library, told = pytest.importorskip("confluent_kafka"), {}
    lab.faults(script)
    producer = library.Producer({**QUICK, "bootstrap.servers": lab.address, "enable.idempotence": True, "logger": quiet(),
                                 "error_cb": lambda error: None})
    producer.list_topics(topic)
    for n, partition in enumerate(partitions):
        producer.produce(topic, f"m{n}", b"key", partition, reporter(told, n))
        if flush_first and not n:
            producer.flush(20)
    producer.flush(20)
    return [told[n].partition(" ")[0] for n in range(len(partitions))]


def values(lab: Lab, topic: str, partition: int = 0) -> list[str]:
    """The records of one partition, as they are on the broker."""
    return [cell.value for cell in lab.log(topic, partition)]


@pytest.mark.incident(1, "confluentinc/librdkafka issue 4953")
@pytest.mark.fact("librdkafka-one-epoch")
@pytest.mark.sockets
def test_librdkafka_raises_the_epoch_of_all_partitions(lab: Lab) -> None:
    """librdkafka: an error on one partition (error 45, for the batch behind one that was turned away) raises the epoch for all of
    them, and a batch of the other partition whose ack was lost goes again with a new number: stored twice, every record told ok.
    Real librdkafka 2.16, as in the simulation."""
    topic = lab.topic("epochs", partitions=2)
    assert sent_by_librdkafka(lab, [0, 1] * 3, SHARED_EPOCH.settings["faults"], topic) == ["ok"] * 6
    before = takewhile(lambda attempt: attempt.send.producer_epoch == 0, lab.history().attempts)
    assert [attempt.error for attempt in before if attempt.error] == [6, 45]
    # Which partition goes first is librdkafka's choice: the one that isn't refused has the copy, of its last record.
    shorter, copied = sorted((values(lab, topic, n) for n in (0, 1)), key=len)
    assert sorted({*shorter, *copied}) == [f"m{n}" for n in range(6)]
    assert (len(shorter), len(copied)) == (3, 4) and copied[-2] == copied[-1]
    toy = SHARED_EPOCH.run()
    assert [toy.values(n) for n in (0, 1)] == [["m0", "m2", "m4"], ["m1", "m3", "m5", "m5"]] and set(toy.told.values()) == {"ok"}


@pytest.mark.fact("java-numbers-by-partition", "kafka-python-numbers-by-partition")
@pytest.mark.parametrize("client", ["java", "kafka-python"])
def test_java_and_kafka_python_store_it_once(client: str) -> None:
    """With the same faults the Java client and kafka-python store each record once (simulated; the simulated clients are
    held against the real ones in tests/sim)."""
    run = SHARED_EPOCH.run(client=client)
    assert [run.values(n) for n in (0, 1)] == [["m0", "m2", "m4"], ["m1", "m3", "m5"]]


@pytest.mark.incident(2, "KAFKA-15591")
@pytest.mark.fact("librdkafka-told-ok")
@pytest.mark.sockets
def test_librdkafka_tells_ok_for_the_record_that_is_not_there(lab: Lab, topic: str, release: KafkaVersion) -> None:
    """KAFKA-15591 with librdkafka (confluent-kafka): the first of three is refused with 6, the second stored; all three are told
    ok, and the first is not in the log: a lost write, with idempotence on and `acks=all`, up to Kafka 4.4."""
    told = sent_by_librdkafka(lab, [0, 0, 0], {1: "refuse 6"}, topic)
    assert told == ["ok"] * 3
    assert values(lab, topic) == (["m0", "m1", "m2"] if release.checks_first_sequence_of_new_log else ["m1", "m2"])


@pytest.mark.fact("numbers-count-records")
@pytest.mark.parametrize("compression", [None, "gzip", "snappy", "lz4", "zstd"])
def test_numbers_count_records_whatever_the_batch_looks_like(lab: Lab, topic: str, compression: str | None) -> None:
    """`linger` and compression change nothing: the sequence counts records, so after a batch of three the next one begins at 3."""
    with lab.producer(linger_ms=200, compression_type=compression) as producer:
        for burst in (b"abc", b"d"):
            sent = [producer.send(topic, bytes([value])) for value in burst]
            producer.flush()
            assert [future.get().offset for future in sent]
    assert [(a.send.base_sequence, a.send.record_count) for a in lab.history().attempts] == [(0, 3), (3, 1)]


# What else makes a broker forget, and what does not


@pytest.mark.kafka
@pytest.mark.fact("deleted-records-leave-memory")
def test_deleted_records_leave_the_memory(kafka_address: str, bench: Forge) -> None:
    """Records that are deleted, by DeleteRecords or by retention, leave the memory as it is: the retry of a deleted batch is
    still a duplicate, and the next number is stored."""
    answers = [str(bench.send(7, 0, n)) for n in range(3)]
    with RawClient(kafka_address) as client:
        client.ask(requests.delete_records(bench.bench.topic, {0: -1}))  # type: ignore[attr-defined]
    answers += [str(bench.send(7, 0, n)) for n in (2, 3)]
    assert answers[3:] == ["duplicate of offset 2: success, nothing stored", "stored at offset 3"]


@pytest.mark.incident(11, "librdkafka issue 4898")
@pytest.mark.kafka
@pytest.mark.fact("topic-made-again")
def test_a_topic_that_was_made_again_knows_nobody(kafka_address: str, bench: Forge, kafka_version: str) -> None:
    """A topic that was deleted and created again knows no id: from 2.5 to 4.4 a producer that lives on is stored at the number where
    it was; from 4.5 on it gets error 45 once, and before 2.5 error 59."""
    bench.send(7, 0, 0), bench.send(7, 0, 1)
    with RawClient(kafka_address) as client:
        topic = bench.bench.topic  # type: ignore[attr-defined]
        client.ask(requests.delete_topic(topic))
        make_topic_again(client, topic)
    again = str(bench.send(7, 0, 2))
    new_rule = KafkaVersion.of(kafka_version).checks_first_sequence_of_new_log
    assert again == ("refused: 45 out of order sequence number" if new_rule else "stored at offset 0")
    assert str(forge("4.5").send(7, 0, 2)) == "refused: 45 out of order sequence number"
    assert str(forge("2.5").send(7, 0, 2)) == "stored at offset 0"
    assert str(forge("2.4").send(7, 0, 2)).startswith("refused: 59 ")


def make_topic_again(client: RawClient, topic: str) -> None:
    """Kafka deletes a topic in the background, so at first its name is taken."""
    for _ in range(100):
        try:
            return make_topic(client, topic)
        except RuntimeError:
            time.sleep(0.1)
    raise LessonError(f"The topic {topic} is still being deleted.")


@pytest.mark.incident(13, "python -m lesson_lib judge")
@pytest.mark.kafka
@pytest.mark.fact("sequence-wraps")
def test_after_2147483647_comes_0(bench: Forge) -> None:
    """After sequence 2147483647 comes 0, in the same epoch, and it is next."""
    assert [bench.send(7, 0, n).verdict for n in (2**31 - 1, 0, 1, 2**31 - 1)] == ["stored", "stored", "stored", "duplicate"]


@pytest.mark.kafka
@pytest.mark.fact("version-2-begins-at-0")
def test_in_a_transaction_of_version_2_an_unknown_id_begins_at_0(kafka_address: str) -> None:
    """In a transaction of version 2 an id that the partition does not know must begin at 0 (KAFKA-18202); in one of version 1
    it may begin anywhere."""
    with RawClient(kafka_address) as client:
        assert [begun_at_5(client, kafka_address, version) for version in (1, 2)] == [0, 45]


def begun_at_5(client: RawClient, address: str, version: int) -> int:
    """The error code of a first batch with sequence 5 in a transaction of that version."""
    make_topic(client, topic := f"fact-{uuid.uuid4().hex[:8]}")
    KafkaProducer(bootstrap_servers=address, transactional_id=topic).init_transactions()  # finds the coordinator, and waits for it
    given = client.ask(requests.init_producer_id(topic))
    if version == 1:
        client.ask(requests.add_partitions(topic, given.producer_id, given.producer_epoch, topic, [0]))
    data = batch_bytes([b"m"], producer_id=given.producer_id, producer_epoch=given.producer_epoch, base_sequence=5, transactional=True)
    asked = requests.produce(topic, 0, data, transactional_id=topic)
    answer = client.ask(asked, 12 if version == 2 else 11)  # from Produce 12 on the leader adds the partition itself: version 2
    return answer.responses[0].partition_responses[0].error_code


# Who the hole hits

@pytest.mark.incident(3, "KAFKA-15591")
@pytest.mark.fact("java-hole-times-out", "one-in-flight-each")
@pytest.mark.parametrize(("client", "found"), [
    pytest.param("Java", "log m1 m2; told m0 `TimeoutException`, m1 ok, m2 ok", marks=pytest.mark.java),
    ("kafka-python", "log m0 m1 m2; told m0 ok, m1 ok, m2 ok"), ("aiokafka", "log m0 m1 m2; told m0 ok, m1 ok, m2 ok")])
@pytest.mark.sockets
def test_who_the_hole_hits(lab: Lab, client: str, found: str) -> None:
    """The first of three at once to a new partition is refused for now: Java gets a `TimeoutException` after
    `delivery.timeout.ms`, and there is a gap; kafka-python and aiokafka keep one batch of a partition in flight, so
    none overtakes another."""
    with closing(open_client(client)) as driver:
        assert hole(ClientBench(lab, driver)) == found


@pytest.mark.fact("flush-the-first")
@pytest.mark.sockets
def test_a_first_send_that_has_finished_leaves_no_hole(lab: Lab, topic: str) -> None:
    """Let the first send to a partition finish (`flush()`) before the next one starts, and librdkafka loses nothing."""
    assert sent_by_librdkafka(lab, [0, 0, 0], {1: "refuse 6"}, topic, flush_first=True) == ["ok"] * 3
    assert values(lab, topic) == ["m0", "m1", "m2"]


@pytest.mark.incident(7, "aio-libs/aiokafka issue 1017")
@pytest.mark.fact("each-client-after-45")
@pytest.mark.parametrize(("client", "told", "then"), [
    pytest.param("Java", "ok; the same id, epoch 1", "ok", marks=pytest.mark.java),
    ("kafka-python", "`OutOfOrderSequenceNumberError`; a new id, epoch 0", "ok"),
    ("librdkafka", "`OUT_OF_ORDER_SEQUENCE_NUMBER`; it sends nothing any more", "`_FATAL`"),
    ("aiokafka", "`OutOfOrderSequenceNumber`; the same id, epoch 0", "`OutOfOrderSequenceNumber`")])
@pytest.mark.sockets
def test_what_each_client_does_with_45(lab: Lab, client: str, told: str, then: str) -> None:
    """Error 45 for a batch outside a transaction: Java goes on with a new epoch, and the application is told ok; kafka-python
    fails the record and takes a new id; librdkafka and aiokafka are finished, every later send fails."""
    with closing(open_client(client)) as driver:
        bench = ClientBench(lab, driver)
        assert (answer_45(bench), after_45(bench)) == (told, then)


@pytest.mark.fact("every-schedule-real")
def test_every_schedule_with_the_code_of_kafka_python() -> None:
    """`kafka-python` walks every schedule of two batches and two faults with its own code, in a virtual world: with idempotence
    off there can be a duplicate and nothing else, with it on no anomaly."""
    lab = start_lab("embedded", world="virtual")
    found = [every_schedule(lab, 2, faults=2, idempotence=idempotence).anomaly_names for idempotence in (False, True)]
    lab.stop()
    assert found == [["copy"], []]
