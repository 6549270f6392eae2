"""An event loop on the virtual clock, whose connections are in memory: the broker and the proxy run on it as they are.

What one end of a connection sends arrives at the other in order, `LATENCY` later. Differs from TCP in: there is no buffer that
could be full, and a connection is made or refused at once.
"""

from __future__ import annotations

import asyncio
import heapq
from asyncio import events
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lesson_lib.lab.virtual.world import World

HOST, FIRST_PORT = "virtual", 20_001
LATENCY = 0.001  # seconds from one end of a connection to the other
Address = tuple[str, int]


class End:
    """One end of a connection."""

    def __init__(self, loop: VirtualLoop) -> None:
        self.loop, self.closed = loop, False
        self.other: End | None = None
        self._arriving: deque[bytes | None] = deque()

    def transmit(self, data: bytes | None) -> None:
        """Send to the other end; None hangs up."""
        self.other._arriving.append(data)
        self.loop.call_later(LATENCY, self.other._arrive)

    def _arrive(self) -> None:
        data = self._arriving.popleft()  # in order, though the loop's timers are not where they are due at one moment
        if not self.closed:
            self.received(data)

    def received(self, data: bytes | None) -> None:
        """Something has arrived; None: the other end has hung up."""
        raise NotImplementedError


class MemoryTransport(End, asyncio.Transport):
    """An end that belongs to an asyncio protocol."""

    def __init__(self, loop: VirtualLoop, protocol: asyncio.BaseProtocol) -> None:
        End.__init__(self, loop)
        asyncio.Transport.__init__(self)
        self._protocol = protocol

    def begin(self, other: End) -> None:
        """The connection is made."""
        self.other = other
        self._protocol.connection_made(self)

    def received(self, data: bytes | None) -> None:
        """Hand it to the protocol."""
        if data is None:
            self.closed = True
            self._protocol.connection_lost(None)
        else:
            self._protocol.data_received(data)

    def write(self, data: Any) -> None:
        """Send."""
        if not self.closed:
            self.transmit(bytes(data))

    def close(self) -> None:
        """Hang up, once what was written has arrived."""
        if not self.closed:
            self.closed = True
            self.loop.call_soon(self._protocol.connection_lost, None)
            self.transmit(None)

    abort = close

    def is_closing(self) -> bool:
        """Whether it was hung up."""
        return self.closed

    def get_protocol(self) -> asyncio.BaseProtocol:
        """Whom it belongs to."""
        return self._protocol

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Belong to somebody else."""
        self._protocol = protocol

    def pause_reading(self) -> None:
        """There is no buffer to keep small."""

    resume_reading = pause_reading


class Listener:
    """What `create_server` returns; to those who knock it gives the ends of new protocols."""

    def __init__(self, loop: VirtualLoop, factory: Callable[[], asyncio.BaseProtocol], address: Address) -> None:
        self.loop, self.factory, self.address = loop, factory, address
        self.sockets = (self,)
        loop.listeners[address] = self

    def getsockname(self) -> Address:
        """(host, port)."""
        return self.address

    def close(self) -> None:
        """Refuse connections from now on."""
        self.loop.listeners.pop(self.address, None)


class VirtualLoop(asyncio.BaseEventLoop):
    """Asyncio's own loop, a turn at a time, with timers on the world's clock."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._world, self._selector, self._running = world, self, False
        self.identity = self
        self.listeners: dict[Address, Listener] = {}
        self._ports = iter(range(FIRST_PORT, 65536))

    def time(self) -> float:
        """Seconds on the world's clock."""
        return self._world.now

    def connect(self, end: End, address: Address) -> None:
        """Connect an end to whoever listens there. ConnectionRefusedError where nobody does."""
        if address not in self.listeners:
            raise ConnectionRefusedError("a virtual world reaches nothing outside of it" if address[0] != HOST else "nobody listens")
        far = MemoryTransport(self, self.listeners[address].factory())
        end.other = far
        self.call_soon(far.begin, end)

    # what BaseEventLoop leaves to others

    async def create_server(self, factory: Any, host: Any = None, port: Any = 0, **_: Any) -> Any:
        """Listen."""
        address = (HOST, port or next(self._ports))
        if address in self.listeners or address[1] > 65535:
            raise OSError(98, "Address already in use")
        return Listener(self, factory, address)

    async def create_connection(self, factory: Any, host: Any = None, port: Any = None, **_: Any) -> Any:
        """Connect to a listener of this loop."""
        near = MemoryTransport(self, factory())
        self.connect(near, (host, port))
        near.begin(near.other)
        return near, near.get_protocol()

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> Any:
        """There are no threads to wait for: done at once."""
        done = self.create_future()
        try:
            done.set_result(func(*args))
        except Exception as error:
            done.set_exception(error)
        return done

    def select(self, timeout: float | None) -> list[Any]:
        """As its own selector it has no files to look at, and never sleeps."""
        return []

    def _process_events(self, event_list: list[Any]) -> None: ...

    # turns

    def can_run(self) -> bool:
        """Whether a callback or a timer is due."""
        until = self.waits_until()
        return until is not None and until <= self._world.now

    def waits_until(self) -> float | None:
        """When the next callback or timer is due."""
        if self._running:
            return None
        if self._ready:
            return self._world.now
        while self._scheduled and self._scheduled[0]._cancelled:
            heapq.heappop(self._scheduled)._scheduled = False
        return self._scheduled[0].when() if self._scheduled else None

    def turn(self) -> None:
        """Run what is due, on top of the kernel's own loop where a cell is run by one."""
        outer = events._get_running_loop()
        task = asyncio.current_task(outer) if outer is not None else None
        if task is not None:
            asyncio._leave_task(outer, task)
        events._set_running_loop(self)
        self._running = True
        try:
            self._run_once()
        finally:
            self._running = False
            events._set_running_loop(outer)
            if task is not None:
                asyncio._enter_task(outer, task)
