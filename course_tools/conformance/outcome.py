"""What one broker did with one script, in a form that two brokers must agree on, and where two of them do
not.

Producer ids are told by their letter and times as distances, because those two may differ from broker to
broker.
"""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class Seen:
    """The answer to one step. `append_time`: "", or milliseconds after the first timestamp."""

    error: int
    base_offset: int = -1
    append_time: str = ""
    log_start_offset: int = -1
    note: str = ""

    def __str__(self) -> str:
        said = f"error {self.error}" if self.error else "ok"
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
    """Everything that came back for a script."""

    steps: tuple[Seen, ...]
    partitions: tuple[EndState, ...] = ()


def steps_that_differ(left: ScriptOutcome, right: ScriptOutcome) -> list[str]:
    """A line for each step of which the two tell something else."""
    return [f"step {n}: {a}  |  {b}" for n, (a, b) in enumerate(zip(left.steps, right.steps, strict=True), 1)
            if a != b]


def ends_that_differ(left: ScriptOutcome, right: ScriptOutcome) -> list[str]:
    """A line for each thing that is left otherwise at the end."""
    return [f"at the end, partition {number}, {f.name.replace('_', ' ')}: "
            f"{_text(getattr(a, f.name))}  |  {_text(getattr(b, f.name))}"
            for number, (a, b) in enumerate(zip(left.partitions, right.partitions, strict=False))
            for f in fields(EndState) if getattr(a, f.name) != getattr(b, f.name)]


def _text(value: int | tuple[str, ...]) -> str:
    return str(value) if isinstance(value, int) else " / ".join(value) or "nothing"
