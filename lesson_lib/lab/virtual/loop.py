"""An event loop on the world's clock, with connections in memory: broker and proxy run on it as they are.

What one end of a connection sends arrives at the other in order, `LATENCY` later. Differs from TCP in: no
buffer is ever full, and a connection is made or refused at once.
"""

from __future__ import annotations

import asyncio
import errno
import heapq
import itertools
from asyncio import events
from collections import deque
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

HOST, FIRST_PORT = "virtual", 20_001
LATENCY = 0.001  # seconds from one end of a connection to the other
NEVER, MOST_AT_ONCE = float("inf"), 1_000


class End:
    """One end of a connection; `received` takes what arrives."""

    other: End
    received: Callable[[bytes | None], None]

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
        data = self._arriving.popleft()  # in order; what hangs up was sent before what overtakes it
        if not self.closed:
            self.received(data)

    def close(self) -> None:
        """Hang up."""
        if not self.closed and hasattr(self, "other"):
            self.transmit(None)
        self.closed = True


class MemoryTransport(End, asyncio.Transport):
    """The end of an asyncio protocol."""

    def __init__(self, loop: VirtualLoop, protocol: Any) -> None:
        End.__init__(self, loop)
        asyncio.Transport.__init__(self)
        self.protocol = protocol

    def received(self, data: bytes | None) -> None:
        """Hand it to the protocol."""
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
    """Asyncio's own loop, on the world's clock; a turn calls what is due."""

    def __init__(self, time: Callable[[], float]) -> None:
        super().__init__()
        self.time, self._running = time, False
        self.identity = self  # a thread of its own, for whoever asks in its turn
        self._queue: list[tuple[float, int, asyncio.Handle]] = []
        self._numbers, self._ports = itertools.count(), itertools.count(FIRST_PORT)
        self._listeners: dict[int, Callable[[], Any]] = {}

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

    # one queue for all that is to be called

    def call_at(self, when: float, callback: Any, *args: Any, context: Any = None) -> Any:
        handle = asyncio.Handle(callback, args, self, context)
        # to the microsecond: one way of two hops and two of one are over at one moment, whatever floats say
        heapq.heappush(self._queue, (round(when, 6), next(self._numbers), handle))
        return handle

    def call_soon(self, callback: Any, *args: Any, context: Any = None) -> Any:
        return self.call_at(self.time(), callback, *args, context=context)

    # turns

    def due(self) -> float:
        """When the next callback is; `NEVER` while one is on the stack."""
        while self._queue and self._queue[0][-1].cancelled():
            heapq.heappop(self._queue)
        return NEVER if self._running or not self._queue else self._queue[0][0]

    def turn(self) -> None:
        """Call what is due; where a kernel's loop runs the cell, that one makes room for so long."""
        outer = events._get_running_loop()
        task = outer and asyncio.current_task(outer)
        if task:
            asyncio._leave_task(outer, task)
        events._set_running_loop(self)
        try:
            for _ in range(MOST_AT_ONCE):
                if self.due() > self.time():
                    break
                self._running, handle = True, heapq.heappop(self._queue)[-1]
                handle._run()
                self._running = False
        finally:
            self._running = False
            events._set_running_loop(outer)
            if task:
                asyncio._enter_task(outer, task)
