"""Consume, transform, produce, crashed once after every step, with and without transactions: one row a run."""

from __future__ import annotations

from lesson_lib.history import History, Kind
from lesson_lib.sim.pipeline import STEPS, TRANSACTION, simulate_pipeline
from lesson_lib.text_table import TextTable

VALUES, CRASHED = ("a", "b", "c"), 2
LEVELS = ("read_committed", "read_uncommitted")
PLAIN = {"after": "idempotence, position last", "before": "idempotence, position first"}


def crash_table() -> TextTable:
    """Every crash point of every arrangement, what readers of each isolation level see of it, and how often the work was done."""
    rows = [_row(PLAIN[commit], step, transactions=False, commit=commit) for commit, steps in STEPS.items() for step in steps]
    rows += [_row("transactions", step, transactions=True) for step in TRANSACTION]
    return TextTable('One crash, right after the named step with `b`; then the process starts again. "Position last": '
                     'it is committed after the send, "first": before.',
                     ("how", "crash after", *(f"out, {level}" for level in LEVELS), "b was worked on"), tuple(rows))


def _row(name: str, step: str, **how: object) -> tuple[str, ...]:
    runs = [simulate_pipeline(VALUES, crash={CRASHED: step}, isolation=level, **how) for level in LEVELS]  # type: ignore[arg-type]
    times = sum(VALUES[CRASHED - 1] in event.values for event in runs[0].of(Kind.WORK))
    return name, step, *(_judged(_handed(run, "out")) for run in runs), ("never", "once", "twice")[times]


def _judged(out: list[str]) -> str:
    word = " (duplicate)" if len(out) > len(VALUES) else " (lost)" if len(out) < len(VALUES) else ""
    return " ".join(out) + word


def _handed(run: History, topic: str) -> list[str]:
    """What the consumers of a topic handed to their applications."""
    return [value for event in run.of(Kind.READ) if event.topic == topic for value in event.values]
