"""`python -m lesson_lib`: the commands of the course, one line each.

Each command is a function `main(argv) -> exit status` in a module of its own, imported only when it is asked
for: `doctor` has to run, and say what is missing, where half of the packages are not installed.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from importlib import import_module
from typing import NamedTuple

from lesson_lib.errors import LessonError


class Command(NamedTuple):
    """Where it is, what it does in a line, an example (what stands behind its name) and its exit status.

    `failed`: the status for what cannot be done; 2 where 1 is a finding, which somebody's CI waits for.
    """

    module: str
    words: str
    example: str = ""
    status: str = "0 once it is done, 1 if it couldn't be"
    has_options: bool = True
    failed: int = 1


COMMANDS = {
    "doctor": Command("course_tools.doctor",
                      "what is here (Python, packages, Docker, Java, broker), and what is to be done",
                      status="1 if the lessons can't run here", has_options=False),
    "kafka": Command("course_tools.apache_kafka.command",
                     "up | down: Apache Kafka for the live exercises, on Docker or on Java",
                     "up --version 3.9.1 --port 9393"),
    "broker": Command("lesson_lib.broker.embedded", "--port N: run the embedded broker in the foreground",
                      "--port 0 --auto-create-topics", "0 after Ctrl-C, 1 if the port is taken"),
    "trace": Command("course_tools.trace.command",
                     "[-- APPLICATION…]: your own producer between a fault script and a broker, as a page",
                     '--faults "2: lose ack" --html run.html -- java -jar app.jar',
                     "1 for an anomaly, 2 if nothing could be judged, a fault never happened or the "
                     "application failed, 0 if all was tried and nothing is wrong", failed=2),
    "read": Command("course_tools.read.command",
                    "HOST:PORT TOPIC | FILE: producers, gaps, transactions and copies in a log",
                    "localhost:9092 orders --html log.html",
                    "1 for a copy, a gap, an open transaction or broken bytes (a suspicion isn't one), "
                    "2 if it can't be read", failed=2),
    "judge": Command("course_tools.conformance.command",
                     "HOST:PORT: any broker that speaks Kafka's protocol, judged by Kafka's rule",
                     'localhost:9092 --name "my broker" --html judged.html',
                     "0 if the broker agrees in every row that was tried, 1 if it doesn't, 2 if it couldn't "
                     "be tried", failed=2),
    "report": Command("course_tools.report.command",
                      "NOTEBOOK… | --class FOLDER: what learners answered, judged again",
                      "--class copies --output class.md",
                      "1 if a copy fails or couldn't be judged; with --strict for any wrong answer too"),
    "room": Command("course_tools.room.command",
                    "a room of learners: one broker, a page with their line, a folder for copies",
                    "--kafka", "0 after Ctrl-C, 1 if it can't be opened"),
    "clients": Command("course_tools.clients.command",
                       "how clients differ: the same experiments with each that is here, as a table",
                       "--broker localhost:9092"),
    "book": Command("course_tools.publish.book",
                    "the executed lessons as pages that need no network, in build/book", "somewhere/else"),
    "slides": Command("course_tools.publish.slides",
                      "the executed lessons as slides that need no network, in build/slides",
                      "somewhere/else"),
    "site": Command("course_tools.site",
                    "a static site in which the lessons run in the reader's browser, in build/site",
                    "somewhere/else"),
    "answers": Command("course_tools.answers",
                       "for instructors: every letter, solution and reason, in build/answers.md", "--html"),
    "minutes": Command("course_tools.minutes",
                       "for maintainers: write how long each lesson takes into its header and the plans",
                       has_options=False),
    "lock": Command("course_tools.lock",
                    "for maintainers: write requirements.lock and environment.yml from pyproject.toml",
                    "--upgrade", has_options=False),
}


def usage() -> str:
    """The list of commands."""
    lines = [f"  python -m lesson_lib {name:<11} {command.words}" for name, command in COMMANDS.items()]
    return "\n".join(["Sent Twice, Stored Once. The commands (--help behind one says more):", *lines])


def _help(name: str) -> None:
    command = COMMANDS[name]
    if command.has_options:
        with suppress(SystemExit):
            import_module(command.module).main(["--help"])
    else:
        print(f"python -m lesson_lib {name}: {command.words}")
    unfit = "; 2 for arguments that don't fit" * command.has_options
    print(f"\nexit status: {command.status}{unfit}\n"
          f"example: {f'python -m lesson_lib {name} {command.example}'.strip()}")


def main(argv: list[str]) -> int:
    """Run one command and return its exit status: 0 good, 2 not a command, the others as its help says."""
    if not argv or argv[0] in ("-h", "--help", "help"):
        print(usage())
        return 0
    if argv[0] not in COMMANDS:
        print(f"There is no command {argv[0]!r}.\n{usage()}", file=sys.stderr)
        return 2
    try:
        if {"-h", "--help"} & set(argv[1:2]):
            _help(argv[0])
            return 0
        return import_module(COMMANDS[argv[0]].module).main(argv[1:])
    except LessonError as error:
        print(error, file=sys.stderr)
        return COMMANDS[argv[0]].failed
    except ModuleNotFoundError as error:
        if error.name != "course_tools":
            raise
        print(f"{argv[0]} isn't part of this installation, which holds lesson_lib alone: run it in a clone "
              "of the course, after `make setup`.", file=sys.stderr)
        return COMMANDS[argv[0]].failed
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
