"""Kafka's own Java producer and command line tools against the embedded broker."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from kafka import KafkaProducer

from course_tools.apache_kafka import maven
from lesson_lib.broker.cluster import wall_clock
from lesson_lib.broker.embedded import EmbeddedBroker
from lesson_lib.core.producer_state import Batch

from .logs import make_topic, values

SOURCES = sorted(Path(__file__).with_name("java").glob("*.java"))
CLIENTS = ("org.apache.kafka:kafka-clients:{0}", maven.LOGGING)
TOOLS = ("org.apache.kafka:kafka-tools:4.4.0", maven.LOGGING)
SECONDS = 90

pytestmark = pytest.mark.java


def java(coordinates: tuple[str, ...], folder: str, *command: str) -> list[str]:
    """The lines that a Java program printed."""
    path = f"{folder}{os.pathsep}{maven.classpath(coordinates)}"
    run = subprocess.run([maven.java() or "java", *maven.BRIEF, "-Dorg.slf4j.simpleLogger.defaultLogLevel=error", "-cp", path, *command],
                         capture_output=True, text=True, timeout=SECONDS, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout.splitlines()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Where the two programs are, compiled once."""
    folder = str(tmp_path_factory.mktemp("java"))
    java(TOOLS, folder, "-m", "jdk.compiler/com.sun.tools.javac.Main", "-d", folder, "-cp", maven.classpath(TOOLS), *map(str, SOURCES))
    return folder


def tools(folder: str, broker: EmbeddedBroker, *commands: str) -> list[list[str]]:
    """What each of these command line tools of Kafka's printed, run one after the other in one Java."""
    words: list[str] = []
    for name, *options in map(str.split, commands):
        words += [*["--then"] * bool(words), name, "--bootstrap-server", broker.address, *options]
    printed = "\n".join(java(TOOLS, folder, "Tools", *words)).split("==\n" if len(commands) > 1 else "==")
    return [lines.removesuffix("==").splitlines() for lines in printed][:len(commands)]


@pytest.mark.parametrize("embedded, clients, epochs", [
    ("4.4", "4.4.0", [0, 1, 1, 2, 2, 3, 3, 4]),  # transaction version 2: a new epoch with each transaction
    ("3.9", "4.4.0", [0, 0, 0, 0, 0, 0, 0, 1]),
    ("4.4", "3.9.1", [0, 0, 0, 0, 0, 0, 0, 1]),
], indirect=["embedded"])
def test_java_producer(embedded: EmbeddedBroker, folder: str, clients: str, epochs: list[int]):
    make_topic(embedded)
    told = java(tuple(c.format(clients) for c in CLIENTS), folder, "Producers", embedded.address)
    assert told == ["idempotent 0", "idempotent 1", "idempotent 2", "committed 3", "aborted 5", "committed 7",
                    "fenced InvalidProducerEpochException"]
    assert values(embedded) == ["i0", "i1", "i2", "c0", "<commit>", "a0", "<abort>", "c1", "<commit>", "z0", "<abort>"]
    assert [stored.batch.producer_epoch for stored in embedded.log("t").batches[3:]] == epochs
    assert embedded.cluster.offsets.committed["g"]["t", 0].offset == 2


def test_topics_command(embedded: EmbeddedBroker, folder: str):
    created, described, listed, _ = tools(
        folder, embedded, "TopicCommand --create --topic j --partitions 3", "TopicCommand --describe --topic j",
        "TopicCommand --list", "TopicCommand --delete --topic j")
    assert created == ["Created topic j."]
    assert described[0].split("\t")[2:4] == ["PartitionCount: 3", "ReplicationFactor: 1"]
    assert listed == ["j"]
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


def test_consumers_and_the_memory_of_producers(embedded: EmbeddedBroker, folder: str):
    commit_and_abort(embedded)
    consume = "consumer.ConsoleConsumer --topic t --from-beginning --timeout-ms 20000 --max-messages {0} --isolation-level {1}"
    committed, uncommitted, remembered = tools(
        folder, embedded, consume.format(3, "read_committed"), consume.format(4, "read_uncommitted"),
        "TransactionsCommand describe-producers --topic t --partition 0")
    assert (committed, uncommitted) == (list("acd"), list("abcd"))
    rows = [line.split()[:4] for line in remembered]
    assert rows == [["ProducerId", "ProducerEpoch", "LatestCoordinatorEpoch", "LastSequence"], ["0", "0", "0", "2"], ["1", "0", "-1", "0"]]


def test_hanging_transaction_is_found_and_ended(embedded: EmbeddedBroker, folder: str):
    make_topic(embedded)
    two_hours_ago = wall_clock() - 7_200_000
    unknown_to_the_coordinator = Batch(1, 900, 0, 0, transactional=True, max_timestamp=two_hours_ago, payload=bytearray(61))
    embedded.log("t").append(unknown_to_the_coordinator)
    found, _ = tools(folder, embedded, "TransactionsCommand find-hanging --broker-id 1 --max-transaction-timeout 1",
                     "TransactionsCommand abort --topic t --partition 0 --start-offset 0")
    assert found[1].split()[:3] == ["t", "0", "900"]
    assert embedded.log("t").last_stable_offset == 2
