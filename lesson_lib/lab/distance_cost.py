"""What idempotence costs far from the broker: the time for forty batches of one record, with three settings.

`cost` measures one send after another, on this machine, where it hardly shows. A client that keeps one batch
of a partition on its way waits a whole round trip for each; one that keeps five waits for a fifth of that. In
a virtual world the clock is the world's, and the result is exact.

Differs from Kafka in: nothing; what is measured is the client.
"""

from __future__ import annotations

import time
from typing import Any

from lesson_lib.lab.cost import SETTINGS, VALUE
from lesson_lib.text_table import TextTable

# Each record is a batch of its own; the last one waits for all others, so a busy machine needs patience.
SINGLY = {"batch_size": 0, "delivery_timeout_ms": 60_000, "request_timeout_ms": 30_000}


def measure_distance(lab: Any, milliseconds: float = 25, records: int = 40) -> TextTable:
    """Send `records` batches of one record to one partition over `milliseconds` each way, and wait for every
    ack.

    The times are relative to the first setting's. LessonError when the broker is gone.
    """
    times = [seconds_over(lab, milliseconds / 1000, records, options) for _, options in SETTINGS]
    rows = tuple((name, f"{seconds / times[0]:.1f}") for (name, _),
                 seconds in zip(SETTINGS, times, strict=True))
    return TextTable(f"{records} batches to one partition, {milliseconds:g} ms each way",
                     ("settings", "relative time"), rows)


def seconds_over(lab: Any, distance: float, records: int, options: dict[str, Any]) -> float:
    """How long the batches take on a new producer whose connections are `distance` seconds long."""
    topic = lab.topic("distance")
    lab.proxy.distance = distance
    try:
        with lab.producer(**SINGLY, **options) as producer:
            producer.send(topic, VALUE).get()
            start = time.monotonic()
            for future in [producer.send(topic, VALUE) for _ in range(records)]:
                future.get()
            return time.monotonic() - start
    finally:
        lab.proxy.distance = 0.0
