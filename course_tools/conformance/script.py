"""A history to be sent to a broker, as values and as a text that can be typed in again; and what a broker
made of it, in a form that two brokers must agree on.

    v9: init X; add X p0 e+0; send p0 X e+0 s0 n2 txn; commit X e+0; send p0 a e0 s0 n1; delete p0 1; new a

Small letters are idempotent producers: their ids come from the broker, the epoch is written as it is sent.
Capital letters are transactional ids: the epoch is counted from the newest one that the broker handed out
(`e-1`: a zombie). `-` is no producer id. `init` is a producer that starts, `bump` one that asks for its next
epoch (KIP-360), `new` an idempotent one that starts again. A flaw at the end of a `send` makes the frame
wrong in one way: see `FLAWS`. `v9` is the version of the Produce requests; from v12 on they are of
transaction version 2 (KIP-890).

In an outcome producer ids are told by their letter and times as distances, because those two may differ from
broker to broker.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields, replace
from typing import Any

from lesson_lib.core.producer_state import MAX_SEQUENCE
from lesson_lib.errors import LessonError

# What can be wrong with a batch before its numbers count: in words under these names in `decision_table`,
# `control` as D20, `two` as D24.
FLAWS = ("crc", "offset", "delta", "liar", "empty", "control", "two", "acks2", "nameless")
KINDS = ("send", "init", "bump", "add", "commit", "abort", "delete", "new")
TRANSACTION_VERSION_2 = 12  # first version of Produce that asks for it
HUNG_UP, GARBAGE = -1, -2  # instead of an error code: no answer came, or none that can be read


@dataclass(frozen=True, slots=True)
class Step:
    """One request. Fields that do not belong to its `kind` keep their default."""

    kind: str
    producer: str = ""
    partition: int = 0
    epoch: int = 0
    base_sequence: int = 0
    count: int = 1
    transactional: bool = False
    flaw: str = ""
    offset: int = 0

    @property
    def of_transactional_id(self) -> bool:
        """Whether the producer is a transactional id, so that `epoch` is relative."""
        return self.producer.isupper()

    def __str__(self) -> str:
        epoch = f"e{self.epoch:+d}" if self.of_transactional_id else f"e{self.epoch}"
        if self.kind == "send":
            who = f"{self.producer} {epoch} s{self.base_sequence}" if self.producer else "-"
            txn = " txn" * self.transactional
            return f"send p{self.partition} {who} n{self.count}{txn} {self.flaw}".rstrip()
        if self.kind == "delete":
            return f"delete p{self.partition} {self.offset}"
        place = f" p{self.partition}" if self.kind == "add" else ""
        epoch = f" {epoch}" if self.kind in ("bump", "add", "commit", "abort") else ""
        return f"{self.kind} {self.producer}{place}{epoch}"


@dataclass(frozen=True, slots=True)
class Script:
    """Steps for one or more fresh partitions."""

    steps: tuple[Step, ...]
    produce_version: int = 9

    @property
    def partitions(self) -> int:
        """How many partitions it needs."""
        return 1 + max((s.partition for s in self.steps), default=0)

    @property
    def transaction_version_2(self) -> bool:
        """Whether its requests ask for transaction version 2."""
        return self.produce_version >= TRANSACTION_VERSION_2

    @property
    def playable(self) -> bool:
        """Whether every transactional id is initialised before it is used."""
        known = set[str]()
        for step in self.steps:
            if step.kind == "init":
                known.add(step.producer)
            elif step.of_transactional_id and step.producer not in known:
                return False
        return bool(self.steps)

    def with_steps(self, steps: Iterable[Step]) -> Script:
        """The same requests' version, other steps."""
        return replace(self, steps=tuple(steps))

    def __str__(self) -> str:
        return f"v{self.produce_version}: " + "; ".join(map(str, self.steps))


