"""What a broker does otherwise than Kafka's rule, row by row of the decision table.

Of a history the first difference counts, as what follows may be its consequence: in the answers, where those
are all the same in the offsets and times that come with them, and then in what is left at the end. So that a
frequent one hides no other, the step that differs is taken out of its history and the rest is played again.

Differences are grouped by their cause: the row, and what each of the two did there. A cause counts if its
script shows it again; what happens once and never again is told apart. The histories of one cause may have
two: those that lack what the shortest script needs get a shortest script of their own. A difference that
needs the same as another and maybe more, and ends in the same answer of this broker, is counted with the
other, as one more form of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from itertools import zip_longest
from typing import Any

from course_tools.conformance.cause import (
    ANSWERS,
    LEFT,
    PLACES,
    Cause,
    Difference,
    before,
    needs_of,
    subject_of,
)
from course_tools.conformance.decision_table import DECISION_TABLE
from course_tools.conformance.mirror import rows_by_step
from course_tools.conformance.outcome import GARBAGE, HUNG_UP, Comparison, EndState, StepOutcome
from course_tools.conformance.script import Script
from lesson_lib.core.kafka_version import DEFAULT_VERSION, KafkaVersion
from lesson_lib.text_table import aligned

PLACE_NAMES = "base offset", "log start", "time of append"
NO_ANSWER = {HUNG_UP: "hung up", GARBAGE: "garbage"}
NOT_SERVED = ("hung up", "error 35")
HEADINGS = ("row", "tried", "verdict", "what Apache Kafka does")
OF_A_COORDINATOR = {f"error {code}" for code in (48, 49, 51, 53, 90, 120)}
# How `end_state` tells a producer in a leader's memory, and what each part of it is.
PARTS_OF_MEMORY = {"last": "the last sequence", "time": "the time", "transaction": "the open transaction",
                   "marker": "whether a marker was seen", " e": "the epoch"}
MOST_PARTS = 6  # shortest scripts that are looked for among the histories of one cause


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
            has = [number == MOST_PARTS or self._has(each, needs) for each in rest]
            if not any(has):  # rows can change while a script is made short: then it is one of a kind
                has[min(range(len(rest)), key=lambda n: len(rest[n].script.steps))] = True
            part = parts.setdefault(needs, replace(one, cause=replace(one.cause, form=len(parts) + 1),
                                                   found=[], smallest=small, needs=needs,
                                                   consequences=[]))
            part.found += [each for each, yes in zip(rest, has, strict=True) if yes]
            rest = [each for each, yes in zip(rest, has, strict=True) if not yes]
        self.once += len(rest)
        self.differences.update((part.cause, part) for part in parts.values())

    def _needs(self, small: Comparison, cause: Cause) -> frozenset[str]:
        if cause.level != ANSWERS:
            return frozenset()
        return needs_of(small.script, _differing(small)[1], cause, self.version)

    def _has(self, compared: Comparison, needs: frozenset[str]) -> bool:
        return not needs or needs <= before(compared.script, _differing(compared)[1], self.version)

    def by_number(self) -> list[Difference]:
        """The differences, the most frequent first."""
        return sorted(self.differences.values(), key=lambda one: -one.times)

    def by_subject(self) -> dict[str, list[Difference]]:
        """The differences by their subjects; in both the most frequent first."""
        subjects: dict[str, list[Difference]] = {}
        for one in self.by_number():
            subjects.setdefault(subject_of(one), []).append(one)
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
    return [Cause(LEFT, _what_is_kept(what.name, kafka, theirs), "keeps one" if kafka else "keeps nothing",
                  "keeps another" if theirs else "keeps nothing")
            for one, other in zip(compared.left.partitions, compared.right.partitions, strict=False)
            for what in fields(EndState)
            if (kafka := getattr(one, what.name)) != (theirs := getattr(other, what.name))]


def _what_is_kept(name: str, kafka: Any, theirs: Any) -> str:
    """The name of what differs; of the leader's memory, which part of the first producer that differs."""
    if name != "producers" or not kafka or not theirs:
        return name.replace("_", " ")
    one, other = next(((a, b) for a, b in zip_longest(kafka, theirs, fillvalue="") if a != b))
    if one.split(" ")[0] != other.split(" ")[0]:
        return "producers"
    parts = zip_longest(one.replace(" last ", ", last ").split(", "),
                        other.replace(" last ", ", last ").split(", "), fillvalue="")
    a, b = next((a, b) for a, b in parts if a != b)
    return f"producers, {PARTS_OF_MEMORY[next(w for w in PARTS_OF_MEMORY if w in (a or b))]}"
