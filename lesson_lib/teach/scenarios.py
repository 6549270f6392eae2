"""Other scenarios than a call of `simulate`: forged batches, an explored end, transactions, a pipeline.

Written down so that a question can be about them, and its options be claims about what they show.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lesson_lib.core.partition_log import PartitionLog
from lesson_lib.explorer.explore import explore
from lesson_lib.history import History
from lesson_lib.lab.forge import forge
from lesson_lib.sim import Transactions, simulate_pipeline
from lesson_lib.teach.content import Scenario
from lesson_lib.teach.tasks.learner_rule import rule_of_many

Numbers = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Forged(Scenario):
    """`batches` are the arguments of `bench.send`.

    Producer id, epoch, base sequence and, where it is not 1, record count.
    """

    batches: tuple[Numbers, ...] = ()

    def run(self, **changes: Any) -> History:
        bench = forge(PartitionLog())
        for numbers in self.batches:
            bench.send(*numbers)
        return bench.history()

    def __str__(self) -> str:
        return f"bench.send(...) {len(self.batches)} times"


def forged(*batches: Numbers) -> Forged:
    """Write forged batches down: `forged((7, 0, 0), (7, 0, 1, 3))`."""
    return Forged(batches=batches)


@dataclass(frozen=True, slots=True)
class Explored(Scenario):
    """The end number `end` of `explore(**arguments)`, as `found.history(found.outcomes[end])` gives it."""

    arguments: Mapping[str, Any] = field(default_factory=dict)
    end: int = 0

    def run(self, **changes: Any) -> History:
        found = explore(**{**self.arguments, **changes})
        return found.history(found.outcomes[self.end])

    def __str__(self) -> str:
        return f"explore({', '.join(f'{name}={value!r}' for name, value in self.arguments.items())})"


@dataclass(frozen=True, slots=True)
class OwnRule(Scenario):
    """`simulate` with the rule that the learner wrote in lesson 2.

    Where it is run without them, by a test or a report, the broker uses the rule that many people write. So
    its options are claims that hold for every rule of yes and no.
    """

    def run(self, **changes: Any) -> History:
        return Scenario.run(self, rule=rule_of_many(), **changes)

    def __str__(self) -> str:
        return Scenario.__str__(self).removesuffix(")") + ", rule=own_rule())"


@dataclass(frozen=True, slots=True)
class Story(Scenario):
    """Lines of Python about `kafka`, a `Transactions(**settings)`.

    They are run as they stand, so what is shown is what happened.
    """

    lines: tuple[str, ...] = ()

    def run(self, **changes: Any) -> History:
        kafka = Transactions(**{**self.settings, **changes})
        exec("\n".join(self.lines), {"kafka": kafka})  # the author's own lines, as a cell would run them
        return kafka.history()

    def __str__(self) -> str:
        return "; ".join(self.lines)


def story(*lines: str, **settings: Any) -> Story:
    """Write a story down: `story('shop = kafka.producer("shop")', 'shop.begin()', partitions=2)`."""
    return Story(settings=settings, lines=lines)


def pipeline(*values: str, **settings: Any) -> Scenario:
    """Write a pipeline down: `pipeline("a", "b", crash={2: "send"})`."""
    return Scenario(values, settings, simulate_pipeline)
