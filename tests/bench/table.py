"""A row of the bench: two things measured in one run, their ratio, and the ratio that is aimed at.

Machines are noisy, so nothing is compared across runs. Each side is measured several times in turn, and the medians count.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """`ours` and `reference` are in `unit`; `aim` says in words what `ratio` (ours / reference) should be."""

    name: str
    ours: float
    reference: float | None
    unit: str
    aim: str

    @property
    def ratio(self) -> float | None:
        """ours / reference, None where there is nothing to compare with."""
        return self.ours / self.reference if self.reference else None


def seconds(action: Callable[[], object]) -> float:
    """Wall-clock seconds that one call takes."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def side_by_side(*sides: Callable[[], float], rounds: int = 3) -> tuple[float, ...]:
    """The median of each side, measured in turn so that noise meets all."""
    return tuple(map(statistics.median, zip(*([side() for side in sides] for _ in range(rounds)), strict=True)))


def render(rows: list[Row]) -> str:
    """The table as text."""
    cells = [("what", "ours", "reference", "unit", "ratio", "aim")]
    cells += [(r.name, _number(r.ours), _number(r.reference), r.unit, f"{r.ratio:.2f}" if r.ratio else "-", r.aim) for r in rows]
    widths = [max(len(row[i]) for row in cells) for i in range(6)]
    return "\n".join("  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in cells)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
