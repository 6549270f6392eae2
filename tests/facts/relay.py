"""A relay in front of a broker that loses what the fault proxy does not know: the answer to a commit, a connection in the
middle of a try.

It stands between the proxy and the broker: a lab whose broker is at `relay.address` sends everything through it, as the
proxy takes the only node of a cluster for the one it talks to. Kafka answers the requests of a connection in order, so
which answer belongs to which request is counted and not read.
"""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections import deque
from contextlib import suppress

PRODUCE, END_TXN = 0, 26  # API keys


class Relay:
    """Passes frames on. The answers to requests with an API key in `loses` get lost, and the connection stays; of one in
    `loses_once` the next answer only. A request with a key in `breaks` reaches the broker, and after so many seconds
    the connection breaks.
    """

    def __init__(self, broker: str) -> None:
        host, _, port = broker.rpartition(":")
        self.broker = host, int(port)
        self.loses: set[int] = set()
        self.loses_once: set[int] = set()
        self.breaks: dict[int, float] = {}
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._open: list[socket.socket] = [self._listener]
        threading.Thread(target=self._listen, daemon=True).start()

    def stop(self) -> None:
        """Close every connection; the threads end with them."""
        for one in self._open:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _listen(self) -> None:
        with suppress(OSError):
            while True:
                client = self._listener.accept()[0]
                broker = socket.create_connection(self.broker)
                self._open += [client, broker]
                keys: deque[int] = deque()
                threading.Thread(target=self._requests, args=(client, broker, keys), daemon=True).start()
                threading.Thread(target=self._answers, args=(client, broker, keys), daemon=True).start()

    def _requests(self, client: socket.socket, broker: socket.socket, keys: deque[int]) -> None:
        with suppress(OSError):
            while frame := _frame(client):
                key = struct.unpack(">h", frame[4:6])[0]
                lost = key in self.loses or key in self.loses_once or key in self.breaks
                self.loses_once.discard(key)
                keys.append(-1 if lost else key)
                broker.sendall(frame)
                if key in self.breaks:
                    time.sleep(self.breaks[key])
                    client.shutdown(socket.SHUT_RDWR)
        with suppress(OSError):
            broker.shutdown(socket.SHUT_RDWR)

    def _answers(self, client: socket.socket, broker: socket.socket, keys: deque[int]) -> None:
        with suppress(OSError):
            while frame := _frame(broker):
                if keys.popleft() >= 0:
                    client.sendall(frame)
        with suppress(OSError):
            client.shutdown(socket.SHUT_RDWR)


def _frame(connection: socket.socket) -> bytes:
    """The next frame with its size, b"" at the end."""
    head = _exactly(connection, 4)
    return head and head + _exactly(connection, struct.unpack(">i", head)[0])


def _exactly(connection: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size:
        if not (part := connection.recv(size - len(found))):
            return b""
        found += part
    return found
