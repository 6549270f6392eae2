"""What idempotence costs on this machine: how long `send(...).get()` takes with three settings, as ratios of medians.

The three producers send in turn, record by record, so a busy moment meets all of them. Bytes and requests are counted, not
timed. What a single broker cannot show is the price of `acks="all"` with several replicas, which is the one that matters.
"""

from __future__ import annotations

import statistics
import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from lesson_lib.live.forge import fetch_batches

SETTINGS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("acks=1, idempotence off", {"acks": 1, "enable_idempotence": False}),
    ('acks="all", idempotence off', {"acks": "all", "enable_idempotence": False}),
    ('acks="all", idempotence on', {"acks": "all", "enable_idempotence": True}),
)
VALUE = b"x" * 100


@dataclass(frozen=True, slots=True)
class CostTable:
    """For each setting: its name, the median time of a send against the first setting's, and the bytes of a batch of one record."""

    rows: tuple[tuple[str, float, int], ...]

    def __str__(self) -> str:
        lines = [f"{'settings':<30}time of a send   bytes of a batch"]
        return "\n".join([*lines, *(f"{name:<30}{ratio:^14.1f}   {size:^16}" for name, ratio, size in self.rows)])

    __repr__ = __str__


def measure_cost(lab: Any, records: int = 100) -> CostTable:
    """Send `records` of 100 bytes with each setting, waiting for each ack. LessonError when the broker is gone."""
    topics = [lab.topic("cost") for _ in SETTINGS]
    with ExitStack() as stack:
        producers = [stack.enter_context(lab.producer(**options)) for _, options in SETTINGS]
        times = [[_seconds(p, t) for p, t in zip(producers, topics, strict=True)] for _ in range(records + 1)][1:]
    medians = [statistics.median(column) for column in zip(*times, strict=True)]
    sizes = [len(fetch_batches(lab, topic)[0]) for topic in topics]
    return CostTable(tuple((name, median / medians[0], size) for (name, _), median, size in zip(SETTINGS, medians, sizes, strict=True)))


def _seconds(producer: Any, topic: str) -> float:
    start = time.perf_counter()
    producer.send(topic, VALUE).get()
    return time.perf_counter() - start
