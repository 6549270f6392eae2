"""What a script does to its partitions, followed without a broker: where the edges are, and which row of the
table a step hits.

The logs are `core`'s own. The coordinator is followed just far enough to know what is open; it decides
nothing: a mistake here sends the generator to a duller place or counts a row wrongly, and changes no
comparison.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from course_tools.conformance.script import Script, Step
from lesson_lib.core.batch import MAX_SEQUENCE, Batch, increment_sequence
from lesson_lib.core.partition_log import PartitionLog
from lesson_lib.core.producer_state import Appended, ProducerStateEntry

Range = tuple[int, int, int]  # epoch, first sequence, last sequence


@dataclass
class Coordinated:
    """What the coordinator knows of one transactional id."""

    epoch: int = -1
    added: set[int] = field(default_factory=set)


@dataclass
class Mirror:
    """The state of a script's world between two steps."""

    partitions: int
    version_2: bool = False
    logs: list[PartitionLog] = field(default_factory=list)
    ids: dict[str, int] = field(default_factory=dict)
    transactional: dict[str, Coordinated] = field(default_factory=dict)
    stored: dict[tuple[int, int], list[Range]] = field(default_factory=dict)
    last_id: int = 0

    def __post_init__(self) -> None:
        self.logs = [PartitionLog() for _ in range(self.partitions)]

    def producer_id(self, letter: str) -> int:
        """A number for a letter; another one after `new`."""
        if letter and letter not in self.ids:
            self._new_id(letter)
        return self.ids[letter] if letter else -1

    def _new_id(self, letter: str) -> None:
        self.last_id += 1
        self.ids[letter] = self.last_id

    def entry(self, letter: str, partition: int) -> ProducerStateEntry | None:
        """What the partition's leader remembers of a producer."""
        return self.logs[partition].producers.get(self.producer_id(letter))

    def ranges(self, letter: str, partition: int) -> list[Range]:
        """Every range that this producer stored on the partition, oldest first, forgotten ones too."""
        return self.stored.get((self.producer_id(letter), partition), [])

    def batch(self, step: Step) -> Batch:
        """The step's batch with the mirror's producer id and epoch."""
        newest = self.transactional[step.producer].epoch if step.of_transactional_id else 0
        numbers = (-1, -1, -1)
        if step.producer:
            numbers = self.producer_id(step.producer), newest + step.epoch, step.base_sequence
        return Batch(step.count, *numbers, transactional=step.transactional, control=step.flaw == "control")

    def open_here(self, step: Step) -> bool:
        """Whether the step's producer has a transaction open on the step's partition."""
        entry = self.entry(step.producer, step.partition)
        return entry is not None and entry.current_txn_first_offset is not None

    def play(self, step: Step) -> list[str]:
        """Follow one step; returns the names of the rows it hits."""
        return getattr(self, f"_{step.kind}")(step)

    def _send(self, step: Step) -> list[str]:
        if step.flaw:
            return ["D20" if step.flaw == "control" else "D24" if step.flaw == "two" else step.flaw]
        rows = self._verification(step)
        if rows and rows[0] != "D23 added":
            return rows
        batch = self.batch(step)
        rows += [row_of(self.entry(step.producer, step.partition), batch,
                        self.ranges(step.producer, step.partition))]
        if isinstance(self.logs[step.partition].append(batch), Appended):
            self.stored.setdefault((batch.producer_id, step.partition), []).append(
                (batch.producer_epoch, batch.base_sequence, batch.last_sequence))
        return rows

    def _verification(self, step: Step) -> list[str]:
        """D23: the first batch of a transaction on a partition, by what the coordinator knows of it."""
        if not step.transactional or self.open_here(step):
            return []
        known = self.transactional.get(step.producer)
        if known is None:
            return ["D23 unknown id"]
        if step.epoch != 0:
            return ["D23 other epoch"]
        if self.version_2:
            known.added.add(step.partition)
        return ["D23 added" if step.partition in known.added else "D23 not added"]

    def _init(self, step: Step) -> list[str]:
        known = self.transactional.setdefault(step.producer, Coordinated())
        fenced = bool(known.added)
        if fenced:
            self._markers(step.producer, commit=False, epoch=known.epoch + 1)
        known.epoch += 2 if fenced and step.kind == "init" else 1
        return ["fence" if fenced else step.kind]

    def _bump(self, step: Step) -> list[str]:
        return self._init(step) if step.epoch == 0 else ["bump, other epoch"]

    def _add(self, step: Step) -> list[str]:
        if step.epoch == 0:
            self.transactional[step.producer].added.add(step.partition)
        return ["add" if step.epoch == 0 else "add, other epoch"]

    def _commit(self, step: Step) -> list[str]:
        return self._end(step, commit=True)

    def _abort(self, step: Step) -> list[str]:
        return self._end(step, commit=False)

    def _end(self, step: Step, *, commit: bool) -> list[str]:
        known = self.transactional[step.producer]
        if step.epoch or not known.added:
            return [f"{step.kind}, other epoch" if step.epoch else f"{step.kind}, nothing open"]
        known.epoch += self.version_2
        self._markers(step.producer, commit=commit, epoch=known.epoch)
        return [step.kind]

    def _markers(self, letter: str, *, commit: bool, epoch: int) -> None:
        known = self.transactional[letter]
        for partition in sorted(known.added):
            self.logs[partition].append_marker(self.producer_id(letter), epoch, commit=commit)
        known.added.clear()

    def _delete(self, step: Step) -> list[str]:
        log = self.logs[step.partition]
        if step.offset > log.log_end_offset or step.offset < -1:
            return ["delete, out of range"]
        log.delete_records(log.log_end_offset if step.offset == -1 else step.offset)
        return ["delete"]

    def _new(self, step: Step) -> list[str]:
        self._new_id(step.producer)
        return ["new id"]


