"""What lesson 4 says of clients, held against the clients: defaults, what switches idempotence off, what a batch weighs."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lesson_lib.errors import LessonError
from lesson_lib.history import Kind
from lesson_lib.kafka_local import maven
from lesson_lib.kafka_local.compose import read_compose
from lesson_lib.live.cost import measure_cost
from lesson_lib.live.lab import Lab, start_lab
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
    asked = bool(history.of(Kind.INIT))
    first = history.attempts[0].send  # aiokafka without idempotence writes sequence 0 beside producer id -1: no id, no number
    assert asked == (first.producer_id >= 0 and first.base_sequence >= 0)
    return asked


@pytest.mark.parametrize("settings", cases(), ids=str)
def test_kafka_python_decides_as_the_exercise_says(lab: Lab, settings: dict[str, Any]) -> None:
    """`acks` other than all, `retries=0` and more than five in flight switch it off, and are refused where it was asked for."""
    def send(address: str, topic: str) -> None:
        with lab.producer(**settings) as producer:
            producer.send(topic, b"x").get()
    try:
        outcome = "on" if sends_numbers(lab, send) else "off"
    except LessonError:
        outcome = "refused"
    assert outcome == decision(settings)


def test_confluent_kafka_has_it_off_by_default(lab: Lab) -> None:
    """`confluent-kafka`, librdkafka: no."""
    confluent = pytest.importorskip("confluent_kafka")

    def send(address: str, topic: str, **settings: Any) -> None:
        producer = confluent.Producer({"bootstrap.servers": address, **settings})
        producer.produce(topic, b"x")
        assert producer.flush(10) == 0
    assert not sends_numbers(lab, send)
    assert sends_numbers(lab, lambda address, topic: send(address, topic, **{"enable.idempotence": True}))


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


def test_a_batch_weighs_the_same_with_and_without(lab: Lab) -> None:
    """Per batch: no byte more."""
    sizes = {size for _, _, size in measure_cost(lab, records=3).rows}
    assert len(sizes) == 1


def java_snippets() -> list[str]:
    """The Java code in the lesson's text."""
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    text = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    return re.findall(r"```java\n(.*?)```", text, re.DOTALL)


@pytest.mark.java
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
