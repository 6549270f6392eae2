"""Random scripts that crowd around the edges of the rule: five batches back, one before and one after the
last sequence, the neighbouring epochs, 2147483647, open transactions. `random_script(Random(seed))` gives the
same script for the same seed.

Each step is drawn by a move, which has a weight. A mirror of the partitions says which numbers are the
interesting ones now. A move that makes no sense yet returns None, and another one is drawn.
"""

from __future__ import annotations

from random import Random

from course_tools.conformance.decision_table import Mirror
from course_tools.conformance.script import FLAWS, TRANSACTION_VERSION_2, Script, Step
from lesson_lib.core.producer_state import MAX_SEQUENCE, decrement_sequence, increment_sequence

COUNTS = (1, 1, 1, 1, 2, 2, 3, 5, 12)
STARTS = (0, 0, 0, 0, 1, 5)
MAX_EPOCH = 2**15 - 1
# How often each move is drawn.
WEIGHTS = {"exactly next": 24, "several next": 12, "replay": 16, "split otherwise": 9, "beside next": 6,
           "from zero": 4, "up to the wrap": 6, "after the largest": 9, "newer epoch": 5, "older epoch": 4,
           "the coordinator's epoch": 4, "without id": 2, "without sequence": 1, "flawed": 3, "new": 1,
           "delete": 2, "init": 3, "bump": 2, "add": 12, "end": 7}
OF_A_TRANSACTIONAL_ID = {"the coordinator's epoch", "init", "bump", "add", "end"}
OF_A_KNOWN_PRODUCER = {"several next", "up to the wrap", "new"}
OF_STORED_BATCHES = {"split otherwise", "beside next"}


