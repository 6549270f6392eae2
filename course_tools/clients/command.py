"""`python -m lesson_lib clients`: the same experiments with every client that is here, as one table."""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Callable
from contextlib import closing, redirect_stdout
from importlib import import_module
from importlib.util import find_spec

from course_tools.apache_kafka import maven
from course_tools.clients.bench import ClientBench
from course_tools.clients.experiments import EXPERIMENTS
from course_tools.clients.order import ClientDriver
from course_tools.clients.table import page
from lesson_lib.lab.lab import Lab, start_lab

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


def open_client(name: str) -> ClientDriver:
    """Its driver, to be closed."""
    module, driver = _DRIVERS[name]
    return getattr(import_module(f"course_tools.clients.{module}"), driver)()


def main(argv: list[str]) -> int:
    """Print the page; what is being tried goes to standard error."""
    parser = argparse.ArgumentParser(prog="python -m lesson_lib clients", description=__doc__)
    parser.add_argument("--broker", metavar="HOST:PORT", default="embedded",
                        help="an Apache Kafka, instead of the embedded broker")
    arguments = parser.parse_args(argv)
    absent = {name: what for name in NAMES if (what := missing(name))}
    with redirect_stdout(sys.stderr):
        lab = start_lab(arguments.broker)
        with closing(Stopping(lab)):
            columns = dict(column(lab, name) for name in NAMES if name not in absent)
    print(page(columns, broker_words(lab), absent), end="")
    return 0


class Stopping:
    """A lab that `closing` can close."""

    def __init__(self, lab: Lab) -> None:
        self.close = lab.stop


def column(lab: Lab, name: str) -> tuple[str, list[str]]:
    """One client with its version, and its cells."""
    with closing(open_client(name)) as client:
        bench = ClientBench(lab, client)
        cells = []
        for experiment in EXPERIMENTS:
            print(f"{name}: {experiment.question}", file=sys.stderr, flush=True)
            cells.append(experiment.answer(bench))
    return f"{client.name} {client.version}", cells


def broker_words(lab: Lab) -> str:
    """Which broker, in words that do not change with a port."""
    rules = f"the embedded broker with the rules of Kafka {lab.choice.name}"
    return "Apache Kafka" if lab.choice.embedded is None else rules
