"""The fault proxy: stands between clients and any Kafka broker, does what the script says, writes down what
it saw.

One thread with its own event loop; a listener for each node of the cluster, whose addresses it writes over
in every answer that has any. It reads producer id, epoch, sequence, count, error and offset from the
frames, and passes all else as it is.

Differs from a network in: it can only drop or freeze whole connections, as TCP does, but it knows which
request is which. Over a distance everything takes the same time, and the line is as broad as a client likes:
what is sent arrives a fixed time later, in order, and more may follow meanwhile. `delay` in a script holds
one answer and everything behind it; distance holds nothing up. It's what a client with one request in flight
suffers from, and one with five hardly notices. A broker that closes an idle connection
is connected to again; the client behind the proxy doesn't notice.

Requests are read ahead while earlier ones are still at the broker, because what a client had already sent
when the connection dropped is lost with it, and because only the read side notices that a client has gone.
A request with batches for several partitions is one attempt for each of them and has one fate: the first
fault that the script names among its attempts.

As a broker does, it handles one request of a connection at a time, so answers leave in order and the same
script gives the same run. Differs from Kafka in: a Produce request with acks=0 reaches the broker with
acks=1, so that its verdict is known.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from math import inf
from typing import Any, NamedTuple

from lesson_lib.errors import LessonError
from lesson_lib.faults import BROKER_WORDS, DELIVER, Fate, Fault, FaultScriptLike, parse_script
from lesson_lib.history import Event, Kind
from lesson_lib.proxy import frames
from lesson_lib.proxy.recording import BatchInFlight, BatchKey, DuplicateFinder, Recording, note_coordination
from lesson_lib.wire import messages, probe
from lesson_lib.wire.messages import API_VERSIONS, Address, Request
from lesson_lib.wire.server import ConnectionHandler, Server

READ_AHEAD, CONNECT_SECONDS, LOOK_SECONDS = 64, 2.0, 1.0
QUIET_SECONDS, WINDOW_SECONDS, TICK = 0.03, 2.0, 0.001
GONE = (OSError, asyncio.IncompleteReadError)
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class FaultProxy(Server):
    """A proxy for the broker at `upstream` (host, port); on a `loop` that somebody else runs, where that is.

    `hooks` do the faults that happen to a broker, by name. `distance` is how many seconds everything takes
    each way, on connections made from now on; `trouble` is why the broker did not answer when last asked.
    Nothing that a `dead` client still sends comes through: it was killed, or its run is over and its log must
    not change.
    """

    def __init__(self, upstream: Address, hooks: Mapping[str, Callable[[], None]] | None = None,
                 port: int = 0, loop: Any = None) -> None:
        super().__init__(self._serve(upstream), upstream[0] if loop else "127.0.0.1", port, "fault proxy",
                         loop=loop)
        self.upstream, self.hooks = upstream, dict(hooks or {})
        self.distance, self.trouble, self.dead = 0.0, "", set[str]()
        self.stored, self.recording = DuplicateFinder(), Recording()
        self.on_kill: Callable[[str], None] = lambda client_id: None
        self.addresses: dict[Address, Address] = {}  # a node's own -> where we stand for it
        self.gone_since = inf  # when the broker could first not be reached (`time.monotonic`)

    def start(self) -> FaultProxy:
        """As `Server.start`; the broker's address is ours from now on."""
        super().start()
        self.addresses[self.upstream] = (self.host, self.port)
        return self

    def record(self, recording: Recording) -> Recording:
        """Write into this recording from now on, under its script. LessonError for a fault it cannot do."""
        for name in (line.fault.name for line in recording.script.lines):
            if name in BROKER_WORDS and name not in self.hooks:
                raise LessonError(
                    f"The fault '{name}' needs a broker of the course's own: start_lab(broker='embedded') or "
                    f"simulate(...) can do it, a broker at {':'.join(map(str, self.upstream))} cannot.")
        self.recording = recording
        return recording

    def play(self, script: FaultScriptLike) -> Recording:
        """Do what a fault script says, counted from the next request on. LessonError as for `record`."""
        return self.record(Recording(parse_script(script)))

    def reached(self, there: bool) -> None:
        """A connection to the broker could be made, or not."""
        self.gone_since = inf if there else min(self.gone_since, time.monotonic())

    def broker_answers(self) -> bool:
        """Ask the broker something, by a connection of our own; takes `LOOK_SECONDS` at most."""
        try:
            probe.api_versions(*self.upstream, timeout=LOOK_SECONDS)
            self.trouble = ""
        except OSError as error:
            self.trouble = str(error) or type(error).__name__
        self.reached(not self.trouble)
        return not self.trouble

    def _serve(self, node: Address) -> ConnectionHandler:
        return lambda reader, writer: ProxyConnection(self, node, reader, writer).run()

    async def rewrite(self, answer: Any, came_from: Address) -> bool:
        """Put our addresses into an answer; True when there were any in it."""
        nodes = list(frames.nodes_in(answer))
        for node in nodes:
            address = node.host, node.port
            if address not in self.addresses:
                # a cluster's only node is the one that we are talking to
                known = self.addresses.get(came_from) if len(nodes) == 1 else None
                self.addresses[address] = known or (
                    self.host, await self.listen_also(self._serve(address)))
            node.host, node.port = self.addresses[address]
        return bool(nodes)


