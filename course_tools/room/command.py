"""`python -m lesson_lib room`: one command for a room of learners. A broker for all, their line, their
copies.

The embedded broker runs in this process, which holds no notebook. So whatever ends the process, Ctrl-C or a
closed terminal or the system, ends all of the room, and the copies are on disk already.
"""

from __future__ import annotations

import argparse
import re
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import date
from pathlib import Path

from course_tools import doctor
from course_tools.apache_kafka import maven
from course_tools.apache_kafka.process import HOST, KafkaProcess
from course_tools.command_line import say
from course_tools.report.model import shown
from course_tools.room import machine
from course_tools.room.copy_folder import CopyFolder
from course_tools.room.desk import Desk
from lesson_lib.broker.embedded import EmbeddedBroker
from lesson_lib.errors import LessonError
from lesson_lib.lab.compose import read_compose
from lesson_lib.wire import probe, requests
from lesson_lib.wire.requests import RawClient

LOOK_SECONDS = 1.0
CLEARED = "\r\033[K"  # the terminal's line, empty
OF_A_LAB = re.compile(r".+-([0-9a-f]{8})-\d+-\d+")  # a topic's name: its learner, process and lab


def main(argv: list[str]) -> int:
    """Keep the room open until Ctrl-C, SIGTERM or the end of the terminal; 0 then, 1 where it can't open."""
    options = _parser().parse_args(argv)
    with _ends_as_interrupt(), suppress(KeyboardInterrupt), ExitStack() as closing:
        if doctor.told(machine.examine(options.folder), _say):
            return 1
        room = Room(options, closing)
        try:
            room.invite()
            room.watch()
        except KeyboardInterrupt:
            room.say_goodbye()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m lesson_lib room", description="A broker for a room of "
                                     "learners, a page with their line, and a folder for their copies.")
    parser.add_argument("--host", help="the name or address of this machine that learners use (default: the "
                        "one that leads out of this machine)")
    parser.add_argument("--port", type=int, default=9092, help="the broker's (default 9092)")
    parser.add_argument("--page-port", type=int, default=8080, help="the page's (default 8080)")
    broker = parser.add_mutually_exclusive_group()
    broker.add_argument("--kafka", action="store_true", help="Apache Kafka, on Java")
    broker.add_argument("--no-broker", action="store_true", help="each notebook has its own; collect copies")
    parser.add_argument("--folder", type=Path, default=Path(f"room-{date.today()}"),
                        help="where copies go (default %(default)s)")
    return parser


