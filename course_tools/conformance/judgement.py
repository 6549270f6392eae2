"""What a broker does otherwise than Kafka's rule, row by row of the decision table, and why.

Of a history the first difference counts, as what follows may be its consequence: in the answers, where those
are all the same in the offsets and times that come with them, and then in what is left at the end. So that a
frequent one hides no other, the step that differs is taken out of its history and the rest is played again.

Differences are grouped by their cause: the row, and what each of the two did there. A cause counts if its
script shows it again. The first decision that went another way need not be the one that shows: a broker may
answer a step as Kafka does, keep something else of it, and give that away later, in any row. Everything in a
shortest script is needed, so the rows before the last one, but for those without which its row cannot be
reached, say which step that was. Histories that lack what it needs have a second cause, with a script of
their own. A difference that needs the same as another and maybe more, and ends in the same answer of this
broker, is counted with the other, as one more form of it. A batch that is refused before anybody looks into
the memory needs nothing: what a broker without that check answers instead is whatever it looks at next.

A subject is a chapter for the reader, and hides nothing: every cause in it has its own line.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from typing import Any

from course_tools.conformance.decision_table import DECISION_TABLE, rows_by_step
from course_tools.conformance.script import GARBAGE, HUNG_UP, Comparison, Script, StepOutcome
from lesson_lib.core.kafka_version import DEFAULT_VERSION, KafkaVersion
from lesson_lib.core.producer_state import MAX_SEQUENCE
from lesson_lib.text_table import aligned

ANSWERS, PLACES, LEFT = "answer", "offsets and times", "state at the end"
PLACE_NAMES = "base offset", "log start", "time of append"
ANY_PRODUCER = {"D1", "D16", "D17", "D18"}  # rows on the way to others, no matter who sends
OPENS = {"add", "D23 added", "D22"}  # a transaction is open; with `init`, on the way to the rows of one
FILLS_THE_LOG = {"producers"}  # whose record makes the partition one that held a record: no cause
SEVERAL = {"partitions": "a second partition", "producers": "a second producer",
           "wrap": f"a sequence near {MAX_SEQUENCE}", "epoch": "the coordinator handed out a newer epoch"}
NEAR = 100  # sequences; a shortest script has large ones only where small ones do not show it
WRONG_IN_ITSELF = {"D19", "D20", "D24", "crc", "offset", "delta", "liar", "empty", "acks2", "nameless"}
ASKED_FIRST = {"D23 added", "D23 not added", "D23 other epoch", "D23 unknown id"}
OF_THE_COORDINATOR = {row for row in DECISION_TABLE
                      if row.split(",")[0] in ("init", "bump", "fence", "add", "commit", "abort")}
WAITING = {"D23 late", "D17 bumping"}
NO_ANSWER = {HUNG_UP: "hung up", GARBAGE: "garbage"}
NOT_SERVED = ("hung up", "error 35")
HEADINGS = ("row", "tried", "verdict", "what Apache Kafka does")
IN_A_TRANSACTION = "error 48"
OF_A_COORDINATOR = {f"error {code}" for code in (48, 49, 51, 53, 90, 120)}
# How `play` tells a producer in a leader's memory, and what each part of it is.
PARTS_OF_MEMORY = {"last": "the last sequence", "time": "the time", "transaction": "the open transaction",
                   "marker": "whether a marker was seen", " e": "the epoch"}
MOST_PARTS = 6  # shortest scripts that are looked for among the histories of one cause


@dataclass(frozen=True, slots=True)
class Cause:
    """Why two brokers differ: in what, at which row of the table, and what each of them did there. `form`: 1,
    or more where the shortest script of those before does not explain every history with the same three."""

    level: str
    row: str
    kafka: str
    theirs: str
    form: int = 1

    def __str__(self) -> str:
        return f"{self.level}, {in_words(self.row)}: Apache Kafka {self.kafka}, this broker {self.theirs}"


def in_words(row: str) -> str:
    """A row with its meaning."""
    return f"{row} ({DECISION_TABLE[row]})" if row in DECISION_TABLE else row


@dataclass
class Difference:
    """One cause with the histories that show it first, the shortest script, and what is counted with it.

    `needs`: the rows, and what else `SEVERAL` names, that the shortest script needs before the step that
    differs.
    """

    cause: Cause
    found: list[Comparison] = field(default_factory=list)
    rows: set[str] = field(default_factory=set)
    smallest: Comparison | None = None
    needs: frozenset[str] = frozenset()
    consequences: list[Difference] = field(default_factory=list)

    @property
    def times(self) -> int:
        """How often it was found, with what is counted with it."""
        return sum(len(one.found) for one in self.forms)

    @property
    def forms(self) -> list[Difference]:
        """Itself, and what is counted with it, the most frequent first."""
        return [self, *sorted(self.consequences, key=lambda one: -len(one.found))]

    def __str__(self) -> str:
        after = ", and ".join(SEVERAL.get(one) or in_words(one) for one in sorted(self.needs))
        return f"{self.cause} (after {after})" if after else str(self.cause)

    def belongs_to(self, other: Difference) -> bool:
        """Whether it is a form of the other, which needs no more."""
        one, another = self.cause, other.cause
        rows = {one.row, another.row}
        if not one.level == another.level == ANSWERS:
            return False
        if rows & (WRONG_IN_ITSELF | ASKED_FIRST | WAITING):
            return len(rows) == 1
        if one.theirs != another.theirs or one.theirs == "ok" and one.kafka != another.kafka:
            return False
        if rows & OF_THE_COORDINATOR:
            return len(rows) == 1
        return other.needs <= self.needs and bool(other.needs - FILLS_THE_LOG) and "wrap" not in other.needs

    @property
    def subject(self) -> str:
        """The chapter that it belongs to."""
        row, theirs = self.cause.row, self.cause.theirs
        if self.cause.level == PLACES:
            return "Offsets and times in the answers"
        if self.cause.level == LEFT:
            return "What is left at the end"
        if row in WRONG_IN_ITSELF:
            return "Batches that are wrong in themselves"
        if row in ASKED_FIRST | WAITING:
            return "The coordinator's word before the first batch of a transaction"
        if row in OF_THE_COORDINATOR:
            return "Requests to the coordinator"
        if "wrap" in self.needs:
            return f"Sequences near {MAX_SEQUENCE}"
        if theirs == IN_A_TRANSACTION or row == "D21":
            return "Plain batches while a transaction is open"
        if "error 47" in (self.cause.kafka, theirs) or "epoch" in self.needs:
            return "Which epoch of a producer is the newest"
        if row in ("D16", "D17"):
            return "The first batch of an unknown producer id"
        of_the_rule = row.startswith("D") and row[1:2].isdigit() or row == "behind"
        return "Sequences and duplicates" if of_the_rule else "Everything else"


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
        rows, (_, at) = rows_by_step(compared.script, self.version), _differing(compared)
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
            del self.differences[one.cause]
            self._take_apart(one, smallest)
        origins: list[Difference] = []
        for one in sorted(self.by_number(), key=lambda each: len(each.needs)):
            if origin := next(filter(one.belongs_to, origins), None):
                origin.consequences.append(self.differences.pop(one.cause))
            else:
                origins.append(one)

    def _take_apart(self, one: Difference, smallest: Callable[[Difference], Comparison | None]) -> None:
        """Its histories by what they need: those that lack what the shortest script needs have another."""
        parts: dict[frozenset[str], Difference] = {}
        rest = one.found
        for number in range(1, MOST_PARTS + 1):
            small = smallest(replace(one, found=rest)) if rest else None
            if small is None:
                break
            needs = self._needs(small, one.cause)
            mine = [each for each in rest
                    if number == MOST_PARTS or not needs or needs <= self._before(each)]
            # Rows can change while a script is made short: then it is one of a kind.
            mine = mine or [min(rest, key=lambda each: len(each.script.steps))]
            taken = set(map(id, mine))
            rest = [each for each in rest if id(each) not in taken]
            part = parts.setdefault(needs, replace(one, cause=replace(one.cause, form=len(parts) + 1),
                                                   found=[], smallest=small, needs=needs,
                                                   consequences=[]))
            part.found += mine
        self.once += len(rest)
        self.differences.update((part.cause, part) for part in parts.values())

    def _before(self, compared: Comparison) -> set[str]:
        """All that happens before the step that differs: rows, and what `SEVERAL` names."""
        script, at = compared.script, _differing(compared)[1]
        last, producers = script.steps[at], {step.producer for step in script.steps}
        rows = {row for rows in rows_by_step(script, self.version)[:at] for row in rows}
        several = {"partitions": script.partitions > 1, "producers": len(producers) > 1,
                   "wrap": any(step.kind == "send" and step.base_sequence + step.count > MAX_SEQUENCE - NEAR
                               for step in script.steps[:at + 1]),
                   "epoch": last.of_transactional_id and last.epoch < 0, "add": rows & OPENS}
        return rows | {name for name, there in several.items() if there}

    def _needs(self, small: Comparison, cause: Cause) -> frozenset[str]:
        """What the step that differs in a shortest script needs before it for the two to differ."""
        if cause.level != ANSWERS or cause.row in WRONG_IN_ITSELF | ASKED_FIRST:
            return frozenset()
        needs, last = self._before(small), small.script.steps[_differing(small)[1]]
        needs -= ANY_PRODUCER | OPENS - {"add"}
        if last.transactional or last.kind != "send" and last.of_transactional_id:
            needs -= {"init", "add"}
        if last.kind != "send" or cause.theirs == IN_A_TRANSACTION:
            needs -= {"epoch"}
        if "epoch" in needs:
            return frozenset(needs - OF_THE_COORDINATOR)
        return frozenset(needs - {"init"} or needs)

    def by_number(self) -> list[Difference]:
        """The differences, the most frequent first."""
        return sorted(self.differences.values(), key=lambda one: -one.times)

    def by_subject(self) -> dict[str, list[Difference]]:
        """The differences by their subjects; in both the most frequent first."""
        subjects: dict[str, list[Difference]] = {}
        for one in self.by_number():
            subjects.setdefault(one.subject, []).append(one)
        return dict(sorted(subjects.items(), key=lambda item: -sum(one.times for one in item[1])))

    def verdict(self, row: str) -> str:
        """How the broker did in a row, its answers before anything else."""
        every = [each for one in self.differences.values() for each in one.forms]
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
        pairs = zip(compared.left.steps, compared.right.steps, strict=True)
        for step, (one, other) in enumerate(pairs):
            if told(one) != told(other):
                return level, step
    return LEFT, len(compared.script.steps)


def _answer(seen: StepOutcome) -> str:
    return NO_ANSWER.get(seen.error) or (f"error {seen.error}" if seen.error else "ok")


def _places(seen: StepOutcome) -> tuple[str, ...]:
    """In the order of `PLACE_NAMES`; empty for what is not there."""
    numbers = seen.base_offset, seen.log_start_offset
    return *(str(number) if number >= 0 else "" for number in numbers), seen.append_time


def _left_behind(compared: Comparison) -> list[Cause]:
    if compared.left.unread != compared.right.unread:
        sides = (side.unread or "tells it" for side in (compared.left, compared.right))
        return [Cause(LEFT, "what is left", *sides)]
    return [Cause(LEFT, _what_is_kept(name, kafka, theirs), "keeps one" if kafka else "keeps nothing",
                  "keeps another" if theirs else "keeps nothing")
            for one, other in zip(compared.left.partitions, compared.right.partitions, strict=False)
            for name, kafka, theirs in one.differing(other)]


def _what_is_kept(name: str, kafka: Any, theirs: Any) -> str:
    """The name of what differs; of the leader's memory, which part of the first producer that differs."""
    if name != "producers" or not kafka or not theirs:
        return name
    one, other = next((a, b) for a, b in zip_longest(kafka, theirs, fillvalue="") if a != b)
    if one.split(" ")[0] != other.split(" ")[0]:
        return "producers"
    parts = (side.replace(" last ", ", last ").split(", ") for side in (one, other))
    a, b = next((a, b) for a, b in zip_longest(*parts, fillvalue="") if a != b)
    return f"producers, {PARTS_OF_MEMORY[next(word for word in PARTS_OF_MEMORY if word in (a or b))]}"
