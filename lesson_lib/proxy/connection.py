"""One client's connection through the proxy: take a request, decide, pass it on, answer.

As a broker does, the proxy handles one request of a connection at a time, so answers leave in order and the same script gives
the same run. Differs from Kafka in: a Produce request with acks=0 reaches the broker with acks=1, so that its verdict is known.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from lesson_lib.faults import BROKER_WORDS, Fate
from lesson_lib.history import Event, Kind
from lesson_lib.proxy import frames as codec
from lesson_lib.proxy.coordinator import write_down
from lesson_lib.proxy.recording import Recording
from lesson_lib.proxy.requests import Item, Requests
from lesson_lib.proxy.upstream import Upstream

if TYPE_CHECKING:
    from lesson_lib.proxy.proxy import FaultProxy

QUIET_SECONDS, WINDOW_SECONDS, TICK = 0.03, 2.0, 0.001


class ProxyConnection:
    """Serves one client until either side is gone or the script tears the connection."""

    def __init__(self, proxy: FaultProxy, address: codec.Address, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.proxy, self.writer = proxy, writer
        self.requests = Requests(proxy, reader)
        self.upstream = Upstream(proxy, address)
        self.fate = Fate()

    @property
    def recording(self) -> Recording:
        """Where this connection's attempts are written down."""
        return self.requests.recording

    async def run(self) -> None:
        """Until the connection is over; never raises for what clients or brokers do."""
        reading = asyncio.ensure_future(self.requests.read_ahead())
        try:
            await self._work()
        except (OSError, asyncio.IncompleteReadError, codec.FrameError):
            self.requests.tear("the broker is gone")
            await self.upstream.look_whether_it_is_there()
        finally:
            reading.cancel()
            self.upstream.close()
            self.writer.transport.abort()

    async def _work(self) -> None:
        while not self.requests.torn and (item := await self.requests.next()) is not None:
            if item.attempts:
                await self._produce(item)
            elif not self.fate.is_dead:
                await self._pass_on(item.request)

    async def _pass_on(self, request: codec.Request) -> None:
        if not codec.wants_answer(request):
            await self.upstream.tell(codec.framed(request.frame))
            return
        frame = await self.upstream.ask(request, codec.framed(request.frame))
        if (answer := codec.read_answer(request, frame[4:])) is not None:
            write_down(self.proxy.recording, request, answer)
        await self._write(await self._rewritten(request, frame))

    async def _rewritten(self, request: codec.Request, frame: bytes) -> bytes:
        """The answer with our addresses and versions in it."""
        answer = codec.read_answer(request, frame[4:])
        if answer is not None and await self.proxy.rewrite(answer, self.upstream.address):
            return codec.encode_again(answer, request.version)
        return frame

    async def _write(self, frame: bytes) -> None:
        if not self.requests.left.is_set():
            self.writer.write(frame)
            await self.writer.drain()

    # Produce

    async def _produce(self, item: Item) -> None:
        await self._wait_for_more()
        handled, answered = self.fate.take(item.fault)
        if handled:
            await self._handle(item, answered and item.fault.name != "kill producer")
        else:
            self.requests.lose(item, "request")
        if self.fate.tears_now:
            await self._wait_until_quiet()
            self.requests.tear()

    async def _handle(self, item: Item, answered: bool) -> None:
        frame = await self._decide(item)
        if item.fault.name == "delay":
            await self._delay(item.fault.numbers[0] / 1000)
        if not codec.wants_answer(item.request):
            self._finish_unanswered(item, frame)
        elif answered and not self.requests.left.is_set():
            await self._deliver(item, frame)
        else:
            self.requests.lose(item, "answer")

    async def _decide(self, item: Item) -> bytes:
        """The answer: the broker's, or our own in its place."""
        if item.fault.name in BROKER_WORDS:
            await self._happen(item.fault.name)
        if item.fault.name == "refuse":
            self._note_verdicts(item, answer := codec.produce_answer(item.request, item.fault.numbers[0]))
            return answer
        frame = await self._ask_broker(item)
        if item.fault.name == "repeat":
            frame = await self._ask_broker(item)
        if item.fault.name == "store and answer":
            return codec.produce_answer(item.request, item.fault.numbers[0])
        return await self._rewritten(item.request, frame)

    async def _ask_broker(self, item: Item) -> bytes:
        frame = await self.upstream.ask(item.request, codec.to_broker(item.request))
        self._note_verdicts(item, frame)
        return frame

    def _note_verdicts(self, item: Item, frame: bytes) -> None:
        for attempt, answer in codec.pair(item.attempts, item.request, frame):
            self.recording.verdict(attempt, self.proxy.memory.verdict(attempt, answer), answer.error, answer.offset)

    async def _happen(self, name: str) -> None:
        self.upstream.close()
        await self.proxy.happen(name)
        self.recording.note(Event(0, Kind.BROKER, BROKER_WORDS[name], "broker"))

    async def _deliver(self, item: Item, frame: bytes) -> None:
        for attempt, answer in codec.pair(item.attempts, item.request, frame):
            self.recording.ack(attempt, answer.error, answer.offset)
        self.requests.settle(item)
        await self._write(frame)

    def _finish_unanswered(self, item: Item, frame: bytes) -> None:
        """acks=0: no answer; where there was an error, the broker closes the connection."""
        self.requests.settle(item)
        if any(answer.error for _, answer in codec.pair(item.attempts, item.request, frame)):
            self.requests.tear("the broker closed it")

    # waiting

    async def _wait_for_more(self) -> None:
        """Wait until the client of a run has sent what it can, so that it does not depend on luck what a fault meets."""
        end = asyncio.get_running_loop().time() + WINDOW_SECONDS
        while not (self.recording.is_full or self.requests.left.is_set()) and asyncio.get_running_loop().time() < end:
            await asyncio.sleep(TICK)

    async def _wait_until_quiet(self) -> None:
        """Where nobody knows how much comes: read what is on its way, until nothing came for a moment."""
        seen = -1
        while self.recording.in_flight is None and seen != self.requests.waiting and not self.requests.left.is_set():
            seen = self.requests.waiting
            await asyncio.sleep(QUIET_SECONDS)

    async def _delay(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self.requests.left.wait(), seconds)
        except TimeoutError:
            pass
