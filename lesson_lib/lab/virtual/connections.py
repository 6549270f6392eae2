"""Connections in memory: sockets for kafka-python with the selector that it waits in, streams for broker and
proxy.

What one end sends arrives at the other in order, `LATENCY` later. Differs from TCP in: no buffer is ever
full, and a connection is made or refused at once.
"""

from __future__ import annotations

import asyncio
import errno
import itertools
import selectors
from collections import deque
from types import SimpleNamespace
from typing import Any, Self

from lesson_lib.lab.virtual.world import NEVER, VirtualThread, VirtualWorld

HOST, FIRST_PORT = "virtual", 20_001
LATENCY = 0.001  # seconds from one end of a connection to the other


class End:
    """One end of a connection. It is asyncio's `StreamWriter` with a transport and a `reader`, and it is
    `socket.socket`: kafka-python's, which never waits, or with a `timeout` in seconds one for requests
    by hand.
    """

    other: End
    selector: VirtualSelector | None = None
    _files = itertools.count(1_000)

    def __init__(self, world: VirtualWorld, timeout: float | None = 0) -> None:
        self.world, self.timeout = world, timeout
        self.reader, self.transport = asyncio.StreamReader(loop=world), self
        self.readable = self.closed = False
        self._file, self._arriving = next(self._files), deque[bytes | None]()

    def connect(self, address: tuple[str, int]) -> Self:
        """Connect to the server that listens there. ConnectionRefusedError where nobody does."""
        host, port = address
        if host != HOST:
            raise ConnectionRefusedError("a virtual world reaches nothing outside of it")
        if port not in self.world.listeners:
            raise ConnectionRefusedError("nobody listens")
        self.other = far = End(self.world)
        far.other = self
        self.world.create_task(self.world.listeners[port](far.reader, far))
        return self

    def connect_ex(self, address: tuple[str, int]) -> int:
        try:
            self.connect(address[:2])
        except ConnectionRefusedError:
            return errno.ECONNREFUSED
        return 0

    def transmit(self, data: bytes | None) -> None:
        """Send to the other end; None hangs up, which arrives later than what was sent at the same moment:
        kafka-python throws an answer away that it reads together with the end of its connection.
        """
        self.other._arriving.append(data)
        self.world.call_later(2 * LATENCY if data is None else LATENCY, self.other._arrive)

    def _arrive(self) -> None:
        data = self._arriving.popleft()  # in order; what hangs up was sent before what overtakes it
        if not self.closed:
            self.receive(data)

    def receive(self, data: bytes | None) -> None:
        self.reader.feed_eof() if data is None else self.reader.feed_data(data)
        self.readable = True
        if self.selector and self.selector.sleeper:
            self.selector.sleeper.wake()

    def recv(self, size: int) -> bytes:
        if not self.readable and self.timeout == 0:
            raise BlockingIOError
        if not self.readable and not self.world.wait(lambda: self.readable, self.timeout):
            raise TimeoutError("timed out")
        data = bytes(self.reader._buffer[:size])
        del self.reader._buffer[:size]
        self.readable = bool(self.reader._buffer) or self.reader.at_eof()
        return data

    def send(self, data: Any) -> int:
        if not self.closed:
            self.transmit(bytes(data))
        return len(data)

    sendall = write = send

    async def drain(self) -> None:
        if self.is_closing():
            raise ConnectionResetError("Connection lost")

    def is_closing(self) -> bool:
        return self.closed or self.reader._eof

    def close(self) -> None:
        if not self.closed and hasattr(self, "other"):
            self.transmit(None)
        self.closed = self.readable = True  # it reads the end
        self.reader.feed_eof()

    abort = close

    def fileno(self) -> int:
        return self._file

    def getpeername(self) -> tuple[str, int]:
        return HOST, 0

    getsockname = getpeername

    def setblocking(self, *_: Any) -> None:
        """There is nothing to set."""

    setsockopt = shutdown = setblocking


class WakeUp(End):
    """Both ends of the pair by which a selector is woken; what is sent arrives at once."""

    transmit = End.receive


async def open_connection(world: VirtualWorld, *address: Any) -> tuple[asyncio.StreamReader, End]:
    """`asyncio.open_connection`."""
    made = End(world).connect(address)
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
    """`selectors.DefaultSelector`. `sleeper` is the thread that sleeps in `select`."""

    sleeper: VirtualThread | None = None

    def __init__(self, world: VirtualWorld) -> None:
        super().__init__()
        self._world = world

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        fileobj.selector = self
        return super().register(fileobj, events, data)

    def ready(self) -> list[tuple[selectors.SelectorKey, int]]:
        """What can be read or written now, without waiting."""
        found = []
        for key in self._fd_to_key.values():
            can = selectors.EVENT_WRITE | selectors.EVENT_READ * key.fileobj.readable
            if key.events & can:
                found.append((key, key.events & can))
        return found

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """What is ready. Where nothing is, the thread falls asleep and gets nothing; where it did before
        in this turn, the others run here.
        """
        if (found := self.ready()) or (timeout is not None and timeout <= 0):
            return found
        thread, until = self._world.current, NEVER if timeout is None else self._world.now + timeout
        if not (isinstance(thread, VirtualThread) and thread.sleep(self, until)):
            self._world.wait(self.ready, timeout)
        return self.ready()
