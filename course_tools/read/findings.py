"""What the batches of one log say about their producers: numbers, gaps, transactions, and copies.

A copy that a broker stored twice under one number, and a gap in a producer's numbers, are facts. Two batches
without numbers, or under different ones, that hold the same bytes are a *suspicion*: the application may have
meant both. Only the newest `WINDOW` of them are compared, so memory does not grow with the log.
"""

from __future__ import annotations

import struct
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import blake2b

from course_tools.read.on_disk import BatchInLog, Broken
from lesson_lib.core.batch import increment_sequence
from lesson_lib.text_table import TextTable

WINDOW, MOST_TOLD, MOST_PRODUCERS = 10_000, 50, 100_000
COMMIT = 1
HEADINGS = ("producer id", "epochs", "batches", "records", "offsets", "next sequence", "transactions")


@dataclass
class ProducerSeen:
    """What one producer id wrote. `open_since` is the offset at which its open transaction begins, None where
    there is none."""

    first: int
    last: int = 0
    epochs: set[int] = field(default_factory=set)
    epoch: int = -1
    batches: int = 0
    records: int = 0
    last_sequence: int = -1
    committed: int = 0
    aborted: int = 0
    open_since: int | None = None


@dataclass
class LogRead:
    """Everything that was found in one log; `take` reads it, whatever its size."""

    producers: OrderedDict[int, ProducerSeen] = field(default_factory=OrderedDict)
    findings: list[str] = field(default_factory=list)
    suspicions: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    batches: int = 0
    untold: int = 0
    _recent: OrderedDict[bytes, int] = field(default_factory=OrderedDict)

    def take(self, batches: Iterable[BatchInLog | Broken]) -> LogRead:
        """Read them all, and return itself."""
        for one in batches:
            if isinstance(one, Broken):
                self._say(self.broken, f"At byte {one.place}: {one.why}.")
            else:
                self.batches += 1
                self._batch(one)
        return self

    def _say(self, where: list[str], sentence: str) -> None:
        if len(where) < MOST_TOLD:
            where.append(sentence)
        else:
            self.untold += 1

    def _batch(self, one: BatchInLog) -> None:
        header = one.header
        seen = self._producer(header.producer_id, header.base_offset)
        seen.last = header.base_offset + header.last_offset_delta
        seen.epochs.add(header.producer_epoch)
        if header.control:
            self._marker(seen, one)
            return
        seen.batches += 1
        seen.records += header.records_count
        if header.transactional and seen.open_since is None:
            seen.open_since = header.base_offset
        if header.producer_id >= 0 and header.base_sequence >= 0:
            self._sequence(seen, one)
        self._same_bytes(one)

    def _producer(self, producer_id: int, offset: int) -> ProducerSeen:
        seen = self.producers.setdefault(producer_id, ProducerSeen(offset))
        self.producers.move_to_end(producer_id)
        if len(self.producers) > MOST_PRODUCERS:
            self.producers.popitem(last=False)
        return seen

    def _marker(self, seen: ProducerSeen, one: BatchInLog) -> None:
        try:
            kind = struct.unpack_from(">h", one.records, _marker_at(one.records))[0]
        except (IndexError, struct.error):
            self._say(self.broken, f"At offset {one.header.base_offset}: a marker that is cut off.")
            return
        seen.committed += kind == COMMIT
        seen.aborted += kind != COMMIT
        seen.open_since = None

    def _sequence(self, seen: ProducerSeen, one: BatchInLog) -> None:
        header = one.header
        who = f"producer id {header.producer_id}, epoch {header.producer_epoch}"
        if header.producer_epoch == seen.epoch:
            wanted = increment_sequence(seen.last_sequence, 1)
            ahead = (header.base_sequence - wanted) % 2**31
            if 0 < ahead < 2**30:
                self._say(self.findings, f"Gap before offset {header.base_offset}: {who} goes on with "
                          f"sequence {header.base_sequence}, and {wanted} is not in this log.")
            elif ahead:
                self._say(self.findings, f"Copy at offset {header.base_offset}: {who} has sequence "
                          f"{header.base_sequence} in this log already.")
                return  # what follows a copy continues the original, and is no gap
        seen.epoch = header.producer_epoch
        seen.last_sequence = increment_sequence(header.base_sequence, max(0, header.records_count - 1))

    def _same_bytes(self, one: BatchInLog) -> None:
        header = one.header
        key = blake2b(one.records, digest_size=16).digest()
        before = self._recent.pop(key, None)
        self._recent[key] = header.base_offset
        if len(self._recent) > WINDOW:
            self._recent.popitem(last=False)
        if before is not None:
            self._say(self.suspicions, f"Suspected copy at offset {header.base_offset}: the same keys and "
                      f"values as the batch at offset {before}.")

    def table(self, caption: str) -> TextTable:
        """A row for each producer id, in the order of its last batch."""
        rows = tuple(_row(producer_id, seen) for producer_id, seen in self.producers.items())
        return TextTable(caption, HEADINGS, rows, f"{caption}\n(nothing)")

    @property
    def open_transactions(self) -> list[str]:
        """A sentence for each transaction that has no marker yet."""
        return [f"Open transaction: producer id {producer_id} since offset {seen.open_since}; read_committed "
                "consumers wait there." for producer_id, seen in self.producers.items()
                if seen.open_since is not None]


def _marker_at(records: bytes) -> int:
    """Where in a control record the type is: behind length, attributes, two deltas, the key's length and
    version."""
    at = _after_number(records, 0) + 1  # length, attributes
    for _ in range(3):
        at = _after_number(records, at)  # timestamp delta, offset delta, key length
    return at + 2


def _after_number(records: bytes, at: int) -> int:
    while records[at] & 0x80:
        at += 1
    return at + 1


def _row(producer_id: int, seen: ProducerSeen) -> tuple[str, ...]:
    numbered = producer_id >= 0
    transactions = [f"{seen.committed} committed"] * bool(seen.committed) + [
        f"{seen.aborted} aborted"] * bool(seen.aborted) + ["1 open"] * (seen.open_since is not None)
    few = len(seen.epochs) < 6
    epochs = ", ".join(map(str, sorted(seen.epochs))) if few else f"{len(seen.epochs)} of them"
    following = str(increment_sequence(seen.last_sequence, 1)) if seen.last_sequence >= 0 else ""
    return (str(producer_id) if numbered else "none", epochs if numbered else "", str(seen.batches),
            str(seen.records), f"{seen.first} to {seen.last}", following, ", ".join(transactions))
