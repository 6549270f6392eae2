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

from lesson_lib.broker import connection
from lesson_lib.broker.cluster import Cluster
from lesson_lib.broker.handlers.transactions import abort_timed_out
from lesson_lib.core.kafka_version import DEFAULT_VERSION, KafkaVersion
from lesson_lib.core.partition_log import PartitionLog
from lesson_lib.errors import LessonError, version_of
from lesson_lib.wire.server import Served, Server, ServerThread

EXPIRATION_CHECK_MS = 600_000  # producer.id.expiration.check.interval.ms
EVERY_ADDRESS = ("", "0.0.0.0", "::")
DAY_MS = 86_400_000
NEWEST = KafkaVersion(4, 5)


class EmbeddedBroker(Served):
    """A broker of release `version`. `advertised` is the (host, port) that clients are told, None: its own.

    A `host` that means every address of this machine is told to clients as its name. `server` serves it.
    """

    def __init__(self, version: str | KafkaVersion = "4.4", port: int = 0, host: str = "127.0.0.1",
                 advertised: tuple[str, int] | None = None, auto_create_topics: bool = False,
                 server: Callable[..., Server] = ServerThread) -> None:
        self.cluster = Cluster(version_of(version), auto_create_topics=auto_create_topics)
        self.advertised = advertised
        serve = partial(connection.serve, self.cluster)
        self._server = server(serve, host=host, port=port, name="embedded broker", chore=self._look_at_clock)
        self._expiration_check_at = self.cluster.now() + EXPIRATION_CHECK_MS

    def _look_at_clock(self) -> None:
        """What falls due with time: transactions that took too long, ids and groups that nobody uses."""
        abort_timed_out(self.cluster)
        self.cluster.forget_empty_groups()
        if self.cluster.now() >= self._expiration_check_at:
            self._expiration_check_at = self.cluster.now() + EXPIRATION_CHECK_MS
            self.forget_idle_ids(self.cluster.now())

    def start(self) -> EmbeddedBroker:
        """As `Served.start`; clients are told the address from now on."""
        super().start()
        host, port = self.advertised or (self._server.host, 0)
        self.cluster.host = socket.gethostname() if host in EVERY_ADDRESS else host
        self.cluster.port = port or self._server.port
        return self

    @property
    def is_open_to_others(self) -> bool:
        """Whether programs on other machines can reach it."""
        return self._server.host not in ("localhost", "::1") and not self._server.host.startswith("127.")

    @property
    def hooks(self) -> dict[str, Callable[[], None]]:
        """The faults that happen to a broker, by their names in a script, for a proxy in front of it."""
        return {"restart broker": self.restart, "crash broker": partial(self.restart, clean=False),
                "fail over": self.fail_over, "forget idle ids": self.forget_idle_ids}

    def log(self, topic: str, partition: int = 0) -> PartitionLog:
        """The log of a partition, to look at. LessonError where there is none."""
        log = self.cluster.find_log(topic, partition)
        if log is None:
            raise LessonError(f"The broker has no partition {partition} of a topic {topic!r}.")
        return log

    def restart(self, clean: bool = True) -> None:
        """Every partition as after a shutdown and a start, clean or by a crash; all connections drop."""
        def begin_again() -> None:
            for log in self.cluster.logs():
                (log.restart_clean if clean else log.restart_after_crash)(self.cluster.now())
            self.cluster.leader_epoch += 1
            self._server.disconnect_all()

        self._server.call(begin_again)

    def fail_over(self) -> None:
        """Every partition as on a new leader, which was a follower until now and up all the time."""
        def lead() -> None:
            for log in self.cluster.logs():
                log.fail_over()
            self.cluster.leader_epoch += 1

        self._server.call(lead)

    def forget_idle_ids(self, now: int | None = None) -> None:
        """What the check of `producer.id.expiration.ms` does at `now` (ms since 1970; None: in a day)."""
        at = self.cluster.now() + DAY_MS if now is None else now
        self._server.call(lambda: [log.forget_idle_ids(at) for log in self.cluster.logs()])


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
        if broker.is_open_to_others:
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