def rows_of(script: Script) -> list[str]:
    """Every row that a script hits, with repetitions."""
    mirror = Mirror(script.partitions, script.transaction_version_2)
    return [row for step in script.steps for row in mirror.play(step)]


def row_of(entry: ProducerStateEntry | None, batch: Batch, stored: list[Range]) -> str:
    """The row of the decision table that decides on a batch which passed every check before the rule."""
    if not batch.has_producer_id:
        return "D18"
    if batch.base_sequence < 0:
        return "D19"
    if entry is None or entry.producer_epoch < 0:
        return "D16" if batch.base_sequence == 0 else "D17"
    if seen := entry.duplicate_of(batch):
        return "D2" if seen == entry.batches[-1] else "D3"
    if batch.producer_epoch != entry.producer_epoch:
        newer = "D10" if batch.base_sequence == 0 else "D11"
        return "D9" if batch.producer_epoch < entry.producer_epoch else newer
    if not entry.batches:
        return "D12" if batch.base_sequence == 0 else "D12 not 0"
    if entry.is_next(batch.base_sequence):
        return _in_order_row(entry, batch)
    return _out_of_order_row(entry, batch, stored)


def _in_order_row(entry: ProducerStateEntry, batch: Batch) -> str:
    if entry.current_txn_first_offset is not None:
        return "D22" if batch.transactional else "D21"
    if entry.last_sequence == MAX_SEQUENCE:
        return "D13"
    return "D15" if batch.last_sequence < batch.base_sequence else "D1"


def _out_of_order_row(entry: ProducerStateEntry, batch: Batch, stored: list[Range]) -> str:
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
    return "D7" if 0 < first - increment_sequence(entry.last_sequence, 1) < 1 << 30 else "behind"


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
    "D18": "no id: stored",
    "D19": "an id without a sequence: 87",
    "D20": "a control batch from a client: 87",
    "D21": "not transactional while a transaction is open: 48",
    "D22": "transactional and next, a transaction is open: stored",
    "D23 added": "first batch of a transaction, the coordinator knows of it",
    "D23 not added": "first batch of a transaction, the coordinator does not know of it",
    "D23 other epoch": "first batch of a transaction, with an epoch that is not the coordinator's",
    "D23 unknown id": "first batch of a transaction, of a producer without transactional id",
    "D24": "two batches for one partition: 87",
    "behind": "behind the last, never stored like this: 45",
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
