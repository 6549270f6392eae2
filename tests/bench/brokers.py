"""The embedded broker against Apache Kafka, with the same kafka-python client in the same run.

Two rows: process start to first ack, and records per second for 50,000 records of 100 bytes. Apache Kafka for the first
row is a fresh one, started as `make kafka` does (its storage is formatted, its jars are there); for the second it is the
one that is running.
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

from tests.bench.table import Row, side_by_side

RECORDS = 50_000
VALUE = b"x" * 100


def rows() -> list[Row]:
    """Start to first ack and records per second; without Apache Kafka only the embedded side."""
    reference = _apache_address()
    with _embedded() as address:
        ours = lambda: _records_per_second(address)  # noqa: E731 - measured several times
        theirs = (lambda: _records_per_second(reference)) if reference else (lambda: 0.0)
        rate, rate_apache = side_by_side(ours, theirs)
    start, start_apache = _start_to_ack(), _apache_start_to_ack()
    return [Row("records/s, 50,000 of 100 bytes, kafka-python", rate, rate_apache or None, "1/s", "at least 1"),
            Row("process start to first ack", start, start_apache, "s", "at most 0.05")]


def _apache_address() -> str | None:
    from lesson_lib.kafka_local import running_address
    return running_address()


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


def _first_ack(address: str) -> str:
    topic = f"bench-{uuid.uuid4().hex[:8]}"
    admin = KafkaAdminClient(bootstrap_servers=address)
    admin.create_topics([NewTopic(topic, 1, 1)])
    admin.close()
    producer = KafkaProducer(bootstrap_servers=address)
    producer.send(topic, b"first").get(30)
    producer.close()
    return topic


def _records_per_second(address: str) -> float:
    topic = _first_ack(address)
    producer = KafkaProducer(bootstrap_servers=address, linger_ms=5)
    producer.send(topic, b"warm").get(30)
    start = time.perf_counter()
    for _ in range(RECORDS):
        producer.send(topic, VALUE)
    producer.flush()
    rate = RECORDS / (time.perf_counter() - start)
    producer.close()
    return rate


def _start_to_ack() -> float:
    start = time.perf_counter()
    with _embedded() as address:
        _first_ack(address)
        return time.perf_counter() - start


def _apache_start_to_ack() -> float | None:
    from lesson_lib.kafka_local import fresh_broker
    start = time.perf_counter()
    with fresh_broker() as address:
        if address is None:
            return None
        _first_ack(address)
        return time.perf_counter() - start
