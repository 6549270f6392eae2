"""`python -m lesson_lib clients`: the same experiments with every client that is here, as one Markdown table
with a row for each experiment and a column for each client.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing, redirect_stdout
from importlib import import_module
from importlib.util import find_spec

from course_tools.apache_kafka import maven
from course_tools.clients.driver import ClientDriver
from course_tools.clients.experiments import EXPERIMENTS, ClientBench
from lesson_lib.lab.lab import Lab, start_lab

# Each client with the module and the class of its driver, which is loaded where the client is installed, and
# the package that it takes.
_DRIVERS = {"kafka-python": ("kafka_python", "KafkaPython", "kafka"),
            "librdkafka": ("librdkafka", "Librdkafka", "confluent_kafka"),
            "aiokafka": ("aiokafka_client", "Aiokafka", "aiokafka"), "Java": ("java", "Java", "")}
NAMES = tuple(_DRIVERS)
PAGE = """\
<!-- Written by `python -m lesson_lib clients > notebooks/clients-compared.md`. \
Do not edit: a test runs it again. -->

# Clients compared

Four clients and the same faults. Every cell comes from a run: that client, through the fault proxy,
to {broker}. `m0 m1` are batches of one record each. Error 6 is
NOT_LEADER_OR_FOLLOWER, 45 is OUT_OF_ORDER_SEQUENCE_NUMBER, 46 is DUPLICATE_SEQUENCE_NUMBER. Timeouts and
back-offs are short here, and librdkafka doesn't start again from its bootstrap servers
(`metadata.recovery.strategy=none`). The table gives away some of what lessons 4 to 6 ask.

{table}
"""


def missing(name: str) -> str:
    """What it would take to have that client, empty when it is here."""
    if name == "Java":
        return "" if maven.java() and shutil.which("mvn") else "Java 17 or newer, and Maven"
    package = _DRIVERS[name][2]
    return "" if find_spec(package) else f"`pip install {package.replace('_', '-')}`"


def open_client(name: str) -> ClientDriver:
    """Its driver, to be closed."""
    module, driver, _ = _DRIVERS[name]
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
        try:
            columns = dict(column(lab, name) for name in NAMES if name not in absent)
        finally:
            lab.stop()
    # In words that do not change with a port.
    broker = ("Apache Kafka" if lab.choice.embedded is None
              else f"the embedded broker with the rules of Kafka {lab.choice.name}")
    print(page(columns, broker, absent), end="")
    return 0


def column(lab: Lab, name: str) -> tuple[str, list[str]]:
    """One client with its version, and its cells."""
    with closing(open_client(name)) as client:
        bench = ClientBench(lab, client)
        cells = []
        for experiment in EXPERIMENTS:
            print(f"{name}: {experiment.question}", file=sys.stderr, flush=True)
            cells.append(experiment.answer(bench))
    return f"{client.name} {client.version}", cells


def page(columns: Mapping[str, Sequence[str]], broker: str, missing: Mapping[str, str]) -> str:
    """The whole page; `columns` maps a client with its version to its cells."""
    rows = [("", *columns), ("---",) * (1 + len(columns)),
            *((one.question, *(cells[i] for cells in columns.values())) for i, one in enumerate(EXPERIMENTS))]
    absent = "".join(f"\nNot run here: {name}. It takes {what}.\n" for name, what in missing.items())
    return PAGE.format(broker=broker, table="\n".join(f"| {' | '.join(row)} |" for row in rows)) + absent
