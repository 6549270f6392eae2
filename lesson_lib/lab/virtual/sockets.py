"""What `socket` and `selectors` are in a virtual world: connections in memory, and a `select` that gives
way to the others.
"""

from __future__ import annotations

import errno
import itertools
import selectors
from typing import Any

from lesson_lib.lab.virtual.loop import HOST, NEVER, End
from lesson_lib.lab.virtual.threads import VirtualThread
from lesson_lib.lab.virtual.world import VirtualWorld


class VirtualSocket(End):
    """`socket.socket`: kafka-python's, which never waits, or with a `timeout` in seconds one for requests
    by hand.
    """

    _files = itertools.count(1_000)

    def __init__(self, world: VirtualWorld, timeout: float | None = 0) -> None:
        super().__init__(world.loop)
        self._world, self._timeout, self._file = world, timeout, next(self._files)
        self._inbox, self._hung_up = bytearray(), False

    def received(self, data: bytes | None) -> None:
        """Keep it until it is read."""
        self._inbox += data or b""
        self._hung_up |= data is None

    def readable(self) -> bool:
        """Whether `recv` has something to return."""
        return bool(self._inbox) or self._hung_up

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
        if not self.readable():
            if self._timeout == 0:
                raise BlockingIOError
            if not self._world.wait(self.readable, self._timeout):
                raise TimeoutError("timed out")
        data = bytes(self._inbox[:size])
        del self._inbox[:size]
        return data

    def fileno(self) -> int:
        return self._file

    def getpeername(self) -> tuple[str, int]:
        return HOST, 0

    getsockname = getpeername

    def setblocking(self, *_: Any) -> None:
        """There is nothing to set."""

    setsockopt = shutdown = setblocking


class _WakeUp(VirtualSocket):
    """One of the pair by which a selector is woken; what is sent arrives at once."""

    def transmit(self, data: bytes | None) -> None:
        self.other.received(data)


def socketpair(world: VirtualWorld) -> tuple[VirtualSocket, VirtualSocket]:
    """`socket.socketpair`."""
    one, two = _WakeUp(world), _WakeUp(world)
    one.other, two.other = two, one
    return one, two


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
        can = [(key, key.events & (selectors.EVENT_WRITE | (selectors.EVENT_READ * key.fileobj.readable())))
               for key in self._fd_to_key.values()]
        return [(key, events) for key, events in can if events]

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """What is ready. Where nothing is, the thread is parked and gets nothing; once it is parked, the
        others run here.
        """
        if (found := self.ready()) or (timeout is not None and timeout <= 0):
            return found
        thread = self._world.current
        if not isinstance(thread, VirtualThread):
            self._world.wait(self.ready, timeout)
        elif not thread.park(self.ready, NEVER if timeout is None else self._world.now + timeout):
            self._world.wait(self.ready, timeout)
            thread.stay_awake()
        return self.ready()
