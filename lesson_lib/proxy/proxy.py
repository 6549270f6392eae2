"""The fault proxy: stands between clients and any Kafka broker, does what the script says, writes down what
it saw.

One thread with its own event loop; a listener for each node of the cluster, whose addresses it writes over
in every answer that has any. It reads producer id, epoch, sequence, count, error and offset from the
frames, and passes all else as it is.

Differs from a network in: it can only drop or freeze whole connections, as TCP does, but it knows which
request is which. Over a distance everything takes the same time, and the line is as broad as a client likes:
what is sent arrives a fixed time later, in order, and more may follow meanwhile. `delay` in a script holds one
answer and everything behind it; distance holds nothing up. It's what a client with one request in flight
suffers from, and one with five hardly notices.
A broker that closes an idle connection is connected to again; the client behind the proxy doesn't notice.

As a broker does, it handles one request of a connection at a time, so answers leave in order and the same
script gives the same run. Differs from Kafka in: a Produce request with acks=0 reaches the broker with
acks=1, so that its verdict is known.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from lesson_lib.faults import BROKER_WORDS, DELIVER, Fate
from lesson_lib.history import Event, Kind
from lesson_lib.proxy import frames
from lesson_lib.proxy.connection import GONE, ClientSide, ProxyState, ReadRequest, Upstream
from lesson_lib.proxy.recording import BatchSent, Recording, write_down
from lesson_lib.wire import messages, probe
from lesson_lib.wire.messages import Address, Request
from lesson_lib.wire.server import Connection, Served, Server, ServerThread

LOOK_SECONDS = 1.0
QUIET_SECONDS, WINDOW_SECONDS, TICK = 0.03, 2.0, 0.001


class FaultProxy(Served, ProxyState):
    """A proxy for the broker at `upstream` (host, port); see `ProxyState`. `server` serves it."""

    def __init__(self, upstream: Address, hooks: Mapping[str, Callable[[], None]] | None = None,
                 port: int = 0, server: Callable[..., Server] = ServerThread) -> None:
        super().__init__(upstream, hooks or {}, self._also_for)
        self.trouble = ""  # why the broker did not answer when it was last asked
        self._server = server(self._serve(upstream), port=port, name="fault proxy")

    def start(self) -> FaultProxy:
        """As `Served.start`; the broker's address is ours from now on."""
        super().start()
        self.addresses[self.upstream] = (self._server.host, self._server.port)
        return self

    def broker_answers(self) -> bool:
        """Ask the broker something, by a connection of our own; takes `LOOK_SECONDS` at most."""
        try:
            probe.api_versions(*self.upstream, timeout=LOOK_SECONDS)
            self.trouble = ""
        except OSError as error:
            self.trouble = str(error) or type(error).__name__
        self.reached(not self.trouble)
        return not self.trouble

    def _serve(self, node: Address) -> Connection:
        return lambda reader, writer: ProxyConnection(self, node, reader, writer).run()

    async def _also_for(self, node: Address) -> Address:
        return self._server.host, await self._server.listen_also(self._serve(node))


