"""Why two brokers differ: the cause, what its shortest script needs, and the subject that it belongs to.

The first decision that went another way need not be the one that shows: a broker may answer a step as Kafka
does, keep something else of it, and give that away later, in any row. Everything in a shortest script is
needed, so the rows before the last one, but for those without which its row cannot be reached, say which step
that was. A batch that is refused before anybody looks into the memory needs nothing: its row is the cause,
and what a broker without that check answers instead is whatever it looks at next.

A subject is a chapter for the reader, and hides nothing: every cause in it has its own line.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from course_tools.conformance.decision_table import DECISION_TABLE
from course_tools.conformance.mirror import rows_by_step
from course_tools.conformance.outcome import Comparison
from course_tools.conformance.script import Script
from lesson_lib.core.kafka_version import KafkaVersion
from lesson_lib.core.producer_state import MAX_SEQUENCE

ANSWERS, PLACES, LEFT = "answer", "offsets and times", "state at the end"
ANY_PRODUCER = {"D1", "D16", "D17", "D18"}  # rows on the way to others, no matter who sends
OPENS = {"add", "D23 added", "D22"}  # a transaction is open; with `init`, on the way to the rows of one
FILLS_THE_LOG = {"producers"}  # whose record makes the partition one that held a record: no cause
AT_THE_WRAP = {"wrap"}
SEVERAL = {"partitions": "a second partition", "producers": "a second producer",
           "wrap": f"a sequence near {MAX_SEQUENCE}", "epoch": "the coordinator handed out a newer epoch"}
IN_A_TRANSACTION = "error 48"
NEAR = 100  # sequences; a shortest script has large ones only where small ones do not show it
WRONG_IN_ITSELF = {"D19", "D20", "D24", "crc", "offset", "delta", "liar", "empty", "acks2", "nameless"}
ASKED_FIRST = {"D23 added", "D23 not added", "D23 other epoch", "D23 unknown id"}
OF_THE_COORDINATOR = {row for row in DECISION_TABLE
                      if row.split(",")[0] in ("init", "bump", "fence", "add", "commit", "abort")}
WAITING = {"D23 late", "D17 bumping"}


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
        return f"{self.cause}{' (after ' * bool(after)}{after}{')' * bool(after)}"

    def belongs_to(self, other: Difference) -> bool:
        """Whether it is a form of the other, which needs no more."""
        if self.cause.level != ANSWERS or other.cause.level != ANSWERS:
            return False
        one, another = self.cause, other.cause
        if {one.row, another.row} & (WRONG_IN_ITSELF | ASKED_FIRST | WAITING):
            return one.row == another.row
        if one.theirs != another.theirs or one.theirs == "ok" and one.kafka != another.kafka:
            return False
        if {one.row, another.row} & OF_THE_COORDINATOR:
            return one.row == another.row
        return (other.needs <= self.needs and bool(other.needs - FILLS_THE_LOG)
                and not other.needs & AT_THE_WRAP)


def before(script: Script, at: int, version: KafkaVersion) -> frozenset[str]:
    """All that happens before the step `at`: rows, and what `SEVERAL` names."""
    rows = {row for rows in rows_by_step(script, version)[:at] for row in rows}
    return frozenset(rows | set(_more(script, at)) | ({"add"} if rows & OPENS else set()))


def _more(script: Script, at: int) -> Iterator[str]:
    steps = script.steps[:at + 1]
    if script.partitions > 1:
        yield "partitions"
    if len({step.producer for step in script.steps}) > 1:
        yield "producers"
    if any(step.kind == "send" and step.base_sequence + step.count > MAX_SEQUENCE - NEAR for step in steps):
        yield "wrap"
    if steps[-1].of_transactional_id and steps[-1].epoch < 0:
        yield "epoch"


def needs_of(script: Script, at: int, cause: Cause, version: KafkaVersion) -> frozenset[str]:
    """What the step `at` of a shortest script needs before it for the two to differ."""
    if cause.row in WRONG_IN_ITSELF | ASKED_FIRST:
        return frozenset()
    needs, last = before(script, at, version) - ANY_PRODUCER - (OPENS - {"add"}), script.steps[at]
    if last.transactional or last.kind != "send" and last.of_transactional_id:
        needs -= {"init", "add"}
    if last.kind != "send" or cause.theirs == IN_A_TRANSACTION:
        needs -= {"epoch"}
    if "epoch" in needs:
        return needs - OF_THE_COORDINATOR
    return needs - {"init"} if needs - {"init"} else needs


def subject_of(one: Difference) -> str:
    """The chapter that a difference belongs to."""
    cause = one.cause
    if cause.level != ANSWERS:
        return {PLACES: "Offsets and times in the answers", LEFT: "What is left at the end"}[cause.level]
    if cause.row in WRONG_IN_ITSELF:
        return "Batches that are wrong in themselves"
    if cause.row in ASKED_FIRST | WAITING:
        return "The coordinator's word before the first batch of a transaction"
    if cause.row in OF_THE_COORDINATOR:
        return "Requests to the coordinator"
    return _of_the_memory(one)


def _of_the_memory(one: Difference) -> str:
    answers = {one.cause.kafka, one.cause.theirs}
    if one.needs & AT_THE_WRAP:
        return f"Sequences near {MAX_SEQUENCE}"
    if one.cause.theirs == IN_A_TRANSACTION or one.cause.row == "D21":
        return "Plain batches while a transaction is open"
    if "error 47" in answers or "epoch" in one.needs:
        return "Which epoch of a producer is the newest"
    if one.cause.row in ("D16", "D17"):
        return "The first batch of an unknown producer id"
    if one.cause.row.startswith("D") and one.cause.row[1:2].isdigit() or one.cause.row == "behind":
        return "Sequences and duplicates"
    return "Everything else"
