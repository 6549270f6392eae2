"""The proxy's own connection to a broker, one for each client connection, made when it is first needed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from lesson_lib.proxy import frames as codec

if TYPE_CHECKING:
    from lesson_lib.proxy.proxy import FaultProxy

CONNECT_SECONDS = 2.0


class Upstream:
    """Asks the broker at `address`, one request at a time."""

    def __init__(self, proxy: FaultProxy, address: codec.Address) -> None:
        self.proxy, self.address = proxy, address
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, request: codec.Request, frame: bytes) -> bytes:
        """The framed answer to a framed request. OSError or FrameError when the broker gives none."""
        reader, writer = await self._connected()
        writer.write(frame)
        await writer.drain()
        answer = await codec.read_frame(reader)
        if codec.correlation_id(answer) != request.correlation_id:
            raise codec.FrameError("an answer to another request")
        return codec.framed(answer)

    async def tell(self, frame: bytes) -> None:
        """Send a framed request that has no answer."""
        _, writer = await self._connected()
        writer.write(frame)
        await writer.drain()

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._streams is None or self._streams[0].at_eof():
            self.close()
            self._streams = await self._connect()
        return self._streams

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        try:
            streams = await asyncio.wait_for(asyncio.open_connection(*self.address), CONNECT_SECONDS)
        except (OSError, TimeoutError) as error:
            self.proxy.broker_is_gone(self.address)
            raise ConnectionError(str(error)) from error
        self.proxy.broker_is_there()
        return streams

    async def look_whether_it_is_there(self) -> None:
        """Tell the proxy whether the broker still takes connections."""
        try:
            (await self._connect())[1].transport.abort()
        except OSError:
            pass

    def close(self) -> None:
        """Hang up."""
        if self._streams is not None:
            self._streams[1].transport.abort()
            self._streams = None
