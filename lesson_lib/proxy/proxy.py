"""The fault proxy: stands between clients and any Kafka broker, does what the script says, writes down what
it saw.

One thread with its own event loop; a listener for each node of the cluster, whose addresses it writes over
in every answer that has any. It reads producer id, epoch, sequence, count, error and offset from the
frames, and passes all else as it is.

Differs from a network in: it can only drop or freeze whole connections, as TCP does, but it knows which
request is which.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from lesson_lib.proxy.connection import ProxyConnection
from lesson_lib.proxy.control import Control
from lesson_lib.proxy.distance import FarWriter, from_afar
from lesson_lib.wire import probe
from lesson_lib.wire.messages import Address
from lesson_lib.wire.server import Connection, ServerThread

LOOK_SECONDS = 1.0


class FaultProxy(Control):
    """A proxy for the broker at `upstream` (host, port); see `Control`. `server` serves it."""

    def __init__(self, upstream: Address, hooks: Mapping[str, Callable[[], None]] | None = None,
                 port: int = 0, server: Callable[..., ServerThread] = ServerThread) -> None:
        super().__init__(upstream, hooks or {}, self._also_for)
        self.distance = 0.0  # seconds that everything takes each way, on connections made from now on
        self._server = server(self._serve(upstream), port=port, name="fault proxy")

    def start(self) -> FaultProxy:
        """Listen and return itself; LessonError where the port is taken."""
        self._server.start()
        self.addresses[self.upstream] = (self._server.host, self._server.port)
        return self

    def stop(self) -> None:
        """Close every connection and end the thread."""
        self._server.stop()

    @property
    def running(self) -> bool:
        """Whether it was started and not stopped."""
        return self._server.running

    @property
    def address(self) -> str:
        """`host:port`, for `bootstrap_servers`."""
        return self._server.address

    def broker_answers(self) -> bool:
        """Ask the broker something, by a connection of our own; takes `LOOK_SECONDS` at most."""
        try:
            there = bool(probe.api_versions(*self.upstream, timeout=LOOK_SECONDS))
        except OSError:
            there = False
        self.reached(there)
        return there

    def _serve(self, node: Address) -> Connection:
        def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Awaitable[None]:
            if self.distance:
                reader, writer = from_afar(reader, self.distance), FarWriter(writer, self.distance)
            return ProxyConnection(self, node, reader, writer).run()
        return serve

    async def _also_for(self, node: Address) -> Address:
        return self._server.host, await self._server.listen_also(self._serve(node))
