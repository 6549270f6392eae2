"""What the batches of one log say about their producers: numbers, gaps, transactions, and copies.

A copy that a broker stored twice under one number, and a gap in a producer's numbers, are facts. Records
without numbers, or under different ones, that hold the same are a *suspicion* (`equal_records`). Committed
offsets (`__consumer_offsets`) are written by the group's coordinator, which begins each at 0: no numbers.

What is worth a picture is kept on the way: the batches around the first thing that is wrong, else around the
first suspicion, else the first ones.
"""

from __future__ import annotations

import struct
from collections import OrderedDict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from kafka.record.util import decode_varint

from course_tools.read.equal_records import EqualRecords, KeptBatch, Stretch
from course_tools.read.on_disk import BatchInLog, Broken
from lesson_lib.core.producer_state import increment_sequence
from lesson_lib.history import Anomaly
from lesson_lib.text_table import TextTable
from lesson_lib.wire.record_batch import Header

MOST_TOLD, MOST_PRODUCERS = 50, 100_000
KINDS = {0: "abort", 1: "commit"}
SHOWN, BEFORE = 40, 20  # batches in a picture, and how many of them before what it is about
NOTHING, SUSPICION, WRONG = range(3)
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

    def row(self, producer_id: int) -> tuple[str, ...]:
        """Its cells, under `HEADINGS`."""
        name, epochs = str(producer_id), ", ".join(map(str, sorted(self.epochs)))
        if len(self.epochs) > 5:
            epochs = f"{len(self.epochs)} of them"
        if producer_id < 0:
            name, epochs = "none", ""
        following = str(increment_sequence(self.last_sequence, 1)) if self.last_sequence >= 0 else ""
        ends = (self.committed, "committed"), (self.aborted, "aborted"), (self.open_since is not None, "open")
        return (name, epochs, str(self.batches), str(self.records), f"{self.first} to {self.last}", following,
                ", ".join(f"{int(times)} {end}" for times, end in ends if times))


@dataclass
class LogRead:
    """Everything that was found in one log; `take` reads it, whatever its size."""

    numbered: bool = True  # whether producers numbered the batches themselves
    records: EqualRecords = field(default_factory=EqualRecords)
    producers: OrderedDict[int, ProducerSeen] = field(default_factory=OrderedDict)
    findings: list[Anomaly] = field(default_factory=list)
    broken: list[Anomaly] = field(default_factory=list)
    shown: list[KeptBatch] = field(default_factory=list)
    about: int = NOTHING
    batches: int = 0
    untold: int = 0
    _before: deque[KeptBatch] = field(default_factory=lambda: deque(maxlen=BEFORE))

    def take(self, batches: Iterable[BatchInLog | Broken]) -> LogRead:
        """Read them all, and return itself."""
        for one in batches:
            if isinstance(one, Broken):
                self._say(self.broken, "broken", str(one))
            else:
                self.batches += 1
                self._batch(one)
        self.records.end()
        return self

    def _say(self, where: list[Anomaly], name: str, sentence: str) -> int:
        if len(where) < MOST_TOLD:
            where.append(Anomaly(name, (self.batches,), sentence))
        else:
            self.untold += 1
        return WRONG

    def _batch(self, one: BatchInLog) -> None:
        header = one.header
        seen = self.producers.setdefault(header.producer_id, ProducerSeen(header.base_offset))
        self.producers.move_to_end(header.producer_id)
        if len(self.producers) > MOST_PRODUCERS:
            self.producers.popitem(last=False)
        seen.last = header.base_offset + header.last_offset_delta
        seen.epochs.add(header.producer_epoch)
        if header.control:
            self._marker(seen, one)
            return
        seen.batches += 1
        seen.records += header.records_count
        if header.transactional and seen.open_since is None:
            seen.open_since = header.base_offset
        numbered = self.numbered and header.producer_id >= 0 and header.base_sequence >= 0
        rank = self._sequence(seen, header) if numbered else NOTHING
        self._show(rank, *self.records.take(one))

    def _show(self, rank: int, batch: KeptBatch, stretch: Stretch | None) -> None:
        """Keep a batch for the picture, if it is near enough to what the picture is about. `rank`: how grave
        what is wrong with it is; where records of an earlier batch are in it again, that is kept as well."""
        self._before.append(batch)
        rank = max(rank, SUSPICION * bool(stretch))
        if rank > self.about:
            origin = [stretch.origin] if stretch and stretch.origin else []  # not where it is long gone
            self.shown = [*(one for one in origin if one not in self._before), *self._before]
            self.about = rank
        elif len(self.shown) < SHOWN:
            self.shown.append(batch)

    def _marker(self, seen: ProducerSeen, one: BatchInLog) -> None:
        header, stretch = one.header, None
        try:
            kind = KINDS.get(_marker_type(one.records), "control")
        except (IndexError, ValueError, struct.error):
            rank = self._say(self.broken, "broken", f"at offset {header.base_offset} a marker is cut off.")
            self._show(rank, KeptBatch(header, marker="cut off"), None)
            return
        seen.committed += kind == "commit"
        seen.aborted += kind == "abort"
        seen.open_since = None
        if kind != "control":  # a metadata log has those, which end no transaction
            stretch = self.records.ended(header.producer_id, aborted=kind == "abort")
        self._show(NOTHING, KeptBatch(header, marker=kind), stretch)

    def _sequence(self, seen: ProducerSeen, header: Header) -> int:
        """Compare its number with the one that is next; how grave it is."""
        who, rank = f"producer id {header.producer_id}, epoch {header.producer_epoch}", NOTHING
        if header.producer_epoch == seen.epoch:
            wanted = increment_sequence(seen.last_sequence, 1)
            ahead = (header.base_sequence - wanted) % 2**31
            if 0 < ahead < 2**30:
                rank = self._say(self.findings, "gap", f"before offset {header.base_offset} {who} goes on "
                                 f"with sequence {header.base_sequence}, and {wanted} is not in this log.")
            elif ahead:  # what follows a copy continues the original, and is no gap
                return self._say(self.findings, "copy", f"at offset {header.base_offset} {who} has sequence "
                                 f"{header.base_sequence}, which is in this log already.")
        seen.epoch = header.producer_epoch
        seen.last_sequence = increment_sequence(header.base_sequence, max(0, header.records_count - 1))
        return rank

    @property
    def wrong(self) -> list[Anomaly]:
        """Everything but suspicions: broken bytes, copies and gaps, transactions that have no marker yet."""
        opened = [Anomaly("open transaction", (self.batches,), f"producer id {producer_id} since offset "
                          f"{seen.open_since}; read_committed consumers wait there.")
                  for producer_id, seen in self.producers.items() if seen.open_since is not None]
        return [*self.broken, *self.findings, *opened]

    def table(self, caption: str) -> TextTable:
        """A row for each producer id, in the order of its last batch."""
        rows = tuple(seen.row(producer_id) for producer_id, seen in self.producers.items())
        return TextTable(caption, HEADINGS, rows, f"{caption}\n(nothing)")


def _marker_type(records: bytes) -> int:
    """The type in a control record: behind length, attributes, two deltas, the key's length and version."""
    at = decode_varint(records)[1] + 1  # length, attributes
    for _ in range(3):
        at = decode_varint(records, at)[1]  # timestamp delta, offset delta, key length
    return struct.unpack_from(">h", records, at + 2)[0]
