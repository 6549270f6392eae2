"""What one client sends, read ahead: each Produce request gets its attempts, and its fate from the script.

Reading goes on while earlier requests are still at the broker, because what a client had already sent when the connection
tore is lost with it, and because only the read side notices that a client has gone.

A request with batches for several partitions is one attempt for each of them and has one fate: the first fault that the script
names among its attempts.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple

from lesson_lib.faults import DELIVER, Fault
from lesson_lib.history import Event, Kind
from lesson_lib.proxy import frames as codec
from lesson_lib.proxy.recording import Attempt, Recording

if TYPE_CHECKING:
    from lesson_lib.proxy.proxy import FaultProxy

READ_AHEAD = 64


class Item(NamedTuple):
    """A request that was read; `attempts` is empty for everything but Produce."""

    request: codec.Request
    attempts: tuple[Attempt, ...] = ()
    fault: Fault = DELIVER


class Requests:
    """The requests of one connection, in order. `left` is set once the client is gone, `torn` once the proxy closed it."""

    def __init__(self, proxy: FaultProxy, reader: asyncio.StreamReader) -> None:
        self.proxy, self.recording = proxy, proxy.recording
        self.left, self.torn = asyncio.Event(), False
        self._reader = reader
        self._queue: asyncio.Queue[Item | None] = asyncio.Queue(READ_AHEAD)
        self._unanswered: list[Attempt] = []
        self._number = 0

    async def next(self) -> Item | None:
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
                request = codec.read_request(await codec.read_frame(self._reader))
                wanted = self.proxy.recording.wants(request.client_id)
                if self.proxy.is_dead(request.client_id):  # asked second: a run's clients are dead before its recording is closed
                    break
                item = self._read(request, wanted)
                await self._queue.put(item)
                if item.fault.name == "kill producer":
                    break
        except (OSError, asyncio.IncompleteReadError, codec.FrameError):
            self._client_left()
        await self._queue.put(None)

    def _read(self, request: codec.Request, wanted: bool) -> Item:
        if not (wanted and (attempts := self._attempts(request))):
            return Item(request)
        faults = [self.recording.script.at(attempt.event.attempt) for attempt in attempts]
        fault = next((fault for fault in faults if fault is not DELIVER), DELIVER)
        if fault.name == "kill producer":
            self.proxy.kill(request.client_id, self.recording)
        return Item(request, attempts, fault)

    def _attempts(self, request: codec.Request) -> tuple[Attempt, ...]:
        """One for each batch of a Produce request; none where there is no batch of today's format, which is the broker's to refuse."""
        batches = codec.batches_in(request)
        if not batches or not all(self.proxy.recording.can_number(batch.records) for batch in batches):
            return ()
        recording = self._recording_of_the_moment()
        recording.acks.add(request.body.acks)
        attempts = [recording.send(request.client_id, self._number, *batch) for batch in batches]
        self._unanswered += attempts
        return tuple(attempts)

    def _recording_of_the_moment(self) -> Recording:
        if self.recording is not self.proxy.recording:
            self.recording, self._number = self.proxy.recording, 0
        self._number = self._number or self.recording.next_connection()
        return self.recording

    def settle(self, item: Item) -> None:
        """Nothing more will become of this request."""
        for attempt in item.attempts:
            self.recording.settle(attempt)
            self._unanswered.remove(attempt)

    def lose(self, item: Item, what: str) -> None:
        """The request or its answer is lost; the client still waits for it."""
        for attempt in item.attempts:
            self.recording.lost(attempt, what)

    def tear(self, note: str = "") -> None:
        """The connection is gone, and everything unanswered on it is lost."""
        if self.torn:
            return
        self.torn = True
        for attempt in self._unanswered:
            if not attempt.settled:
                self.recording.lost(attempt, "request")
        if not self.left.is_set():
            self._note_torn(note)

    def _client_left(self) -> None:
        """The client closed the connection; where answers were due, it had stopped waiting for them."""
        self.left.set()
        if self._unanswered and not (self.torn or self.recording.killed):
            for attempt in self._unanswered:
                self.recording.note_about(attempt, Kind.TIMEOUT)
            self._note_torn("the producer closed it")

    def _note_torn(self, note: str) -> None:
        if self._number:
            lane = self._unanswered[0].event.lane if self._unanswered else "producer"
            self.recording.note(Event(0, Kind.TORN, "", lane, conn=self._number, note=note))
