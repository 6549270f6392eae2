"""What tests do with a connection and nobody else: send what is no request, and wait for the end."""

from __future__ import annotations

from lesson_lib.wire.requests import RawClient


def send_bytes(client: RawClient, frame: bytes) -> None:
    """Send bytes as they are; nothing is expected back."""
    client._socket.sendall(frame)


def hung_up(client: RawClient) -> bool:
    """Whether the broker closes the connection; False when it sends something, or stays silent."""
    try:
        return client._socket.recv(1) == b""
    except ConnectionError:
        return True
    except TimeoutError:
        return False
