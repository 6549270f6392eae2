"""Opens a virtual world with a broker in it; the servers of the broker and of the proxy run on its loop
instead of in threads.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

from lesson_lib.errors import LessonError
from lesson_lib.lab.virtual.loop import HOST
from lesson_lib.lab.virtual.world import VirtualWorld
from lesson_lib.wire.server import READ_BUFFER_BYTES, Connection, Result, ServerThread


class VirtualServer(ServerThread):
    """`ServerThread` without a thread."""

    def __init__(self, world: VirtualWorld, connection: Connection, host: str = HOST, port: int = 0,
                 name: str = "server",
                 chore: Callable[[], None] | None = None) -> None:
        super().__init__(connection, HOST, port, name, chore)
        self._world, self._loop, self._serves = world, world.loop, False

    @property
    def running(self) -> bool:
        """Whether it was started and not stopped."""
        return self._serves

    def start(self) -> None:
        """Listen; LessonError where the port is taken."""
        try:
            server = self._world.finish(asyncio.start_server(
                partial(self._accept, self._connection), self.host, self.port, limit=READ_BUFFER_BYTES))
        except OSError as error:
            raise LessonError(f"Nothing can listen on {self.host}:{self.port} ({error.strerror}); choose "
                              "another port, or 0.") from None
        self.port, self._servers, self._serves = server.sockets[0].getsockname()[1], [server], True
        self._loop.call_soon(self._do_chore)

    def stop(self) -> None:
        """Close the listener and every connection."""
        if self._serves:
            self._serves = False
            for server in self._servers:
                server.close()
            self._world.finish(self._hang_up())

    def call(self, function: Callable[[], Result]) -> Result:
        """At once: everybody is in one thread."""
        return function()

    def _do_chore(self) -> None:
        if self._serves:
            super()._do_chore()
