"""What all connections of one proxy share, and the two sides of one: what its client sends, and its way to
a broker.

Requests are read ahead while earlier ones are still at the broker, because what a client had already sent
when the connection dropped is lost with it, and because only the read side notices that a client has gone.

A request with batches for several partitions is one attempt for each of them and has one fate: the first
fault that the script names among its attempts.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, NamedTuple

from lesson_lib.errors import LessonError
from lesson_lib.faults import BROKER_WORDS, DELIVER, Fault, Script, parse_script
from lesson_lib.history import Event, Kind
from lesson_lib.proxy import frames
from lesson_lib.proxy.batch_numbers import StoredBatches
from lesson_lib.proxy.recording import BatchSent, Recording
from lesson_lib.wire import messages
from lesson_lib.wire.messages import Address, Request

READ_AHEAD, CONNECT_SECONDS = 64, 2.0
GONE = (OSError, asyncio.IncompleteReadError)
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class ProxyState:
    """The state of a proxy for the broker at `upstream`.

    `hooks` do the faults that happen to a broker, by name; `listen_for` starts a listener for a node and
    returns its address.
    """

    def __init__(self, upstream: Address, hooks: Mapping[str, Callable[[], None]],
                 listen_for: Callable[[Address], Awaitable[Address]]) -> None:
        self.upstream, self.hooks, self._listen_for = upstream, dict(hooks), listen_for
        self.stored = StoredBatches()
        self.recording = Recording()
        self.on_kill: Callable[[str], None] = lambda client_id: None
        self.distance = 0.0  # seconds that everything takes each way, on connections made from now on
        self.addresses: dict[Address, Address] = {}  # a node's own -> where we stand for it
        self._dead: set[str] = set()
        self._gone_since: float | None = None

    def record(self, recording: Recording) -> Recording:
        """Write into this recording from now on, under its script. LessonError for a fault it cannot do."""
        for rule in recording.script.lines:
            self.check_can(rule.fault.name)
        self.recording = recording
        return recording

    def play(self, script: Script) -> Recording:
        """Do what a fault script says, counted from the next request on. LessonError as for `record`."""
        return self.record(Recording(parse_script(script)))

    def check_can(self, name: str) -> None:
        """LessonError for a fault that happens to a broker, where the broker is not ours."""
        if name in BROKER_WORDS and name not in self.hooks:
            raise LessonError(
                f"The fault '{name}' needs a broker of the course's own: start_lab(broker='embedded') or "
                f"simulate(...) can do it, a broker at {':'.join(map(str, self.upstream))} cannot.")

    def bury(self, client_ids: Iterable[str]) -> None:
        """Nothing that these clients still send comes through: their run is over, its log must not change."""
        self._dead.update(client_ids)

    def is_dead(self, client_id: str) -> bool:
        """Whether that producer was killed, or its run is over."""
        return client_id in self._dead

    def kill(self, client_id: str, recording: Recording) -> None:
        """The producer's process dies: nothing of what it sends from now on comes through."""
        self._dead.add(client_id)
        recording.kill(Event(0, Kind.PRODUCER, "killed", recording.lane(client_id)))
        self.on_kill(client_id)

    @property
    def gone_seconds(self) -> float:
        """For how many seconds the broker could not be reached, 0 where it can."""
        return time.monotonic() - self._gone_since if self._gone_since is not None else 0.0

    def reached(self, there: bool) -> None:
        """A connection to the broker could be made, or not."""
        self._gone_since = None if there else self._gone_since or time.monotonic()

    async def rewrite(self, answer: Any, came_from: Address) -> bool:
        """Put our addresses and versions into an answer; True when it was changed."""
        nodes = list(frames.nodes_in(answer))
        for node in nodes:
            await self._make_known((node.host, node.port), came_from if len(nodes) == 1 else None)
        return frames.readdress(answer, self.addresses) or frames.hold_back_versions(answer)

    async def _make_known(self, node: Address, only_node: Address | None) -> None:
        """Stand somewhere for this node. A cluster's only node is the one that we are talking to."""
        if node not in self.addresses:
            ours = self.addresses.get(only_node) if only_node else None
            self.addresses[node] = ours or await self._listen_for(node)


class ReadRequest(NamedTuple):
    """A request that was read; `sent` has its batches, none for everything but Produce."""

    request: Request
    sent: tuple[BatchSent, ...] = ()
    fault: Fault = DELIVER
    at: float = 0.0  # when it has come all the way, on the loop's clock


