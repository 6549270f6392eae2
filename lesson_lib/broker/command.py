"""`python -m lesson_lib broker --port N`: the embedded broker in the foreground."""

from __future__ import annotations

import argparse
import signal
import threading

from lesson_lib.broker.embedded import EmbeddedBroker
from lesson_lib.core.kafka_version import DEFAULT_VERSION
from lesson_lib.errors import LessonError


def main(argv: list[str]) -> int:
    """Serve until SIGINT or SIGTERM, then return 0. Raises LessonError where the port is taken."""
    arguments = _parser().parse_args(argv)
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    with _broker(arguments) as broker:
        print(f"listening on {broker.address}", flush=True)
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
    parser.add_argument("--version", default=str(DEFAULT_VERSION),
                        help="the Kafka release to behave like (default %(default)s)")
    return parser


def _broker(arguments: argparse.Namespace) -> EmbeddedBroker:
    try:
        advertised = (arguments.advertised_host, 0) if arguments.advertised_host else None
        return EmbeddedBroker(arguments.version, arguments.port, arguments.host, advertised)
    except ValueError as error:
        raise LessonError(str(error)) from None
