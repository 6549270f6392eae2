"""What idempotence costs, as ratios of times with three settings: on this machine, and far from the broker.

`measure_cost` times one `send(...).get()` after another. The three producers send in turn, record by record,
so a busy moment meets all of them. Bytes are counted, not timed. What a single broker cannot show is the
price of `acks="all"` with several replicas, which is the one that matters.

`measure_distance` times forty batches of one record over a distance. A client that keeps one batch of a
partition on its way waits a whole round trip for each; one that keeps five waits for a fifth of that. In a
virtual world the clock is the world's, and the result is exact.
"""

from __future__ import annotations

import statistics
from contextlib import ExitStack
from time import perf_counter  # by name: what is measured on this machine takes real time in every world
from typing import Any

from lesson_lib.errors import count_of
from lesson_lib.lab.forge import fetch_batches
from lesson_lib.text_table import TextTable
from lesson_lib.wire.requests import RawClient

SETTINGS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("acks=1, idempotence off", {"acks": 1, "enable_idempotence": False}),
    ('acks="all", idempotence off', {"acks": "all", "enable_idempotence": False}),
    ('acks="all", idempotence on', {"acks": "all", "enable_idempotence": True}),
)
VALUE = b"x" * 100
# Each record is a batch of its own; the last one waits for all others, so a busy machine needs patience.
SINGLY = {"batch_size": 0, "delivery_timeout_ms": 60_000, "request_timeout_ms": 30_000}
ROUNDS = 5
COST_HEADINGS = ("settings", "relative time of a send", "bytes of a batch")
UNTIMED = ("In a virtual world only the network takes time, so computing time can't be measured here. On "
           "your own computer (`make lab`), start_lab(world='sockets') measures it.")


def measure_cost(lab: Any, records: int = 100) -> TextTable:
    """Send `records` of 100 bytes with each setting, in five rounds, waiting for each ack.

    The time is the median of the rounds, with the least and the greatest; not measured in a virtual world.
    LessonError when the broker is gone.
    """
    count_of("records", records)
    topics = [lab.topic("cost") for _ in SETTINGS]
    with ExitStack() as stack:
        producers = [stack.enter_context(lab.producer(**options)) for _, options in SETTINGS]
        turns = list(zip(producers, topics, strict=True))
        times = [[_seconds(*turn) for turn in turns] for _ in range(records + 1)][1:]  # the first warms up
    virtual = lab.choice.world is not None
    words = ["not measured"] * len(SETTINGS) if virtual else _ratios(times)
    sizes = [str(len(fetch_batches(lab, topic)[0])) for topic in topics]
    rows = tuple((name, *row) for (name, _), *row in zip(SETTINGS, words, sizes, strict=True))
    caption = "The relative time of a send, and the bytes of a batch of one record"
    return TextTable(f"{caption}. {UNTIMED}" if virtual else caption, COST_HEADINGS, rows)


def _ratios(times: list[list[float]]) -> list[str]:
    """For each setting the middle, least and greatest of its rounds, against the first's middle."""
    size = max(1, len(times) // ROUNDS)
    parts = (times[n:n + size] for n in range(0, len(times), size))
    rounds = [[statistics.median(column) for column in zip(*part, strict=True)] for part in parts]
    base = statistics.median(row[0] for row in rounds)
    found = [(statistics.median(column) / base, min(column) / base, max(column) / base)
             for column in zip(*rounds, strict=True)]
    return [f"{middle:.2f}" + f"   ({least:.2f} to {most:.2f})" * (least != most)
            for middle, least, most in found]


def _seconds(producer: Any, topic: str) -> float:
    start = perf_counter()
    producer.send(topic, VALUE).get()
    return perf_counter() - start


def measure_distance(lab: Any, milliseconds: float = 25, records: int = 40) -> TextTable:
    """Send `records` batches of one record to one partition over `milliseconds` each way, and wait for every
    ack.

    The times are relative to the first setting's. LessonError when the broker is gone.
    """
    count_of("records", records)
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
            start = RawClient.now()
            for future in [producer.send(topic, VALUE) for _ in range(records)]:
                future.get()
            return (RawClient.now() - start) / 1000
    finally:
        lab.proxy.distance = 0.0
