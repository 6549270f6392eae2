"""Which records of a log hold the key and value of an earlier one, however they were batched or compressed.

That is a *suspicion*, as an application may send the same thing twice on purpose. Records that repeat an
earlier stretch of the log, in its order, are told as one thing. A key and value that come more than `OFTEN`
times are only counted: a state, a counter or a heartbeat repeats itself all day.

Each record is compared with at least the newest `window` before it (at most twice as many), so memory does
not grow with the log: up to 25 MB for 100,000. Records of a transaction wait for its marker: those of an
aborted one are no copies, and no originals either. A batch that does not unpack counts as its bytes.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections import Counter, defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from course_tools.read.on_disk import BatchInLog
from course_tools.read.records import StaysPackedError, keys_and_values, unpacked
from lesson_lib.core.producer_state import increment_sequence
from lesson_lib.history import Anomaly
from lesson_lib.wire.record_batch import Header

WINDOW, MOST_PENDING, BATCHES_KNOWN = 100_000, 1_000_000, 10_000
OFTEN, MOST_TOLD, MARKS = 10, 10, 8
NOBODY = " (no producer id)"
ON_PURPOSE = ("Suspected, as an application may send the same thing twice on purpose. Who sent both, by id, "
              "epoch and sequence, is in notebooks/in-production.md, section 2.")


class KeptBatch(NamedTuple):
    """A batch that was read not long ago. `content` is the same for batches that hold the same records,
    compressed or not; `marker` says commit or abort where it is one."""

    header: Header
    content: int = 0
    marker: str = ""

    def numbers_at(self, offset: int) -> tuple[int, int, int] | None:
        """Producer id, epoch and sequence of the record at an offset of it; None where it has none."""
        first, producer_id, epoch, sequence = self.header.base_offset, *self.header[9:12]
        if producer_id < 0 or sequence < 0:
            return None
        return producer_id, epoch, increment_sequence(sequence, offset - first)


@dataclass
class Stretch:
    """Records at the offsets `at` to `until` that repeat those at `first` to `last`. `marks` are the digests
    of some of them; `origin` and `copy` are the batches where both begin, None for one long gone."""

    first: int
    last: int
    at: int
    until: int
    origin: KeptBatch | None
    copy: KeptBatch | None
    records: int = 1
    marks: list[int] = field(default_factory=list)

    def __str__(self) -> str:
        alone = self.records == 1
        earlier, later, rest = _who(self.origin, self.first), _who(self.copy, self.at), ""
        if earlier == later == NOBODY:
            earlier, later, rest = "", "", f", {'both' if alone else 'all'} without a producer id"
        if alone:
            return (f"the record at offset {self.at}{later} holds the same key and value as the one at "
                    f"offset {self.first}{earlier}{rest}.")
        return (f"the {self.records:,} records at offsets {self.at} to {self.until}{later} hold the same "
                f"keys and values as those at {self.first} to {self.last}{earlier}, in the same order{rest}.")


def _who(batch: KeptBatch | None, offset: int) -> str:
    """Who sent the record, which says what made a copy of it."""
    if batch is None:
        return ""
    numbers = batch.numbers_at(offset)
    return " (producer id {}, epoch {}, sequence {})".format(*numbers) if numbers else NOBODY


class EqualRecords:
    """Takes one batch after another; what was found, and what was looked at, is there at any time."""

    def __init__(self, window: int = WINDOW) -> None:
        self.window = window
        self.compared = self.aborted = self.left_out = self.again = 0  # records
        self.packed: Counter[str] = Counter()  # why a batch stayed packed -> how many did
        self._newer: dict[int, int] = {}  # digest -> offset of the newest record that has it
        self._older: dict[int, int] = {}
        self._times: Counter[int] = Counter()  # digest -> how often it was there again
        self._found: list[Stretch] = []
        self._current: Stretch | None = None
        # producer id -> digests and offsets of what belongs to a transaction that is not over
        self._pending: defaultdict[int, tuple[array[int], array[int]]] = defaultdict(
            lambda: (array("q"), array("q")))
        self._batches: deque[KeptBatch] = deque(maxlen=BATCHES_KNOWN)

    def take(self, one: BatchInLog) -> tuple[KeptBatch, Stretch | None]:
        """What is kept of a batch, and the first stretch that began with it."""
        header = one.header
        if not self.window:
            return KeptBatch(header, hash(one.records)), None
        try:
            data = unpacked(header, one.records)
            digests, offsets = keys_and_values(header, data)
            content = hash(data)
        except StaysPackedError as error:
            self.packed[str(error)] += 1
            content = hash(one.records)
            digests, offsets = array("q", [content]), [header.base_offset]
        kept = KeptBatch(header, content)
        self._batches.append(kept)
        if not header.transactional:
            return kept, self._compare(digests, offsets)
        room = max(0, MOST_PENDING - sum(len(waiting) for waiting, _ in self._pending.values()))
        for waiting, more in zip(self._pending[header.producer_id], (digests, offsets), strict=True):
            waiting.extend(more[:room])
        self.left_out += len(digests[room:])
        return kept, None

    def ended(self, producer_id: int, *, aborted: bool) -> Stretch | None:
        """A transaction is over: the first stretch that began with it."""
        digests, offsets = self._pending.pop(producer_id, ((), ()))
        self.aborted += len(digests) * aborted
        return None if aborted else self._compare(digests, offsets)

    def end(self) -> None:
        """The log is over. Transactions that are open there may still be committed: their records count."""
        for producer_id in [*self._pending]:
            self.ended(producer_id, aborted=False)

    def _compare(self, digests: Sequence[int], offsets: Sequence[int]) -> Stretch | None:
        newer, older, begun = self._newer, self._older, None
        self.compared += len(digests)
        for digest, offset in zip(digests, offsets, strict=True):
            if len(newer) >= self.window:
                self._older = older = newer
                self._newer = newer = {}
            before = newer.get(digest)
            if before is None:
                before = older.get(digest)
            newer[digest] = offset
            if before is None:
                self._current = None
            else:
                stretch = self._repeated(digest, before, offset)
                begun = begun or stretch
        return begun

    def _repeated(self, digest: int, before: int, offset: int) -> Stretch | None:
        """Go on with a stretch, or begin one, which is returned."""
        self.again += 1
        if digest in self._times or len(self._times) < self.window:
            self._times[digest] += 1
        if self._times[digest] >= OFTEN:
            return None  # and it does not end a stretch in whose middle it is
        stretch = self._current
        if stretch and before > stretch.last:
            stretch.last, stretch.until, stretch.records = before, offset, stretch.records + 1
            if len(stretch.marks) < MARKS:
                stretch.marks.append(digest)
            return None
        origin, copy = self._batch_at(before), self._batch_at(offset)
        if origin and copy and origin.numbers_at(before) == copy.numbers_at(offset) is not None:
            self.again -= 1  # no suspicion: the number proves it
            return None
        self._current = stretch = Stretch(before, before, offset, offset, origin, copy, marks=[digest])
        if len(self._found) >= 100 * MOST_TOLD:
            self._found = self._longest()
        self._found.append(stretch)
        return stretch

    def _batch_at(self, offset: int) -> KeptBatch | None:
        place = bisect_right(self._batches, offset, key=lambda one: one.header.base_offset) - 1
        if place < 0:
            return None
        header = self._batches[place].header
        return self._batches[place] if offset <= header.base_offset + header.last_offset_delta else None

    def _longest(self) -> list[Stretch]:
        """The longest stretches that are not made of what comes all the time, as far as known by now."""
        rare = [one for one in self._found if any(self._times[digest] < OFTEN for digest in one.marks)]
        return sorted(rare, key=lambda one: -one.records)[:MOST_TOLD]

    @property
    def suspicions(self) -> list[Anomaly]:
        """A sentence for each of the longest stretches, in the order of the log."""
        return [Anomaly("suspected copy", (one.at,), str(one))
                for one in sorted(self._longest(), key=lambda one: one.at)]

    def counted(self) -> list[str]:
        """What is not told one by one, in sentences."""
        often = [times for times in self._times.values() if times >= OFTEN]
        again, told = self.again - sum(often), [one.records for one in self._longest()]
        they_come = "keys and values come" if len(often) > 1 else "key and value comes"
        return _those_that_hold({
            f"In all, {again:,} records hold the key and value of an earlier one.":
                len(told) > 1 or again > sum(told),
            ON_PURPOSE: told,
            f"{len(often):,} {they_come} more than {OFTEN} times, in {sum(often) + len(often):,} records: "
            "only counted, as a state, a counter or a heartbeat does that.": often})

    def looked_at(self) -> list[str]:
        """What was compared with what, and what was not, in sentences."""
        if not self.window:
            return ["Only numbers were looked at (--window 0): records sent again under other numbers are "
                    "not found."]
        whole = sum(self.packed.values())
        far = (f"with at least the {self.window:,} before it (--window {10 * self.window} looks further back)"
               if self.compared > self.window else "with all before it")
        return _those_that_hold({
            f"Keys and values of {_records(self.compared - whole)} compared, each {far}.":
                self.compared > whole,
            **{f"{times:,} batch{'es were' if times > 1 else ' was'} compared as a whole only: {why}.": times
               for why, times in self.packed.items()},
            f"{_records(self.aborted)} left out, of aborted transactions: no read_committed consumer gets "
            "them.": self.aborted,
            f"{_records(self.left_out)} not compared: {MOST_PENDING:,} were waiting already for the end of "
            "their transactions.": self.left_out})


def _records(number: int) -> str:
    return f"{number:,} records were" if number != 1 else "1 record was"


def _those_that_hold(said: dict[str, object]) -> list[str]:
    return [sentence for sentence, holds in said.items() if holds]
