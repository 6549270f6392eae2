"""Kafka's own Java producer and command line tools against the embedded broker."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from kafka import KafkaProducer

from course_tools.apache_kafka import maven
from lesson_lib.broker.cluster import wall_clock
from lesson_lib.broker.embedded import EmbeddedBroker
from lesson_lib.core.batch import Batch

from .logs import make_topic, values

PRODUCERS = Path(__file__).with_name("java") / "Producers.java"
CLIENTS = ("org.apache.kafka:kafka-clients:{0}", maven.LOGGING)
TOOLS = ("org.apache.kafka:kafka-tools:4.4.0", maven.LOGGING)
SECONDS = 90

pytestmark = pytest.mark.java


def java(coordinates: tuple[str, ...], *command: str) -> list[str]:
    """The lines that a Java program printed."""
    run = subprocess.run([maven.java() or "java", *maven.BRIEF, "-Dorg.slf4j.simpleLogger.defaultLogLevel=error", "-cp",
                          maven.classpath(coordinates), *command], capture_output=True, text=True, timeout=SECONDS, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout.splitlines()


def tool(broker: EmbeddedBroker, name: str, *options: str) -> list[str]:
    """One of Kafka's command line tools."""
    return java(TOOLS, f"org.apache.kafka.tools.{name}", "--bootstrap-server", broker.address, *options)


@pytest.mark.parametrize("embedded, clients, epochs", [
    ("4.4", "4.4.0", [0, 1, 1, 2, 2, 3, 3, 4]),  # transaction version 2: a new epoch with each transaction
    ("3.9", "4.4.0", [0, 0, 0, 0, 0, 0, 0, 1]),
    ("4.4", "3.9.1", [0, 0, 0, 0, 0, 0, 0, 1]),
], indirect=["embedded"])
def test_java_producer(embedded: EmbeddedBroker, clients: str, epochs: list[int]):
    make_topic(embedded)
    told = java(tuple(c.format(clients) for c in CLIENTS), str(PRODUCERS), embedded.address)
    assert told == ["idempotent 0", "idempotent 1", "idempotent 2", "committed 3", "aborted 5", "committed 7",
                    "fenced InvalidProducerEpochException"]
    assert values(embedded) == ["i0", "i1", "i2", "c0", "<commit>", "a0", "<abort>", "c1", "<commit>", "z0", "<abort>"]
    assert [stored.batch.producer_epoch for stored in embedded.log("t").batches[3:]] == epochs
    assert embedded.cluster.offsets.committed["g"]["t", 0].offset == 2


def test_topics_command(embedded: EmbeddedBroker):
    assert tool(embedded, "TopicCommand", "--create", "--topic", "j", "--partitions", "3") == ["Created topic j."]
    described = tool(embedded, "TopicCommand", "--describe", "--topic", "j")
    assert described[0].split("\t")[2:4] == ["PartitionCount: 3", "ReplicationFactor: 1"]
    assert tool(embedded, "TopicCommand", "--list") == ["j"]
    tool(embedded, "TopicCommand", "--delete", "--topic", "j")
    assert embedded.cluster.topics == {}


def commit_and_abort(broker: EmbeddedBroker) -> None:
    """Producer id 0: a and c committed, b aborted; producer id 1: d."""
    make_topic(broker)
    producer = KafkaProducer(bootstrap_servers=broker.address, transactional_id="x")
    producer.init_transactions()
    for value, end in ((b"a", producer.commit_transaction), (b"b", producer.abort_transaction), (b"c", producer.commit_transaction)):
        producer.begin_transaction()
        producer.send("t", value, partition=0)
        producer.flush()
        end()
    producer.close()
    idempotent = KafkaProducer(bootstrap_servers=broker.address)
    idempotent.send("t", b"d", partition=0).get(10)
    idempotent.close()


@pytest.mark.parametrize("isolation, seen", [("read_committed", "acd"), ("read_uncommitted", "abcd")])
def test_console_consumer(embedded: EmbeddedBroker, isolation: str, seen: str):
    commit_and_abort(embedded)
    assert tool(embedded, "consumer.ConsoleConsumer", "--topic", "t", "--from-beginning", "--timeout-ms", "20000",
                "--max-messages", str(len(seen)), "--isolation-level", isolation) == list(seen)


def test_describe_producers_command(embedded: EmbeddedBroker):
    commit_and_abort(embedded)
    rows = [line.split() for line in tool(embedded, "TransactionsCommand", "describe-producers", "--topic", "t",
                                          "--partition", "0")]
    assert rows[0][:4] == ["ProducerId", "ProducerEpoch", "LatestCoordinatorEpoch", "LastSequence"]
    assert [row[:4] for row in rows[1:]] == [["0", "0", "0", "2"], ["1", "0", "-1", "0"]]


def test_hanging_transaction_is_found_and_ended(embedded: EmbeddedBroker):
    make_topic(embedded)
    two_hours_ago = wall_clock() - 7_200_000
    unknown_to_the_coordinator = Batch(1, 900, 0, 0, transactional=True, max_timestamp=two_hours_ago, payload=bytearray(61))
    embedded.log("t").append(unknown_to_the_coordinator)
    found = tool(embedded, "TransactionsCommand", "find-hanging", "--broker-id", "1", "--max-transaction-timeout", "1")
    assert found[1].split()[:3] == ["t", "0", "900"]
    tool(embedded, "TransactionsCommand", "abort", "--topic", "t", "--partition", "0", "--start-offset", "0")
    assert embedded.log("t").last_stable_offset == 2
