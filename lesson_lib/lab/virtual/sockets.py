"""What `socket`, `selectors` and the server's thread are in a virtual world: connections in memory, and a
`select` that gives way to the others.
"""

from __future__ import annotations

import errno
import itertools
import selectors
from collections.abc import Callable
from typing import Any

from lesson_lib.lab.virtual.loop import HOST, NEVER, End
from lesson_lib.lab.virtual.world import VirtualThread, VirtualWorld
from lesson_lib.wire.server import Connection, Result, ServerThread


class VirtualSocket(End):
    """`socket.socket`: kafka-python's, which never waits, or with a `timeout` in seconds one for requests
    by hand.
    """

    _files = itertools.count(1_000)

    def __init__(self, world: VirtualWorld, timeout: float | None = 0) -> None:
        super().__init__(world.loop)
        self._world, self._timeout, self._file = world, timeout, next(self._files)
        self._inbox, self._hung_up, self.readable = bytearray(), False, False

    def received(self, data: bytes | None) -> None:
        """Keep it until it is read."""
        self._inbox += data or b""
        self._hung_up |= data is None
        self.readable = True

    def connect_ex(self, address: tuple[str, int]) -> int:
        try:
            self.loop.connect(self, address[:2])
        except OSError:
            return errno.ECONNREFUSED
        return 0

    def send(self, data: Any) -> int:
        if self.closed:
            raise OSError(errno.EBADF, "closed")
        self.transmit(bytes(data))
        return len(data)

    sendall = send

    def recv(self, size: int) -> bytes:
        if not self.readable and self._timeout == 0:
            raise BlockingIOError
        if not self.readable and not self._world.wait(lambda: self.readable, self._timeout):
            raise TimeoutError("timed out")
        data = bytes(self._inbox[:size])
        del self._inbox[:size]
        self.readable = bool(self._inbox) or self._hung_up
        return data

    def fileno(self) -> int:
        return self._file

    def getpeername(self) -> tuple[str, int]:
        return HOST, 0

    getsockname = getpeername

    def setblocking(self, *_: Any) -> None:
        """There is nothing to set."""

    setsockopt = shutdown = setblocking


class WakeUp(VirtualSocket):
    """Both ends of the pair by which a selector is woken; what is sent arrives at once."""

    def transmit(self, data: bytes | None) -> None:
        self.received(data)


def create_connection(world: VirtualWorld, address: tuple[str, int],
                      timeout: float | None = None) -> VirtualSocket:
    """`socket.create_connection`."""
    made = VirtualSocket(world, timeout)
    world.loop.connect(made, address)
    return made


class VirtualSelector(selectors.SelectSelector):
    """`selectors.DefaultSelector`."""

    def __init__(self, world: VirtualWorld) -> None:
        super().__init__()
        self._world = world

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
        if not (isinstance(thread, VirtualThread) and thread.sleep(self.ready, until)):
            self._world.wait(self.ready, timeout)
        return self.ready()


class VirtualServer(ServerThread):
    """`ServerThread` without a thread."""

    def __init__(self, world: VirtualWorld, connection: Connection, host: str = HOST, *rest: Any,
                 **options: Any) -> None:
        super().__init__(connection, HOST, *rest, **options)
        self._world, self._loop = world, world.loop

    @property
    def running(self) -> bool:
        """Whether it was started and not stopped."""
        return bool(self._servers)

    def start(self) -> None:
        """Listen; LessonError where the port is taken."""
        try:
            self._world.finish(self._begin())
        except OSError as error:
            raise self._not_listening(error) from None

    def stop(self) -> None:
        """Close the listener and every connection."""
        if self._servers:
            self._world.finish(self._end())

    def call(self, function: Callable[[], Result]) -> Result:
        """At once: everybody is in one thread."""
        return function()
