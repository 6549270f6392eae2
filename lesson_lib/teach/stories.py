"""Scenarios with transactions: a story is what a cell would hold, a pipeline is one call.

Written down so that a question can be about them, and its options be claims about the run.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lesson_lib.history import History
from lesson_lib.teach.content import Scenario


@dataclass(frozen=True, slots=True)
class Story(Scenario):
    """Lines of Python about `kafka`, a `Transactions(**settings)`; they are run as they stand, so what is shown is what happened."""

    lines: tuple[str, ...] = ()

    def run(self, **changes: Any) -> History:
        """Play it from the start."""
        from lesson_lib.sim import Transactions
        kafka = Transactions(**{**self.settings, **changes})
        exec("\n".join(self.lines), {"kafka": kafka})  # the author's own lines, as a cell would run them
        return kafka.history()

    def __str__(self) -> str:
        return "; ".join(self.lines)


def story(*lines: str, **settings: Any) -> Story:
    """Write a story down: `story('shop = kafka.producer("shop")', 'shop.begin()', partitions=2)`."""
    return Story(settings=settings, lines=lines)


@dataclass(frozen=True, slots=True)
class Pipeline(Scenario):
    """A call of `simulate_pipeline`."""

    def run(self, **changes: Any) -> History:
        """The run, with some settings changed."""
        from lesson_lib.sim import simulate_pipeline
        values = self.values if isinstance(self.values, int) else list(self.values)
        return simulate_pipeline(values, **{**self.settings, **changes})

    def __str__(self) -> str:
        return Scenario.__str__(self).replace("simulate(", "simulate_pipeline(", 1)


def pipeline(*values: str, **settings: Any) -> Pipeline:
    """Write a pipeline down: `pipeline("a", "b", crash={2: "send"})`."""
    return Pipeline(values, settings)
