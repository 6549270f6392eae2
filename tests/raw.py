"""What tests do with a connection and nobody else: send what is no request, wait for the end, list all topics."""

from __future__ import annotations

from lesson_lib.wire.requests import RawClient, request


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


def topics_at(address: str) -> list[str]:
    """The names of all topics of a broker."""
    with RawClient(address) as client:
        return [topic.name for topic in client.ask(request("Metadata", topics=None, allow_auto_topic_creation=False)).topics]
