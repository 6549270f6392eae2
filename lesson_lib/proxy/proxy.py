"""The fault proxy: stands between clients and any Kafka broker, does what the fault script says, writes down what it saw.

One thread with its own event loop; a listener for each node of the cluster, whose addresses it writes over in every answer
that has any. It reads producer id, epoch, sequence, count, error and offset from the frames, and passes all else as it is.

Differs from a network in: it can only tear or freeze whole connections, as TCP does, but it knows which request is which.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from lesson_lib.errors import LessonError
from lesson_lib.faults import BROKER_WORDS
from lesson_lib.history import Event, Kind
from lesson_lib.proxy import frames as codec
from lesson_lib.proxy import rewrite as proxy_rewrite
from lesson_lib.proxy.connection import ProxyConnection
from lesson_lib.proxy.recording import Attempt, Recording
from lesson_lib.wire.probe import api_versions
from lesson_lib.wire.server import ServerThread

REMEMBERED_BATCHES, LOOK_SECONDS = 10_000, 1.0


class StoredBatches:
    """Tells a duplicate from a stored batch: on the wire both are a success, but a duplicate gets the offset of its first copy."""

    def __init__(self) -> None:
        self._offsets: OrderedDict[tuple[Any, ...], int] = OrderedDict()

    def verdict(self, attempt: Attempt, answer: codec.BatchAnswer) -> str:
        """stored, duplicate or refused."""
        if answer.error:
            return "refused"
        header = attempt.header
        key = (answer.topic, answer.partition, header.producer_id, header.producer_epoch, header.base_sequence, header.records_count)
        if header.producer_id >= 0 and self._offsets.get(key) == answer.base_offset:
            return "duplicate"
        self._offsets[key] = answer.base_offset
        if len(self._offsets) > REMEMBERED_BATCHES:
            self._offsets.popitem(last=False)
        return "stored"


class FaultProxy:
    """A proxy for the broker at `upstream` (host, port). `hooks` does the faults that happen to a broker, by their names."""

    def __init__(self, upstream: codec.Address, hooks: Mapping[str, Callable[[], None]] | None = None, port: int = 0,
                 server: Callable[..., ServerThread] = ServerThread) -> None:
        self.upstream, self.hooks = upstream, dict(hooks or {})
        self.memory = StoredBatches()
        self.recording = Recording()
        self.on_kill: Callable[[str], None] = lambda client_id: None
        self._server = server(self._serve(upstream), port=port, name="fault proxy")
        self._ours: dict[codec.Address, codec.Address] = {}
        self._dead: set[str] = set()
        self._gone_since: float | None = None

    # life

    def start(self) -> FaultProxy:
        """Listen and return itself; LessonError where the port is taken."""
        self._server.start()
        self._ours[self.upstream] = (self._server.host, self._server.port)
        return self

    def stop(self) -> None:
        """Close every connection and end the thread."""
        self._server.stop()

    @property
    def running(self) -> bool:
        """Whether it was started and not stopped."""
        return self._server.running

    @property
    def address(self) -> str:
        """`host:port`, for `bootstrap_servers`."""
        return f"{self._server.host}:{self._server.port}"

    def _serve(self, upstream: codec.Address) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Any]:
        return lambda reader, writer: ProxyConnection(self, upstream, reader, writer).run()

    # what the lab asks for

    def record(self, recording: Recording) -> Recording:
        """Write into this recording from now on, under its script. LessonError for a fault that cannot happen here."""
        for rule in recording.script.rules:
            self.check_can(rule.fault.name)
        self.recording = recording
        return recording

    def check_can(self, name: str) -> None:
        """LessonError for a fault that happens to a broker, where the broker is not ours."""
        if name in BROKER_WORDS and name not in self.hooks:
            raise LessonError(f"The fault '{name}' needs a broker of the course's own: start_lab(broker='embedded') or simulate(...) "
                              f"can do it, a broker at {':'.join(map(str, self.upstream))} cannot.")

    def broker_answers(self) -> bool:
        """Ask the broker something, by a connection of our own; takes `LOOK_SECONDS` at most."""
        try:
            api_versions(*self.upstream, timeout=LOOK_SECONDS)
        except OSError:
            self.broker_is_gone(self.upstream)
            return False
        self.broker_is_there()
        return True

    def bury(self, client_ids: Iterable[str]) -> None:
        """Nothing that these clients still send comes through: their run is over, and its log must not change any more."""
        self._dead.update(client_ids)

    @property
    def gone_seconds(self) -> float:
        """For how many seconds the broker could not be reached, 0 where it can."""
        return time.monotonic() - self._gone_since if self._gone_since is not None else 0.0

    # what connections ask for, on the proxy's thread

    def broker_is_gone(self, address: codec.Address) -> None:
        """A connection could not be made."""
        self._gone_since = self._gone_since or time.monotonic()

    def broker_is_there(self) -> None:
        """A connection was made."""
        self._gone_since = None

    def is_dead(self, client_id: str) -> bool:
        """Whether that producer was killed, or its run is over."""
        return client_id in self._dead

    def kill(self, client_id: str, recording: Recording) -> None:
        """The producer's process dies: nothing of what it sends from now on comes through."""
        self._dead.add(client_id)
        recording.kill(Event(0, Kind.PRODUCER, "killed", recording.lane(client_id)))
        self.on_kill(client_id)

    async def happen(self, name: str) -> None:
        """Do to the broker what the fault says."""
        await asyncio.get_running_loop().run_in_executor(None, self.hooks[name])

    async def rewrite(self, answer: Any, came_from: codec.Address) -> bool:
        """Put our addresses and versions into an answer; True when it was changed."""
        nodes = list(proxy_rewrite.nodes_in(answer))
        for node in nodes:
            await self._listen_for((node.host, node.port), came_from if len(nodes) == 1 else None)
        return proxy_rewrite.readdress(answer, self._ours.__getitem__) or proxy_rewrite.hold_back_versions(answer)

    async def _listen_for(self, node: codec.Address, only_node: codec.Address | None) -> None:
        """Make sure that there is a listener for this node. A cluster's only node is the one that we are talking to."""
        if node in self._ours:
            return
        if only_node is not None and only_node in self._ours:
            self._ours[node] = self._ours[only_node]
        else:
            self._ours[node] = (self._server.host, await self._server.listen_also(self._serve(node)))
