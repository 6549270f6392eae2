"""`trace` with clients that share no code with ours: librdkafka, Java's own, and two in Go."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from course_tools.apache_kafka import maven
from course_tools.clients.java import SOURCE, VERSION
from course_tools.trace.command import main
from lesson_lib.errors import LessonError
from tests.broker.test_broker_franz_go import go, needs_go

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
    ("on", 0, "Every batch that got an ok"), ("off", 1, "Copy: batch 1 is in")])
def test_librdkafka_and_a_lost_ack(capsys: pytest.CaptureFixture[str], idempotence: str, status: int, words: str) -> None:
    assert librdkafka(*LOST, idempotence=idempotence) == status
    assert capsys.readouterr().out.startswith(words)


@pytest.mark.sockets
def test_a_constant_sent_as_fast_as_it_goes_accuses_nobody(capsys: pytest.CaptureFixture[str]) -> None:
    """Its batches have equal bytes, several are in flight, and nothing goes wrong."""
    assert librdkafka(values=("x",) * 60) == 0
    assert capsys.readouterr().out.startswith("It cannot be told whether there are copies")


@pytest.mark.sockets
@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
@pytest.mark.parametrize(("idempotence", "status", "words"), [("on", 0, "Every batch that got an ok"), ("off", 1, "Copy: batch 1 is in")])
def test_packed_records_are_judged_as_others(capsys: pytest.CaptureFixture[str], codec: str, idempotence: str, status: int,
                                             words: str) -> None:
    pytest.importorskip("confluent_kafka")
    packed = LIBRDKAFKA.replace('"log_level": 0', f'"log_level": 0, "compression.type": "{codec}"')
    values = ("waits", "rum" * 100, "salt" * 100)
    assert main([*LOST, "--", sys.executable, "-c", packed, idempotence, *values]) == status
    assert capsys.readouterr().out.startswith(words)


@pytest.mark.sockets
def test_records_that_nothing_here_unpacks_are_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """And no anomaly: snappy is what franz-go packs with unless told otherwise."""
    pytest.importorskip("confluent_kafka")
    monkeypatch.setattr("kafka.codec.has_lz4", lambda: False)
    packed = LIBRDKAFKA.replace('"log_level": 0', '"log_level": 0, "compression.type": "lz4"')
    with pytest.raises(LessonError, match="packed with lz4, .*: run make setup, or pip install lz4.$"):
        main(["--", sys.executable, "-c", packed, "on", "tea" * 100])


@pytest.mark.java
@pytest.mark.parametrize(("idempotence", "status", "words"), [
    ("true", 0, "Every batch that got an ok"), ("false", 1, "is in the log twice")])
def test_java_and_a_lost_ack(capsys: pytest.CaptureFixture[str], idempotence: str, status: int, words: str) -> None:
    path = maven.classpath((f"org.apache.kafka:kafka-clients:{VERSION}", maven.LOGGING))
    command = f'echo "$KAFKA_BOOTSTRAP_SERVERS orders 1,1,1 {idempotence} 1 30000 10000\n\n" | {maven.java()} -cp {path} {SOURCE}'
    assert main([*LOST, "--", "sh", "-c", command]) == status
    assert words in capsys.readouterr().out


@pytest.fixture(scope="module")
def producer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A program in Go with franz-go 1.20.6 and kafka-go 0.4.49, built from `tests/broker/go`."""
    needs_go("github.com/twmb/franz-go", "github.com/segmentio/kafka-go")
    path = tmp_path_factory.mktemp("go") / "producer"
    built = go("build", "-o", str(path), "./producer")
    assert built.returncode == 0, built.stderr
    return path


@pytest.mark.sockets
@pytest.mark.fact("franz-go-on-by-default")
@pytest.mark.parametrize(("client", "status", "words"), [
    ("idempotent", 0, "Every batch that got an ok"), ("numberless", 1, "Copy: batch 1 is in"),
    ("kafka-go", 1, "Suspected copy: batches 1 and 2")])  # it stamps a retry anew, so its bytes are others
def test_go_and_a_lost_ack(producer: Path, capfd: pytest.CaptureFixture[str], client: str, status: int, words: str) -> None:
    """franz-go: on by default, off only with `DisableIdempotentWrite`; kafka-go has none."""
    assert main([*LOST, "--", str(producer), client, "30000", "m0", "m1", "m2"]) == status
    assert capfd.readouterr().out.split("\n", 3)[3].startswith(words)


@pytest.mark.incident(4, "twmb/franz-go issue 1217")
@pytest.mark.sockets
def test_franz_go_is_told_ok_for_a_record_that_is_not_there(producer: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """twmb/franz-go issue 1217: m0 is stored and answered with error 7, its caller waits no longer, and m1 goes out under its number."""
    assert main(["--faults", "1: store and answer 7", "--", str(producer), "idempotent", "700", "m0", "m1", "m2"]) == 1
    assert capfd.readouterr().out.splitlines() == [
        "m0 failed: context deadline exceeded", "m1 ok", "m2 ok",
        "Lost write: the broker's ok for batch 1 reached the client, and the batch is not in the log."]
