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

from course_tools.read.equal_records import EqualRecords, Stretch
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


@dataclass(frozen=True, slots=True)
class ShownBatch:
    """One batch of a picture. `content` is the same for batches that hold the same records, compressed or
    not; `marker` says commit or abort where it is one."""

    header: Header
    content: int = 0
    marker: str = ""


@dataclass
class LogRead:
    """Everything that was found in one log; `take` reads it, whatever its size."""

    numbered: bool = True  # whether producers numbered the batches themselves
    records: EqualRecords = field(default_factory=EqualRecords)
    producers: OrderedDict[int, ProducerSeen] = field(default_factory=OrderedDict)
    findings: list[Anomaly] = field(default_factory=list)
    broken: list[Anomaly] = field(default_factory=list)
    shown: list[ShownBatch] = field(default_factory=list)
    about: int = NOTHING
    batches: int = 0
    untold: int = 0
    _before: deque[ShownBatch] = field(default_factory=lambda: deque(maxlen=BEFORE))

    def take(self, batches: Iterable[BatchInLog | Broken]) -> LogRead:
        """Read them all, and return itself."""
        for one in batches:
            if isinstance(one, Broken):
                self._say(self.broken, "broken", str(one))
            else:
                self.batches += 1
                self._show(*self._batch(one))
        self.records.end()
        return self

    def _say(self, where: list[Anomaly], name: str, sentence: str) -> int:
        if len(where) < MOST_TOLD:
            where.append(Anomaly(name, (self.batches,), sentence))
        else:
            self.untold += 1
        return WRONG

    def _show(self, rank: int, *entries: ShownBatch) -> None:
        """Keep a batch for the picture, if it is near enough to what the picture is about."""
        self._before.append(entries[-1])
        if rank > self.about:
            earlier = (entry for entry in entries[:-1] if entry not in self._before)
            self.about, self.shown = rank, [*earlier, *self._before]
        elif len(self.shown) < SHOWN:
            self.shown.append(entries[-1])

    def _batch(self, one: BatchInLog) -> tuple[int | ShownBatch, ...]:
        """How grave what is wrong with it is, and the batch, an earlier one that is like it before it."""
        header = one.header
        seen = self._producer(header.producer_id, header.base_offset)
        seen.last = header.base_offset + header.last_offset_delta
        seen.epochs.add(header.producer_epoch)
        if header.control:
            return self._marker(seen, one)
        seen.batches += 1
        seen.records += header.records_count
        if header.transactional and seen.open_since is None:
            seen.open_since = header.base_offset
        numbered = self.numbered and header.producer_id >= 0 and header.base_sequence >= 0
        rank = self._sequence(seen, one) if numbered else NOTHING
        content, stretch = self.records.take(one)
        return max(rank, SUSPICION * bool(stretch)), *_origin(stretch), ShownBatch(header, content)

    def _producer(self, producer_id: int, offset: int) -> ProducerSeen:
        seen = self.producers.setdefault(producer_id, ProducerSeen(offset))
        self.producers.move_to_end(producer_id)
        if len(self.producers) > MOST_PRODUCERS:
            self.producers.popitem(last=False)
        return seen

    def _marker(self, seen: ProducerSeen, one: BatchInLog) -> tuple[int | ShownBatch, ...]:
        try:
            kind = _marker_type(one.records)
        except (IndexError, ValueError, struct.error):
            why = f"at offset {one.header.base_offset} a marker is cut off."
            return self._say(self.broken, "broken", why), ShownBatch(one.header, marker="cut off")
        marker = KINDS.get(kind, "control")  # a metadata log has others, which end no transaction
        seen.committed += marker == "commit"
        seen.aborted += marker == "abort"
        seen.open_since = None
        stretch = None if marker == "control" else self.records.ended(one.header.producer_id,
                                                                      aborted=marker == "abort")
        return SUSPICION * bool(stretch), *_origin(stretch), ShownBatch(one.header, marker=marker)

    def _sequence(self, seen: ProducerSeen, one: BatchInLog) -> int:
        header, rank = one.header, NOTHING
        who = f"producer id {header.producer_id}, epoch {header.producer_epoch}"
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
        """Everything but suspicions: broken bytes, copies and gaps, open transactions."""
        return [*self.broken, *self.findings, *self.open_transactions]

    def table(self, caption: str) -> TextTable:
        """A row for each producer id, in the order of its last batch."""
        rows = tuple(_row(producer_id, seen) for producer_id, seen in self.producers.items())
        return TextTable(caption, HEADINGS, rows, f"{caption}\n(nothing)")

    @property
    def open_transactions(self) -> list[Anomaly]:
        """A sentence for each transaction that has no marker yet."""
        return [Anomaly("open transaction", (self.batches,), f"producer id {producer_id} since offset "
                        f"{seen.open_since}; read_committed consumers wait there.")
                for producer_id, seen in self.producers.items() if seen.open_since is not None]


def _origin(stretch: Stretch | None) -> list[ShownBatch]:
    """The batch whose records are repeated, for the picture; none where it is long gone."""
    return [ShownBatch(*stretch.origin)] if stretch and stretch.origin else []


def _marker_type(records: bytes) -> int:
    """The type in a control record: behind length, attributes, two deltas, the key's length and version."""
    at = decode_varint(records)[1] + 1  # length, attributes
    for _ in range(3):
        at = decode_varint(records, at)[1]  # timestamp delta, offset delta, key length
    return struct.unpack_from(">h", records, at + 2)[0]


def _row(producer_id: int, seen: ProducerSeen) -> tuple[str, ...]:
    numbered = producer_id >= 0
    transactions = [f"{seen.committed} committed"] * bool(seen.committed) + [
        f"{seen.aborted} aborted"] * bool(seen.aborted) + ["1 open"] * (seen.open_since is not None)
    few = len(seen.epochs) < 6
    epochs = ", ".join(map(str, sorted(seen.epochs))) if few else f"{len(seen.epochs)} of them"
    following = str(increment_sequence(seen.last_sequence, 1)) if seen.last_sequence >= 0 else ""
    return (str(producer_id) if numbered else "none", epochs if numbered else "", str(seen.batches),
            str(seen.records), f"{seen.first} to {seen.last}", following, ", ".join(transactions))
