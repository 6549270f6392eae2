"""The embedded broker: Kafka's protocol on 127.0.0.1, served from `core` by a thread of this process, and
`python -m lesson_lib broker`, which is that in the foreground.

It is a Kafka server for any client within its list of APIs. Differs from Kafka in: one node, logs in
memory, no security, no replication, no retention, no compaction.
"""

from __future__ import annotations

import argparse
import signal
import socket
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

from lesson_lib.broker import connection
from lesson_lib.broker.cluster import Cluster
from lesson_lib.broker.handlers.transactions import abort_timed_out
from lesson_lib.core.kafka_version import DEFAULT_VERSION, KafkaVersion
from lesson_lib.core.partition_log import PartitionLog
from lesson_lib.errors import LessonError, version_of
from lesson_lib.faults import BROKER_WORDS, befall
from lesson_lib.wire.server import Server

EXPIRATION_CHECK_MS = 600_000  # producer.id.expiration.check.interval.ms
EVERY_ADDRESS = ("", "0.0.0.0", "::")
NEWEST = KafkaVersion(4, 5)


class EmbeddedBroker(Server):
    """A broker of release `version`. `advertised` is the (host, port) that clients are told, None: its own.

    A `host` that means every address of this machine is told to clients as its name. `loop` is `Server`'s.
    """

    def __init__(self, version: str | KafkaVersion = "4.4", port: int = 0, host: str = "127.0.0.1",
                 advertised: tuple[str, int] | None = None, auto_create_topics: bool = False,
                 loop: Any = None) -> None:
        self.cluster = Cluster(version_of(version), auto_create_topics=auto_create_topics)
        self.advertised = advertised
        super().__init__(partial(connection.serve, self.cluster), host, port, "embedded broker",
                         self._look_at_clock, loop)
        self._expiration_check_at = self.cluster.now() + EXPIRATION_CHECK_MS

    def _look_at_clock(self) -> None:
        """What falls due with time: transactions that took too long, ids and groups that nobody uses."""
        abort_timed_out(self.cluster)
        self.cluster.forget_empty_groups()
        if self.cluster.now() >= self._expiration_check_at:
            self._expiration_check_at = self.cluster.now() + EXPIRATION_CHECK_MS
            for log in self.cluster.logs():
                log.forget_idle_ids(self.cluster.now())

    def start(self) -> EmbeddedBroker:
        """As `Server.start`; clients are told the address from now on."""
        super().start()
        host, port = self.advertised or (self.host, 0)
        self.cluster.host = socket.gethostname() if host in EVERY_ADDRESS else host
        self.cluster.port = port or self.port
        return self

    @property
    def hooks(self) -> dict[str, Callable[[], None]]:
        """The faults that happen to a broker, by their names in a script, for a proxy in front of it."""
        return {name: partial(self.happen, name) for name in BROKER_WORDS}

    def log(self, topic: str, partition: int = 0) -> PartitionLog:
        """The log of a partition, to look at. LessonError where there is none."""
        log = self.cluster.find_log(topic, partition)
        if log is None:
            raise LessonError(f"The broker has no partition {partition} of a topic {topic!r}.")
        return log

    def happen(self, name: str) -> None:
        """Restart, crash, fail over, or let a day pass, as the fault of that name says. Whoever leads again
        begins a new leader epoch; where the process ends all connections drop.
        """
        def befall_all() -> None:
            for log in self.cluster.logs():
                befall(log, name, self.cluster.now())
            self.cluster.leader_epoch += name != "forget idle ids"
            if name in ("restart broker", "crash broker"):
                self.disconnect_all()

        self.call(befall_all)


def main(argv: list[str]) -> int:
    """Serve until SIGINT or SIGTERM, then return 0. Raises LessonError where the port is taken."""
    arguments = _parser().parse_args(argv)
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    advertised = (arguments.advertised_host, 0) if arguments.advertised_host else None
    with EmbeddedBroker(known_version(arguments.version), arguments.port, arguments.host or "0.0.0.0",
                        advertised, arguments.auto_create_topics) as broker:
        print(f"listening on {broker.address}", flush=True)
        if broker.host not in ("localhost", "::1") and not broker.host.startswith("127."):
            told = f"{broker.cluster.host}:{broker.cluster.port}"
            print(f"clients are told {told}; there is no password: everybody who reaches that address can "
                  "read, write and delete all there is", flush=True)
        ended.wait()
    return 0


def known_version(text: str) -> KafkaVersion:
    """The release of this name. LessonError for what is no release, or one whose rules aren't known here."""
    if (version := version_of(text)) > NEWEST:
        raise LessonError(f"The rules of Kafka {version} are not known here; the newest that are known are "
                          f"those of {NEWEST}.")
    return version


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m lesson_lib broker",
                                     description="The embedded broker, in the foreground.")
    parser.add_argument("--port", type=int, default=9092,
                        help="port to listen on, 0 for any free one (default 9092)")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1: "
                        "only programs on this machine reach it)")
    parser.add_argument("--advertised-host", help="name or address that clients are told "
                        "(default: --host, or this machine's name)")
    parser.add_argument("--auto-create-topics", action="store_true",
                        help="make a topic when a client first asks for it (auto.create.topics.enable)")
    parser.add_argument("--version", default=str(DEFAULT_VERSION),
                        help="the Kafka release to behave like (default %(default)s)")
    return parser
