"""What a broker still remembers after it was stopped in order, and after it was killed: Apache Kafka and the embedded one."""

from __future__ import annotations

import os
import shutil
import signal
import time
import uuid
from collections.abc import Callable, Iterator

import pytest

from course_tools.apache_kafka.process import KafkaProcess
from lesson_lib.broker.embedded import EmbeddedBroker
from lesson_lib.errors import LessonError
from lesson_lib.lab.compose import read_compose
from lesson_lib.lab.forge import Forge, forge
from lesson_lib.wire import probe
from lesson_lib.wire.requests import RawClient, make_topic

BATCHES = 7  # sequences 0 to 6, one record each: 2 to 6 are remembered, after a restart only 6
STORED, OUT_OF_ORDER = "stored at offset 7", "refused: 45 out of order sequence number"


def duplicate(offset: int) -> str:
    return f"duplicate of offset {offset}: success, nothing stored"


AFTERWARDS = [OUT_OF_ORDER, OUT_OF_ORDER, duplicate(6), STORED]


def answers_after(address: str, topic: str, restart: Callable[[], None]) -> list[str]:
    """Fill the memory, restart, and ask for sequence 1, 2, the last one and the next one."""
    bench = forge(address, topic)
    assert [str(bench.send(7, 0, n)) for n in range(BATCHES)] == [f"stored at offset {n}" for n in range(BATCHES)]
    restart()
    bench = _reconnected(address, topic)
    return [str(bench.send(7, 0, n)) for n in (1, 2, 6, 7)]


def make(address: str, name: str) -> str:
    """A new topic."""
    with RawClient(address) as client:
        make_topic(client, name := f"{name}-{uuid.uuid4().hex[:8]}")
    return name


def _reconnected(address: str, topic: str) -> Forge:
    """A new connection, once the partition has its leader back."""
    for _ in range(100):
        try:
            bench = forge(address, topic)
            if bench.describe_producers().rows:
                return bench
        except (LessonError, ConnectionError):
            pass
        time.sleep(0.2)
    raise AssertionError("the broker did not come back")


@pytest.fixture(scope="module")
def kafka() -> Iterator[KafkaProcess]:
    """An Apache Kafka of this test's own."""
    process = KafkaProcess(probe.two_free_ports())
    process.start(read_compose().version)
    yield process
    process.stop()
    shutil.rmtree(process.folder)


def again(process: KafkaProcess, how: signal.Signals) -> None:
    """End it and start it once more with the data that it left."""
    os.kill(process.pid() or 0, how)
    while process.pid():
        time.sleep(0.05)
    process.resume()


@pytest.mark.java
@pytest.mark.fact("restart-leaves-one")
def test_apache_kafka_remembers_one_batch_after_a_stop_and_after_a_crash(kafka: KafkaProcess) -> None:
    """A broker that starts, stopped in order or killed, knows only the last batch of each id."""
    clean, crash = make(kafka.address, "clean"), make(kafka.address, "crash")
    assert answers_after(kafka.address, clean, lambda: again(kafka, signal.SIGTERM)) == AFTERWARDS
    assert answers_after(kafka.address, crash, lambda: again(kafka, signal.SIGKILL)) == AFTERWARDS


def test_so_does_the_embedded_broker() -> None:
    with EmbeddedBroker() as broker:
        clean, crash = make(broker.address, "clean"), make(broker.address, "crash")
        assert answers_after(broker.address, clean, lambda: broker.happen("restart broker")) == AFTERWARDS
        assert answers_after(broker.address, crash, lambda: broker.happen("crash broker")) == AFTERWARDS
