"""An event loop on the virtual clock, with connections in memory: the broker and the proxy run on it as they
are.

What one end of a connection sends arrives at the other in order, `LATENCY` later. Differs from TCP in: no
buffer is ever full, and a connection is made or refused at once.
"""

from __future__ import annotations

import asyncio
import errno
import heapq
from asyncio import events
from collections import deque
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

HOST, FIRST_PORT = "virtual", 20_001
LATENCY = 0.001  # seconds from one end of a connection to the other
NEVER = float("inf")


class End:
    """One end of a connection."""

    other: End | None = None

    def __init__(self, loop: VirtualLoop) -> None:
        self.loop, self.closed = loop, False
        self._arriving: deque[bytes | None] = deque()

    def transmit(self, data: bytes | None) -> None:
        """Send to the other end; None hangs up, which arrives later than what was sent at the same moment:
        kafka-python throws an answer away that it reads together with the end of its connection.
        """
        self.other._arriving.append(data)
        self.loop.call_later(2 * LATENCY if data is None else LATENCY, self.other._arrive)

    def _arrive(self) -> None:
        data = self._arriving.popleft()  # in order; timers that are due at one moment are not
        if not self.closed:
            self.received(data)

    def received(self, data: bytes | None) -> None:
        """Something has arrived; None: the other end has hung up."""
        raise NotImplementedError

    def close(self) -> None:
        """Hang up."""
        if not self.closed and self.other:
            self.transmit(None)
        self.closed = True


class MemoryTransport(End, asyncio.Transport):
    """The end of an asyncio protocol."""

    def __init__(self, loop: VirtualLoop, protocol: asyncio.BaseProtocol) -> None:
        End.__init__(self, loop)
        asyncio.Transport.__init__(self)
        self.protocol = protocol

    def received(self, data: bytes | None) -> None:
        if data is None:
            self.closed = True
            self.protocol.connection_lost(None)
        else:
            self.protocol.data_received(data)

    def write(self, data: Any) -> None:
        if not self.closed:
            self.transmit(bytes(data))

    def close(self) -> None:
        if not self.closed:
            self.loop.call_soon(self.protocol.connection_lost, None)
        super().close()

    abort = close

    def is_closing(self) -> bool:
        return self.closed


class VirtualLoop(asyncio.BaseEventLoop):
    """Asyncio's own loop, with timers on the world's clock, that is advanced a turn at a time."""

    def __init__(self, time: Callable[[], float]) -> None:
        super().__init__()
        self.time, self._running, self._selector = time, False, self
        self._ports = iter(range(FIRST_PORT, 65_536))
        self.identity = self  # a thread of its own, for whoever asks in its turn
        self._listeners: dict[int, Callable[[], asyncio.BaseProtocol]] = {}

    def connect(self, end: End, address: tuple[str, int]) -> None:
        """Connect an end to whoever listens there. ConnectionRefusedError where nobody does."""
        host, port = address
        if host != HOST:
            raise ConnectionRefusedError("a virtual world reaches nothing outside of it")
        if port not in self._listeners:
            raise ConnectionRefusedError("nobody listens")
        end.other = far = MemoryTransport(self, self._listeners[port]())
        far.other = end
        self.call_soon(far.protocol.connection_made, far)

    # what BaseEventLoop leaves to others

    async def create_server(self, factory: Any, host: Any = None, port: Any = 0, **_: Any) -> Any:
        port = port or next(self._ports)
        if port in self._listeners:
            raise OSError(errno.EADDRINUSE, "address already in use")
        self._listeners[port] = factory
        return SimpleNamespace(sockets=[SimpleNamespace(getsockname=lambda: (HOST, port))],
                               close=lambda: self._listeners.pop(port, None))

    async def create_connection(self, factory: Any, host: Any = None, port: Any = None, **_: Any) -> Any:
        near = MemoryTransport(self, factory())
        self.connect(near, (host, port))
        near.protocol.connection_made(near)
        return near, near.protocol

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> Any:
        async def at_once() -> Any:
            return func(*args)
        return self.create_task(at_once())

    def select(self, timeout: float | None) -> list[Any]:
        """The loop is its own selector: it has no files, and never sleeps."""
        return []

    def _process_events(self, event_list: list[Any]) -> None: ...

    # turns

    def due(self) -> float:
        """When the next callback or timer is; `NEVER` while one is on the stack."""
        if self._running:
            return NEVER
        if self._ready:
            return self.time()
        while self._scheduled and self._scheduled[0].cancelled():
            heapq.heappop(self._scheduled)._scheduled = False
        return self._scheduled[0].when() if self._scheduled else NEVER

    def turn(self) -> None:
        """Run what is due; where a kernel's loop runs the cell, that one makes room for so long."""
        outer = events._get_running_loop()
        task = outer and asyncio.current_task(outer)
        if task:
            asyncio._leave_task(outer, task)
        events._set_running_loop(self)
        self._running = True
        try:
            self._run_once()
        finally:
            self._running = False
            events._set_running_loop(outer)
            if task:
                asyncio._enter_task(outer, task)
