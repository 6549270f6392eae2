"""Kafka's own Java client: one Java process, which makes a new producer for each plan."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from course_tools.apache_kafka import maven
from course_tools.clients.driver import ClientDriver, SendPlan
from lesson_lib.errors import LessonError

SOURCE = Path(__file__).with_name("Sends.java")
VERSION = os.environ.get("KAFKA_CLIENTS_VERSION", "4.4.0")
END_SECONDS = 20


class Java(ClientDriver):
    """Starts Java with the first plan; downloads the client with Maven where it is not there yet."""

    name = "Java"
    version = VERSION

    def __init__(self) -> None:
        path = maven.classpath((f"org.apache.kafka:kafka-clients:{VERSION}", maven.LOGGING))
        self._process = subprocess.Popen([maven.java() or "java", *maven.BRIEF,
                                          "-Dorg.slf4j.simpleLogger.defaultLogLevel=off", "-cp", path,
                                          str(SOURCE)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                         text=True, bufsize=1)

    def send(self, plan: SendPlan) -> list[str]:
        print(plan.address, plan.topic, ",".join(map(str, plan.bursts)), word(plan.idempotence),
              word(plan.in_flight), plan.delivery_timeout_ms, plan.request_timeout_ms,
              file=self._process.stdin, flush=True)
        lines: list[str] = []
        while (line := self._read()) != "end":
            if line == "next":
                plan.between()
                print(file=self._process.stdin, flush=True)
            else:
                lines.append(line)
        return lines

    def _read(self) -> str:
        line = self._process.stdout.readline().strip()
        if not line:
            raise LessonError("The Java process has ended; run the command again.")
        return line

    def close(self) -> None:
        """End the Java process."""
        self._process.stdin.close()
        self._process.wait(END_SECONDS)
        self._process.stdout.close()


def word(setting: bool | int | None) -> str:
    """A setting as Sends.java reads it."""
    return "default" if setting is None else str(setting).lower()
