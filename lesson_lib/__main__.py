"""`python -m lesson_lib`: the commands of the course, one line each.

Each command is a function `main(argv) -> exit status` in a module of its own, imported only when it is asked
for: `doctor` has to run, and say what is missing, where half of the packages are not installed.
"""

from __future__ import annotations

import sys
from importlib import import_module

from lesson_lib.errors import LessonError

COMMANDS = {
    "doctor": ("course_tools.doctor",
               "what is here (Python, packages, Docker, Java, broker), and what is to be done"),
    "kafka": ("course_tools.apache_kafka.command",
              "up | down: Apache Kafka for the live exercises, on Docker or on Java"),
    "broker": ("lesson_lib.broker.embedded", "--port N: run the embedded broker in the foreground"),
    "trace": ("course_tools.trace.command",
              "[-- APPLICATION…]: your own producer between a fault script and a broker, as a page"),
    "read": ("course_tools.read.command",
             "HOST:PORT TOPIC | FILE: producers, gaps, transactions and copies in a log"),
    "judge": ("course_tools.conformance.command",
              "HOST:PORT: any broker that speaks Kafka's protocol, judged by Kafka's rule"),
    "report": ("course_tools.report.command",
               "NOTEBOOK… | --class FOLDER: what learners answered, judged again"),
    "clients": ("course_tools.clients.command",
                "how clients differ: the same experiments with each that is here, as a table"),
    "book": ("course_tools.publish.book",
             "the executed lessons as pages that need no network, in build/book"),
    "slides": ("course_tools.publish.slides",
               "the executed lessons as slides that need no network, in build/slides"),
    "site": ("course_tools.site",
             "a static site in which the lessons run in the reader's browser, in build/site"),
    "answers": ("course_tools.answers", "for maintainers: write the answers in notebooks/for-instructors.md"),
    "minutes": ("course_tools.minutes", "for maintainers: write how long each lesson takes into its header"),
    "lock": ("course_tools.lock",
             "for maintainers: write requirements.lock and environment.yml from pyproject.toml"),
}


def usage() -> str:
    """The list of commands."""
    lines = [f"  python -m lesson_lib {name:<11} {text}" for name, (_, text) in COMMANDS.items()]
    return "\n".join(["Sent Twice, Stored Once. The commands:", *lines])


def main(argv: list[str]) -> int:
    """Run one command and return its exit status: 0 good, 1 could not be done, 2 not a command."""
    if not argv or argv[0] in ("-h", "--help", "help"):
        print(usage())
        return 0
    if argv[0] not in COMMANDS:
        print(f"There is no command {argv[0]!r}.\n{usage()}", file=sys.stderr)
        return 2
    try:
        return import_module(COMMANDS[argv[0]][0]).main(argv[1:])
    except LessonError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
