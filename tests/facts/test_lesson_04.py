"""What lesson 4 says of clients, held against the clients: defaults, what switches idempotence off, what a batch weighs."""

from __future__ import annotations

import json
import logging
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from course_tools.apache_kafka import maven
from lesson_lib.errors import LessonError
from lesson_lib.history import Kind
from lesson_lib.lab.compose import read_compose
from lesson_lib.lab.cost import measure_cost
from lesson_lib.lab.lab import Lab, start_lab
from lesson_lib.teach.lessons.lesson_04 import cases, decision

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "04-switching-it-on.ipynb"


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """A lab on the embedded broker: these are facts about clients."""
    lab = start_lab("embedded")
    yield lab
    lab.stop()


def sends_numbers(lab: Lab, client: Any) -> bool:
    """Whether what `client` sends asks for a producer id and carries a sequence."""
    lab.faults()
    client(lab.address, lab.topic("fact"))
    end = time.monotonic() + 10  # with acks=0 the client is done before its request has arrived
    while not (history := lab.history()).attempts and time.monotonic() < end:
        time.sleep(0.02)
    assert history.attempts
    asked = history.of(Kind.INIT, Kind.SEND)[0].kind == Kind.INIT  # before it sent anything
    first = history.attempts[0].send  # aiokafka without idempotence writes sequence 0 beside producer id -1: no id, no number
    assert asked == (first.producer_id >= 0 and first.base_sequence >= 0)
    return asked


@pytest.mark.fact("kafka-python-on-by-default", "kafka-python-switches-off", "kafka-python-refuses", "id-before-first-batch")
@pytest.mark.parametrize("settings", [*cases(), {"linger_ms": 50}], ids=str)
def test_kafka_python_decides_as_the_exercise_says(lab: Lab, settings: dict[str, Any]) -> None:
    """`acks` other than all, `retries=0` and `max_in_flight_requests_per_connection` above five switch a default off, other settings
    do not; beside a written `enable_idempotence=True` the three are refused."""
    def send(address: str, topic: str) -> None:
        with lab.producer(**settings) as producer:
            producer.send(topic, b"x").get()
    try:
        outcome = "on" if sends_numbers(lab, send) else "off"
    except LessonError:
        outcome = "refused"
    assert outcome == decision(settings)