class StepDrawer:
    """Draws one step after the other: has the dice, the mirror, and whose turn it is where."""

    def __init__(self, dice: Random, mirror: Mirror, letters: str) -> None:
        self.dice, self.mirror, self.letters = dice, mirror, letters
        self._turn()

    def next_step(self) -> Step:
        """One that makes sense now."""
        step = None
        while step is None:
            self._turn()
            step = self._step(self.dice.choices(tuple(WEIGHTS), tuple(WEIGHTS.values()))[0])
        return step

    def _turn(self) -> None:
        """Draw the producer and the partition that the next move is about."""
        self.letter = self.dice.choice(self.letters)
        self.transactional = self.letter.isupper()
        self.partition = self.dice.randrange(self.mirror.partitions)
        self.entry = self.mirror.entry(self.letter, self.partition)
        self.newest = self.mirror.producer(self.letter)[1]
        self.epoch = self.entry.producer_epoch if self.entry else max(self.newest, 0)
        self.known = bool(self.entry and self.entry.batches)
        self.following = increment_sequence(self.entry.last_sequence, 1) if self.known else 0
        self.ranges = self.mirror.ranges(self.letter, self.partition)
        # A transaction is open on the partition, or announced.
        opened = self.entry is not None and self.entry.current_txn_first_offset is not None
        announced = self.mirror.coordinator.entries.get(self.letter)
        self.in_transaction = opened or bool(announced and ("", self.partition) in announced.partitions)

    def _send(self, base_sequence: int, count: int = 0, epoch: int | None = None,
              flaw: str = "") -> Step | None:
        """A batch with these numbers, and a count at random unless told; None where they are no numbers for a
        header."""
        count = count or self.dice.choice(COUNTS)
        absolute = self.epoch if epoch is None else epoch
        # Beyond its newest epoch the coordinator could write no marker any more.
        highest = self.newest if self.transactional else MAX_EPOCH
        if not 0 <= absolute <= highest or not -1 <= base_sequence <= MAX_SEQUENCE:
            return None
        shown = absolute - self.newest if self.transactional else absolute
        likely = 0.02 if not self.transactional else 0.95 if self.in_transaction else 0.3
        in_transaction = self.dice.random() < likely
        return Step("send", self.letter, self.partition, shown, base_sequence, count, in_transaction, flaw)

    def _step(self, move: str) -> Step | None:
        choice, entry, following = self.dice.choice, self.entry, self.following
        if (move in OF_A_TRANSACTIONAL_ID and not self.transactional
                or move in OF_A_KNOWN_PRODUCER and not entry or move in OF_STORED_BATCHES and not self.known):
            return None
        match move:
            case "exactly next":
                if entry is None and not self.transactional and self.dice.random() < 0.3:
                    return self._send(decrement_sequence(MAX_SEQUENCE, self.dice.randrange(4)))
                return self._send(following if entry else choice(STARTS))
            case "several next":  # one small batch more, to push the window on
                return self._send(following, 1)
            case "replay":
                return self._replay()
            case "split otherwise":
                return self._split_otherwise()
            case "beside next":
                return self._send((following + choice((1, 1, 2, 5, -1, -2))) & MAX_SEQUENCE)
            case "from zero":
                return self._send(choice((0, 0, 0, 1, MAX_SEQUENCE)))
            case "up to the wrap":  # it ends at 2147483647, or just across
                left = MAX_SEQUENCE - following + 1
                return self._send(following, left + choice((0, 0, 1, 3))) if left < 40 else None
            case "after the largest":  # 0 is right, 1 is not
                at_the_end = entry is not None and entry.last_sequence == MAX_SEQUENCE
                return self._send(choice((0, 1, 1))) if at_the_end else None
            case "newer epoch":  # the next, or a far one
                epoch = choice((self.epoch + 1, self.epoch + 1, self.epoch + 2, MAX_EPOCH))
                return self._send(choice((0, 0, 0, 1, following)), epoch=epoch)
            case "older epoch":  # a zombie
                stored = [first for _, first, _ in self.ranges] or [0]
                return self._send(choice((0, following, *stored[-2:])), epoch=self.epoch - 1)
            case "the coordinator's epoch":  # the newest that was handed out
                return self._send(choice((0, following)), epoch=self.newest)
            case "without id":
                return Step("send", partition=self.partition, count=choice(COUNTS))
            case "without sequence":
                return self._send(-1, 1)
            case "flawed":
                return self._send(following, choice(COUNTS), flaw=choice(FLAWS))
            case "new":
                return None if self.transactional else Step("new", self.letter)
            case "delete":  # somewhere in the log, its end, or beyond
                end = self.mirror.logs[self.partition].log_end_offset
                offsets = end and (self.dice.randint(0, end), end, -1, end + 1)
                return Step("delete", partition=self.partition, offset=choice(offsets)) if offsets else None
            case "init":
                return Step("init", self.letter)
            case "bump":  # as clients do after an error
                return self._ask("bump", 0.7)
            case "add":
                return None if self.in_transaction else self._ask("add", 0.9)
        return self._ask(choice(("commit", "abort")), 0.9)

    def _replay(self) -> Step | None:
        """A batch that was stored, remembered or forgotten, most often one at the border of five."""
        stored = [one for one in self.ranges if one[0] == self.epoch] or self.ranges
        if not stored:
            return None
        back = self.dice.choice((1, 1, 2, 4, 5, 5, 6, 6, 7))
        epoch, first, last = stored[-min(back, len(stored))]
        return self._send(first, ((last - first) & MAX_SEQUENCE) + 1, epoch)

    def _split_otherwise(self) -> Step | None:
        """A remembered range with one end moved, or two ranges as one batch."""
        batch = self.dice.choice(self.entry.batches)
        first, count = batch.first_sequence, ((batch.last_sequence - batch.first_sequence) & MAX_SEQUENCE) + 1
        earlier, later = decrement_sequence(first, 1), increment_sequence(first, 1)
        choices = [(first, count + 1), (earlier, count + 1), (earlier, count), (later, count)]
        if count > 1:
            choices += [(first, count - 1), (later, count - 1), (later, count - 1)]
        return self._send(*self.dice.choice(choices))

    def _ask(self, kind: str, newest: float) -> Step:
        """A request to the coordinator, by the newest of the producers as often as `newest` says."""
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
