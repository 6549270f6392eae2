"""Labs on both brokers for facts about Kafka, and one Java process for all facts about the Java client."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from course_tools.apache_kafka import maven
from lesson_lib.core.kafka_version import KafkaVersion
from lesson_lib.lab.compose import read_compose
from lesson_lib.lab.lab import Lab, start_lab

ON_SOCKETS = ["sockets", pytest.param("kafka", marks=pytest.mark.kafka)]
HERE = Path(__file__).parent
STEPS = HERE / "java" / "Steps.java"


@pytest.fixture(scope="module", params=["embedded", pytest.param("kafka", marks=pytest.mark.kafka)])
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """A lab on the embedded broker, in a virtual world, and one on Apache Kafka. A test can ask for an older embedded one,
    "embedded 3.9"; another client than kafka-python needs "sockets".
    """
    name, _, version = request.param.partition(" ")
    if name == "kafka":
        lab = start_lab(request.getfixturevalue("kafka_address"))
    else:
        lab = start_lab("embedded", version or "4.4", world="sockets" if name == "sockets" else "virtual")
    yield lab
    lab.stop()


@pytest.hookimpl(tryfirst=True)
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Facts about another client are facts about a client on sockets."""
    asked = any(mark.args[0] == "lab" for mark in metafunc.definition.iter_markers("parametrize"))
    on_sockets = "java" in metafunc.fixturenames or metafunc.definition.get_closest_marker("sockets")
    if on_sockets and "lab" in metafunc.fixturenames and not asked:
        metafunc.definition.add_marker(pytest.mark.parametrize("lab", ON_SOCKETS, indirect=True, scope="module"))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Within its module, what needs no lab comes first: later the module's lab may be open, and in a virtual world there
    are no other sockets."""
    facts = [item for item in items if item.path.parent == HERE]
    modules = {path: n for n, path in enumerate(dict.fromkeys(item.path for item in facts))}
    ordered = iter(sorted(facts, key=lambda item: (modules[item.path], "lab" in item.fixturenames)))
    items[:] = [next(ordered) if item.path.parent == HERE else item for item in items]


@pytest.fixture
def release(lab: Lab, kafka_version: str) -> KafkaVersion:
    """Whose rules the lab's broker follows."""
    return lab.choice.embedded.cluster.version if lab.choice.embedded else KafkaVersion.of(kafka_version)


@pytest.fixture
def topic(lab: Lab) -> str:
    """A new topic, a new history, no faults."""
    lab.faults()
    return lab.topic("fact")


@pytest.fixture(scope="session")
def java() -> Iterator[Callable[..., list[str]]]:
    """What a Java producer's application is told: `java(address, topic, "m0", "!commit", acks="1")`, see Steps.java."""
    version = os.environ.get("KAFKA_CLIENTS_VERSION", read_compose().version)
    jars = maven.classpath((f"org.apache.kafka:kafka-clients:{version}", maven.LOGGING))
    process = subprocess.Popen([maven.java() or "java", *maven.BRIEF, "-Dorg.slf4j.simpleLogger.defaultLogLevel=off", "-cp", jars,
                                str(STEPS)],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)

    def told(address: str, topic: str, *steps: str, **settings: Any) -> list[str]:
        options = {"bootstrap.servers": address, **{name.replace("_", "."): value for name, value in settings.items()}}
        print(topic, ",".join(f"{name}={value}" for name, value in options.items()), *steps, file=process.stdin, flush=True)
        lines = []
        while (line := process.stdout.readline().strip()) != "end":
            assert line, "the Java process has ended"
            lines.append(line)
        return lines

    yield told
    process.stdin.close()
    process.wait(20)
