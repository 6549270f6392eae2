"""Random scripts that crowd around the edges of the rule: five batches back, one before and one after the
last sequence, the neighbouring epochs, 2147483647, open transactions. `random_script(Random(seed))` gives the
same script for the same seed.

Each step is drawn by a move: a name, a weight and a function from the world so far to a step. A mirror of the
partitions says which numbers are the interesting ones now. A move that makes no sense yet returns None, and
another one is drawn.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from course_tools.conformance.mirror import Mirror
from course_tools.conformance.script import FLAWS, TRANSACTION_VERSION_2, Script, Step
from lesson_lib.core.batch import MAX_SEQUENCE, decrement_sequence, increment_sequence

Move = Callable[["Edges"], Step | None]
COUNTS = (1, 1, 1, 1, 2, 2, 3, 5, 12)
STARTS = (0, 0, 0, 0, 1, 5)
MAX_EPOCH = 2**15 - 1


class Edges:
    """What a move may look at: the dice, the mirror, and whose turn it is where."""

    def __init__(self, dice: Random, mirror: Mirror, letters: str) -> None:
        self.dice, self.mirror, self.letters = dice, mirror, letters
        self.turn()

    def turn(self) -> None:
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


def exactly_next(w: Edges) -> Step | None:
    """What a well-behaved producer sends."""
    if w.entry is None and not w.letter.isupper() and w.dice.random() < 0.3:
        return w.send(decrement_sequence(MAX_SEQUENCE, w.dice.randrange(4)), w.count())
    return w.send(w.next_sequence if w.entry else w.dice.choice(STARTS), w.count())


def several_next(w: Edges) -> Step | None:
    """One small batch more, to push the window on."""
    return w.send(w.next_sequence, 1) if w.entry else None


def replay(w: Edges) -> Step | None:
    """A batch that was stored, remembered or forgotten, most often one at the border of five."""
    ranges = w.mirror.ranges(w.letter, w.partition)
    stored = [one for one in ranges if one[0] == w.epoch] or ranges
    if not stored:
        return None
    back = w.dice.choice((1, 1, 2, 4, 5, 5, 6, 6, 7))
    epoch, first, last = stored[-min(back, len(stored))]
    return w.send(first, ((last - first) & MAX_SEQUENCE) + 1, epoch)


def split_otherwise(w: Edges) -> Step | None:
    """A remembered range with one end moved, or two ranges as one batch."""
    if not w.entry or not w.entry.batches:
        return None
    batch = w.dice.choice(w.entry.batches)
    count = ((batch.last_sequence - batch.first_sequence) & MAX_SEQUENCE) + 1
    earlier = decrement_sequence(batch.first_sequence, 1)
    later = increment_sequence(batch.first_sequence, 1)
    choices = [(batch.first_sequence, count + 1), (earlier, count + 1), (earlier, count), (later, count)]
    if count > 1:
        choices += [(batch.first_sequence, count - 1), (later, count - 1), (later, count - 1)]
    return w.send(*w.dice.choice(choices))


def beside_next(w: Edges) -> Step | None:
    """A little before or after what would be next."""
    if not w.entry or not w.entry.batches:
        return None
    step = w.dice.choice((1, 1, 2, 5, -1, -2))
    return w.send((w.next_sequence + step) & MAX_SEQUENCE, w.count())


def from_zero(w: Edges) -> Step | None:
    """0, 1 or the largest number."""
    return w.send(w.dice.choice((0, 0, 0, 1, MAX_SEQUENCE)), w.count())


def up_to_the_wrap(w: Edges) -> Step | None:
    """A batch that ends at, or just across, 2147483647."""
    left = MAX_SEQUENCE - w.next_sequence + 1
    return w.send(w.next_sequence, left + w.dice.choice((0, 0, 1, 3))) if w.entry and left < 40 else None


def after_the_largest(w: Edges) -> Step | None:
    """What follows 2147483647: 0 is right, 1 is not."""
    at_the_end = w.entry is not None and w.entry.last_sequence == MAX_SEQUENCE
    return w.send(w.dice.choice((0, 1, 1)), w.count()) if at_the_end else None


def newer_epoch(w: Edges) -> Step | None:
    """The next epoch (or a far one) from 0, or from where the old one was."""
    epoch = w.dice.choice((w.epoch + 1, w.epoch + 1, w.epoch + 2, MAX_EPOCH))
    return w.send(w.dice.choice((0, 0, 0, 1, w.next_sequence)), w.count(), epoch)


def older_epoch(w: Edges) -> Step | None:
    """A zombie: the epoch before, with whatever sequence."""
    stored = [first for _, first, _ in w.mirror.ranges(w.letter, w.partition)] or [0]
    return w.send(w.dice.choice((0, w.next_sequence, *stored[-2:])), w.count(), w.epoch - 1)


def same_epoch_as_coordinator(w: Edges) -> Step | None:
    """The newest epoch that was handed out, from 0 or from next."""
    return w.send(w.dice.choice((0, w.next_sequence)), w.count(), w.newest) if w.letter.isupper() else None


def without_id(w: Edges) -> Step | None:
    """A plain batch, as with idempotence off."""
    return Step("send", partition=w.partition, count=w.count())


def without_sequence(w: Edges) -> Step | None:
    """An id and no sequence."""
    return w.send(-1, 1)


def flawed(w: Edges) -> Step | None:
    """A batch that never reaches the rule."""
    return w.send(w.next_sequence, w.count(), flaw=w.dice.choice(tuple(FLAWS)))


def new_id(w: Edges) -> Step | None:
    """The producer restarts."""
    return None if w.letter.isupper() or w.entry is None else Step("new", w.letter)


def delete(w: Edges) -> Step | None:
    """DeleteRecords: somewhere in the log, its end, or beyond."""
    end = w.mirror.logs[w.partition].log_end_offset
    if not end:
        return None
    offset = w.dice.choice((w.dice.randint(0, end), end, -1, end + 1))
    return Step("delete", partition=w.partition, offset=offset)


def init(w: Edges) -> Step | None:
    """A transactional producer starts again."""
    return Step("init", w.letter) if w.letter.isupper() else None


def bump(w: Edges) -> Step | None:
    """A transactional producer asks for its next epoch, as clients do after an error."""
    return _as(w, "bump", 0.7) if w.letter.isupper() else None


def add(w: Edges) -> Step | None:
    """A partition joins the transaction."""
    return _as(w, "add", 0.9) if w.letter.isupper() and not w.in_transaction else None


def end(w: Edges) -> Step | None:
    """Commit or abort."""
    return _as(w, w.dice.choice(("commit", "abort")), 0.9) if w.letter.isupper() else None


def _as(w: Edges, kind: str, newest: float) -> Step:
    epoch = 0 if w.dice.random() < newest else w.dice.choice((-1, 1))
    return Step(kind, w.letter, w.partition if kind == "add" else 0, epoch)


MOVES: dict[Move, int] = {
    exactly_next: 24, several_next: 12, replay: 16, split_otherwise: 9, beside_next: 6, from_zero: 4,
    up_to_the_wrap: 6,
    after_the_largest: 9, newer_epoch: 5, older_epoch: 4, same_epoch_as_coordinator: 4,
    without_id: 2, without_sequence: 1, flawed: 3, new_id: 1, delete: 2, init: 3, bump: 2, add: 12, end: 7,
}


def random_script(dice: Random, produce_versions: tuple[int, ...] = (9,)) -> Script:
    """A script of 3 to 24 steps on one or two partitions, for one to three producers."""
    version = dice.choice(produce_versions)
    transactional = "X" if version >= TRANSACTION_VERSION_2 else dice.choice(("", "", "", "X", "X", "XY"))
    letters = dice.choice(("a", "a", "ab")) * (not transactional or dice.random() < 0.3) + transactional
    mirror = Mirror(dice.choice((1, 1, 1, 2)), version >= TRANSACTION_VERSION_2)
    steps = [Step("init", letter) for letter in transactional]
    for step in steps:
        mirror.play(step)
    world = Edges(dice, mirror, letters)
    for _ in range(dice.randint(3, 24)):
        steps.append(_next_step(world))
        mirror.play(steps[-1])
    return Script(tuple(steps), version)


def _next_step(world: Edges) -> Step:
    while True:
        world.turn()
        move = world.dice.choices(tuple(MOVES), tuple(MOVES.values()))[0]
        if step := move(world):
            return step
