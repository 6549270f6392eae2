"""`trace` with clients that share no code with ours: librdkafka, and Java's own."""

from __future__ import annotations

import sys

import pytest

from course_tools.apache_kafka import maven
from course_tools.clients.java import SOURCE, VERSION
from course_tools.trace.command import main

LIBRDKAFKA = """
import os, sys
from confluent_kafka import Producer
idempotence, *values = sys.argv[1:]
producer = Producer({"bootstrap.servers": os.environ["KAFKA_BOOTSTRAP_SERVERS"], "enable.idempotence": idempotence == "on",
                     "linger.ms": 0, "batch.num.messages": 1, "log_level": 0})
for value in values:
    producer.produce("orders", value.encode(), partition=0)
    if "waits" in values:
        producer.flush(20)
producer.flush(20)
"""
LOST = ("--faults", "2: lose ack")


def librdkafka(*options: str, idempotence: str = "off", values: tuple[str, ...] = ("waits", "rum", "salt")) -> int:
    pytest.importorskip("confluent_kafka")
    return main([*options, "--", sys.executable, "-c", LIBRDKAFKA, idempotence, *values])


@pytest.mark.sockets
@pytest.mark.parametrize(("idempotence", "status", "words"), [
    ("on", 0, "Every batch that got an ok"), ("off", 1, "Duplicate: batch 1 is in")])
def test_librdkafka_and_a_lost_ack(capsys: pytest.CaptureFixture[str], idempotence: str, status: int, words: str) -> None:
    assert librdkafka(*LOST, idempotence=idempotence) == status
    assert capsys.readouterr().out.startswith(words)


@pytest.mark.sockets
def test_a_constant_sent_as_fast_as_it_goes_accuses_nobody(capsys: pytest.CaptureFixture[str]) -> None:
    """Its batches have equal bytes, several are in flight, and nothing goes wrong."""
    assert librdkafka(values=("x",) * 60) == 0
    assert capsys.readouterr().out.startswith("It cannot be told whether there are copies")


@pytest.mark.java
@pytest.mark.parametrize(("idempotence", "status", "words"), [
    ("true", 0, "Every batch that got an ok"), ("false", 1, "is in the log twice")])
def test_java_and_a_lost_ack(capsys: pytest.CaptureFixture[str], idempotence: str, status: int, words: str) -> None:
    path = maven.classpath((f"org.apache.kafka:kafka-clients:{VERSION}", maven.LOGGING))
    command = f'echo "$KAFKA_BOOTSTRAP_SERVERS orders 1,1,1 {idempotence} 1 30000 10000\n\n\n" | {maven.java()} -cp {path} {SOURCE}'
    assert main([*LOST, "--", "sh", "-c", command]) == status
    assert words in capsys.readouterr().out
