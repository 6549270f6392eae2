"""`python -m lesson_lib judge HOST:PORT`: any broker that speaks Kafka's protocol, judged by Kafka's rule.

The same random histories go to the broker and to the embedded one, which decides as Apache Kafka does. Each
row of the decision table says how often it was tried, and whether the broker agreed: in its answers, then in
the offsets and times that come with them, then in what is left at the end. Of a history only the first
difference counts, as what follows may be its consequence. Differences are grouped by their cause (the row,
and what each of the two did), so a known one hides no other.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from course_tools.conformance.broker_under_test import BrokerUnderTest
from course_tools.conformance.command import scripts
from course_tools.conformance.compare import Comparison, compare, smallest
from course_tools.conformance.mirror import DECISION_TABLE, Mirror
from course_tools.conformance.outcome import EndState, Seen
from course_tools.conformance.script import Script
from lesson_lib.broker.embedded import EmbeddedBroker
from lesson_lib.errors import LessonError
from lesson_lib.text_table import aligned
from lesson_lib.wire import probe

# A history is judged by its answers first; only where they are all the same by what comes with them, and only
# then by what is left.
ANSWERS, PLACES, LEFT = "answer", "offsets and times", "state at the end"
HUNG_UP = -1
UNSUPPORTED_VERSION = 35
MOST_CAUSES = 12  # so many causes are shown with their shortest script
HEADINGS = ("row", "tried", "verdict", "what Apache Kafka does")


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
class Judgement:
    """What came of all histories: how often each row was tried, and the causes with their scripts."""

    name: str
    tried: Counter[str] = field(default_factory=Counter)
    causes: dict[Cause, list[Comparison]] = field(default_factory=dict)

    def take(self, compared: Comparison) -> None:
        """Count one history, up to the first answer that differs: the rest may be its consequence."""
        rows, cause = rows_by_step(compared.script), cause_of(compared)
        end = _first(compared, _answer) + 1 if cause and cause.level == ANSWERS else len(rows)
        for step in rows[:end]:
            self.tried.update(step)
        if cause:
            self.causes.setdefault(cause, []).append(compared)

    def verdict(self, row: str) -> str:
        """How the broker did in a row, its answers before anything else."""
        mine = {cause: len(found) for cause, found in self.causes.items() if cause.row == row}
        answers = {cause: number for cause, number in mine.items() if cause.level == ANSWERS}
        if not self.tried[row]:
            return "not tried"
        if answers and all(cause.theirs in (f"error {UNSUPPORTED_VERSION}", "hung up") for cause in answers):
            return "not supported"
        if answers:
            return f"differs, {sum(answers.values())} times"
        return f"agrees, but for {PLACES}" if mine else "agrees"

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
    for level, told in ((ANSWERS, _answer), (PLACES, _places)):
        if (step := _first(compared, told)) >= 0:
            row = next(iter(rows_by_step(compared.script)[step]), compared.script.steps[step].kind)
            return Cause(level, row, told(compared.left.steps[step]), told(compared.right.steps[step]))
    for one, other in zip(compared.left.partitions, compared.right.partitions, strict=False):
        for what in fields(EndState):
            if getattr(one, what.name) != getattr(other, what.name):
                return Cause(LEFT, what.name.replace("_", " "), "keeps one", "keeps another")
    return None


def _first(compared: Comparison, told: Callable[[Seen], str]) -> int:
    """The first step of which the two tell something else, -1 for none."""
    pairs = enumerate(zip(compared.left.steps, compared.right.steps, strict=True))
    return next((step for step, (one, other) in pairs if told(one) != told(other)), -1)


def _answer(seen: Seen) -> str:
    if seen.error == HUNG_UP:
        return "hung up"
    return f"error {seen.error}" if seen.error else "ok"


def _places(seen: Seen) -> str:
    """Which of the numbers are there, and the time; the offsets themselves are the history's."""
    parts = ("offset" * (seen.base_offset >= 0), f"time {seen.append_time}" * bool(seen.append_time),
             "log start" * (seen.log_start_offset >= 0))
    return ", ".join(filter(None, parts)) or "nothing"


def main(argv: list[str]) -> int:
    """0 when the broker agreed in every row that was tried, 1 when it differs, 2 for arguments that do not
    fit. LessonError for an address where no broker answers."""
    try:
        options = _parser().parse_args(argv)
    except SystemExit as end:
        return int(end.code or 0)
    _check(options.address)
    with EmbeddedBroker(options.rule) as rule, closing(BrokerUnderTest(rule.address)) as kafka, \
            closing(BrokerUnderTest(options.address)) as theirs:
        judged = Judgement(options.name or f"the broker at {options.address}")
        for compared in compare(kafka, theirs, scripts(options.seed, options.count, kafka, theirs)):
            judged.take(compared)
        print(f"{judged.name}, judged by the rule of Kafka {options.rule}: {options.count} histories, seed "
              f"{options.seed}.\n{judged.table()}")
        shown = list(_shown(judged, kafka, theirs))
    print("\n".join(shown) or "No differences.")
    if options.json:
        _write(options.json, judged)
    return int(bool(judged.causes))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m lesson_lib judge", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("address", metavar="HOST:PORT", help="the broker (plaintext)")
    parser.add_argument("--name", default="", help="what to call it in the table")
    parser.add_argument("--count", type=int, default=1_000, help="how many histories (1000)")
    parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same table (1)")
    parser.add_argument("--rule", default="4.4", help="the release whose rule counts (%(default)s)")
    parser.add_argument("--json", type=Path, help="the same as JSON")
    return parser


def _check(address: str) -> None:
    try:
        host, port = probe.split_address(address)
        probe.api_versions(host, port)
    except ValueError as error:
        raise LessonError(f"{address!r} is not host:port: {error}.") from None
    except OSError:
        raise LessonError(f"No broker answers at {address}: start it, and name a plaintext "
                          "listener.") from None


def _shown(judged: Judgement, kafka: BrokerUnderTest, theirs: BrokerUnderTest) -> Iterator[str]:
    """Each cause, the most frequent first, with a script that is as short as it gets."""
    by_number = sorted(judged.causes.items(), key=lambda one: -len(one[1]))
    for number, (cause, found) in enumerate(by_number[:MOST_CAUSES], 1):
        small = smallest(kafka, theirs, min(found, key=lambda one: len(one.script.steps)),
                         lambda compared, cause=cause: cause_of(compared) == cause)
        yield (f"\nDifference {number}, in {len(found)} histories: {cause}.\n"
               f"Apache Kafka  |  {judged.name}\n{small}")
    if len(by_number) > MOST_CAUSES:
        yield f"\nAnd {len(by_number) - MOST_CAUSES} more causes."


def _write(path: Path, judged: Judgement) -> None:
    rows = {row: {"tried": judged.tried[row], "verdict": judged.verdict(row)} for row in DECISION_TABLE}
    causes = [{**asdict(cause), "histories": len(found), "script": str(found[0].script)}
              for cause, found in judged.causes.items()]
    try:
        path.write_text(json.dumps({"name": judged.name, "rows": rows, "differences": causes}, indent=1))
    except OSError as error:
        raise LessonError(f"{path} cannot be written: {error.strerror}.") from None
