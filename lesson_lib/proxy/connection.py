"""One client's connection through the proxy: requests are read ahead, each gets its fate, then the answer
goes back.

Reading goes on while earlier requests are still at the broker, because what a client had already sent when
the connection dropped is lost with it, and because only the read side notices that a client has gone.
Handling goes one request at a time, as in a broker, so answers leave in order and the same script gives the
same run.

A request with batches for several partitions is one attempt for each of them and has one fate: the first
fault that the script names among its attempts. Differs from Kafka in: a Produce request with acks=0 reaches
the broker with acks=1, so that its verdict is known.
"""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from lesson_lib.faults import BROKER_WORDS, DELIVER, Fate, Fault
from lesson_lib.history import Event, Kind
from lesson_lib.proxy import frames
from lesson_lib.proxy.control import Control, Upstream
from lesson_lib.proxy.recording import BatchSent, Recording, write_down
from lesson_lib.wire import messages
from lesson_lib.wire.messages import Address, Request

READ_AHEAD = 64
QUIET_SECONDS, WINDOW_SECONDS, TICK = 0.03, 2.0, 0.001
GONE = (OSError, asyncio.IncompleteReadError)


class ReadRequest(NamedTuple):
    """A request that was read; `sent` has its batches, none for everything but Produce."""

    request: Request
    sent: tuple[BatchSent, ...] = ()
    fault: Fault = DELIVER


class ClientSide:
    """The requests of one client, in order. `left` is set once it is gone, `torn` once it was dropped."""

    def __init__(self, control: Control, reader: asyncio.StreamReader) -> None:
        self.control, self.recording = control, control.recording
        self.left, self.torn = asyncio.Event(), False
        self._reader = reader
        self._queue: asyncio.Queue[ReadRequest | None] = asyncio.Queue(READ_AHEAD)
        self._unanswered: list[BatchSent] = []
        self._number = 0

    async def next(self) -> ReadRequest | None:
        """The next request; None after the last one."""
        return await self._queue.get()

    @property
    def waiting(self) -> int:
        """How many requests were read and not yet taken."""
        return self._queue.qsize()

    async def read_ahead(self) -> None:
        """Read until the client hangs up, sends what is no frame, or is killed."""
        try:
            while not self.torn:
                request = frames.read_request(await messages.read_frame(self._reader))
                wanted = self.control.recording.wants(request.client_id)
                if self.control.is_dead(request.client_id):  # asked last: it dies before a recording closes
                    break
                read = self._with_fate(request) if wanted else ReadRequest(request)
                await self._queue.put(read)
                if read.fault.name == "kill producer":
                    break
        except GONE:
            self._client_left()
        await self._queue.put(None)

    def _with_fate(self, request: Request) -> ReadRequest:
        sent = self._note_sent(request)
        faults = (self.recording.script.at(batch.event.attempt) for batch in sent)
        fault = next((fault for fault in faults if fault is not DELIVER), DELIVER)
        if fault.name == "kill producer":
            self.control.kill(request.client_id, self.recording)
        return ReadRequest(request, sent, fault)

    def _note_sent(self, request: Request) -> tuple[BatchSent, ...]:
        """None for a Produce request without a batch of today's format, which is the broker's to refuse."""
        batches = frames.batches_in(request)
        if not batches or not all(Recording.can_number(records) for *_, records in batches):
            return ()
        if self.recording is not self.control.recording:
            self.recording, self._number = self.control.recording, 0
        self._number = self._number or self.recording.next_connection()
        self.recording.acks.add(request.body.acks)
        sent = tuple(self.recording.send(request.client_id, self._number, *batch) for batch in batches)
        self._unanswered += sent
        return sent

    def settle(self, read: ReadRequest) -> None:
        """Nothing more will become of this request."""
        for batch in read.sent:
            self.recording.settle(batch)
            self._unanswered.remove(batch)

    def lose(self, read: ReadRequest, what: str) -> None:
        """The request or its answer is lost; the client still waits for it."""
        for batch in read.sent:
            self.recording.lost(batch, what)

    def tear(self, note: str = "") -> None:
        """The connection is gone, and everything unanswered on it is lost."""
        if self.torn:
            return
        self.torn = True
        for batch in self._unanswered:
            if not batch.settled:
                self.recording.lost(batch, "request")
        if not self.left.is_set():
            self._note_torn(note)

    def _client_left(self) -> None:
        """The client closed the connection; where answers were due, it had stopped waiting for them."""
        self.left.set()
        if self._unanswered and not (self.torn or self.recording.killed):
            for batch in self._unanswered:
                self.recording.note_about(batch, Kind.TIMEOUT)
            self._note_torn("the producer closed it")

    def _note_torn(self, note: str) -> None:
        if self._number:
            lane = self._unanswered[0].event.lane if self._unanswered else "producer"
            self.recording.note(Event(0, Kind.TORN, "", lane, conn=self._number, note=note))


