"""What a broker does otherwise than Kafka's rule, row by row of the decision table, and why.

Of a history the first difference counts, as what follows may be its consequence: in the answers, where those
are all the same in the offsets and times that come with them, and then in what is left at the end. So that a
frequent one hides no other, the step that differs is taken out of its history and the rest is played again.

Differences are grouped by their cause: the row, and what each of the two did there. A cause counts if its
script shows it again; what happens once and never again is told apart. The first decision that went another
way need not be the one that shows: a broker may answer a step as Kafka does, keep something else of it, and
give that away later, in any row. Everything in a shortest script is needed, so the rows before the last one,
but for those without which its row cannot be reached, say which step that was. A difference that needs the
same rows as another and maybe more, and ends in the same answer of this broker, is counted with the other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, fields

from course_tools.conformance.decision_table import DECISION_TABLE
from course_tools.conformance.mirror import rows_by_step
from course_tools.conformance.outcome import GARBAGE, HUNG_UP, Comparison, EndState, StepOutcome
from course_tools.conformance.script import Script
from lesson_lib.core.kafka_version import DEFAULT_VERSION, KafkaVersion
from lesson_lib.text_table import aligned

ANSWERS, PLACES, LEFT = "answer", "offsets and times", "state at the end"
PLACE_NAMES = "base offset", "log start", "time of append"
NO_ANSWER = {HUNG_UP: "hung up", GARBAGE: "garbage"}
NOT_SERVED = ("hung up", "error 35")
HEADINGS = ("row", "tried", "verdict", "what Apache Kafka does")
ANY_PRODUCER = {"D1", "D16", "D17", "D18"}  # rows on the way to others, no matter who sends
TRANSACTION = {"init", "add", "D23 added", "D22"}  # and on the way to the rows of a transaction
FILLS_THE_LOG = {"producers"}  # whose record makes the partition one that held a record: no cause
SEVERAL = {"partitions": "a second partition", "producers": "a second producer"}
OF_A_COORDINATOR = {f"error {code}" for code in (48, 49, 51, 53, 90, 120)}


@dataclass(frozen=True, slots=True)
class Cause:
    """Why two brokers differ: in what, at which row of the table, and what each of them did there."""

    level: str
    row: str
    kafka: str
    theirs: str

    def __str__(self) -> str:
        return f"{self.level}, {in_words(self.row)}: Apache Kafka {self.kafka}, this broker {self.theirs}"


def in_words(row: str) -> str:
    """A row with its meaning."""
    return f"{row} ({DECISION_TABLE[row]})" if row in DECISION_TABLE else row


@dataclass
class Difference:
    """One cause with the histories that show it first, the shortest script, and what is counted with it.

    `needs`: the rows, and a second partition or producer, that the shortest script needs before the step that
    differs.
    """

    cause: Cause
    found: list[Comparison] = field(default_factory=list)
    rows: set[str] = field(default_factory=set)
    smallest: Comparison | None = None
    needs: frozenset[str] = frozenset()
    consequences: list[Difference] = field(default_factory=list)

    @property
    def histories(self) -> int:
        """How many show it, or what is counted with it."""
        return len(self.found) + sum(one.histories for one in self.consequences)

    def __str__(self) -> str:
        after = ", and ".join(SEVERAL.get(one) or in_words(one) for one in sorted(self.needs))
        return f"{self.cause}{' (after ' * bool(after)}{after}{')' * bool(after)}"


@dataclass
class Judgement:
    """What came of all histories: how often each row was tried, and the differences by their causes.

    `once` counts histories that differed and did not when they were played again.
    """

    name: str
    version: KafkaVersion = DEFAULT_VERSION
    tried: Counter[str] = field(default_factory=Counter)
    differences: dict[Cause, Difference] = field(default_factory=dict)
    once: int = 0

    def take(self, compared: Comparison, since: int = 0) -> tuple[Script, int] | None:
        """Count one history from the step `since` on; the history without the step that differs, if one
        does, and from where on it is to be counted then."""
        rows, at = rows_by_step(compared.script, self.version), _differing(compared)[1]
        for step in rows[since:at + 1]:
            self.tried.update(step)
        for cause in self.causes_of(compared):
            difference = self.differences.setdefault(cause, Difference(cause))
            difference.found.append(compared)
            difference.rows.update(*rows[at:at + 1])
        steps = compared.script.steps
        rest = compared.script.with_steps(steps[:at] + steps[at + 1:])
        return (rest, at) if at < len(steps) - 1 and rest.playable else None

    def causes_of(self, compared: Comparison) -> list[Cause]:
        """Why the two differ in this history; several where one answer lacks more than one thing."""
        level, at = _differing(compared)
        if level == LEFT:
            return _left_behind(compared)[:1]
        left, right = compared.left.steps[at], compared.right.steps[at]
        if level == PLACES:  # the same in every row
            where = "an answer with an error" if left.error else "an answer without one"
            return [Cause(PLACES, where, name if one else f"no {name}",
                          f"no {name}" if not other else f"another {name}" if one else f"a {name}")
                    for name, one, other in zip(PLACE_NAMES, _places(left), _places(right), strict=True)
                    if one != other]
        rows = rows_by_step(compared.script, self.version)[at] or [compared.script.steps[at].kind]
        theirs = _answer(right)
        return [Cause(ANSWERS, rows[0 if theirs in OF_A_COORDINATOR else -1], _answer(left), theirs)]

    def settle(self, smallest: Callable[[Difference], Comparison | None]) -> None:
        """Set aside what does not happen again, give the others their shortest script, and count
        consequences with what they follow from."""
        for one in self.by_number():
            one.smallest = smallest(one)
            if one.smallest is None:
                self.once += len(self.differences.pop(one.cause).found)
            elif one.cause.level == ANSWERS:
                one.needs = self._needs(one.smallest)
        origins: list[Difference] = []
        for one in sorted(self.by_number(), key=lambda each: len(each.needs)):
            origin = next((each for each in origins if each.needs <= one.needs
                           and each.cause.theirs == one.cause.theirs), None)
            if origin:
                origin.consequences.append(self.differences.pop(one.cause))
            elif one.needs - FILLS_THE_LOG:
                origins.append(one)

    def _needs(self, small: Comparison) -> frozenset[str]:
        script, at = small.script, _differing(small)[1]
        last = script.steps[at]
        of_a_transaction = last.transactional or last.kind != "send" and last.of_transactional_id
        before = {row for rows in rows_by_step(script, self.version)[:at] for row in rows}
        several = {"partitions": script.partitions,
                   "producers": len({step.producer for step in script.steps})}
        return frozenset(before | {name for name, number in several.items() if number > 1}
                         ) - ANY_PRODUCER - (TRANSACTION if of_a_transaction else set())

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


def _differing(compared: Comparison) -> tuple[str, int]:
    """In what the two differ first, and at which step; behind the last one for what is left at the end."""
    for level, told in ((ANSWERS, _answer), (PLACES, _places)):
        pairs = enumerate(zip(compared.left.steps, compared.right.steps, strict=True))
        step = next((step for step, (one, other) in pairs if told(one) != told(other)), None)
        if step is not None:
            return level, step
    return LEFT, len(compared.script.steps)


def _answer(seen: StepOutcome) -> str:
    if seen.error in NO_ANSWER:
        return NO_ANSWER[seen.error]
    return f"error {seen.error}" if seen.error else "ok"


def _places(seen: StepOutcome) -> tuple[str, ...]:
    """In the order of `PLACE_NAMES`; empty for what is not there."""
    return tuple(str(number) if number >= 0 else "" for number in (seen.base_offset, seen.log_start_offset)
                 ) + (seen.append_time,)


def _left_behind(compared: Comparison) -> list[Cause]:
    if compared.left.unread != compared.right.unread:
        return [Cause(LEFT, "what is left", *(side.unread or "tells it" for side in
                                              (compared.left, compared.right)))]
    return [Cause(LEFT, what.name.replace("_", " "), "keeps one" if kafka else "keeps nothing",
                  "keeps another" if theirs else "keeps nothing")
            for one, other in zip(compared.left.partitions, compared.right.partitions, strict=False)
            for what in fields(EndState)
            if (kafka := getattr(one, what.name)) != (theirs := getattr(other, what.name))]
