"""What one broker did with one script, in a form that two brokers must agree on, and two of them side by
side.

Producer ids are told by their letter and times as distances, because those two may differ from broker to
broker.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields

from course_tools.conformance.script import Script

HUNG_UP, GARBAGE = -1, -2  # instead of an error code: no answer came, or none that can be read


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
        width = max(len(str(step)) for step in self.script.steps)
        seen = zip(self.script.steps, self.left.steps, self.right.steps, strict=True)
        lines = [f"{' ≠'[a != b]} {n:>2}. {str(step).ljust(width)}  {a if a == b else f'{a}  |  {b}'}"
                 for n, (step, a, b) in enumerate(seen, 1)]
        return "\n".join([*lines, *self._ends_that_differ()])

    def _ends_that_differ(self) -> Iterator[str]:
        if self.left.unread != self.right.unread:
            yield f"≠ asked what is left: {self.left.unread or 'told'}  |  {self.right.unread or 'told'}"
        for number, (a, b) in enumerate(zip(self.left.partitions, self.right.partitions, strict=False)):
            for name in (f.name for f in fields(EndState) if getattr(a, f.name) != getattr(b, f.name)):
                what = f"≠ at the end, partition {number}, {name.replace('_', ' ')}"
                yield f"{what}: {_text(getattr(a, name))}  |  {_text(getattr(b, name))}"


def _text(value: int | tuple[str, ...]) -> str:
    return str(value) if isinstance(value, int) else " / ".join(value) or "nothing"
