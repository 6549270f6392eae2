"""`python -m lesson_lib broker --port N`: the embedded broker in the foreground."""

from __future__ import annotations

import argparse
import signal
import threading

from lesson_lib.broker.embedded import EmbeddedBroker
from lesson_lib.core.kafka_version import DEFAULT_VERSION, KafkaVersion
from lesson_lib.errors import LessonError

NEWEST = KafkaVersion(4, 5)


def main(argv: list[str]) -> int:
    """Serve until SIGINT or SIGTERM, then return 0. Raises LessonError where the port is taken."""
    arguments = _parser().parse_args(argv)
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    with _broker(arguments) as broker:
        print(f"listening on {broker.address}", flush=True)
        if broker.is_open_to_others:
            told = f"{broker.cluster.host}:{broker.cluster.port}"
            print(f"clients are told {told}; there is no password: everybody who reaches that address can "
                  "read, write and delete all there is", flush=True)
        ended.wait()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m lesson_lib broker", description=__doc__)
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


def _broker(arguments: argparse.Namespace) -> EmbeddedBroker:
    try:
        advertised = (arguments.advertised_host, 0) if arguments.advertised_host else None
        host = arguments.host or "0.0.0.0"
        return EmbeddedBroker(_known(arguments.version), arguments.port, host, advertised,
                              arguments.auto_create_topics)
    except ValueError as error:
        raise LessonError(str(error)) from None


def _known(text: str) -> KafkaVersion:
    """ValueError for a release of which nobody here knows how it behaves."""
    version = KafkaVersion.of(text)
    if version > NEWEST:
        raise ValueError(f"The rules of Kafka {text} are not known here; the newest that are known are "
                         f"those of {NEWEST}.")
    return version
