"""Connections in memory: sockets for kafka-python with the selector that it waits in, streams for broker and
proxy. What one end sends arrives at the other in order, `LATENCY` later; no buffer is ever full.
"""

from __future__ import annotations

import asyncio
import errno
import selectors
from types import SimpleNamespace
from typing import Any

from lesson_lib.lab.virtual.world import NEVER, VirtualThread, VirtualWorld

HOST, FIRST_PORT = "virtual", 20_001
LATENCY = 0.001  # seconds from one end of a connection to the other


class VirtualSocket:
    """One end of a connection: asyncio's `StreamWriter` with a transport and a `reader`, and `socket.socket`.
    Kafka-python's never waits; one for requests by hand has a `timeout` in seconds.
    """

    other: VirtualSocket

    def __init__(self, world: VirtualWorld, timeout: float | None = 0, address: Any = None) -> None:
        self.world, self.timeout, self.closed = world, timeout, False
        self.reader, self.transport = asyncio.StreamReader(loop=world), self
        if address:
            self.connect_ex(address)

    def connect_ex(self, address: Any) -> None:
        host, port = address[:2]
        if host != HOST or port not in self.world.listeners:
            raise ConnectionRefusedError(errno.ECONNREFUSED, "nobody listens" if host == HOST else
                                         "a virtual world reaches nothing outside of it")
        self.other = VirtualSocket(self.world)
        self.other.other = self
        self.world.create_task(self.world.listeners[port](self.other.reader, self.other))

    def transmit(self, data: bytes | None) -> None:
        """Send to the other end; None hangs up, which arrives later than what was sent at the same moment:
        kafka-python throws an answer away that it reads together with the end of its connection.
        """
        self.world.call_later(2 * LATENCY if data is None else LATENCY, self.other.receive, data)

    def receive(self, data: bytes | None) -> None:
        if self.closed:
            return
        self.reader.feed_eof() if data is None else self.reader.feed_data(data)
        for thread in self.world.threads:
            thread.wake_if_ready()

    def is_readable(self) -> bool:
        """Whether there are bytes or the end to read."""
        return bool(self.reader._buffer or self.reader._eof)

    def recv(self, size: int) -> bytes:
        if self.timeout == 0 and not self.is_readable():
            raise BlockingIOError
        if not (self.is_readable() or self.world.wait(self.is_readable, self.timeout)):
            raise TimeoutError("timed out")
        data = bytes(self.reader._buffer[:size])
        del self.reader._buffer[:size]
        return data

    def send(self, data: Any) -> int:
        if not self.closed:
            self.transmit(bytes(data))
        return len(data)

    write = send

    def sendall(self, data: bytes) -> None:
        self.world.check()
        self.send(data)

    async def drain(self) -> None:
        if self.is_closing():
            raise ConnectionResetError("Connection lost")

    def is_closing(self) -> bool:
        return self.closed or self.reader._eof

    def close(self) -> None:
        if not self.closed and hasattr(self, "other"):
            self.transmit(None)
        self.closed = True
        self.reader.feed_eof()

    abort = close

    # what else is asked of a socket; there is nothing to set
    def fileno(self) -> int:
        return id(self)

    getsockname = getpeername = lambda self: (HOST, 0)
    setblocking = setsockopt = shutdown = lambda *_: None


async def open_connection(world: VirtualWorld, *address: Any) -> tuple[asyncio.StreamReader, VirtualSocket]:
    """`asyncio.open_connection`."""
    made = VirtualSocket(world, address=address)
    return made.reader, made


async def start_server(world: VirtualWorld, served: Any, host: str, port: int, **_: Any) -> Any:
    """`asyncio.start_server`."""
    port = port or max(world.listeners, default=FIRST_PORT - 1) + 1
    if port in world.listeners:
        raise OSError(errno.EADDRINUSE, "address already in use")
    world.listeners[port] = served
    return SimpleNamespace(sockets=[SimpleNamespace(getsockname=lambda: (host, port))],
                           close=lambda: world.listeners.pop(port))


class VirtualSelector(selectors.SelectSelector):
    """`selectors.DefaultSelector`."""

    world: VirtualWorld

    def ready(self) -> list[tuple[selectors.SelectorKey, int]]:
        """What can be read or written now, without waiting."""
        can = [(key, key.events & (selectors.EVENT_WRITE | selectors.EVENT_READ * key.fileobj.is_readable()))
               for key in self._fd_to_key.values()]
        return [(key, events) for key, events in can if events]

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """What is ready. Where nothing is, the thread falls asleep and gets nothing; where it did before in
        this turn, it waits for nobody knows what next: the others run here, and it has another turn at once.
        """
        if (found := self.ready()) or (timeout is not None and timeout <= 0):
            return found
        thread = self.world.current
        if isinstance(thread, VirtualThread):
            if thread.selector is None:
                thread.selector, thread.until = self, NEVER if timeout is None else self.world.now + timeout
                return []
            thread.until = self.world.now
        self.world.wait(self.ready, timeout)
        return self.ready()
