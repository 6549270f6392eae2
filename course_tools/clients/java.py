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

    name, version = "Java", VERSION

    def __init__(self) -> None:
        path = maven.classpath((f"org.apache.kafka:kafka-clients:{VERSION}", maven.LOGGING))
        self._process = subprocess.Popen([maven.java() or "java", *maven.BRIEF,
                                          "-Dorg.slf4j.simpleLogger.defaultLogLevel=off", "-cp", path,
                                          str(SOURCE)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                         text=True, bufsize=1)

    def send(self, plan: SendPlan) -> list[str]:
        asked = (plan.idempotence, plan.in_flight, plan.delivery_timeout_ms, plan.request_timeout_ms)
        print(plan.address, plan.topic, ",".join(map(str, plan.bursts)),
              *("default" if setting is None else str(setting).lower() for setting in asked),
              file=self._process.stdin, flush=True)
        told: list[str] = []
        while (line := self._process.stdout.readline().strip()) != "end":
            if not line:
                raise LessonError("The Java process has ended; run the command again.")
            if line == "next":
                plan.between()
                print(file=self._process.stdin, flush=True)
            else:
                told.append(line)
        return told

    def close(self) -> None:
        """End the Java process."""
        self._process.stdin.close()
        self._process.wait(END_SECONDS)
        self._process.stdout.close()
