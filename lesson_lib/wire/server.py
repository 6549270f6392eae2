"""A server on asyncio that can be stopped without a trace: in a thread with an event loop of its own, or on a
loop that somebody else runs.

It must not run on a notebook's own loop: a blocking client would starve the server it waits for. Used by the
embedded broker and by the fault proxy; no other thread is started for either.
"""

from __future__ import annotations

import asyncio
import atexit
import errno
import os
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from threading import Event, Thread, current_thread  # by name: threads are real ones in every world
from typing import Any, Self, TypeVar

from lesson_lib.errors import LessonError

ConnectionHandler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Result = TypeVar("Result")
STOP_SECONDS = 5.0
READ_BUFFER_BYTES = 64 * 1024
OUT_OF_FILES = (errno.EMFILE, errno.ENFILE)
OUT_OF_FILES_ADVICE = "this process can open no more files; close some, or allow more with `ulimit -n`"
BACKLOG = 1024  # clients that may knock at the same moment


class Server:
    """Runs `handler(reader, writer)` for every client in a task, and `chore` once a second: on `loop`, or
    where that is None in a thread of its own. Started, or entered as a context, and stopped for good.
    """

    def __init__(self, handler: ConnectionHandler, host: str = "127.0.0.1", port: int = 0,
                 name: str = "server", chore: Callable[[], None] | None = None, loop: Any = None) -> None:
        self.host, self.port, self.name = host, port, name
        self._handler, self._chore, self._loop = handler, chore, loop
        self._thread: Thread | None = None
        self._servers: list[asyncio.Server] = []
        self._clients: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self._said_out_of_files = False

    @property
    def running(self) -> bool:
        """Whether it was started and not stopped."""
        return bool(self._servers) and (self._thread is None or self._thread.is_alive())

    @property
    def address(self) -> str:
        """`host:port`, for `bootstrap_servers`."""
        return f"{self.host}:{self.port}"

    def start(self) -> Self:
        """Listen and return itself; afterwards `port` is the real one. LessonError where the port or the
        address isn't ours.
        """
        try:
            self._loop.run_until_complete(self._begin()) if self._loop else self._start_thread()
        except (OSError, OverflowError) as error:  # taken, not ours, or (the second) above 65535
            number = getattr(error, "errno", None)
            reason = os.strerror(number).lower() if number and number > 0 else str(error)
            advice = (OUT_OF_FILES_ADVICE if number in OUT_OF_FILES
                      else "choose another port, or 0 for any free one")
            raise LessonError(f"Nothing can listen on {self.address} ({reason}); {advice}.") from None
        atexit.register(self.stop)
        return self

    def _start_thread(self) -> None:
        ready, failure = Event(), list[BaseException]()
        self._thread = Thread(target=self._run, args=(ready, failure), name=self.name, daemon=True)
        self._thread.start()
        ready.wait()
        if failure:
            self._thread.join()
            raise failure[0]

    def stop(self) -> None:
        """Close the listening socket and every connection, end the thread; once more does nothing. What was
        gathered can still be looked at.
        """
        atexit.unregister(self.stop)
        if not self.running:
            return
        if self._thread is None:
            self._loop.run_until_complete(self._end())
        else:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(STOP_SECONDS)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def call(self, function: Callable[[], Result]) -> Result:
        """Run `function` where the server runs and return its result; at once where no other thread does."""
        if not self.running or self._thread in (None, current_thread()):
            return function()

        async def run() -> Result:
            return function()

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(STOP_SECONDS)

    async def listen_also(self, handler: ConnectionHandler, port: int = 0) -> int:
        """Serve one more kind of client on another port, which is returned; only on the server's thread."""
        server = await asyncio.start_server(partial(self._accept, handler), self.host, port,
                                            limit=READ_BUFFER_BYTES, backlog=BACKLOG)
        self._servers.append(server)
        return server.sockets[0].getsockname()[1]

    def disconnect_all(self) -> None:
        """Drop every connection; only on the server's thread."""
        for writer in list(self._clients.values()):
            writer.transport.abort()

    async def _begin(self) -> None:
        self.port = await self.listen_also(self._handler, self.port)
        self._do_chore()

    def _do_chore(self) -> None:
        if self._chore and self._servers:
            self._chore()
            self._loop.call_later(1, self._do_chore)

    async def _accept(self, handler: ConnectionHandler, reader: asyncio.StreamReader,
                      writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        self._clients[task] = writer
        try:
            await handler(reader, writer)
        except asyncio.CancelledError:
            pass  # asyncio 3.11 would print a traceback for a connection that stop() cancelled
        finally:
            del self._clients[task]
            writer.transport.abort()

    async def _end(self) -> None:
        while self._servers:
            self._servers.pop().close()
        self.disconnect_all()
        tasks = list(self._clients)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)

    def _run(self, ready: Event, failure: list[BaseException]) -> None:
        loop = None
        try:
            loop = self._loop = asyncio.new_event_loop()
            loop.set_exception_handler(self._on_trouble)
            loop.run_until_complete(self._begin())
            ready.set()
            loop.run_forever()
            loop.run_until_complete(self._end())
            while late := asyncio.all_tasks(loop):  # who was just being let in was no client yet
                for task in late:
                    task.cancel()
                loop.run_until_complete(asyncio.gather(*late, return_exceptions=True))
        except (OSError, OverflowError) as error:
            failure.append(error)
        finally:
            ready.set()
            if loop is not None:
                loop.close()

    def _on_trouble(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """One sentence where asyncio would print a traceback each time that it has no file for a client."""
        if getattr(context.get("exception"), "errno", None) not in OUT_OF_FILES:
            loop.default_exception_handler(context)
        elif not self._said_out_of_files:
            self._said_out_of_files = True
            print(f"The {self.name} cannot take more clients: {OUT_OF_FILES_ADVICE}.", file=sys.stderr)
