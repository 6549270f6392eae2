"""Which Apache Kafka to compare with: one that runs already, or one started for the occasion."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from course_tools.apache_kafka import maven
from course_tools.apache_kafka.process import KafkaProcess
from lesson_lib.errors import LessonError
from lesson_lib.lab.compose import read_compose
from lesson_lib.wire import probe

OLDER_RELEASE = "3.9.1"  # the last line of Kafka before transaction version 2


@dataclass(frozen=True, slots=True)
class KafkaTarget:
    """An Apache Kafka of a release; without an address it is started and stopped here."""

    release: str
    address: str | None = None

    @property
    def name(self) -> str:
        """For headings and tables."""
        return f"Apache Kafka {self.release}"


def targets(releases: Sequence[str]) -> list[KafkaTarget]:
    """The Kafka at KAFKA_BOOTSTRAP_SERVERS, or each release on Java, or compose's."""
    compose = read_compose()
    if given := os.environ.get("KAFKA_BOOTSTRAP_SERVERS"):
        return [KafkaTarget(releases[0] if releases else compose.version, given)]
    if maven.java():
        return [KafkaTarget(release) for release in releases or (compose.version, OLDER_RELEASE)]
    if probe.is_usable(compose.host, compose.port):
        return [KafkaTarget(compose.version, f"{compose.host}:{compose.port}")]
    raise LessonError("There is no Apache Kafka to compare with: install Java 17 and Maven, "
                      "or start one with make kafka.")


@contextmanager
def running(target: KafkaTarget) -> Iterator[str]:
    """The address of the target; what had to be started is stopped at the end."""
    if target.address:
        yield target.address
        return
    process = KafkaProcess(probe.two_free_ports())
    process.start(target.release)
    try:
        yield process.address
    finally:
        process.stop()
        shutil.rmtree(process.folder, ignore_errors=True)
