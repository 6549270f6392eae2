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
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaProducer

from course_tools.apache_kafka.process import KafkaProcess
from lesson_lib.core.batch import Batch
from lesson_lib.core.kafka_version import KafkaVersion
from lesson_lib.errors import LessonError
from lesson_lib.lab.forge import Forge, forge
from lesson_lib.lab.lab import Lab
from lesson_lib.teach.lessons.lesson_06 import BACK, CUTS, EPOCHS, FORGED_TASK, SEVEN
from lesson_lib.teach.scenarios import Forged, forged
from lesson_lib.wire import probe, requests
from lesson_lib.wire.raw_client import RawClient, make_topic
from lesson_lib.wire.record_batch import batch_bytes

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
def test_forged_batches_get_the_toys_verdicts(bench: Forge, story: Forged) -> None:
    """Five are duplicates with their own offsets; 1 and 0, a gap and another cut are refused with error 45; a higher epoch from 0."""
    for numbers in story.batches:
        bench.send(*numbers)
    apache, toy = bench.history(), story.run()
    assert apache.verdicts == toy.verdicts
    assert [a.offset for a in apache.attempts] == [a.offset for a in toy.attempts]


@pytest.mark.kafka
@pytest.mark.fact("describe-producers")
def test_the_brokers_own_word_on_its_memory(bench: Forge) -> None:
    """`describe_producers`: after the three other epochs it is epoch 1, last sequence 0."""
    for numbers in OTHER_EPOCHS.batches:
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
@pytest.mark.fact("id-lives-a-day")
def test_an_id_lives_as_long_as_its_records_are_young(forgetful: KafkaProcess) -> None:
    """A day old by the timestamps in the records, not by the clock: forgotten while it is writing, and stored once more."""
    with RawClient(forgetful.address) as client:
        make_topic(client, "idle")
    bench, now = forge(forgetful.address, "idle"), int(time.time() * 1000)
    for producer_id, timestamp in ((7, now), (8, now - DAY_MS - 1)):
        bench.bench.produce(Batch(1, producer_id, 0, 0, max_timestamp=timestamp), [b"x"], None)
    _wait_until_known(bench, {7})
    answers = [bench.bench.produce(Batch(1, p, 0, 0, max_timestamp=now), [b"x"], None).verdict for p in (7, 8)]
    bench.close()
    assert answers == ["duplicate", "stored"]


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
