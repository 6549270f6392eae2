"""A path of the explorer told as a `History`, so that it can be drawn, named and compared like every other
run.

The path is walked once more, slowly: each step becomes the events that a simulation would have written for
it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from lesson_lib.core.batch import TopicPartition
from lesson_lib.core.error_codes import ErrorCode
from lesson_lib.core.producer_state import Refused
from lesson_lib.explorer.client import ClientState, SentBatch
from lesson_lib.explorer.protocol import REFUSE, STORE_AND_ANSWER, Protocol, SearchState, Steps
from lesson_lib.faults import BROKER_WORDS
from lesson_lib.history import Event, History, Kind, LogCell, Settings
from lesson_lib.sim.memory_broker import BrokerState
from lesson_lib.sim.world import TOPIC

STEP_MS = 10
Logs = tuple[BrokerState, ...]  # one for each partition


@dataclass
class Underway:
    """One request on its way: what every event about it says, and how it was answered."""

    request: SentBatch
    about: dict[str, Any]
    error: int = 0
    offset: int | None = None


@dataclass
class HistoryWriter:
    """Writes a path down. `wire`: unhandled, `answers`: unread, `late`: of dead connections."""

    protocol: Protocol
    events: list[Event] = field(default_factory=list)
    wire: list[Underway] = field(default_factory=list)
    answers: list[Underway] = field(default_factory=list)
    late: list[list[Underway]] = field(default_factory=list)
    tries: dict[int, int] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    attempts: int = 0
    connection: int = 1
    t: int = 0

    def walk(self, start: SearchState, path: Steps) -> None:
        """Every step from the start on."""
        before, clients = start, self.protocol.clients
        client = clients[start.client]
        if client.producer_id >= 0:
            self.record(Kind.INIT, producer_id=client.producer_id, producer_epoch=client.epoch)
        for step, after in ((step, SearchState(*after)) for step, after in path):
            self.t += STEP_MS
            if step != "send":
                self.take(step, before, after)
            self.tell(clients[before.client], clients[after.client])
            if step == "send":  # a new epoch comes before the first request with it
                self.take(step, before, after)
            before = after

    def record(self, kind: Kind, what: str = "", lane: str = "producer", **fields: Any) -> None:
        """Write one event."""
        self.events.append(Event(self.t, kind, what, lane, topic=TOPIC, **fields))

    def take(self, step: str, before: SearchState, after: SearchState) -> None:
        """One step of the search."""
        logs, client = self.protocol.brokers[before.broker], self.protocol.clients[before.client]
        if step == "send":
            self.send(self.protocol.requests[after.requests[-1]])
        elif step in ("handle", "store and answer"):
            self.handle(step, self.wire.pop(0), logs)
        elif step == "refuse":
            self.refuse(self.wire.pop(0))
        elif step == "answer":
            self.answer(self.answers.pop(0))
        elif step == "handle late":
            self.handle_late(before, after, logs)
        elif step == "give up":
            self.try_in_vain(before)
        elif step == "delivery timeout":
            self.faults.append(f"delivery timeout of batch {min(one.batch.number for one in client.waiting)}")
        else:
            self.tear(step)

    def send(self, request: SentBatch) -> None:
        """The producer hands a request to the connection."""
        self.attempts += 1
        self.tries[request.number] = self.tries.get(request.number, 0) + 1
        about = {"attempt": self.attempts, "batch": request.number, "try_no": self.tries[request.number],
                 "values": (self.protocol.values[request.number],), "conn": self.connection,
                 "partition": request.number % self.protocol.client.partitions,
                 "producer_id": request.producer_id, "producer_epoch": request.producer_epoch,
                 "base_sequence": request.base_sequence, "record_count": 1}
        self.wire.append(Underway(request, about))
        self.record(Kind.SEND, **about)

    def handle(self, step: str, attempt: Underway, logs: Logs) -> None:
        """The broker decides; with `store and answer` its answer is an error all the same."""
        self.judge(attempt, logs)
        if step == "store and answer":
            attempt.error = STORE_AND_ANSWER
            self.faults.append(f"{attempt.about['attempt']}: store and answer {STORE_AND_ANSWER}")
        self.answers.append(attempt)

    def judge(self, attempt: Underway, logs: Logs) -> None:
        """The verdict on one request, as the search had it."""
        log = logs[attempt.about["partition"]]
        after, verdict = self.protocol.broker.handle(log, self.protocol.batch(attempt.request))
        refused = isinstance(verdict, Refused)
        error, offset = (verdict.error, None) if refused else (ErrorCode.NONE, verdict.base_offset)
        attempt.error, attempt.offset = error.value, offset
        behind = tuple(batch.number for batch in after.log[len(log.log) + 1:])
        self.record(Kind.VERDICT, verdict.what, "broker", error=error, offset=offset, behind=behind,
                    **attempt.about)

    def refuse(self, attempt: Underway) -> None:
        """A retriable error, and nothing is stored."""
        attempt.error = REFUSE
        self.record(Kind.VERDICT, "refused", "broker", error=ErrorCode(REFUSE), **attempt.about)
        self.faults.append(f"{attempt.about['attempt']}: refuse {REFUSE}")
        self.answers.append(attempt)

    def answer(self, attempt: Underway) -> None:
        """The producer reads an answer."""
        offset = None if attempt.error else attempt.offset
        self.record(Kind.ACK, error=ErrorCode(attempt.error), offset=offset, **attempt.about)

    def handle_late(self, before: SearchState, after: SearchState, logs: Logs) -> None:
        """A request of a dead connection is handled; its answer has nowhere to go."""
        changed = next(i for i, old in enumerate(before.late) if after.late[i:i + 1] != (old,))
        attempt = self.late[changed].pop(0)
        self.late = [old for old in self.late if old]
        self.judge(attempt, logs)
        self.record(Kind.LOST, "answer", note="its connection is gone", **attempt.about)

    def try_in_vain(self, before: SearchState) -> None:
        """One of the many tries before the delivery timeout, each of which leads back to where it began."""
        for _, request in self.protocol.sent[before.client][:1]:
            self.send(self.protocol.requests[request])
            self.t += STEP_MS
            self.handle("handle", self.wire.pop(), self.protocol.brokers[before.broker])
            self.t += STEP_MS
            self.answer(self.answers.pop())
            self.t += STEP_MS

    def tear(self, step: str) -> None:
        """The connection is gone with all unanswered on it; with `late` the broker still has requests."""
        first, handled = (self.answers + self.wire)[0].about["attempt"], len(self.answers)
        arriving = self.wire if step == "late" else []
        self.record(Kind.TORN, conn=self.connection, note="what it carried arrives late" if arriving else "")
        for attempt in self.answers + self.wire[:len(self.wire) - len(arriving)]:
            self.record(Kind.LOST, "answer" if attempt in self.answers else "request", **attempt.about)
        late = f"{arriving[0].about['attempt']}: late" if arriving else ""
        self.faults.append(late or _cut(first, handled, len(self.wire)))
        if step in BROKER_WORDS:
            self.record(Kind.BROKER, BROKER_WORDS[step], "broker")
            self.faults.append(f"{self.attempts + 1}: {step}")
        if arriving:
            self.late.append(arriving)
        self.wire, self.answers, self.connection = [], [], self.connection + 1

    def tell(self, before: ClientState, after: ClientState) -> None:
        """What the application learned from a step, and what the producer did with its id and epoch."""
        for batch, (old, new) in enumerate(zip(before.told, after.told, strict=True)):
            if new != old:
                last = next(e for e in reversed(self.events) if e.batch == batch or not e.attempt)
                offset = last.offset if new == "ok" else None
                self.record(Kind.REPORT, new, batch=batch, values=(self.protocol.values[batch],),
                            partition=batch % self.protocol.client.partitions, offset=offset,
                            error=last.error if new == "failed" else ErrorCode.NONE,
                            note="delivery timeout" if new == "unknown" else "")
        if (before.producer_id, before.epoch) != (after.producer_id, after.epoch):
            raised = f"raises its epoch to {after.epoch}"
            what = "asks for a new producer id" if before.epoch == after.epoch else raised
            self.record(Kind.EPOCH, what, producer_id=after.producer_id, producer_epoch=after.epoch)


def _cut(first: int, handled: int, unhandled: int) -> str:
    """The line of a fault script for a torn connection, at the first attempt that had no answer."""
    if handled + unhandled == 1:
        return f"{first}: lose {'ack' if handled else 'request'}"
    return f"{first}: cut {handled} 0"


def log_cells(logs: Logs) -> dict[TopicPartition, tuple[LogCell, ...]]:
    """The logs of the search as cells."""
    return {(TOPIC, partition): tuple(LogCell(
        offset, batch.payload[0], batch.number, offset, producer_id=batch.producer_id,
        producer_epoch=batch.producer_epoch, sequence=batch.base_sequence)
        for offset, batch in enumerate(state.log)) for partition, state in enumerate(logs)}


def as_history(protocol: Protocol, start: SearchState, path: Steps,
               settings: Settings) -> tuple[History, str]:
    """The path as a History, and its faults in the words of a script, as far as it has words for them."""
    writer = HistoryWriter(protocol)
    writer.walk(start, path)
    end = SearchState(*path[-1][1]) if path else start
    logs = log_cells(protocol.brokers[end.broker])
    return History(tuple(writer.events), logs, settings), "; ".join(writer.faults)
