"""Which clients are here, and what the others would take."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec

from course_tools.apache_kafka import maven
from course_tools.clients.order import Client

NAMES = ("kafka-python", "librdkafka", "aiokafka", "Java")
_DRIVERS = {"kafka-python": ("kafka_python", "KafkaPython"), "librdkafka": ("librdkafka", "Librdkafka"),
            "aiokafka": ("aiokafka_client", "Aiokafka"), "Java": ("java", "Java")}
_MISSING: dict[str, Callable[[], str]] = {
    "kafka-python": lambda: "",
    "librdkafka": lambda: "" if find_spec("confluent_kafka") else "`pip install confluent-kafka`",
    "aiokafka": lambda: "" if find_spec("aiokafka") else "`pip install aiokafka`",
    "Java": lambda: "" if maven.java() and shutil.which("mvn") else "Java 17 or newer, and Maven",
}


def missing(name: str) -> str:
    """What it would take to have that client, empty when it is here."""
    return _MISSING[name]()


def open_client(name: str) -> Client:
    """Its driver, to be closed."""
    module, driver = _DRIVERS[name]
    return getattr(import_module(f"course_tools.clients.{module}"), driver)()
