"""A long way between client and broker: what is sent arrives a fixed time later, in order, and more may
follow meanwhile.

`delay` in a fault script holds one answer and everything behind it. Distance holds nothing up: it's what a
client with one request in flight suffers from, and one with five hardly notices.

Differs from a network in: every byte takes the same time, and the line is as broad as the client likes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any


def from_afar(reader: asyncio.StreamReader, seconds: float) -> asyncio.StreamReader:
    """A reader that has what `reader` gets, `seconds` later."""
    loop = asyncio.get_running_loop()
    arrived = asyncio.StreamReader()

    async def carry() -> None:
        try:
            while data := await reader.read(1 << 16):
                loop.call_later(seconds, arrived.feed_data, data)
        except OSError:
            pass  # for whoever reads it is the end, as it is on the connection itself
        loop.call_later(seconds, arrived.feed_eof)

    arrived.carrier = loop.create_task(carry())  # type: ignore[attr-defined]  # the loop holds a task weakly
    return arrived


class FarWriter:
    """A writer whose bytes reach the other side `seconds` later. What is under way when the connection ends
    is lost.
    """

    def __init__(self, writer: asyncio.StreamWriter, seconds: float) -> None:
        self._writer, self._seconds = writer, seconds
        self._later: Callable[..., Any] = asyncio.get_running_loop().call_later
        self.transport = writer.transport

    def write(self, data: bytes) -> None:
        """Send; returns at once."""
        self._later(self._seconds, self._deliver, data)

    async def drain(self) -> None:
        """Wait until the near end takes more."""
        await self._writer.drain()

    def _deliver(self, data: bytes) -> None:
        if not self.transport.is_closing():
            self._writer.write(data)
