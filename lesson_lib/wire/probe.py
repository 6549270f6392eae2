"""Does a Kafka broker answer at an address? Two requests by hand, with sockets and struct only.

ApiVersions (KIP-35) is the question that every Kafka server answers without further ado. A KRaft broker answers it a moment
before the controller lets it take part, so `is_usable` also asks Metadata whether the cluster lists a live broker.
"""

from __future__ import annotations

import socket
import struct

API_METADATA, API_VERSIONS = 3, 18


def split_address(address: str) -> tuple[str, int]:
    """`host:port` -> (host, port); ValueError when it is not of that form. Of a list, the first counts."""
    host, _, port = address.split(",")[0].strip().rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise ValueError(f"{address!r} is not host:port")
    return host.strip("[]"), int(port)


def request(host: str, port: int, api_key: int, api_version: int, body: bytes, timeout: float) -> bytes:
    """Send one request and return the body of its answer; OSError when there is none within `timeout` seconds."""
    header = struct.pack(">hhi", api_key, api_version, 1) + struct.pack(">h", 6) + b"lesson"
    with socket.create_connection((host, port), timeout) as connection:
        connection.sendall(struct.pack(">i", len(header) + len(body)) + header + body)
        with connection.makefile("rb") as answers:
            (length,) = struct.unpack(">i", _exactly(answers.read(4), 4))
            return _exactly(answers.read(min(length, 1 << 20)), 4)[4:]


def _exactly(data: bytes, least: int) -> bytes:
    """`data`, or ConnectionError when the other side hung up before it had sent `least` bytes."""
    if len(data) < least:
        raise ConnectionError("the connection closed in the middle of an answer")
    return data


def api_versions(host: str, port: int, timeout: float = 2.0) -> dict[int, tuple[int, int]]:
    """API key -> (lowest, highest version) that the broker serves; OSError when no Kafka broker answers."""
    body = request(host, port, API_VERSIONS, 0, b"", timeout)
    try:
        _, count = struct.unpack_from(">hi", body)
        rows = [struct.unpack_from(">hhh", body, 6 + 6 * row) for row in range(count)]
    except struct.error:
        raise ConnectionError("the answer is not Kafka's") from None
    return {key: (lowest, highest) for key, lowest, highest in rows}


def is_usable(host: str, port: int, timeout: float = 2.0) -> bool:
    """True when a broker answers and its cluster lists at least one live broker."""
    try:
        api_versions(host, port, timeout)
        body = request(host, port, API_METADATA, 1, struct.pack(">i", 0), timeout)
        return struct.unpack_from(">i", body)[0] > 0
    except (OSError, struct.error):
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
    """A port that is free together with the one above it: Kafka's broker takes the first, its controller the second."""
    while True:
        with socket.create_server(("127.0.0.1", 0)) as first:
            port = first.getsockname()[1]
            if port < 65535 and is_free(port + 1):
                return port
