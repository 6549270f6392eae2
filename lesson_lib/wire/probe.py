"""Does a Kafka broker answer at an address?

ApiVersions (KIP-35) is the question that every Kafka server answers at once. A KRaft broker answers it a
moment before the controller lets it take part, so `is_usable` also asks Metadata for live brokers, and for
a producer id.
"""

from __future__ import annotations

import socket

from lesson_lib.errors import LessonError
from lesson_lib.wire import requests
from lesson_lib.wire.requests import RawClient


def split_address(address: str) -> tuple[str, int]:
    """`host:port` -> (host, port); ValueError when it is not of that form. Of a list, the first counts."""
    host, _, port = address.split(",")[0].strip().rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise ValueError(f"{address!r} is not host:port")
    return host.strip("[]"), int(port)


def api_versions(host: str, port: int, timeout: float = 2.0) -> dict[int, tuple[int, int]]:
    """API key -> (lowest, highest version) that the broker serves; OSError when no Kafka broker answers."""
    try:
        with RawClient(f"{host}:{port}", timeout) as client:
            return client.versions
    except LessonError as error:
        raise ConnectionError(str(error.__context__ or error)) from None


def is_usable(host: str, port: int, timeout: float = 2.0) -> bool:
    """True when a broker answers, its cluster lists a live one, and a producer would get its id."""
    try:
        with RawClient(f"{host}:{port}", timeout) as client:
            if not client.ask(requests.request("Metadata", topics=[]), 1).brokers:
                return False
            # for some seconds after its start Kafka answers 14, as its coordinator is still loading
            producer = requests.init_producer_id()
            return producer.API_KEY not in client.versions or not client.ask(producer, 0).error_code
    except (OSError, LessonError):
        return False


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """True when a server could listen on `port` now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as attempt:
        attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            attempt.bind((host, port))
        except OSError:
            return False
        return True


def two_free_ports() -> int:
    """A free port below another one: Kafka's broker takes the first, its controller the second."""
    while True:
        with socket.create_server(("127.0.0.1", 0)) as first:
            port = first.getsockname()[1]
            if port < 65535 and is_free(port + 1):
                return port