class ClientSide:
    """The requests of one client, in order. `left` is set once it is gone, `torn` once it was dropped."""

    def __init__(self, state: ProxyState, reader: asyncio.StreamReader) -> None:
        self.state, self.recording, self.distance = state, state.recording, state.distance
        self.left, self.torn = asyncio.Event(), False
        self._reader = reader
        self._queue: asyncio.Queue[ReadRequest | None] = asyncio.Queue(READ_AHEAD)
        self._unanswered: list[BatchSent] = []
        self._lost_with_it: list[tuple[BatchSent, str]] = []
        self._number = 0

    async def next(self) -> ReadRequest | None:
        """The next request, once it has come all the way; None after the last one."""
        read = await self._queue.get()
        if read and self.distance:
            await asyncio.sleep(read.at - asyncio.get_running_loop().time())
        return read

    @property
    def waiting(self) -> int:
        """How many requests were read and not yet taken."""
        return self._queue.qsize()

    async def read_ahead(self) -> None:
        """Read until the client hangs up, sends what is no frame, or is killed."""
        try:
            while not self.torn:
                request = frames.read_request(await messages.read_frame(self._reader))
                wanted = self.state.recording.wants(request.client_id)
                if self.state.is_dead(request.client_id):  # asked last: it dies before a recording closes
                    break
                read = self._with_fate(request) if wanted else ReadRequest(request)
                await self._queue.put(read._replace(at=self.distance + asyncio.get_running_loop().time()))
                if read.fault.name == "kill producer":
                    break
        except GONE:
            self._client_left()
        await self._queue.put(None)

    def _with_fate(self, request: Request) -> ReadRequest:
        if api := frames.COORDINATOR_REQUESTS.get(request.api_key):
            return ReadRequest(request, fault=self.state.recording.ask(api))
        sent = self._note_sent(request)
        faults = [self.recording.script.at(batch.event.attempt) for batch in sent]
        fault = next((fault for fault in faults if fault is not DELIVER), DELIVER)
        if fault.name == "kill producer":
            self.state.kill(request.client_id, self.recording)
        return ReadRequest(request, sent, fault)

    def _note_sent(self, request: Request) -> tuple[BatchSent, ...]:
        """None for a Produce request without a batch of today's format, which is the broker's to refuse."""
        batches = frames.batches_in(request)
        if not batches or not all(Recording.can_number(records) for *_, records in batches):
            return ()
        if self.recording is not self.state.recording:
            self.recording, self._number = self.state.recording, 0
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

    def note_lost(self, read: ReadRequest, what: str, drops: bool) -> None:
        """The request or its answer is lost, at once or where the connection drops with that; the client
        still waits for it.
        """
        self._lost_with_it += [(batch, what) for batch in read.sent]
        if not drops or self.left.is_set():
            self.end()

    def tear(self, note: str = "") -> None:
        """The connection is gone, and everything unanswered on it is lost."""
        if self.torn:
            return
        self.torn = True
        if not self.left.is_set():
            self._note_torn(note)
        self.end()
        for batch in self._unanswered:
            if not batch.settled:
                self.recording.note_lost(batch, "request")

    def end(self) -> None:
        """What is lost with the connection is lost."""
        for batch, what in self._lost_with_it:
            self.recording.note_lost(batch, what)
        self._lost_with_it.clear()

    def _client_left(self) -> None:
        """The client closed the connection; where answers were due, it had stopped waiting for them."""
        self.left.set()
        if self._unanswered and not (self.torn or self.recording.killed):
            for batch in self._unanswered:
                self.recording.note_about(batch, Kind.TIMEOUT)
            self._note_torn("the producer closed it")
            self.end()

    def _note_torn(self, note: str) -> None:
        if self._number:
            lane = self._unanswered[0].event.lane if self._unanswered else "producer"
            self.recording.note(Event(0, Kind.TORN, "", lane, conn=self._number, note=note))


class Upstream:
    """One connection's way to the broker at `address`, made when first needed; one request at a time."""

    def __init__(self, state: ProxyState, address: Address) -> None:
        self.state, self.address = state, address
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
            self.close()
            self._streams = await self._connect()
        self._streams[1].write(frame)
        await self._streams[1].drain()

    async def _connect(self) -> Streams:
        try:
            streams = await asyncio.wait_for(asyncio.open_connection(*self.address), CONNECT_SECONDS)
        except (OSError, TimeoutError) as error:
            self.state.reached(False)
            raise ConnectionError(str(error)) from error
        self.state.reached(True)
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
