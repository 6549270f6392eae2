"""One client's connection through the proxy: read ahead, decide, pass on, answer in order.

As a broker does, the proxy handles one request of a connection at a time, so answers leave in order and the same script gives
the same run. It reads ahead meanwhile, because what a client had already sent when the connection tore is lost with it.

A request with batches for several partitions is one attempt for each of them and has one fate: the first fault that the script
names among its attempts. Differs from Kafka in: acks=0 reaches the broker as acks=1, so that the verdict is known.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple

from lesson_lib.faults import DELIVER, Fault
from lesson_lib.history import Event, Kind
from lesson_lib.live import proxy_codec as codec
from lesson_lib.live.proxy_coordinator import write_down
from lesson_lib.live.proxy_fate import BROKER_WORDS, Fate
from lesson_lib.live.proxy_upstream import Upstream
from lesson_lib.live.recording import Attempt, Recording

if TYPE_CHECKING:
    from lesson_lib.live.proxy import FaultProxy

READ_AHEAD = 64
QUIET_SECONDS, WINDOW_SECONDS, TICK = 0.03, 2.0, 0.001


class Item(NamedTuple):
    """A request that was read; `attempts` is empty for everything but Produce."""

    request: codec.Request
    attempts: tuple[Attempt, ...] = ()
    fault: Fault = DELIVER


class ProxyConnection:
    """Serves one client until either side is gone or the script tears the connection."""

    def __init__(self, proxy: FaultProxy, address: codec.Address, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.proxy, self.reader, self.writer = proxy, reader, writer
        self.upstream = Upstream(proxy, address)
        self.recording: Recording = proxy.recording
        self.fate = Fate()
        self.queue: asyncio.Queue[Item | None] = asyncio.Queue(READ_AHEAD)
        self.unanswered: list[Attempt] = []
        self.left = asyncio.Event()
        self.number = 0
        self.torn = False

    async def run(self) -> None:
        """Until the connection is over; never raises for what clients or brokers do."""
        reading = asyncio.ensure_future(self._read_ahead())
        try:
            await self._work()
        except (OSError, asyncio.IncompleteReadError, codec.FrameError):
            self._tear("the broker is gone")
        finally:
            reading.cancel()
            self.upstream.close()
            self.writer.transport.abort()

    # what the client sends

    async def _read_ahead(self) -> None:
        try:
            while not (self.torn or self.proxy.is_dead(frame := await codec.read_frame(self.reader))):
                item = self._read(frame)
                await self.queue.put(item)
                if item.fault.name == "kill producer":
                    break
        except (OSError, asyncio.IncompleteReadError, codec.FrameError):
            self._client_left()
        await self.queue.put(None)

    def _read(self, frame: bytes) -> Item:
        request = codec.read_request(frame)
        if request.api_key != codec.PRODUCE or request.body is None or not self.proxy.recording.wants(request.client_id):
            return Item(request)
        attempts = self._attempts(request)
        faults = [self.recording.fault_at(a.event.attempt) for a in attempts]
        fault = next((f for f in faults if f is not DELIVER), DELIVER)
        if fault.name == "kill producer":
            self.proxy.kill(request.client_id, self.recording)
        return Item(request, attempts, fault)

    def _attempts(self, request: codec.Request) -> tuple[Attempt, ...]:
        if self.recording is not self.proxy.recording:
            self.recording, self.number = self.proxy.recording, 0
        self.number = self.number or self.recording.next_connection()
        try:
            attempts = [self.recording.send(request.client_id, self.number, b.topic, b.partition, b.records)
                        for b in codec.batches_in(request.body)]
        except ValueError:  # no batch of today's format: the broker's to refuse
            return ()
        self.unanswered += attempts
        return tuple(attempts)

    def _client_left(self) -> None:
        """The client closed the connection; where answers were due, it had stopped waiting for them."""
        self.left.set()
        waiting = [a for a in self.unanswered if not a.answered]
        if waiting and not (self.torn or self.recording.killed):
            for attempt in waiting:
                self.recording.note_about(attempt, Kind.TIMEOUT)
            self._note_torn("the producer closed it", waiting[0].event.lane)

    # what becomes of it

    async def _work(self) -> None:
        while not self.torn and (item := await self.queue.get()) is not None:
            if item.attempts:
                await self._produce(item)
            elif not self.fate.is_dead:
                await self._pass_on(item.request)

    async def _pass_on(self, request: codec.Request) -> None:
        frame = await self.upstream.ask(request, codec.framed(request.frame))
        if (answer := codec.read_answer(request, frame[4:])) is not None:
            write_down(self.proxy.recording, request, answer)
            if await self.proxy.rewrite(answer, self.upstream.address):
                frame = codec.encode_again(answer, request.version)
        await self._write(frame)

    async def _write(self, frame: bytes) -> None:
        if not self.left.is_set():
            self.writer.write(frame)
            await self.writer.drain()

    async def _produce(self, item: Item) -> None:
        await self._wait_for_more(item)
        handled, answered = self.fate.take(item.fault)
        if not handled:
            self._lose(item, "request")
        else:
            await self._handle(item, answered)
        if self.fate.tears_now:
            await self._wait_until_quiet()
            self._tear()

    async def _handle(self, item: Item, answered: bool) -> None:
        frame, errors = await self._decide(item)
        if item.fault.name == "delay":
            await self._delay(item.fault.numbers[0] / 1000)
        if not codec.wants_answer(item.request):
            self._settle(item)
            if errors:
                self._tear("the broker closed it")
        elif not answered or self.left.is_set() or item.fault.name == "kill producer":
            self._lose(item, "answer")
        else:
            await self._deliver(item, frame)

    async def _decide(self, item: Item) -> tuple[bytes, bool]:
        """Let the broker decide, or refuse in its place; the answer, and whether there is an error in it."""
        if item.fault.name in BROKER_WORDS:
            await self._happen(item.fault.name)
        if item.fault.name == "refuse":
            for attempt in item.attempts:
                self.recording.verdict(attempt, "refused", item.fault.numbers[0], None)
            return codec.produce_answer(item.request, item.fault.numbers[0]), True
        frame = b""
        for _ in range(2 if item.fault.name == "repeat" else 1):
            frame = await self.upstream.ask(item.request, codec.to_broker(item.request))
            errors = self._note_verdicts(item, frame)
        if item.fault.name == "store and answer":
            return codec.produce_answer(item.request, item.fault.numbers[0]), True
        return await self._with_our_addresses(item.request, frame), errors

    async def _with_our_addresses(self, request: codec.Request, frame: bytes) -> bytes:
        answer = codec.read_answer(request, frame[4:])
        if answer is not None and await self.proxy.rewrite(answer, self.upstream.address):
            return codec.encode_again(answer, request.version)
        return frame

    def _note_verdicts(self, item: Item, frame: bytes) -> bool:
        answers = codec.produce_answers(item.request, frame[4:])
        for attempt in item.attempts:
            answer = answers.get((attempt.event.topic, attempt.event.partition))
            if answer:
                what = self.proxy.memory.verdict(attempt, answer)
                self.recording.verdict(attempt, what, answer.error, None if answer.error else answer.base_offset)
        return any(a.error for a in answers.values())

    async def _happen(self, name: str) -> None:
        self.upstream.close()
        await self.proxy.happen(name)
        self.recording.note(Event(0, Kind.BROKER, BROKER_WORDS[name], "broker"))

    async def _deliver(self, item: Item, frame: bytes) -> None:
        answers = codec.produce_answers(item.request, frame[4:])
        for attempt in item.attempts:
            answer = answers.get((attempt.event.topic, attempt.event.partition))
            if answer:
                self.recording.ack(attempt, answer.error, None if answer.error else answer.base_offset)
        self._settle(item)
        await self._write(frame)

    # waiting and losing

    async def _wait_for_more(self, item: Item) -> None:
        """Wait until the client of a run has sent what it can, so that it does not depend on luck what a fault meets."""
        end = asyncio.get_running_loop().time() + WINDOW_SECONDS
        while not (self.recording.is_full or self.left.is_set()) and asyncio.get_running_loop().time() < end:
            await asyncio.sleep(TICK)

    async def _wait_until_quiet(self) -> None:
        """Where nobody knows how much comes: read what is on its way, until nothing came for a moment."""
        seen = -1
        while self.recording.in_flight is None and seen != self.queue.qsize() and not self.left.is_set():
            seen = self.queue.qsize()
            await asyncio.sleep(QUIET_SECONDS)

    async def _delay(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self.left.wait(), seconds)
        except TimeoutError:
            pass

    def _lose(self, item: Item, what: str) -> None:
        for attempt in item.attempts:
            self.recording.lost(attempt, what)

    def _settle(self, item: Item) -> None:
        for attempt in item.attempts:
            self.recording.settle(attempt)
            self.unanswered.remove(attempt)

    def _tear(self, note: str = "") -> None:
        """The connection is gone, and everything unanswered on it is lost."""
        if self.torn:
            return
        self.torn = True
        lost = [a for a in self.unanswered if not a.settled]
        for attempt in lost:
            self.recording.lost(attempt, "request")
        if self.number and not self.left.is_set():
            self._note_torn(note, self.unanswered[0].event.lane if self.unanswered else "producer")

    def _note_torn(self, note: str, lane: str) -> None:
        self.recording.note(Event(0, Kind.TORN, "", lane, conn=self.number, note=note))
