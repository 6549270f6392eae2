"""THE TOY BROKER: partition logs from `core`, and the faults that happen at the broker rather than on the
way.

Differs from Kafka in: it answers at once, has no replicas to wait for (acks 1 and all are the same here,
except for the errors that a script injects), and comes back from a restart at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lesson_lib.core.error_codes import ErrorCode
from lesson_lib.core.partition_log import PartitionLog, StoredBatch
from lesson_lib.core.producer_state import Batch, Refused, TopicPartition, Verdict
from lesson_lib.faults import BROKER_WORDS, befall
from lesson_lib.history import Kind, LogCell
from lesson_lib.sim.messages import ProduceAnswer, ProduceRequest
from lesson_lib.sim.world import ToyWorld


class ToyBroker:
    """Leader of every partition. `batch_at` knows the number of the batch that was stored at an offset,
    `aside` that of one that was not stored when it came: a broker that buffers may store it later.
    """

    def __init__(self, world: ToyWorld, logs: dict[int, PartitionLog]) -> None:
        self.world, self.logs = world, logs
        self.batch_at: dict[tuple[int, int], int] = {}
        self.aside: dict[Batch, int] = {}

    def handle(self, request: ProduceRequest) -> ProduceAnswer:
        """Decide as Kafka does, unless the script says otherwise, and write the verdict down."""
        fault = request.fault
        if fault.name in BROKER_WORDS:
            self.happen(fault.name)
        if fault.name == "refuse":
            self.world.record_request(Kind.VERDICT, request, "refused", lane="broker", error=fault.error)
            return ProduceAnswer(fault.error)
        log = self.logs[request.batch.partition]
        before, verdict = len(log.batches), log.append(request.sent)
        self._record(request, verdict, log.batches[before:])
        if fault.name == "store and answer":
            return ProduceAnswer(fault.error)
        if isinstance(verdict, Refused):
            return ProduceAnswer(verdict.error, log_start_offset=log.log_start_offset)
        return ProduceAnswer(offset=verdict.base_offset, log_start_offset=log.log_start_offset)

    def _record(self, request: ProduceRequest, verdict: Verdict, stored: Sequence[StoredBatch]) -> None:
        """Write the verdict down; a broker that buffers may store what waited for this batch behind it."""
        batch, behind = request.batch, list[int]()
        if not stored:
            self.aside[request.sent] = batch.number
        for one in stored:
            number = batch.number if one.batch is request.sent else self.aside[one.batch]
            self.batch_at[batch.partition, one.base_offset] = number
            behind += [number] * (number != batch.number)
        refused = isinstance(verdict, Refused)
        self.world.record_request(Kind.VERDICT, request, verdict.what, lane="broker", behind=tuple(behind),
                                  error=verdict.error if refused else ErrorCode.NONE,
                                  offset=None if refused else verdict.base_offset)

    def disconnected(self) -> None:
        """A connection is gone: nothing to Kafka, but a wrong rule may think otherwise."""
        for log in self.logs.values():
            log.disconnected()

    def happen(self, name: str) -> None:
        """Restart, crash, fail over, or let a day pass, as the fault of that name says."""
        for log in self.logs.values():
            befall(log, name, self.world.clock.now)
        self.world.record(Kind.BROKER, BROKER_WORDS[name], lane="broker")

    def cells(self) -> dict[TopicPartition, tuple[LogCell, ...]]:
        """The logs of all partitions, offset by offset, keyed as in a History."""
        return {(self.world.topic, partition): tuple(self._cells(partition, log.batches))
                for partition, log in self.logs.items()}

    def _cells(self, partition: int, batches: Sequence[StoredBatch]) -> Iterator[LogCell]:
        for stored, txn in zip(batches, endings(batches), strict=True):
            batch, first = stored.batch, stored.base_offset
            number = self.batch_at.get((partition, first), -1)
            kind = ("commit" if stored.committed else "abort") if batch.control else "data"
            for i, value in enumerate(("",) if batch.control else batch.payload):
                yield LogCell(first + i, value, number, first, kind, txn, batch.producer_id,
                              batch.producer_epoch, batch.sequence_of(i))


def endings(batches: Sequence[StoredBatch]) -> list[str]:
    """How the transaction of each batch ended: committed, aborted, open; empty where there is none."""
    ended: dict[int, str] = {}
    found = []
    for stored in reversed(batches):
        batch = stored.batch
        if batch.control:
            ended[batch.producer_id] = "committed" if stored.committed else "aborted"
        in_txn = batch.transactional and not batch.control
        found.append(ended.get(batch.producer_id, "open") if in_txn else "")
    return found[::-1]
