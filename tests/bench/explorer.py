"""How many states the explorer visits in a second, beside TLC on the same protocol in TLA+ (its start-up counted too)."""

from __future__ import annotations

import tempfile
from pathlib import Path

from course_tools.apache_kafka import maven
from lesson_lib.explorer.explore import explore
from tests.bench.table import Row, seconds, side_by_side
from tests.tla.test_tlc import Bound, run_tlc

LARGE = Bound(5, 5, 3)
STATES = 5_000_000


def rows() -> list[Row]:
    """States per second, and the seconds of what a lesson asks for, with and without idempotence."""
    states = explore(LARGE.batches, LARGE.in_flight, LARGE.faults, max_states=STATES).states
    lesson = min(seconds(lambda: explore(5, 5, 2).sentence) for _ in range(3))
    plain = min(seconds(lambda: explore(3, 3, 2, idempotence=False).sentence) for _ in range(3))
    ours, theirs = side_by_side(lambda: states / seconds(_walk), lambda: states / seconds(_tlc) if maven.java() else 0.0)
    return [Row(f"explorer against TLC, {states:,} states", ours, theirs or None, "states/s", "ours at least 100,000"),
            Row("explorer, 5 batches, 5 in flight, 2 faults", lesson, None, "s", "well under 1"),
            Row("3 batches, 3 in flight, 2 faults without idempotence", plain, None, "s", "well under 1")]


def _walk() -> None:
    explore(LARGE.batches, LARGE.in_flight, LARGE.faults, max_states=STATES)


def _tlc() -> None:
    with tempfile.TemporaryDirectory() as folder:
        run_tlc(LARGE, Path(folder))