class ReadRequest(NamedTuple):
    """A request that was read; `sent` has its batches, none for everything but Produce."""

    request: Request
    sent: tuple[BatchInFlight, ...] = ()
    fault: Fault = DELIVER
    at: float = 0.0  # when it has come all the way, on the loop's clock


class ProxyConnection:
    """Serves one client until it has `left`, the broker is gone, or the script has `dropped` the connection.
    Its attempts are written down in `recording`.
    """

    def __init__(self, proxy: FaultProxy, node: Address, reader: asyncio.StreamReader,
                 writer: asyncio.StreamWriter) -> None:
        self.proxy, self.recording, self.distance = proxy, proxy.recording, proxy.distance
        self.upstream, self.fate = Upstream(proxy, node), Fate()
        self.left, self.dropped = asyncio.Event(), False
        self._reader, self._writer = reader, writer
        self._queue: asyncio.Queue[ReadRequest | None] = asyncio.Queue(READ_AHEAD)
        # What came while an answer was delayed, and what the broker answered to it, by attempt.
        self._came_meanwhile: deque[ReadRequest | None] = deque()
        self._answered_meanwhile: dict[int, bytes] = {}
        self._unanswered: list[BatchInFlight] = []
        self._others = 0  # requests without a batch that were read and are not answered
        self._lost_with_it: list[tuple[BatchInFlight, str]] = []
        self._number, self._lane = 0, ""

    async def run(self) -> None:
        """Until the connection is over; never raises for what clients or brokers do."""
        reading = asyncio.ensure_future(self._read_ahead())
        try:
            while not self.dropped and (read := await self._next()) is not None:
                await self._handle(read)
        except GONE:
            self._drop("the broker is gone")
            with suppress(OSError):
                await self.upstream.connect()  # so that the proxy knows whether it can
        finally:
            reading.cancel()
            self._end()
            self.upstream.close()
            self._writer.transport.abort()

    # what its client sends

    async def _next(self) -> ReadRequest | None:
        """The next request, once it has come all the way; None after the last one."""
        read = self._came_meanwhile.popleft() if self._came_meanwhile else await self._queue.get()
        if read and self.distance:
            await asyncio.sleep(read.at - asyncio.get_running_loop().time())
        return read

    async def _read_ahead(self) -> None:
        """Read until the client hangs up, sends what is no frame, or is killed."""
        try:
            while not self.dropped:
                request = frames.read_request(await messages.read_frame(self._reader))
                wanted = self.proxy.recording.wants(request.client_id)
                self.proxy.recording.apis.add(request.api_key)
                if request.client_id in self.proxy.dead:  # asked last: it dies before a recording closes
                    break
                read = self._with_fate(request) if wanted else ReadRequest(request)
                self._others += not read.sent
                await self._queue.put(read._replace(at=self.distance + asyncio.get_running_loop().time()))
                if read.fault.name == "kill producer":
                    break
        except GONE:
            self._client_left()
        await self._queue.put(None)

    def _with_fate(self, request: Request) -> ReadRequest:
        if api := frames.COORDINATOR_REQUESTS.get(request.api_key):
            return ReadRequest(request, fault=self.proxy.recording.ask(api))
        sent = self._note_sent(request)
        faults = [self.recording.script.at(batch.event.attempt) for batch in sent]
        fault = next((fault for fault in faults if fault is not DELIVER), DELIVER)
        if fault.name == "kill producer":
            self.proxy.dead.add(request.client_id)
            self.recording.kill(request.client_id)
            self.proxy.on_kill(request.client_id)
            self.left.set()  # what is under way arrives, and nobody reads the answers
        return ReadRequest(request, sent, fault)

    def _note_sent(self, request: Request) -> tuple[BatchInFlight, ...]:
        """None for a Produce request without a batch of today's format, which is the broker's to refuse."""
        batches = frames.batches_in(request)
        try:
            keys = [BatchKey.of(*batch) for batch in batches]
        except ValueError:
            return ()
        if not keys:
            return ()
        if self.recording is not self.proxy.recording:
            self.recording, self._number = self.proxy.recording, 0
        self._number = self._number or next(self.recording.connections)
        self._lane = self.recording.lane(request.client_id)
        self.recording.acks.add(request.body.acks)
        sent = tuple(self.recording.send(request.client_id, self._number, key, records, key is not keys[0])
                     for key, (*_, records) in zip(keys, batches, strict=True))
        if not request.body.acks:
            self.recording.unasked.update(batch.event.attempt for batch in sent)
        self._unanswered += sent
        return sent

    def _complete(self, read: ReadRequest) -> None:
        """Nothing more will become of this request."""
        for batch in read.sent:
            self.recording.complete(batch)
            self._unanswered.remove(batch)

    def _lose(self, read: ReadRequest, what: str) -> None:
        """Request or answer is lost, now or when the connection drops; the client still waits for it."""
        self._lost_with_it += [(batch, what) for batch in read.sent]
        if not self.fate.drops or self.left.is_set():
            self._end()

    def _drop(self, note: str = "") -> None:
        """The connection is gone, and everything unanswered on it is lost."""
        if self.dropped:
            return
        self.dropped = True
        if not self.left.is_set():
            self._note_drop(note)
        self._end()
        for batch in self._unanswered:
            if batch in self.recording.batches_in_flight:
                self.recording.note_lost(batch, "request")

    def _end(self) -> None:
        """What is lost with the connection is lost."""
        for batch, what in self._lost_with_it:
            self.recording.note_lost(batch, what)
        self._lost_with_it.clear()

    def _client_left(self) -> None:
        """The client closed the connection; where answers were due, it had stopped waiting for them."""
        self.left.set()
        if self._unanswered and not (self.dropped or self._lane in self.recording.killed):
            for batch in self._unanswered:
                self.recording.note(batch.event, kind=Kind.TIMEOUT)
            self._note_drop("the producer closed it")
            self._end()

    def _note_drop(self, note: str) -> None:
        if self._number:
            self.recording.note(Event(0, Kind.DROP, "", self._lane, conn=self._number, note=note))

    # what becomes of it

    async def _handle(self, read: ReadRequest) -> None:
        if read.sent:
            await self._produce(read)
        elif self.fate.is_silent:
            return
        elif read.fault is DELIVER:
            await self._pass_on(read.request)
            self._others -= 1
        else:
            await self._lose_at_coordinator(read)

    async def _lose_at_coordinator(self, read: ReadRequest) -> None:
        """A request to a coordinator, or the answer to it."""
        request, api = read.request, frames.COORDINATOR_REQUESTS[read.request.api_key]
        handled, _ = self.fate.take(read.fault)
        if handled:
            await self._answer(request)
        recording, what = self.proxy.recording, f"the answer to {api}" if handled else f"the request {api}"
        recording.note(Event(0, Kind.PRODUCER, f"loses {what}", recording.lane(request.client_id)))
        if self.fate.drops_now:
            self._drop()

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
        if request.api_key == API_VERSIONS:
            return frames.with_versions_held_back(request, frame)
        answer = frames.read_answer(request, frame)
        if answer is None:
            return frame
        note_coordination(self.proxy.recording, request, answer)
        self.proxy.recording.topics.update(frames.topics_in(answer))
        if await self.proxy.rewrite(answer, self.upstream.address):
            return messages.encode_response(answer, request.api_version, request.correlation_id)
        return frame

    async def _write(self, frame: bytes) -> None:
        if self.distance:
            asyncio.get_running_loop().call_later(self.distance, self._arrive, frame)
        elif not self.left.is_set():
            self._writer.write(frame)
            await self._writer.drain()

    def _arrive(self, frame: bytes) -> None:
        """It has come all the way; what is under way when the connection ends is lost."""
        if not self._writer.transport.is_closing():
            self._writer.write(frame)

    # Produce

    async def _produce(self, read: ReadRequest) -> None:
        await self._wait_for_more()
        handled, answered = self.fate.take(read.fault)
        if handled:
            await self._let_through(read, answered and read.fault.name != "kill producer")
        else:
            self._lose(read, "request")
        if self.fate.drops_now:
            if answered and (self.recording.max_in_flight or 0) > 1:  # that answer lets one more be sent
                await self._wait_for_more()
            await self._wait_until_quiet()
            self._drop()

    async def _let_through(self, read: ReadRequest, answered: bool) -> None:
        frame = await self._decide(read)
        if read.fault.name == "delay":
            await self._delay(read.fault.numbers[0] / 1000)
        if not frames.wants_answer(read.request):
            self._complete(read)
            if any(answer.error_code for _, answer in self._pairs(read, frame)):  # as a broker does
                self._drop("the broker closed it")
        elif answered and not self.left.is_set():
            for batch, answer in self._pairs(read, frame):
                self.recording.ack(batch, answer.error_code, answer.base_offset)
            self._complete(read)
            await self._write(frame)
        else:
            self._lose(read, "answer")

    async def _decide(self, read: ReadRequest) -> bytes:
        """The answer: the broker's, or our own in its place."""
        fault = read.fault
        if fault.name in BROKER_WORDS:
            self.upstream.close()
            self.proxy.hooks[fault.name]()
            self.recording.note(Event(0, Kind.BROKER, BROKER_WORDS[fault.name], "broker"))
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
        if known := self._answered_meanwhile.pop(read.sent[0].event.attempt, b""):
            return known
        frame = await self.upstream.ask(read.request, frames.to_broker(read.request))
        self._note_verdicts(read, frame)
        return frame

    def _note_verdicts(self, read: ReadRequest, frame: bytes) -> None:
        for batch, answer in self._pairs(read, frame):
            verdict = self.proxy.stored.verdict(batch.partition, batch.header, answer.error_code,
                                                answer.base_offset)
            self.recording.verdict(batch, verdict, answer.error_code, answer.base_offset)

    @staticmethod
    def _pairs(read: ReadRequest, frame: bytes) -> list[tuple[BatchInFlight, Any]]:
        """Each batch with the answer to it, where there is one."""
        answers = frames.batch_answers(read.request.api_version, frame)
        return [(batch, answers[batch.partition]) for batch in read.sent if batch.partition in answers]

    # waiting

    async def _wait_for_more(self) -> None:
        """Wait until a run's client has sent what it can: what a fault meets must not depend on luck."""
        clock = asyncio.get_running_loop().time
        end = clock() + WINDOW_SECONDS
        while not (self.recording.window_full(self._others) or self.left.is_set()) and clock() < end:
            await asyncio.sleep(TICK)

    async def _wait_until_quiet(self) -> None:
        """Where nobody knows how much comes: read what is on its way, until nothing came for a moment."""
        seen, left = -1, self.left.is_set
        while self.recording.max_in_flight is None and seen != self._queue.qsize() and not left():
            seen = self._queue.qsize()
            await asyncio.sleep(QUIET_SECONDS)

    async def _delay(self, seconds: float) -> None:
        """Wait, or until the client has left. Only answers wait: the broker gets at once what comes
        meanwhile, up to the next fault, or it would race with what the client sends on its next connection.
        """
        clock, goes_on = asyncio.get_running_loop().time, not (self.fate.drops or self.fate.is_silent)
        end = clock() + seconds
        while (left := end - clock()) > 0 and not self.left.is_set():
            try:
                read = await asyncio.wait_for(self._queue.get(), left)
            except TimeoutError:
                return
            self._came_meanwhile.append(read)
            if read is None:
                return
            goes_on = goes_on and read.fault is DELIVER
            if goes_on and read.sent:
                self._answered_meanwhile[read.sent[0].event.attempt] = await self._ask_broker(read)


