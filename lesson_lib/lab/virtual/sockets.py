"""What `socket` and `selectors` are in a virtual world: connections in memory, and a `select` that gives way to the others."""

from __future__ import annotations

import errno
import io
import itertools
import selectors
from typing import Any

from lesson_lib.lab.virtual.loop import HOST, Address, End
from lesson_lib.lab.virtual.threads import VirtualThread
from lesson_lib.lab.virtual.world import World


class VirtualSocket(End):
    """A socket: kafka-python's, which never waits, or with a `timeout` one for questions by hand."""

    _files = itertools.count(1_000)

    def __init__(self, world: World, timeout: float | None = 0) -> None:
        super().__init__(world.loop)
        self._world, self._timeout = world, timeout
        self._inbox = bytearray()
        self._hung_up = False
        self._file = next(self._files)

    def received(self, data: bytes | None) -> None:
        """Keep it until it is read."""
        self._inbox += data or b""
        self._hung_up = self._hung_up or data is None

    @property
    def readable(self) -> bool:
        """Whether `recv` would have something to return."""
        return bool(self._inbox) or self._hung_up

    def connect(self, address: Address) -> None:
        """Connect; ConnectionRefusedError where nobody listens."""
        self.loop.connect(self, tuple(address[:2]))

    def connect_ex(self, address: Address) -> int:
        """Connect; 0 or an error number."""
        try:
            return self.connect(address) or 0
        except OSError:
            return errno.ECONNREFUSED

    def send(self, data: Any) -> int:
        """Send all of it."""
        if self.closed:
            raise OSError(errno.EBADF, "closed")
        self.transmit(bytes(data))
        return len(data)

    sendall = send

    def recv(self, size: int) -> bytes:
        """What has arrived; nothing where the other end hung up. BlockingIOError or TimeoutError where nothing comes."""
        if not self.readable and self._timeout == 0:
            raise BlockingIOError
        if not self._world.wait(lambda: self.readable, self._timeout):
            raise TimeoutError("timed out")
        data = bytes(self._inbox[:size])
        del self._inbox[:size]
        return data

    def makefile(self, mode: str) -> io.BufferedReader:
        """A file to read from."""
        return io.BufferedReader(_Incoming(self))

    def close(self) -> None:
        """Hang up."""
        if not self.closed:
            self.closed = True
            if self.other is not None:
                self.transmit(None)

    def fileno(self) -> int:
        """A number that no other socket has."""
        return self._file

    def getpeername(self) -> Address:
        """As little as anybody wants to know."""
        return (HOST, 0)

    getsockname = getpeername

    def setsockopt(self, *_: Any) -> None:
        """There is nothing to set."""

    setblocking = shutdown = setsockopt

    def __enter__(self) -> VirtualSocket:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Incoming(io.RawIOBase):
    """What a socket receives, as a file."""

    def __init__(self, source: VirtualSocket) -> None:
        self._source = source

    def readable(self) -> bool:
        """Yes."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read what has arrived."""
        data = self._source.recv(len(buffer))
        buffer[:len(data)] = data
        return len(data)


class _WakeUp(VirtualSocket):
    """One of the pair by which a selector is woken: what is sent arrives at once."""

    def transmit(self, data: bytes | None) -> None:
        """Into the other's inbox."""
        if data is not None:
            self.other.received(data)


def socket_pair(world: World) -> tuple[VirtualSocket, VirtualSocket]:
    """`socket.socketpair`."""
    one, two = _WakeUp(world), _WakeUp(world)
    one.other, two.other = two, one
    return one, two


def create_connection(world: World, address: Address, timeout: float | None = None) -> VirtualSocket:
    """`socket.create_connection`."""
    made = VirtualSocket(world, timeout)
    made.connect(address)
    return made


class VirtualSelector(selectors._BaseSelectorImpl):
    """`selectors.DefaultSelector`."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world

    def ready(self) -> list[tuple[selectors.SelectorKey, int]]:
        """What can be read from or written to now."""
        found = []
        for key in self.get_map().values():
            can = key.events & (selectors.EVENT_WRITE | (selectors.EVENT_READ if key.fileobj.readable else 0))
            if can:
                found.append((key, can))
        return found

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """What is ready; where nothing is, the thread is parked and its turn ends, or others run."""
        found = self.ready()
        if found:
            return found
        if timeout is not None and timeout <= 0:
            return []
        thread = self._world.current
        if isinstance(thread, VirtualThread) and thread.park(self, None if timeout is None else self._world.now + timeout):
            return []
        self._world.wait(self.ready, timeout)
        if isinstance(thread, VirtualThread):
            thread.stay_awake()
        return self.ready()