@contextmanager
def _ends_as_interrupt() -> Iterator[None]:
    """SIGTERM and the end of the terminal are as Ctrl-C; under nohup the latter is ignored."""
    numbers = [signal.SIGINT, signal.SIGTERM]  # a script's background jobs ignore the first
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        numbers.append(signal.SIGHUP)
    before = {number: signal.signal(number, signal.default_int_handler) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Room:
    """An open room; `closing` closes what it has opened, in the other order."""

    def __init__(self, options: argparse.Namespace, closing: ExitStack) -> None:
        host, sentence = machine.reachable_at(options.host)
        _say(sentence)
        self.copies = CopyFolder(options.folder)
        closing.callback(self.copies.close)
        self.desk = Desk(host, options.page_port, self.copies, self.say_above)
        closing.callback(self.desk.server_close)
        self.broker = "" if options.no_broker else _broker(host, options, closing)
        self.page = f"{host}:{self.desk.server_address[1]}"
        self.desk.open({"broker": self.broker, "page": self.page,
                        "without_broker": "" if self.broker else "hidden"})
        closing.callback(self.desk.shutdown)
        self._learners: set[str] = set()
        self._status, self._drawn = "", False

    def invite(self) -> None:
        """What the room needs to know, the one line last."""
        notebook = f"%env KAFKA_BOOTSTRAP_SERVERS={self.broker}"
        hand_in = f'from lesson_lib import hand_in; hand_in("{self.page}", "your name")'
        if self.broker:
            _say(f"The broker is at {self.broker}. There's no password: whoever reaches it can read, write "
                 "and delete all there is.")
            _say(f"  a terminal:  KAFKA_BOOTSTRAP_SERVERS={self.broker} make lab")
            _say(f"  a notebook:  {notebook}")
        _say(f"  to hand in:  {hand_in}")
        _say(f"Copies go to {self.copies.path}. Ctrl-C closes the room.\n")
        if not self.page.startswith(("127.", "localhost")):
            words = "Everybody opens this page. It has these lines to copy, and takes notebooks:"
            line = f"http://{self.page}"
        elif self.broker:  # the learners' browsers may be elsewhere
            words, line = "Everybody runs this in each notebook, above start_lab():", notebook
        else:
            words, line = "At the end everybody runs this in a notebook:", hand_in
        frame, bold = "=" * (len(line) + 8), ("\033[1m", "\033[0m") if sys.stdout.isatty() else ("", "")
        _say(f"{words}\n\n  {frame}\n\n      {line.join(bold)}\n\n  {frame}\n")

    def watch(self) -> None:
        """Say who is here, whenever that changes, until an interrupt."""
        while True:
            if (status := self._now()) != self._status:
                self._status = status
                self._draw()
            time.sleep(LOOK_SECONDS)

    def _now(self) -> str:
        """Who is here, short enough for a line."""
        said = [f"{len(self.desk.visitors)} opened the page", self._on_the_broker() if self.broker else "",
                f"{len(self.copies.learners())} handed in"]
        return " · ".join(filter(None, said))

    def _on_the_broker(self) -> str:
        """By the topics of their labs, which every broker tells; those of closed labs are remembered.

        Who opens and closes a lab within a second isn't seen.
        """
        try:
            with RawClient(self.broker) as client:
                wanted = requests.request("Metadata", topics=None, allow_auto_topic_creation=False)
                found = [OF_A_LAB.fullmatch(topic.name) for topic in client.ask(wanted, 1).topics]
        except (OSError, LessonError):
            return "the broker doesn't answer"
        now = {match[1] for match in found if match}
        self._learners |= now
        return f"{len(self._learners)} used the broker, {len(now)} of them now"

    def say_above(self, sentence: str) -> None:
        """A sentence above the line that changes."""
        _say(f"{CLEARED * self._drawn}{time.strftime('%H:%M')} {shown(sentence)}")
        if self._drawn:
            self._draw()

    def _draw(self) -> None:
        """The line that changes: in place in a terminal, else as a new line."""
        self._drawn = sys.stdout.isatty()
        short = self._status[:shutil.get_terminal_size().columns - 1]  # a longer one couldn't be cleared
        _say(f"{CLEARED}{short}" if self._drawn else self._status, end="" if self._drawn else "\n")

    def say_goodbye(self) -> None:
        """Where everything is."""
        learners, notebooks = len(self.copies.learners()), self.copies.notebooks()
        handed_in = (f"{learners} learner{'s' * (learners != 1)} handed in "
                     f"{notebooks} notebook{'s' * (notebooks != 1)}")
        if self._drawn:
            _say("")
        _say(f"The room is closing. {handed_in}, in {self.copies.path}.")
        if learners:
            _say(f"The table: .venv/bin/python -m lesson_lib report --class {self.copies.path} "
                 "--output class.md")


def _broker(host: str, options: argparse.Namespace, closing: ExitStack) -> str:
    """Start it; its address."""
    if not options.kafka:
        return closing.enter_context(EmbeddedBroker(port=options.port, host=host)).address
    if not maven.java():
        raise LessonError("room --kafka runs Apache Kafka on Java 17 or newer, with Maven, and there's no "
                          "such Java here. (With Docker, Kafka only listens to this machine.)")
    port = options.port or probe.two_free_ports()
    if taken := [one for one, at in ((port, host), (port + 1, HOST)) if not probe.is_free(one, at)]:
        raise LessonError(f"Port {taken[0]} is taken by another program: stop it, or choose another --port.")
    process = KafkaProcess(port, host=host)
    _say("Apache Kafka is starting. That takes about ten seconds.")
    closing.callback(process.stop)
    process.start(read_compose().version)
    return process.address


def _say(sentence: str, end: str = "\n") -> None:
    """As `say`, and go on where there's no terminal any more."""
    with suppress(OSError, ValueError):
        say(sentence, end=end)
