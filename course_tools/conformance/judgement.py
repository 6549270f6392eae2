"""What a broker does otherwise than Kafka's rule, row by row of the decision table, and why.

Of a history the first difference counts, as what follows may be its consequence: in the answers, where those
are all the same in the offsets and times that come with them, and then in what is left at the end.
Differences are grouped by their cause (the row, and what each of the two did). So that a frequent one hides
no other, the step that differs is taken out of its history and the rest is played again.

A cause counts if its script shows it again; what happens once and never again is told apart. If all unusual
steps (a refusal, a duplicate, a marker) that one shortest script needs before the step that differs are
needed by another one too, and both end in the same answer of this broker, then the other is a consequence,
and is counted with the first: the broker took something away from those steps that Kafka does not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, fields

from course_tools.conformance.compare import Comparison
from course_tools.conformance.mirror import DECISION_TABLE, Mirror
from course_tools.conformance.outcome import EndState, Seen
from course_tools.conformance.script import Script
from lesson_lib.text_table import aligned

ANSWERS, PLACES, LEFT = "answer", "offsets and times", "state at the end"
HUNG_UP = -1
NOT_SERVED = ("hung up", "error 35")
HEADINGS = ("row", "tried", "verdict", "what Apache Kafka does")
USUAL = {"D1", "D16", "D17", "D18", "D22", "D23 added", "init", "add"}  # rows of what a producer does anyway


@dataclass(frozen=True, slots=True)
class Cause:
    """Why two brokers differ: in what, at which row of the table, and what each of them did there."""

    level: str
    row: str
    kafka: str
    theirs: str

    def __str__(self) -> str:
        meaning = f" ({DECISION_TABLE[self.row]})" if self.row in DECISION_TABLE else ""
        return f"{self.level}, {self.row}{meaning}: Apache Kafka {self.kafka}, this broker {self.theirs}"


@dataclass
class Difference:
    """One cause with the histories that show it first, the shortest script, and what follows from it."""

    cause: Cause
    found: list[Comparison] = field(default_factory=list)
    rows: set[str] = field(default_factory=set)
    smallest: Comparison | None = None
    consequences: list[Difference] = field(default_factory=list)

    @property
    def needs(self) -> frozenset[str]:
        """What its shortest script needs before the step that differs: unusual rows, and a second partition
        or producer."""
        if self.smallest is None or self.cause.level != ANSWERS:
            return frozenset()
        script = self.smallest.script
        before = rows_by_step(script)[:_first(self.smallest, _answer)]
        producers = {step.producer for step in script.steps}
        several = {"partitions": script.partitions, "producers": len(producers)}
        return frozenset([*(row for step in before for row in step),
                          *(name for name, number in several.items() if number > 1)]) - USUAL

    @property
    def histories(self) -> int:
        """How many show it, or what follows from it."""
        return len(self.found) + sum(one.histories for one in self.consequences)


@dataclass
class Judgement:
    """What came of all histories: how often each row was tried, and the differences by their causes.

    `once` counts histories that differed and did not when they were played again.
    """

    name: str
    tried: Counter[str] = field(default_factory=Counter)
    differences: dict[Cause, Difference] = field(default_factory=dict)
    once: int = 0

    def take(self, compared: Comparison, since: int = 0) -> tuple[Script, int] | None:
        """Count one history from the step `since` on; the history without the step that differs, if one
        does, and from where on it is to be counted then."""
        rows, cause = rows_by_step(compared.script), cause_of(compared)
        at = _first(compared, _TELLS[cause.level]) if cause and cause.level in _TELLS else len(rows)
        for step in rows[since:at + 1]:
            self.tried.update(step)
        if cause is None:
            return None
        difference = self.differences.setdefault(cause, Difference(cause))
        difference.found.append(compared)
        difference.rows.update(*rows[at:at + 1])
        steps = compared.script.steps
        rest = compared.script.with_steps(steps[:at] + steps[at + 1:])
        return (rest, at) if at < len(steps) - 1 and rest.playable else None

    def settle(self, smallest: Callable[[Difference, bool], Comparison | None], most: int) -> None:
        """Set aside what does not happen again, give the `most` frequent of the others their shortest script,
        and count consequences with what they follow from."""
        for number, one in enumerate(self.by_number()):
            one.smallest = smallest(one, number < most)
            if one.smallest is None:
                self.once += len(self.differences.pop(one.cause).found)
        origins: list[Difference] = []
        for one in sorted(self.by_number(), key=lambda each: len(each.needs)):
            origin = next((each for each in origins if each.needs <= one.needs
                           and each.cause.theirs == one.cause.theirs), None)
            if origin:
                origin.consequences.append(self.differences.pop(one.cause))
            elif one.needs:
                origins.append(one)

    def by_number(self) -> list[Difference]:
        """The differences, the most frequent first."""
        return sorted(self.differences.values(), key=lambda one: -one.histories)

    def verdict(self, row: str) -> str:
        """How the broker did in a row, its answers before anything else."""
        every = [each for one in self.differences.values() for each in (one, *one.consequences)]
        answers = [one for one in every if one.cause.level == ANSWERS and one.cause.row == row]
        if not self.tried[row]:
            return "not tried"
        if answers and all(one.cause.theirs in NOT_SERVED for one in answers):
            return "not supported"
        if answers:
            return f"differs, {sum(len(one.found) for one in answers)} times"
        elsewhere = any(row in one.rows for one in every if one.cause.level == PLACES)
        return f"agrees, but for {PLACES}" if elsewhere else "agrees"

    def table(self) -> str:
        """Every row of the decision table."""
        rows = [(row, str(self.tried[row]), self.verdict(row), meaning)
                for row, meaning in DECISION_TABLE.items()]
        return "\n".join(aligned([HEADINGS, *rows]))


def rows_by_step(script: Script) -> list[list[str]]:
    """For each step the rows that it hits."""
    mirror = Mirror(script.partitions, script.transaction_version_2)
    return [list(mirror.play(step)) for step in script.steps]


def cause_of(compared: Comparison) -> Cause | None:
    """Why the two differ in this history, None where they do not."""
    for level in _TELLS:
        if (step := _first(compared, _TELLS[level])) >= 0:
            return _cause_at(compared, level, step)
    for one, other in zip(compared.left.partitions, compared.right.partitions, strict=False):
        for what in fields(EndState):
            if getattr(one, what.name) != getattr(other, what.name):
                return Cause(LEFT, what.name.replace("_", " "), "keeps one", "keeps another")
    return None


def _cause_at(compared: Comparison, level: str, step: int) -> Cause:
    left, right = compared.left.steps[step], compared.right.steps[step]
    if level == PLACES:  # the same in every row
        kafka, theirs = _place_words(left), _place_words(right)
        return Cause(level, "an answer with an error" if left.error else "an answer without one", kafka,
                     theirs if theirs != kafka else "another time")
    row = next(iter(rows_by_step(compared.script)[step]), compared.script.steps[step].kind)
    return Cause(level, row, _answer(left), _answer(right))


def _first(compared: Comparison, told: Callable[[Seen], object]) -> int:
    """The first step of which the two tell something else, -1 for none."""
    pairs = enumerate(zip(compared.left.steps, compared.right.steps, strict=True))
    return next((step for step, (one, other) in pairs if told(one) != told(other)), -1)


def _answer(seen: Seen) -> str:
    if seen.error == HUNG_UP:
        return "hung up"
    return f"error {seen.error}" if seen.error else "ok"


def _places(seen: Seen) -> tuple[bool, str, bool]:
    """Which of the numbers are there, and the time; the offsets themselves are the history's."""
    return seen.base_offset >= 0, seen.append_time, seen.log_start_offset >= 0


def _place_words(seen: Seen) -> str:
    return ", ".join(name for name, there in zip(("offset", "time", "log start"), _places(seen), strict=True)
                     if there) or "nothing"


_TELLS: dict[str, Callable[[Seen], object]] = {ANSWERS: _answer, PLACES: _places}
