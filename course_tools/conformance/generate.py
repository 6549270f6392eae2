"""Random scripts that crowd around the edges of the rule: five batches back, one before and one after the
last sequence, the neighbouring epochs, 2147483647, open transactions. `random_script(Random(seed))` gives the
same script for the same seed.

Each step is drawn by a move, a method with a weight. A mirror of the partitions says which numbers are the
interesting ones now. A move that makes no sense yet returns None, and another one is drawn.
"""

from __future__ import annotations

from random import Random

from course_tools.conformance.mirror import Mirror
from course_tools.conformance.script import FLAWS, TRANSACTION_VERSION_2, Script, Step
from lesson_lib.core.producer_state import MAX_SEQUENCE, decrement_sequence, increment_sequence

COUNTS = (1, 1, 1, 1, 2, 2, 3, 5, 12)
STARTS = (0, 0, 0, 0, 1, 5)
MAX_EPOCH = 2**15 - 1
# The methods of a StepDrawer that make a step, and how often each is drawn.
MOVES = {"exactly_next": 24, "several_next": 12, "replay": 16, "split_otherwise": 9, "beside_next": 6,
         "from_zero": 4, "up_to_the_wrap": 6, "after_the_largest": 9, "newer_epoch": 5, "older_epoch": 4,
         "same_epoch_as_coordinator": 4, "without_id": 2, "without_sequence": 1, "flawed": 3, "new_id": 1,
         "delete": 2, "init": 3, "bump": 2, "add": 12, "end": 7}


