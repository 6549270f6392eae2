"""The server of the broker and of the proxy, on the world's loop instead of in a thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lesson_lib.errors import LessonError
from lesson_lib.lab.virtual.loop import HOST
from lesson_lib.lab.virtual.world import VirtualWorld
from lesson_lib.wire.server import Connection, Result, ServerThread


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
            self._servers = [self._world.finish(self._listen(self._connection, self.port))]
        except OSError as error:
            raise LessonError(f"Nothing can listen on {self.host}:{self.port} ({error.strerror}); choose "
                              "another port, or 0.") from None
        self.port = self._servers[0].sockets[0].getsockname()[1]
        self._loop.call_soon(self._do_chore)

    def stop(self) -> None:
        """Close the listener and every connection."""
        if self._servers:
            while self._servers:
                self._servers.pop().close()
            self._world.finish(self._hang_up())

    def call(self, function: Callable[[], Result]) -> Result:
        """At once: everybody is in one thread."""
        return function()

    def _do_chore(self) -> None:
        if self._servers:
            super()._do_chore()