class ProxyConnection:
    """Serves one client until either side is gone or the script drops the connection."""

    def __init__(self, state: ProxyState, node: Address, reader: asyncio.StreamReader,
                 writer: asyncio.StreamWriter) -> None:
        self.state, self.writer = state, writer
        self.client = ClientSide(state, reader)
        self.upstream = Upstream(state, node)
        self.fate = Fate()

    @property
    def recording(self) -> Recording:
        """Where this connection's attempts are written down."""
        return self.client.recording

    async def run(self) -> None:
        """Until the connection is over; never raises for what clients or brokers do."""
        reading = asyncio.ensure_future(self.client.read_ahead())
        try:
            while not self.client.torn and (read := await self.client.next()) is not None:
                await self._handle(read)
        except GONE:
            self.client.tear("the broker is gone")
            await self.upstream.look_whether_it_is_there()
        finally:
            reading.cancel()
            self.client.end()
            self.upstream.close()
            self.writer.transport.abort()

    async def _handle(self, read: ReadRequest) -> None:
        if read.sent:
            await self._produce(read)
        elif self.fate.is_dead:
            return
        elif read.fault is DELIVER:
            await self._pass_on(read.request)
        else:
            await self._lose_at_coordinator(read)

    async def _lose_at_coordinator(self, read: ReadRequest) -> None:
        """A request to a coordinator, or the answer to it."""
        request, api = read.request, frames.COORDINATOR_REQUESTS[read.request.api_key]
        handled, _ = self.fate.take(read.fault)
        if handled:
            await self._answer(request)
        what = f"the answer to {api}" if handled else f"the request {api}"
        self.state.recording.note_coordinator_loss(request.client_id, what)
        if self.fate.tears_now:
            self.client.tear()

    async def _pass_on(self, request: Request) -> None:
        if not frames.wants_answer(request):
            await self.upstream.tell(messages.framed(request.frame))
            return
        await self._write(frames.own_answer(request) or await self._answer(request))

    async def _answer(self, request: Request) -> bytes:
        frame = await self.upstream.ask(request, messages.framed(request.frame))
        return await self._rewritten(request, frame)

    async def _rewritten(self, request: Request, frame: bytes) -> bytes:
        """The answer, written down where it is a coordinator's, with our addresses and versions in it."""
        answer = frames.read_answer(request, frame)
        if answer is None:
            return frame
        write_down(self.state.recording, request, answer)
        if await self.state.rewrite(answer, self.upstream.address):
            return messages.encode_response(answer, request.api_version, request.correlation_id)
        return frame

    async def _write(self, frame: bytes) -> None:
        if self.client.distance:
            asyncio.get_running_loop().call_later(self.client.distance, self._arrive, frame)
        elif not self.client.left.is_set():
            self.writer.write(frame)
            await self.writer.drain()

    def _arrive(self, frame: bytes) -> None:
        """It has come all the way; what is under way when the connection ends is lost."""
        if not self.writer.transport.is_closing():
            self.writer.write(frame)

    # Produce

    async def _produce(self, read: ReadRequest) -> None:
        await self._wait_for_more()
        handled, answered = self.fate.take(read.fault)
        if handled:
            await self._let_through(read, answered and read.fault.name != "kill producer")
        else:
            self.client.note_lost(read, "request", self.fate.drops)
        if self.fate.tears_now:
            await self._wait_until_quiet()
            self.client.tear()

    async def _let_through(self, read: ReadRequest, answered: bool) -> None:
        frame = await self._decide(read)
        if read.fault.name == "delay":
            await self._delay(read.fault.numbers[0] / 1000)
        if not frames.wants_answer(read.request):
            self._finish_unanswered(read, frame)
        elif answered and not self.client.left.is_set():
            await self._deliver(read, frame)
        else:
            self.client.note_lost(read, "answer", self.fate.drops)

    async def _decide(self, read: ReadRequest) -> bytes:
        """The answer: the broker's, or our own in its place."""
        fault = read.fault
        if fault.name in BROKER_WORDS:
            self._happen(fault.name)
        if fault.name == "refuse":
            self._note_verdicts(read, answer := frames.produce_answer(read.request, fault.numbers[0]))
            return answer
        frame = await self._ask_broker(read)
        if fault.name == "repeat":
            frame = await self._ask_broker(read)
        if fault.name == "store and answer":
            return frames.produce_answer(read.request, fault.numbers[0])
        return await self._rewritten(read.request, frame)

    async def _ask_broker(self, read: ReadRequest) -> bytes:
        frame = await self.upstream.ask(read.request, frames.to_broker(read.request))
        self._note_verdicts(read, frame)
        return frame

    def _note_verdicts(self, read: ReadRequest, frame: bytes) -> None:
        for batch, answer in self._pairs(read, frame):
            verdict = self.state.stored.verdict(batch.partition, batch.header, answer.error_code,
                                                answer.base_offset)
            self.recording.verdict(batch, verdict, answer.error_code, answer.base_offset)

    @staticmethod
    def _pairs(read: ReadRequest, frame: bytes) -> list[tuple[BatchSent, Any]]:
        """Each batch with the answer to it, where there is one."""
        answers = frames.batch_answers(read.request, frame)
        return [(batch, answers[batch.partition]) for batch in read.sent if batch.partition in answers]

    def _happen(self, name: str) -> None:
        self.upstream.close()
        self.state.hooks[name]()
        self.recording.note(Event(0, Kind.BROKER, BROKER_WORDS[name], "broker"))

    async def _deliver(self, read: ReadRequest, frame: bytes) -> None:
        for batch, answer in self._pairs(read, frame):
            self.recording.ack(batch, answer.error_code, answer.base_offset)
        self.client.settle(read)
        await self._write(frame)

    def _finish_unanswered(self, read: ReadRequest, frame: bytes) -> None:
        """acks=0: no answer; where there was an error, the broker closes the connection."""
        self.client.settle(read)
        if any(answer.error_code for _, answer in self._pairs(read, frame)):
            self.client.tear("the broker closed it")

    # waiting

    async def _wait_for_more(self) -> None:
        """Wait until a run's client has sent what it can: what a fault meets must not depend on luck."""
        clock = asyncio.get_running_loop().time
        end = clock() + WINDOW_SECONDS
        while not (self.recording.window_full or self.client.left.is_set()) and clock() < end:
            await asyncio.sleep(TICK)

    async def _wait_until_quiet(self) -> None:
        """Where nobody knows how much comes: read what is on its way, until nothing came for a moment."""
        seen, left = -1, self.client.left.is_set
        while self.recording.in_flight is None and seen != self.client.waiting and not left():
            seen = self.client.waiting
            await asyncio.sleep(QUIET_SECONDS)

    async def _delay(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self.client.left.wait(), seconds)
        except TimeoutError:
            pass