class Upstream:
    """One connection's way to the broker at `address`, made when first needed; one request at a time."""

    def __init__(self, proxy: FaultProxy, address: Address) -> None:
        self.proxy, self.address = proxy, address
        self._streams: Streams | None = None

    async def ask(self, request: Request, frame: bytes) -> bytes:
        """The framed answer to a framed request. OSError when the broker gives none."""
        await self.tell(frame)
        answer = await messages.read_frame(self._streams[0], least=4)
        if int.from_bytes(answer[:4], "big", signed=True) != request.correlation_id:
            raise messages.ProtocolError("an answer to another request")
        return messages.framed(answer)

    async def tell(self, frame: bytes) -> None:
        """Send a framed request."""
        if self._streams is None or self._streams[0].at_eof():
            await self.connect()
        self._streams[1].write(frame)
        await self._streams[1].drain()

    async def connect(self) -> None:
        """Connect anew, and tell the proxy whether the broker takes connections. OSError where not."""
        self.close()
        try:
            self._streams = await asyncio.wait_for(asyncio.open_connection(*self.address), CONNECT_SECONDS)
        except (OSError, TimeoutError) as error:
            self.proxy.reached(False)
            raise ConnectionError(str(error)) from error
        self.proxy.reached(True)

    def close(self) -> None:
        """Be connected to nobody."""
        if self._streams is not None:
            self._streams[1].transport.abort()
            self._streams = None
