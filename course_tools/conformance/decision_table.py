"""Kafka's decision table: what each row says, and which rows a script hits.

The numbers are those of the list that the embedded broker was built from. A row that ends in a number is
refused with that error. A script is followed without a broker, in a mirror whose logs and coordinator are
`core`'s own, so a row says what Apache Kafka decides at that step. Only what is asked in between (who is
asked first, what a flaw hides) is told here once more. A mistake in it sends the generator to a duller place
or counts a row wrongly, and changes no comparison.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from course_tools.conformance.script import Script, Step
from lesson_lib.core.error_codes import ErrorCode
from lesson_lib.core.kafka_version import DEFAULT_VERSION, KafkaVersion
from lesson_lib.core.partition_log import PartitionLog
from lesson_lib.core.producer_state import MAX_SEQUENCE, Appended, Batch, ProducerStateEntry
from lesson_lib.core.transactions import CoordinatorAnswer, TransactionCoordinator, TxnState

Range = tuple[int, int, int]  # epoch, first sequence, last sequence
NOBODY = -1, -1  # as producer id and epoch
# Rows of a batch that is stored unless an earlier one of its producer still waits for the coordinator.
STORED = {"D1", "D10", "D12", "D13", "D15", "D16", "D17", "D22"}
BEFORE_THE_COORDINATOR = {"nameless": "nameless", "two": "D24"}
NOT_VERIFIED = {ErrorCode.INVALID_PRODUCER_ID_MAPPING: "D23 unknown id",
                ErrorCode.PRODUCER_FENCED: "D23 other epoch"}

DECISION_TABLE = {
    "D1": "exactly next: stored",
    "D2": "the last batch again: duplicate",
    "D3": "one of the four batches before it again: duplicate",
    "D4": "a batch older than five again: 45",
    "D5": "the tail of a remembered batch: 45",
    "D6": "overlaps remembered batches, split otherwise: 45",
    "D7": "a gap: 45",
    "D8": "0 again in the same epoch: 45",
    "D9": "an older epoch: 47",
    "D10": "a newer epoch from 0: stored, the older one is fenced",
    "D11": "a newer epoch not from 0: 45",
    "D12": "after a marker with a newer epoch, from 0: stored",
    "D12 not 0": "after a marker with a newer epoch, not from 0: 45",
    "D13": "0 after 2147483647: stored",
    "D14": "1 after 2147483647: 45",
    "D15": "a batch across 2147483647: stored",
    "D16": "an unknown id from 0: stored",
    "D17": "an unknown id not from 0: by version",
    "D17 bumping": "an unknown id not from 0, in a transaction of version 2: 45",
    "D18": "no id: stored",
    "D19": "an id without a sequence: 87",
    "D20": "a control batch from a client: 87",
    "D21": "not transactional while a transaction is open: 48",
    "D22": "transactional and next, a transaction is open: stored",
    "D23 added": "first batch of a transaction, the coordinator knows of it",
    "D23 not added": "first batch of a transaction, the coordinator does not know of it",
    "D23 other epoch": "first batch of a transaction, with an epoch that is not the coordinator's",
    "D23 unknown id": "first batch of a transaction, of a producer without transactional id",
    "D23 late": "later than a batch that the coordinator was asked about and that isn't stored: 45",
    "D24": "two batches for one partition: 87",
    "behind": "behind the last, in none of these ways: 45",
    "crc": "a checksum that does not fit: 2",
    "offset": "a base offset other than 0: 87",
    "delta": "a last offset delta that does not fit: 87",
    "liar": "fewer records than the header says: 87",
    "empty": "no records: 87",
    "acks2": "acks=2: 21",
    "nameless": "transactional records without a transactional id: 53",
    "init": "a transactional id asks for its epoch",
    "bump": "a transactional producer asks for its next epoch",
    "bump, other epoch": "… with an epoch that is not the newest",
    "fence": "… while its transaction is open: aborted with a newer epoch",
    "add": "a partition joins the transaction",
    "add, other epoch": "… by a producer that is not the newest",
    "commit": "commit: a marker in each partition",
    "commit, nothing open": "commit without a transaction",
    "commit, other epoch": "commit by a producer that is not the newest",
    "abort": "abort: a marker in each partition",
    "abort, nothing open": "abort without a transaction",
    "abort, other epoch": "abort by a producer that is not the newest",
    "delete": "DeleteRecords",
    "delete, out of range": "DeleteRecords beyond the end",
    "new id": "the producer restarts and gets a new id",
}


def row_of(entry: ProducerStateEntry | None, batch: Batch, stored: Sequence[Range]) -> str:
    """The row of the decision table that decides on a batch which passed every check before the rule."""
    first = batch.base_sequence
    if not batch.has_producer_id:
        return "D18"
    if first < 0:
        return "D19"
    if entry is None or entry.producer_epoch < 0:
        return "D17" if first else "D16"
    if seen := entry.duplicate_of(batch):
        return "D2" if seen == entry.batches[-1] else "D3"
    if batch.producer_epoch != entry.producer_epoch:
        return "D9" if batch.producer_epoch < entry.producer_epoch else "D11" if first else "D10"
    if not entry.batches:
        return "D12 not 0" if first else "D12"
    if not entry.is_next(first):
        return _out_of_order(entry, batch, stored)
    if entry.current_txn_first_offset is not None:
        return "D22" if batch.transactional else "D21"
    return "D13" if entry.last_sequence == MAX_SEQUENCE else "D15" if batch.last_sequence < first else "D1"


def _out_of_order(entry: ProducerStateEntry, batch: Batch, stored: Sequence[Range]) -> str:
    first, last = batch.base_sequence, batch.last_sequence
    if (batch.producer_epoch, first, last) in stored:
        return "D4"
    if entry.last_sequence == MAX_SEQUENCE and first == 1:
        return "D14"
    if any(b.last_sequence == last and b.first_sequence < first for b in entry.batches):
        return "D5"
    if any(b.first_sequence <= last and first <= b.last_sequence for b in entry.batches):
        return "D6"
    if first == 0:
        return "D8"
    following = (entry.last_sequence + 1) & MAX_SEQUENCE
    return "D7" if 0 < first - following < 1 << 30 else "behind"


@dataclass
class Mirror:
    """The state of a script's world between two steps. A transactional id is its letter, its topic ""."""

    partitions: int
    version_2: bool = False
    version: KafkaVersion = DEFAULT_VERSION
    producers: dict[str, tuple[int, int]] = field(default_factory=dict)  # letter -> id and epoch it was given

    def __post_init__(self) -> None:
        self.logs = [PartitionLog(self.version) for _ in range(self.partitions)]
        self.coordinator = TransactionCoordinator(version=self.version)

    def producer(self, letter: str) -> tuple[int, int]:
        """Producer id and newest epoch of a letter; small ones get an id when they first need one."""
        if letter and letter not in self.producers:
            self.producers[letter] = -1 if letter.isupper() else self.coordinator.new_producer_id(), 0
        return self.producers.get(letter, NOBODY)

    def entry(self, letter: str, partition: int) -> ProducerStateEntry | None:
        """What the partition's leader remembers of a producer."""
        return self.logs[partition].producers.get(self.producer(letter)[0])

    def ranges(self, letter: str, partition: int) -> list[Range]:
        """Every range of this producer that is in the partition, oldest first, forgotten ones too."""
        batches = [stored.batch for stored in self.logs[partition].batches]
        return [(batch.producer_epoch, batch.base_sequence, batch.last_sequence) for batch in batches
                if batch.producer_id == self.producer(letter)[0] and not batch.control]

    def play(self, step: Step) -> list[str]:
        """Follow one step; returns the names of the rows it hits. Of two the first one let it pass."""
        if step.kind == "send":
            return self._send(step)
        if step.kind == "new":
            self.producers[step.producer] = self.coordinator.new_producer_id(), 0
            return ["new id"]
        if step.kind == "delete":
            log = self.logs[step.partition]
            if not -1 <= step.offset <= log.log_end_offset:
                return ["delete, out of range"]
            log.delete_records(log.log_end_offset if step.offset == -1 else step.offset)
            return ["delete"]
        return [self._asked(step)]

    def _send(self, step: Step) -> list[str]:
        if row := BEFORE_THE_COORDINATOR.get(step.flaw):
            return [row]
        numbers = (*NOBODY, -1)
        if step.producer:
            producer_id, newest = self.producer(step.producer)
            numbers = producer_id, step.epoch + newest * step.of_transactional_id, step.base_sequence
        batch = Batch(step.count, *numbers, transactional=step.transactional, control=step.flaw == "control")
        log, entry = self.logs[step.partition], self.entry(step.producer, step.partition)
        rows = self._verification(step, batch, log)
        if rows and rows != ["D23 added"]:
            return rows
        if step.flaw:
            return [*rows, "D20" if batch.control else step.flaw]
        waiting, row = log.verifying.get(batch.producer_id), row_of(
            entry, batch, self.ranges(step.producer, step.partition))
        stored = isinstance(log.append(batch), Appended)
        if waiting and not stored and row in STORED and waiting.refuses(batch, entry):
            row = "D23 late" if batch.base_sequence > waiting.lowest_sequence else "D17 bumping"
        return [*rows, row]

    def _verification(self, step: Step, batch: Batch, log: PartitionLog) -> list[str]:
        """D23: what the coordinator says of a batch that would open a transaction in the log."""
        if not log.needs_verification(batch) or not self.version.verifies_transactions:
            return []
        entry = log.producers.get(batch.producer_id)
        is_old = entry is not None and batch.producer_epoch < entry.producer_epoch
        if is_old and self.version.checks_epoch_before_verification:
            return ["D9"]
        log.start_verification(batch, self.version_2)
        who, place = (step.producer, batch.producer_id, batch.producer_epoch), ("", step.partition)
        error = (self.coordinator.add_partitions(*who, [place], 0) if self.version_2
                 else self.coordinator.verify(*who, place))
        return [NOT_VERIFIED.get(error, "D23 not added") if error else "D23 added"]

    def _asked(self, step: Step) -> str:
        """The row of a request to the coordinator."""
        producer_id, newest = self.producer(step.producer)
        who = step.producer, producer_id, max(newest + step.epoch, -1)
        other = f"{step.kind}, other epoch" if step.epoch else ""
        if step.kind == "add":
            self.coordinator.add_partitions(*who, [("", step.partition)], 0)
            return other or "add"
        if step.kind in ("commit", "abort"):
            opened = self.coordinator.entries[step.producer].state is TxnState.ONGOING
            self._take_over(step.producer, self.coordinator.end(
                *who, commit=step.kind == "commit", epoch_bump=self.version_2))
            return other or step.kind + ("" if opened else ", nothing open")
        believed = who[1:] if step.kind == "bump" else NOBODY
        if step.kind == "bump" and believed[1] < 0:  # half a producer, which is no request
            return other
        answer = self.coordinator.init_producer_id(step.producer, 1, *believed)
        self._take_over(step.producer, answer)
        if answer.error is not ErrorCode.CONCURRENT_TRANSACTIONS:
            return other or step.kind
        self._take_over(step.producer, self.coordinator.init_producer_id(step.producer, 1, *believed))
        return other or "fence"

    def _take_over(self, letter: str, answer: CoordinatorAnswer) -> None:
        """What was handed out; and write the markers, for which the next request would have to wait."""
        if not answer.error and answer.producer_id >= 0:
            self.producers[letter] = answer.producer_id, answer.producer_epoch
        if marker := answer.marker:
            for _, partition in marker.partitions:
                self.logs[partition].append_marker(marker.producer_id, marker.producer_epoch,
                                                   commit=marker.commit)
            self.coordinator.complete(letter)


def rows_by_step(script: Script, version: KafkaVersion = DEFAULT_VERSION) -> list[list[str]]:
    """For each step the rows that it hits."""
    mirror = Mirror(script.partitions, script.transaction_version_2, version)
    return [mirror.play(step) for step in script.steps]