@dataclass(frozen=True, slots=True)
class StepOutcome:
    """The answer to one step. `append_time`: "", or milliseconds after the first timestamp
    (`+1`), or in words where it has nothing to do with the script."""

    error: int
    base_offset: int = -1
    append_time: str = ""
    log_start_offset: int = -1
    note: str = ""

    def __str__(self) -> str:
        said = "" if self.error < 0 and self.note else f"error {self.error}" if self.error else "ok"
        parts = [said, f"offset {self.base_offset}" * (self.base_offset >= 0),
                 f"append time {self.append_time}" * bool(self.append_time),
                 f"log start {self.log_start_offset}" * (self.log_start_offset >= 0), self.note]
        return ", ".join(filter(None, parts))


@dataclass(frozen=True, slots=True)
class EndState:
    """One partition at the end."""

    log_start_offset: int
    high_watermark: int
    last_stable_offset: int
    log: tuple[str, ...]
    committed: tuple[str, ...]
    aborted: tuple[str, ...]
    producers: tuple[str, ...]

    def differing(self, other: EndState) -> Iterator[tuple[str, Any, Any]]:
        """In what the two differ, and what each of them has there."""
        for name in (field.name for field in fields(self)):
            if (mine := getattr(self, name)) != (theirs := getattr(other, name)):
                yield name.replace("_", " "), mine, theirs


@dataclass(frozen=True, slots=True)
class ScriptOutcome:
    """Everything that came back for a script. `unread`: why nothing is known of the end; empty where it is
    known, or where nobody asked."""

    steps: tuple[StepOutcome, ...]
    partitions: tuple[EndState, ...] = ()
    unread: str = ""


@dataclass(frozen=True, slots=True)
class Comparison:
    """A script and what the left and the right broker made of it; its text marks where they differ (≠)."""

    script: Script
    left: ScriptOutcome
    right: ScriptOutcome

    def __str__(self) -> str:
        steps = [*map(str, self.script.steps)]
        width, seen = max(map(len, steps)), zip(steps, self.left.steps, self.right.steps, strict=True)
        lines = [f"{' ≠'[a != b]} {n:>2}. {step.ljust(width)}  {a if a == b else f'{a}  |  {b}'}"
                 for n, (step, a, b) in enumerate(seen, 1)]
        return "\n".join([*lines, *self._ends_that_differ()])

    def _ends_that_differ(self) -> Iterator[str]:
        def text(value: int | tuple[str, ...]) -> str:
            return str(value) if isinstance(value, int) else " / ".join(value) or "nothing"
        if self.left.unread != self.right.unread:
            yield f"≠ asked what is left: {self.left.unread or 'told'}  |  {self.right.unread or 'told'}"
        for number, (a, b) in enumerate(zip(self.left.partitions, self.right.partitions, strict=False)):
            for name, one, other in a.differing(b):
                yield f"≠ at the end, partition {number}, {name}: {text(one)}  |  {text(other)}"


def parse(text: str) -> Script:
    """Read a script back. LessonError names the step that cannot be read."""
    found = re.match(r"\s*v(\d+)\s*:", text)
    version = int(found.group(1)) if found else 9
    rest = text[found.end():] if found else text
    script = Script(tuple(_step(part.strip()) for part in rest.split(";") if part.strip()), version)
    if not script.playable:
        raise LessonError("The script is empty, or uses a transactional id (a capital letter) before 'init'.")
    return script


def _step(text: str) -> Step:
    kind, *words = text.split()
    numbers = {w[0]: int(w[1:]) for w in words if re.fullmatch(r"[pesn][+-]?\d+", w)}
    letter, flaw, offset = ([w for w in words if re.fullmatch(form, w)]
                            for form in ("[A-Za-z]", "|".join(FLAWS), r"-?\d+"))
    understood = sum(map(len, (numbers, letter, flaw, offset))) + words.count("-") + words.count("txn")
    step = Step(kind, "".join(letter[:1]), numbers.get("p", 0), numbers.get("e", 0), numbers.get("s", 0),
                numbers.get("n", 1), "txn" in words, "".join(flaw[:1]), int((offset or ["0"])[0]))
    if kind not in KINDS or understood != len(words) or not -1 <= step.base_sequence <= MAX_SEQUENCE:
        raise LessonError(f"The step {text!r} cannot be read; write it like 'send p0 a e0 s0 n1' "
                          "or 'commit X e+0'.")
    return step
