"""The toy broker: partition logs from `core`, and the faults that happen at the broker rather than on the way.

Differs from Kafka in: it answers at once, has no replicas to wait for (acks 1 and all are the same here, except for the
errors that a script injects), and comes back from a restart at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lesson_lib.core.batch import Batch
from lesson_lib.core.error_codes import ErrorCode
from lesson_lib.core.partition_log import PRODUCER_ID_EXPIRATION_MS, PartitionLog, StoredBatch
from lesson_lib.core.producer_state import Appended, Refused, Verdict
from lesson_lib.history import Kind, LogCell
from lesson_lib.sim.broker_log import BrokerLog
from lesson_lib.sim.broker_with_memory import Kept, verdict_fields
from lesson_lib.sim.world import World

if TYPE_CHECKING:
    from lesson_lib.sim.network import Request

WORDS = {"restart broker": "restarted", "crash broker": "crashed", "fail over": "failed over", "forget idle ids": "forgot ids"}


@dataclass(frozen=True, slots=True)
class Answer:
    """A produce response for one partition; `log_start_offset` is -1 in an error that the script made up."""

    error: ErrorCode = ErrorCode.NONE
    offset: int = -1
    log_start_offset: int = -1


class Broker:
    """Leader of every partition."""

    def __init__(self, world: World, logs: dict[int, PartitionLog]) -> None:
        self.world, self.logs = world, logs
        self.batch_at: dict[tuple[int, int], int] = {}
        self.kept: dict[Batch, int] = {}

    def handle(self, request: Request) -> Answer:
        """Decide on a produce request as Kafka does, unless the script says otherwise; writes the verdict down."""
        fault = request.fault
        if fault.name in WORDS:
            self.happen(fault.name)
        if fault.name == "refuse":
            self._record(request, Refused(fault.error))
            return Answer(fault.error)
        verdict, behind = self._append(request)
        self._record(request, verdict, behind)
        return Answer(fault.error) if fault.name == "store and answer" else self._answer(request, verdict)

    def disconnected(self) -> None:
        """A connection is gone: nothing to Kafka, but a wrong rule may think otherwise."""
        for log in self.logs.values():
            if isinstance(log, BrokerLog):
                log.disconnected()

    def _append(self, request: Request) -> tuple[Verdict, tuple[int, ...]]:
        """The verdict, and the batches that a wrong broker had kept and stored behind this one."""
        partition, number = request.pending.partition, request.pending.number
        log = self.logs[partition]
        before, verdict = len(log.batches), log.append(request.batch)
        if isinstance(verdict, Kept):
            self.kept[request.batch] = number
        behind = log.batches[before + 1:]
        self.batch_at.update({(partition, stored.base_offset): self.kept[stored.batch] for stored in behind})
        if isinstance(verdict, Appended) and not isinstance(verdict, Kept):
            self.batch_at[partition, verdict.base_offset] = number
        return verdict, tuple(self.kept[stored.batch] for stored in behind)

    def happen(self, name: str) -> None:
        """Restart, crash, fail over, or let a day pass, as the fault of that name says."""
        now = self.world.clock.now
        for log in self.logs.values():
            if name == "restart broker":
                log.restart_clean(now)
            elif name == "forget idle ids":
                log.forget_idle_ids(now + PRODUCER_ID_EXPIRATION_MS)
            elif name == "fail over":
                log.fail_over()
            else:
                log.restart_after_crash(now)
        self.world.record(Kind.BROKER, WORDS[name], lane="broker")

    def _answer(self, request: Request, verdict: Verdict) -> Answer:
        """A duplicate is a success like any other."""
        start = self.logs[request.pending.partition].log_start_offset
        return Answer(verdict.error, -1, start) if isinstance(verdict, Refused) else Answer(ErrorCode.NONE, verdict.base_offset, start)

    def _record(self, request: Request, verdict: Verdict, behind: tuple[int, ...] = ()) -> None:
        what, error, offset = verdict_fields(verdict)
        self.world.record(Kind.VERDICT, what, lane="broker", offset=offset, error=error, behind=behind,
                          **request.identity, **request.numbers)

    def cells(self, partition: int) -> tuple[LogCell, ...]:
        """The log of one partition, offset by offset."""
        batches = self.logs[partition].batches
        return tuple(cell for stored, txn in zip(batches, endings(batches), strict=True) for cell in self._cells(partition, stored, txn))

    def _cells(self, partition: int, stored: StoredBatch, txn: str) -> list[LogCell]:
        batch, number = stored.batch, self.batch_at.get((partition, stored.base_offset), -1)
        kind = ("commit" if stored.committed else "abort") if batch.control else "data"
        values = ("",) if batch.control else batch.payload
        return [LogCell(stored.base_offset + i, value, number, stored.base_offset, kind, txn, batch.producer_id,
                        batch.producer_epoch, batch.sequence_of(i)) for i, value in enumerate(values)]

    def all_cells(self) -> dict[tuple[str, int], tuple[LogCell, ...]]:
        """The logs of all partitions, keyed as in a History."""
        return {(self.world.topic, partition): self.cells(partition) for partition in self.logs}


def endings(batches: list[StoredBatch]) -> list[str]:
    """How the transaction of each batch ended: committed, aborted or open; empty for markers and plain batches."""
    ended: dict[int, str] = {}
    found = []
    for stored in reversed(batches):
        batch = stored.batch
        if batch.control:
            ended[batch.producer_id] = "committed" if stored.committed else "aborted"
        found.append(ended.get(batch.producer_id, "open") if batch.transactional and not batch.control else "")
    return found[::-1]

