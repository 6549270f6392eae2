"""A thread with an event loop of its own that runs one asyncio server, and that can be stopped without a trace.

It must not run on a notebook's own loop: a blocking client would starve the server it waits for. Used by the embedded
broker and by the fault proxy.
"""

from __future__ import annotations

import asyncio
import atexit
import threading
from collections.abc import Awaitable, Callable
from typing import TypeVar

from lesson_lib.errors import LessonError

Connection = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Result = TypeVar("Result")
STOP_SECONDS = 5.0
READ_BUFFER_BYTES = 64 * 1024


class ServerThread:
    """Calls `connection(reader, writer)` for every client, each in a task of its own, on a daemon thread."""

    def __init__(self, connection: Connection, host: str = "127.0.0.1", port: int = 0, name: str = "server") -> None:
        self.host, self.port, self.name = host, port, name
        self._connection = connection
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._clients: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    @property
    def running(self) -> bool:
        """Whether the thread is there and serving."""
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        """Listen; afterwards `port` is the real one. LessonError when the port is taken or the address is not ours."""
        ready, failure = threading.Event(), list[OSError]()
        self._thread = threading.Thread(target=self._run, args=(ready, failure), name=self.name, daemon=True)
        self._thread.start()
        ready.wait()
        if failure:
            self._thread.join()
            raise LessonError(f"Nothing can listen on {self.host}:{self.port} ({failure[0].strerror}); "
                              "choose another port, or 0 for any free one.") from None
        atexit.register(self.stop)

    def stop(self) -> None:
        """Close the listening socket and every connection, end the thread. Does nothing where it is not running."""
        atexit.unregister(self.stop)
        if self._loop is not None and self.running:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(STOP_SECONDS)
        self._thread = None

    def call(self, function: Callable[[], Result]) -> Result:
        """Run `function` on the server's thread and return its result; at once where the server does not run."""
        if not self.running or threading.current_thread() is self._thread:
            return function()

        async def run() -> Result:
            return function()

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result()

    def disconnect_all(self) -> None:
        """Tear every connection; call it on the server's thread."""
        for writer in list(self._clients.values()):
            writer.transport.abort()

    def _run(self, ready: threading.Event, failure: list[OSError]) -> None:
        loop = self._loop = asyncio.new_event_loop()
        try:
            server = loop.run_until_complete(
                asyncio.start_server(self._accept, self.host, self.port, limit=READ_BUFFER_BYTES, backlog=1024))
            self.port = server.sockets[0].getsockname()[1]
            ready.set()
            loop.run_forever()
            server.close()
            loop.run_until_complete(self._hang_up())
        except OSError as error:
            failure.append(error)
        finally:
            ready.set()
            loop.close()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        self._clients[task] = writer
        try:
            await self._connection(reader, writer)
        except asyncio.CancelledError:
            pass  # asyncio 3.11 would print a traceback for a connection that stop() cancelled
        finally:
            del self._clients[task]
            writer.transport.abort()

    async def _hang_up(self) -> None:
        self.disconnect_all()
        tasks = list(self._clients)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)
