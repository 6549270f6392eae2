"""The embedded broker against Apache Kafka, both fresh processes of this machine, with the same clients in the same run.

Three rows: process start to first ack with kafka-python, and records per second for 50,000 records of 100 bytes with
kafka-python and with librdkafka. Both brokers start from nothing: Apache Kafka as `make kafka` does on Java, its jars being there.
"""

from __future__ import annotations

import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from kafka import KafkaProducer
from kafka.admin import KafkaAdminClient, NewTopic

from course_tools.apache_kafka import maven
from course_tools.apache_kafka.process import KafkaProcess
from lesson_lib.lab.compose import read_compose
from lesson_lib.wire import probe
from tests.bench.table import Row, side_by_side

RECORDS = 50_000
VALUE = b"x" * 100


def rows() -> list[Row]:
    """The three rows; none without Java, which Apache Kafka needs here."""
    if not maven.java():
        print("no Java 17 here: install it to measure against Apache Kafka", file=sys.stderr)
        return []
    start, start_apache = side_by_side(lambda: _start_to_ack(_embedded), lambda: _start_to_ack(_apache), rounds=2)
    with _embedded() as ours, _apache() as theirs:
        python = side_by_side(lambda: _with_kafka_python(ours), lambda: _with_kafka_python(theirs))
        native = side_by_side(lambda: _with_librdkafka(ours), lambda: _with_librdkafka(theirs))
    return [Row("process start to first ack, kafka-python", start, start_apache, "s", "at most 0.05"),
            Row("50,000 records of 100 bytes, kafka-python", *python, "records/s", "at least 1"),
            Row("50,000 records of 100 bytes, librdkafka", *native, "records/s", "at least 0.5")]


@contextmanager
def _embedded() -> Iterator[str]:
    command = [sys.executable, "-m", "lesson_lib", "broker", "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().split()[-1]
    finally:
        process.terminate()
        process.wait(10)


@contextmanager
def _apache() -> Iterator[str]:
    broker = KafkaProcess(probe.two_free_ports())
    broker.start(read_compose().version)
    try:
        yield broker.address
    finally:
        broker.stop()


def _start_to_ack(broker) -> float:  # type: ignore[no-untyped-def]  # one of the two above
    start = time.perf_counter()
    with broker() as address:
        topic = _topic(address)
        producer = KafkaProducer(bootstrap_servers=address)
        producer.send(topic, b"first").get(30)
        seconds = time.perf_counter() - start
        producer.close()
    return seconds


def _topic(address: str) -> str:
    name = f"bench-{uuid.uuid4().hex[:8]}"
    admin = KafkaAdminClient(bootstrap_servers=address)
    admin.create_topics([NewTopic(name, 1, 1)])
    admin.close()
    return name


def _with_kafka_python(address: str) -> float:
    topic = _topic(address)
    producer = KafkaProducer(bootstrap_servers=address, linger_ms=5)
    producer.send(topic, b"warm").get(30)
    start = time.perf_counter()
    for _ in range(RECORDS):
        producer.send(topic, VALUE)
    producer.flush()
    rate = RECORDS / (time.perf_counter() - start)
    producer.close()
    return rate


def _with_librdkafka(address: str) -> float:
    from confluent_kafka import Producer
    topic = _topic(address)
    producer = Producer({"bootstrap.servers": address, "enable.idempotence": True, "queue.buffering.max.messages": RECORDS})
    producer.produce(topic, b"warm")
    producer.flush()
    start = time.perf_counter()
    for _ in range(RECORDS):
        producer.produce(topic, VALUE)
    producer.flush()
    return RECORDS / (time.perf_counter() - start)
