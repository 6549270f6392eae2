"""What all connections of one proxy share, and the way from it to a broker.

`Control` is handed to every connection: the recording of the moment, who is dead, which batches are stored,
whether the broker can be reached, and under which of our addresses its nodes are known.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from lesson_lib.errors import LessonError
from lesson_lib.faults import BROKER_WORDS
from lesson_lib.history import Event, Kind
from lesson_lib.proxy import frames
from lesson_lib.proxy.batch_numbers import StoredBatches
from lesson_lib.proxy.recording import Recording
from lesson_lib.wire import messages
from lesson_lib.wire.messages import Address, Request

CONNECT_SECONDS = 2.0
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Control:
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
        self.addresses: dict[Address, Address] = {}  # a node's own -> where we stand for it
        self._dead: set[str] = set()
        self._gone_since: float | None = None

    def record(self, recording: Recording) -> Recording:
        """Write into this recording from now on, under its script. LessonError for a fault it cannot do."""
        for rule in recording.script.rules:
            self.check_can(rule.fault.name)
        self.recording = recording
        return recording

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

    async def happen(self, name: str) -> None:
        """Do to the broker what the fault says."""
        await asyncio.get_running_loop().run_in_executor(None, self.hooks[name])

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


class Upstream:
    """One connection's way to the broker at `address`, made when first needed; one request at a time."""

    def __init__(self, control: Control, address: Address) -> None:
        self.control, self.address = control, address
        self._streams: Streams | None = None

    async def ask(self, request: Request, frame: bytes) -> bytes:
        """The framed answer to a framed request. OSError when the broker gives none."""
        await self.tell(frame)
        answer = await messages.read_frame(self._streams[0], least=4)
        if frames.correlation_id(answer) != request.correlation_id:
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
            self.control.reached(False)
            raise ConnectionError(str(error)) from error
        self.control.reached(True)
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