class StepDrawer:
    """Draws one step after the other: has the dice, the mirror, and whose turn it is where."""

    def __init__(self, dice: Random, mirror: Mirror, letters: str) -> None:
        self.dice, self.mirror, self.letters = dice, mirror, letters
        self._turn()

    def next_step(self) -> Step:
        """One that makes sense now."""
        while True:
            self._turn()
            move = self.dice.choices(tuple(MOVES), tuple(MOVES.values()))[0]
            if step := getattr(self, move)():
                return step

    def _turn(self) -> None:
        """Draw the producer and the partition that the next move is about."""
        self.letter = self.dice.choice(self.letters)
        self.partition = self.dice.randrange(self.mirror.partitions)
        self.entry = self.mirror.entry(self.letter, self.partition)
        self.newest = self.mirror.producer(self.letter)[1]
        self.epoch = self.entry.producer_epoch if self.entry else max(self.newest, 0)

    @property
    def in_transaction(self) -> bool:
        """Whether the producer has a transaction open on the partition, or has announced one."""
        opened = self.entry is not None and self.entry.current_txn_first_offset is not None
        return opened or self.mirror.has_added(self.letter, self.partition)

    @property
    def next_sequence(self) -> int:
        """The sequence that would be exactly next here."""
        return increment_sequence(self.entry.last_sequence, 1) if self.entry and self.entry.batches else 0

    def count(self) -> int:
        """How many records the next batch has."""
        return self.dice.choice(COUNTS)

    def send(self, base_sequence: int, count: int, epoch: int | None = None, flaw: str = "") -> Step | None:
        """A batch with these numbers; None where they are no numbers for a header."""
        absolute = self.epoch if epoch is None else epoch
        # Beyond its newest epoch the coordinator could write no marker any more.
        highest = self.newest if self.letter.isupper() else MAX_EPOCH
        if not 0 <= absolute <= highest or not -1 <= base_sequence <= MAX_SEQUENCE:
            return None
        shown = absolute - self.newest if self.letter.isupper() else absolute
        likely = 0.02 if self.letter.islower() else 0.95 if self.in_transaction else 0.3
        transactional = self.dice.random() < likely
        return Step("send", self.letter, self.partition, shown, base_sequence, count, transactional, flaw)

    def exactly_next(self) -> Step | None:
        """What a well-behaved producer sends."""
        if self.entry is None and not self.letter.isupper() and self.dice.random() < 0.3:
            return self.send(decrement_sequence(MAX_SEQUENCE, self.dice.randrange(4)), self.count())
        return self.send(self.next_sequence if self.entry else self.dice.choice(STARTS), self.count())

    def several_next(self) -> Step | None:
        """One small batch more, to push the window on."""
        return self.send(self.next_sequence, 1) if self.entry else None

    def replay(self) -> Step | None:
        """A batch that was stored, remembered or forgotten, most often one at the border of five."""
        ranges = self.mirror.ranges(self.letter, self.partition)
        stored = [one for one in ranges if one[0] == self.epoch] or ranges
        if not stored:
            return None
        back = self.dice.choice((1, 1, 2, 4, 5, 5, 6, 6, 7))
        epoch, first, last = stored[-min(back, len(stored))]
        return self.send(first, ((last - first) & MAX_SEQUENCE) + 1, epoch)

    def split_otherwise(self) -> Step | None:
        """A remembered range with one end moved, or two ranges as one batch."""
        if not self.entry or not self.entry.batches:
            return None
        batch = self.dice.choice(self.entry.batches)
        count = ((batch.last_sequence - batch.first_sequence) & MAX_SEQUENCE) + 1
        earlier = decrement_sequence(batch.first_sequence, 1)
        later = increment_sequence(batch.first_sequence, 1)
        choices = [(batch.first_sequence, count + 1), (earlier, count + 1), (earlier, count), (later, count)]
        if count > 1:
            choices += [(batch.first_sequence, count - 1), (later, count - 1), (later, count - 1)]
        return self.send(*self.dice.choice(choices))

    def beside_next(self) -> Step | None:
        """A little before or after what would be next."""
        if not self.entry or not self.entry.batches:
            return None
        step = self.dice.choice((1, 1, 2, 5, -1, -2))
        return self.send((self.next_sequence + step) & MAX_SEQUENCE, self.count())

    def from_zero(self) -> Step | None:
        """0, 1 or the largest number."""
        return self.send(self.dice.choice((0, 0, 0, 1, MAX_SEQUENCE)), self.count())

    def up_to_the_wrap(self) -> Step | None:
        """A batch that ends at, or just across, 2147483647."""
        left = MAX_SEQUENCE - self.next_sequence + 1
        if not self.entry or left >= 40:
            return None
        return self.send(self.next_sequence, left + self.dice.choice((0, 0, 1, 3)))

    def after_the_largest(self) -> Step | None:
        """What follows 2147483647: 0 is right, 1 is not."""
        at_the_end = self.entry is not None and self.entry.last_sequence == MAX_SEQUENCE
        return self.send(self.dice.choice((0, 1, 1)), self.count()) if at_the_end else None

    def newer_epoch(self) -> Step | None:
        """The next epoch (or a far one) from 0, or from where the old one was."""
        epoch = self.dice.choice((self.epoch + 1, self.epoch + 1, self.epoch + 2, MAX_EPOCH))
        return self.send(self.dice.choice((0, 0, 0, 1, self.next_sequence)), self.count(), epoch)

    def older_epoch(self) -> Step | None:
        """A zombie: the epoch before, with whatever sequence."""
        stored = [first for _, first, _ in self.mirror.ranges(self.letter, self.partition)] or [0]
        sequence = self.dice.choice((0, self.next_sequence, *stored[-2:]))
        return self.send(sequence, self.count(), self.epoch - 1)

    def same_epoch_as_coordinator(self) -> Step | None:
        """The newest epoch that was handed out, from 0 or from next."""
        if not self.letter.isupper():
            return None
        return self.send(self.dice.choice((0, self.next_sequence)), self.count(), self.newest)

    def without_id(self) -> Step | None:
        """A plain batch, as with idempotence off."""
        return Step("send", partition=self.partition, count=self.count())

    def without_sequence(self) -> Step | None:
        """An id and no sequence."""
        return self.send(-1, 1)

    def flawed(self) -> Step | None:
        """A batch that never reaches the rule."""
        return self.send(self.next_sequence, self.count(), flaw=self.dice.choice(FLAWS))

    def new_id(self) -> Step | None:
        """The producer restarts."""
        return None if self.letter.isupper() or self.entry is None else Step("new", self.letter)

    def delete(self) -> Step | None:
        """DeleteRecords: somewhere in the log, its end, or beyond."""
        end = self.mirror.logs[self.partition].log_end_offset
        if not end:
            return None
        offset = self.dice.choice((self.dice.randint(0, end), end, -1, end + 1))
        return Step("delete", partition=self.partition, offset=offset)

    def init(self) -> Step | None:
        """A transactional producer starts again."""
        return Step("init", self.letter) if self.letter.isupper() else None

    def bump(self) -> Step | None:
        """A transactional producer asks for its next epoch, as clients do after an error."""
        return self._as("bump", 0.7) if self.letter.isupper() else None

    def add(self) -> Step | None:
        """A partition joins the transaction."""
        return self._as("add", 0.9) if self.letter.isupper() and not self.in_transaction else None

    def end(self) -> Step | None:
        """Commit or abort."""
        return self._as(self.dice.choice(("commit", "abort")), 0.9) if self.letter.isupper() else None

    def _as(self, kind: str, newest: float) -> Step:
        epoch = 0 if self.dice.random() < newest else self.dice.choice((-1, 1))
        return Step(kind, self.letter, self.partition if kind == "add" else 0, epoch)


def random_script(dice: Random, produce_versions: tuple[int, ...] = (9,)) -> Script:
    """A script of 3 to 24 steps on one or two partitions, for one to three producers."""
    version = dice.choice(produce_versions)
    transactional = "X" if version >= TRANSACTION_VERSION_2 else dice.choice(("", "", "", "X", "X", "XY"))
    letters = dice.choice(("a", "a", "ab")) * (not transactional or dice.random() < 0.3) + transactional
    mirror = Mirror(dice.choice((1, 1, 1, 2)), version >= TRANSACTION_VERSION_2)
    steps = [Step("init", letter) for letter in transactional]
    for step in steps:
        mirror.play(step)
    drawer = StepDrawer(dice, mirror, letters)
    for _ in range(dice.randint(3, 24)):
        steps.append(drawer.next_step())
        mirror.play(steps[-1])
    return Script(tuple(steps), version)