class ProxyConnection:
    """Serves one client until either side is gone or the script drops the connection."""

    def __init__(self, control: Control, node: Address, reader: asyncio.StreamReader,
                 writer: asyncio.StreamWriter) -> None:
        self.control, self.writer = control, writer
        self.client = ClientSide(control, reader)
        self.upstream = Upstream(control, node)
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
            self.upstream.close()
            self.writer.transport.abort()

    async def _handle(self, read: ReadRequest) -> None:
        if read.sent:
            await self._produce(read)
        elif not self.fate.is_dead:
            await self._pass_on(read.request)

    async def _pass_on(self, request: Request) -> None:
        if not frames.wants_answer(request):
            await self.upstream.tell(messages.framed(request.frame))
            return
        frame = await self.upstream.ask(request, messages.framed(request.frame))
        await self._write(await self._rewritten(request, frame))

    async def _rewritten(self, request: Request, frame: bytes) -> bytes:
        """The answer, written down where it is a coordinator's, with our addresses and versions in it."""
        answer = frames.read_answer(request, frame)
        if answer is None:
            return frame
        write_down(self.control.recording, request, answer)
        if await self.control.rewrite(answer, self.upstream.address):
            return messages.encode_response(answer, request.api_version, request.correlation_id)
        return frame

    async def _write(self, frame: bytes) -> None:
        if not self.client.left.is_set():
            self.writer.write(frame)
            await self.writer.drain()

    # Produce

    async def _produce(self, read: ReadRequest) -> None:
        await self._wait_for_more()
        handled, answered = self.fate.take(read.fault)
        if handled:
            await self._let_through(read, answered and read.fault.name != "kill producer")
        else:
            self.client.lose(read, "request")
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
            self.client.lose(read, "answer")

    async def _decide(self, read: ReadRequest) -> bytes:
        """The answer: the broker's, or our own in its place."""
        fault = read.fault
        if fault.name in BROKER_WORDS:
            await self._happen(fault.name)
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
            verdict = self.control.stored.verdict(batch.partition, batch.header, *answer)
            self.recording.verdict(batch, verdict, answer.error, answer.offset)

    @staticmethod
    def _pairs(read: ReadRequest, frame: bytes) -> list[tuple[BatchSent, frames.BatchAnswer]]:
        """Each batch with the answer to it, where there is one."""
        answers = frames.batch_answers(read.request, frame)
        return [(batch, answers[batch.partition]) for batch in read.sent if batch.partition in answers]

    async def _happen(self, name: str) -> None:
        self.upstream.close()
        await self.control.happen(name)
        self.recording.note(Event(0, Kind.BROKER, BROKER_WORDS[name], "broker"))

    async def _deliver(self, read: ReadRequest, frame: bytes) -> None:
        for batch, answer in self._pairs(read, frame):
            self.recording.ack(batch, answer.error, answer.offset)
        self.client.settle(read)
        await self._write(frame)

    def _finish_unanswered(self, read: ReadRequest, frame: bytes) -> None:
        """acks=0: no answer; where there was an error, the broker closes the connection."""
        self.client.settle(read)
        if any(answer.error for _, answer in self._pairs(read, frame)):
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
