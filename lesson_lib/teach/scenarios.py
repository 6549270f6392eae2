"""Other scenarios than a call of `simulate`: forged batches, an explored end, transactions, a pipeline.

Written down so that a question can be about them, and its options be claims about what they show.
"""

from __future__ import annotations

from typing import Any

from lesson_lib.core.partition_log import PartitionLog
from lesson_lib.explorer.explore import explore
from lesson_lib.history import History
from lesson_lib.sim import Transactions, simulate, simulate_pipeline
from lesson_lib.teach.content import Scenario, scenario
from lesson_lib.teach.tasks.learner_rule import rule_of_many


def forged(*batches: tuple[int, ...]) -> Scenario:
    """`forged((7, 0, 0), (7, 0, 1, 3))`: the arguments of `bench.send`, which are producer id, epoch, base
    sequence and, where it is not 1, record count.
    """
    def forge_all(sent: list[tuple[int, ...]]) -> History:
        from lesson_lib.lab.forge import forge  # brings kafka-python with it, and a question needn't run
        bench = forge(PartitionLog())
        for numbers in sent:
            bench.send(*numbers)
        return bench.history()
    return Scenario(batches, made_by=forge_all, shown_as=f"bench.send(...) {len(batches)} times")


def explored(batches: int, end: int, **settings: Any) -> Scenario:
    """The end number `end` of `explore`, as `found.history(found.outcomes[end])` gives it."""
    def explore_to_end(sent: int, **changed: Any) -> History:
        found = explore(batches=sent, **changed)
        return found.history(found.outcomes[end])
    arguments = ", ".join(f"{name}={value!r}" for name, value in {"batches": batches, **settings}.items())
    return Scenario(batches, settings, explore_to_end, f"explore({arguments})")


def with_own_rule(values: int, **settings: Any) -> Scenario:
    """`simulate` with the rule that the learner wrote in lesson 2.

    Where it is run without them, by a test or a report, the broker uses the rule that many people write. So
    its options are claims that hold for every rule of yes and no.
    """
    def simulate_rule(sent: int, **changed: Any) -> History:
        return simulate(sent, **changed, rule=rule_of_many())
    call = str(scenario(values, **settings)).removesuffix(")")
    return Scenario(values, settings, simulate_rule, f"{call}, rule=own_rule())")


def story(*lines: str, **settings: Any) -> Scenario:
    """Lines of Python about `kafka`, a `Transactions(**settings)`: `story('shop = kafka.producer("shop")',
    'shop.begin()', partitions=2)`. They are run as they stand, so what is shown is what happened.
    """
    def told(sent: list[str], **changed: Any) -> History:
        kafka = Transactions(**changed)
        exec("\n".join(sent), {"kafka": kafka})  # the author's own lines, as a cell would run them
        return kafka.history()
    return Scenario(lines, settings, told, "; ".join(lines))


def pipeline(*values: str, **settings: Any) -> Scenario:
    """Write a pipeline down: `pipeline("a", "b", crash={2: "send"})`."""
    return Scenario(values, settings, simulate_pipeline)
