"""Consume, transform, produce, crashed once after every step, with and without transactions.

One row of the table is one run.
"""

from __future__ import annotations

from lesson_lib.history import Kind
from lesson_lib.sim.pipeline import STEPS, TRANSACTION, simulate_pipeline
from lesson_lib.teach.readings import results
from lesson_lib.text_table import TextTable

VALUES, CRASHED = ("a", "b", "c"), 2
LOST = " (lost)"
TRANSACTIONS = "transactions"
LEVELS = ("read_committed", "read_uncommitted")
PLAIN = {"after": "idempotence, offset last", "before": "idempotence, offset first"}
STEP_WORDS = {"position": "offset committed", "offsets": "offset in transaction"}


def crash_table() -> TextTable:
    """Every crash point of every arrangement: what readers of each isolation level see of it, and how often
    the work was done.
    """
    rows = [_row(PLAIN[commit], step, transactions=False, commit=commit)
            for commit, steps in STEPS.items() for step in steps]
    rows += [_row(TRANSACTIONS, step, transactions=True) for step in TRANSACTION]
    return TextTable('Each row is one run. The process crashes once, right after the named step for `b`, and '
                     'starts again. With "offset last" it commits the offset after the send, with "offset '
                     'first" before.',
                     ("how", "crash after", *(f"out, {level}" for level in LEVELS), "work on b"), tuple(rows))


def can_lose(how: str) -> bool:
    """Whether a crash after some step of that arrangement loses a record."""
    return any(row[0] == how and LOST in " ".join(row) for row in crash_table().rows)


def _row(name: str, step: str, **how: object) -> tuple[str, ...]:
    runs = [simulate_pipeline(VALUES, crash={CRASHED: step}, isolation=level, **how)  # type: ignore[arg-type]
            for level in LEVELS]
    times = sum(VALUES[CRASHED - 1] in event.values for event in runs[0].of(Kind.WORK))
    seen = (_judged(results(run)) for run in runs)
    return name, STEP_WORDS.get(step, step), *seen, ("never", "once", "twice")[times]


def _judged(out: list[str]) -> str:
    twice = [f" ({value} twice)" for value in dict.fromkeys(out) if out.count(value) > 1]
    return " ".join(out) + "".join(twice) + LOST * (len(out) < len(VALUES))
