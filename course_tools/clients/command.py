"""`python -m lesson_lib clients`: the same experiments with every client that is here, as one Markdown table."""

from __future__ import annotations

import argparse
import sys
from contextlib import closing, redirect_stdout

from course_tools.clients.bench import Bench
from course_tools.clients.experiments import EXPERIMENTS
from course_tools.clients.installed import NAMES, missing, open_client
from course_tools.clients.table import page
from lesson_lib.lab.lab import Lab, start_lab


def main(argv: list[str]) -> int:
    """Print the page; what is being tried goes to standard error."""
    parser = argparse.ArgumentParser(prog="python -m lesson_lib clients", description=__doc__)
    parser.add_argument("--broker", metavar="HOST:PORT", default="embedded", help="an Apache Kafka, instead of the embedded broker")
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
        bench = Bench(lab, client)
        cells = []
        for experiment in EXPERIMENTS:
            print(f"{name}: {experiment.question}", file=sys.stderr, flush=True)
            cells.append(experiment.answer(bench))
    return f"{client.name} {client.version}", cells


def broker_words(lab: Lab) -> str:
    """Which broker, in words that do not change with a port."""
    return "Apache Kafka" if lab.choice.embedded is None else f"the embedded broker with the rules of Kafka {lab.choice.name}"