@pytest.mark.fact("kafka-python-logs-it")
def test_one_line_in_the_log_says_so(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """A default gives way to a setting that you wrote; at best one line in the client's log says so."""
    name = "kafka.producer.kafka"  # at best: kafka-python silences this logger for good when a producer is garbage-collected
    monkeypatch.setattr(f"{name}.log", logging.getLogger(name))
    producer = lab.producer(acks=1)
    said = [line for line in lab.client_log().splitlines() if producer.client_id in line and "Idempotence will be disabled" in line]
    assert len(said) == 1


@pytest.mark.fact("kafka-python-old-broker")
def test_an_old_broker_switches_it_off_too(lab: Lab) -> None:
    """`kafka-python` still talks to brokers before 0.11, and switches idempotence off, or refuses where it was written down."""
    assert lab.producer(api_version=(0, 10, 2)).config["enable_idempotence"] is False
    assert lab.producer(api_version=(0, 11)).config["enable_idempotence"] is True
    with pytest.raises(LessonError, match="0.11"):
        lab.producer(api_version=(0, 10, 2), enable_idempotence=True)


@pytest.mark.fact("confluent-off-by-default", "confluent-code")
def test_confluent_kafka_has_it_off_by_default(lab: Lab) -> None:
    """`confluent-kafka`, librdkafka: no."""
    confluent = pytest.importorskip("confluent_kafka")

    def send(address: str, topic: str, **settings: Any) -> None:
        producer = confluent.Producer({"bootstrap.servers": address, **settings})
        producer.produce(topic, b"x")
        assert producer.flush(10) == 0
    assert not sends_numbers(lab, send)
    assert sends_numbers(lab, lambda address, topic: send(address, topic, **{"enable.idempotence": True}))


@pytest.mark.fact("librdkafka-refuses")
def test_librdkafka_adjusts_defaults_and_refuses_what_was_written() -> None:
    """In librdkafka defaults give way to a wish for idempotence; two written settings are a contradiction there as well."""
    confluent = pytest.importorskip("confluent_kafka")
    address, on = "127.0.0.1:1", {"enable.idempotence": True}
    confluent.Producer({"bootstrap.servers": address, **on})
    with pytest.raises(confluent.KafkaException, match="acks"):
        confluent.Producer({"bootstrap.servers": address, **on, "acks": 1})


@pytest.mark.fact("aiokafka-off-by-default")
def test_aiokafka_has_it_off_by_default(lab: Lab) -> None:
    """`aiokafka`: no."""
    import asyncio

    import aiokafka

    async def send_async(address: str, topic: str, **settings: Any) -> None:
        producer = aiokafka.AIOKafkaProducer(bootstrap_servers=address, **settings)
        await producer.start()
        try:
            await producer.send_and_wait(topic, b"x")
        finally:
            await producer.stop()
    assert not sends_numbers(lab, lambda address, topic: asyncio.run(send_async(address, topic)))
    assert sends_numbers(lab, lambda address, topic: asyncio.run(send_async(address, topic, enable_idempotence=True)))


JAVA = [({}, "on"), ({"retries": 3}, "on"), ({"retries": 0}, "off"), ({"acks": 1}, "off"), ({"acks": 0}, "off"),
        ({"max_in_flight_requests_per_connection": 6}, "refused"), ({"enable_idempotence": "true", "acks": 1}, "refused"),
        ({"enable_idempotence": "true", "retries": 0}, "refused"), ({"enable_idempotence": "false", "acks": 1}, "off")]


@pytest.mark.java
@pytest.mark.fact("java-on-by-default", "java-retries-3-is-on", "java-refuses")
@pytest.mark.parametrize(("settings", "said"), JAVA, ids=str)
def test_java_decides(lab: Lab, java: Callable[..., list[str]], settings: dict[str, Any], said: str) -> None:
    """Java: on by default; `retries=3` leaves it on, `retries=0` switches it off; a conflict with `enable.idempotence` is refused."""
    told: list[str] = []

    def send(address: str, topic: str) -> None:
        told.extend(java(address, topic, "m0", **settings))
    if said == "refused":
        send(lab.address, "unused")
        assert told == ["ConfigException"]
    else:
        assert sends_numbers(lab, send) == (said == "on")
        assert told == ["ok -1" if settings.get("acks") == 0 else "ok 0"]


@pytest.mark.fact("no-request-more")
def test_one_request_at_the_start_and_no_other_more(lab: Lab) -> None:
    """Per batch: no request more. Per producer: one request at the start."""
    on, off = (lab.run(3, idempotence=choice) for choice in (True, False))
    assert [(len(run.attempts), len(run.of(Kind.INIT))) for run in (on, off)] == [(3, 1), (3, 0)]


@pytest.mark.fact("transaction-costs-more", "coordinator-is-told")
def test_a_transaction_costs_more_again(lab: Lab) -> None:
    """A transaction costs more again: the coordinator is told of its partition and its end, and a marker is written into the log."""
    topic, producer = lab.topic("fact"), lab.producer(transactional_id="cost")
    producer.init_transactions()
    lab.faults()
    producer.begin_transaction()
    producer.send(topic, b"m").get()
    producer.commit_transaction()
    assert [event.what for event in lab.history().of(Kind.TXN)] == ["begin", "add partition", "commit"]
    assert [cell.kind for cell in lab.log(topic)] == ["data", "commit"]


@pytest.mark.fact("no-byte-more")
def test_a_batch_weighs_the_same_with_and_without(lab: Lab) -> None:
    """Per batch: no byte more."""
    sizes = {size for *_, size in measure_cost(lab, records=3).rows}
    assert len(sizes) == 1


def java_snippets() -> list[str]:
    """The Java code in the lesson's text."""
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    text = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    return re.findall(r"```java\n(.*?)```", text, re.DOTALL)


@pytest.mark.java
@pytest.mark.fact("java-code-compiles")
def test_the_java_code_compiles(tmp_path: Path) -> None:
    """Code for enabling idempotence in Java compiles against kafka-clients; the same with a misspelt class does not."""
    if not shutil.which("javac"):
        pytest.skip("needs javac, of a JDK 17 or newer: install one")
    snippets = java_snippets()
    assert snippets
    for snippet in snippets:
        assert compiles(snippet, tmp_path)
        assert not compiles(snippet.replace("KafkaProducer<", "KafkaProducr<"), tmp_path)


def compiles(snippet: str, folder: Path) -> bool:
    """Whether javac takes the lines as the body of a method."""
    source = folder / "Snippet.java"
    source.write_text("import java.util.Properties;\nimport org.apache.kafka.clients.producer.KafkaProducer;\n"
                      "import org.apache.kafka.common.serialization.StringSerializer;\n"
                      f"class Snippet {{ void body() {{\n{snippet}\n}} }}\n", encoding="utf-8")
    command = ["javac", "-d", str(folder), "-cp", class_path(), str(source)]
    return subprocess.run(command, capture_output=True).returncode == 0


def class_path() -> str:
    """Kafka's jars, as `make kafka` fetches them."""
    return maven.classpath(maven.kafka_server(read_compose().version))
