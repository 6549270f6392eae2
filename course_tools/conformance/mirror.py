"""What a script does to its partitions, followed without a broker: where the edges are, and which row of the
table a step hits.

The logs and the coordinator are `core`'s own, so a row says what Apache Kafka decides at that step. Only what
is asked in between (who is asked first, what a flaw hides) is told here once more. A mistake in it sends the
generator to a duller place or counts a row wrongly, and changes no comparison.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from course_tools.conformance.decision_table import STORED, Range, row_of
from course_tools.conformance.script import Script, Step
from lesson_lib.core.error_codes import ErrorCode
from lesson_lib.core.kafka_version import DEFAULT_VERSION, KafkaVersion
from lesson_lib.core.partition_log import PartitionLog
from lesson_lib.core.producer_state import (
    NO_PRODUCER_EPOCH,
    NO_PRODUCER_ID,
    Appended,
    Batch,
    ProducerStateEntry,
)
from lesson_lib.core.transactions import CoordinatorAnswer, TransactionCoordinator, TxnState

NOBODY = NO_PRODUCER_ID, NO_PRODUCER_EPOCH
BEFORE_THE_COORDINATOR = {"nameless": "nameless", "two": "D24"}
ROW_OF_FLAW = {"control": "D20"}
NOT_VERIFIED = {ErrorCode.INVALID_PRODUCER_ID_MAPPING: "D23 unknown id",
                ErrorCode.PRODUCER_FENCED: "D23 other epoch"}


@dataclass
class Mirror:
    """The state of a script's world between two steps. A transactional id is its letter, its topic ""."""

    partitions: int
    version_2: bool = False
    version: KafkaVersion = DEFAULT_VERSION
    logs: list[PartitionLog] = field(default_factory=list)
    coordinator: TransactionCoordinator = field(default_factory=TransactionCoordinator)
    producers: dict[str, tuple[int, int]] = field(default_factory=dict)  # letter -> id and epoch it was given

    def __post_init__(self) -> None:
        self.logs = [PartitionLog(self.version) for _ in range(self.partitions)]
        self.coordinator.version = self.version

    def producer(self, letter: str) -> tuple[int, int]:
        """Producer id and newest epoch of a letter; small ones get an id when they first need one."""
        if letter and letter not in self.producers:
            self.producers[letter] = (NO_PRODUCER_ID, 0) if letter.isupper() else (
                self.coordinator.new_producer_id(), 0)
        return self.producers[letter] if letter else NOBODY

    def entry(self, letter: str, partition: int) -> ProducerStateEntry | None:
        """What the partition's leader remembers of a producer."""
        return self.logs[partition].producers.get(self.producer(letter)[0])

    def ranges(self, letter: str, partition: int) -> list[Range]:
        """Every range of this producer that is in the partition, oldest first, forgotten ones too."""
        batches = [stored.batch for stored in self.logs[partition].batches]
        return [(batch.producer_epoch, batch.base_sequence, batch.last_sequence) for batch in batches
                if batch.producer_id == self.producer(letter)[0] and not batch.control]

    def has_added(self, letter: str, partition: int) -> bool:
        """Whether the partition is part of the letter's transaction, as far as the coordinator knows."""
        known = self.coordinator.entries.get(letter)
        return known is not None and ("", partition) in known.partitions

    def play(self, step: Step) -> list[str]:
        """Follow one step; returns the names of the rows it hits. Of two the first one let it pass."""
        return getattr(self, f"_{step.kind}")(step)

    # a batch

    def _send(self, step: Step) -> list[str]:
        if row := BEFORE_THE_COORDINATOR.get(step.flaw):
            return [row]
        batch, log = self._batch(step), self.logs[step.partition]
        rows = self._verification(step, batch, log)
        if rows and rows != ["D23 added"]:
            return rows
        if step.flaw:
            return [*rows, ROW_OF_FLAW.get(step.flaw, step.flaw)]
        waiting, entry = log.verifying.get(batch.producer_id), self.entry(step.producer, step.partition)
        row = row_of(entry, batch, self.ranges(step.producer, step.partition))
        stored = isinstance(log.append(batch), Appended)
        if waiting and not stored and row in STORED and waiting.refuses(batch, entry):
            late = batch.base_sequence > waiting.lowest_sequence
            row = "D23 late" if late else "D17 bumping"
        return [*rows, row]

    def _batch(self, step: Step) -> Batch:
        numbers = (*NOBODY, -1)
        if step.producer:
            producer_id, newest = self.producer(step.producer)
            numbers = producer_id, step.epoch + newest * step.of_transactional_id, step.base_sequence
        return Batch(step.count, *numbers, transactional=step.transactional, control=step.flaw == "control")

    def _verification(self, step: Step, batch: Batch, log: PartitionLog) -> list[str]:
        """D23: what the coordinator says of a batch that would open a transaction in the log."""
        if not log.needs_verification(batch) or not self.version.verifies_transactions:
            return []
        entry = log.producers.get(batch.producer_id)
        is_old = entry is not None and batch.producer_epoch < entry.producer_epoch
        if is_old and self.version.checks_epoch_before_verification:
            return ["D9"]
        log.start_verification(batch, self.version_2)
        who = step.producer, batch.producer_id, batch.producer_epoch
        place = "", step.partition
        error = (self.coordinator.add_partitions(*who, [place], 0) if self.version_2
                 else self.coordinator.verify(*who, place))
        return [NOT_VERIFIED.get(error, "D23 not added") if error else "D23 added"]

    # the coordinator

    def _init(self, step: Step) -> list[str]:
        believed = self._who(step) if step.kind == "bump" else NOBODY
        if step.kind == "bump" and believed[1] < 0:  # half a producer, which is no request
            return ["bump, other epoch"]
        fenced = self._answered(step.producer, self.coordinator.init_producer_id(step.producer, 1, *believed))
        if fenced:
            again = self.coordinator.init_producer_id(step.producer, 1, *believed)
            self._answered(step.producer, again)
        return [f"{step.kind}, other epoch" if step.epoch else "fence" if fenced else step.kind]

    _bump = _init

    def _add(self, step: Step) -> list[str]:
        self.coordinator.add_partitions(step.producer, *self._who(step), [("", step.partition)], 0)
        return ["add, other epoch" if step.epoch else "add"]

    def _end(self, step: Step) -> list[str]:
        opened = self.coordinator.entries[step.producer].state is TxnState.ONGOING
        self._answered(step.producer, self.coordinator.end(
            step.producer, *self._who(step), commit=step.kind == "commit", epoch_bump=self.version_2))
        rest = ", other epoch" if step.epoch else "" if opened else ", nothing open"
        return [step.kind + rest]

    _commit = _abort = _end

    def _who(self, step: Step) -> tuple[int, int]:
        producer_id, newest = self.producer(step.producer)
        return producer_id, max(newest + step.epoch, -1)

    def _answered(self, letter: str, answer: CoordinatorAnswer) -> bool:
        """Take over what was handed out, and write the markers; whether the next request has to wait for
        them."""
        if not answer.error and answer.producer_id >= 0:
            self.producers[letter] = answer.producer_id, answer.producer_epoch
        if marker := answer.marker:
            for _, partition in marker.partitions:
                self.logs[partition].append_marker(marker.producer_id, marker.producer_epoch,
                                                   commit=marker.commit)
            self.coordinator.complete(letter)
        return answer.error is ErrorCode.CONCURRENT_TRANSACTIONS

    # the rest

    def _delete(self, step: Step) -> list[str]:
        log = self.logs[step.partition]
        if step.offset > log.log_end_offset or step.offset < -1:
            return ["delete, out of range"]
        log.delete_records(log.log_end_offset if step.offset == -1 else step.offset)
        return ["delete"]

    def _new(self, step: Step) -> list[str]:
        self.producers[step.producer] = self.coordinator.new_producer_id(), 0
        return ["new id"]


def rows_by_step(script: Script, version: KafkaVersion = DEFAULT_VERSION) -> list[list[str]]:
    """For each step the rows that it hits."""
    mirror = Mirror(script.partitions, script.transaction_version_2, version)
    return [mirror.play(step) for step in script.steps]
