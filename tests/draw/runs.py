"""Runs to draw: those of the lessons, and as many random ones as a test wants."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import cache, partial
from typing import Any

from lesson_lib.errors import LessonError
from lesson_lib.history import History
from lesson_lib.lab.lab import Lab, start_lab
from lesson_lib.sim import simulate
from lesson_lib.sim.pipeline import simulate_pipeline
from lesson_lib.sim.transactions import Transactions

FAULTS = ["lose ack", "lose request", "lose request silently", "lose ack silently", "refuse 19", "store and answer 20", "repeat",
          "delay 250", "cut 3 1", "kill producer", "restart broker", "crash broker", "fail over", "forget idle ids", "refuse 45"]
LESSONS: dict[str, dict[str, Any]] = {
    "nothing happens": {"values_or_count": 3},
    "lost ack": {"values_or_count": 3, "faults": {2: "lose ack"}},
    "lost request": {"values_or_count": 3, "faults": {2: "lose request"}},
    "two worlds": {"values_or_count": 1, "faults": {"1+": "lose ack silently"}, "delivery_timeout_ms": 70_000},
    "burst": {"values_or_count": 5, "faults": {2: "lose ack"}, "in_flight": 5},
    "burst of the Java client": {"values_or_count": 8, "faults": {1: "cut 4 1"}, "in_flight": 5, "client": "java"},
    "eight batches, twelve attempts": {"values_or_count": 8, "faults": {2: "lose ack", 5: "refuse 19", 8: "lose request", 10: "lose ack"}},
    "long waits": {"values_or_count": 3, "faults": {1: "lose request silently", 3: "delay 500"}},
    "batches of three": {"values_or_count": 12, "records_per_batch": 3, "faults": {2: "lose ack", 4: "repeat"}},
    "two partitions": {"values_or_count": 6, "partitions": 2, "faults": {1: "cut 2 1", 4: "refuse 19"}},
    "a producer dies": {"values_or_count": 3, "faults": {2: "kill producer"}, "resend": True},
    "a broker forgets": {"values_or_count": 4, "faults": {2: "lose ack", 3: "forget idle ids"}},
    "a consumer crashes": {"values_or_count": 3, "consumer": {"commit": "after", "crash_at": 2}},
}
REAL: list[dict[str, Any]] = [
    {"faults": {2: "lose ack"}}, {"faults": {2: "lose ack"}, "idempotence": False}, {"faults": {2: "lose request", 4: "lose ack"}},
    {"faults": {1: "cut 2 1"}, "in_flight": 5, "idempotence": False}, {"faults": {2: "restart broker", 3: "lose ack"}, "partitions": 2},
    {"faults": {2: "kill producer"}, "resend": True}, {"faults": {2: "lose request"}, "acks": 0, "idempotence": False},
    {"faults": {2: "refuse 45"}, "records_per_batch": 2}, {"faults": {"2+": "lose ack"}, "idempotence": False, "delivery_timeout_ms": 1500},
]


def lesson(name: str, idempotence: bool = True) -> History:
    """One of the runs above."""
    return simulate(**{"idempotence": idempotence} | LESSONS[name])


def transactions() -> History:
    """Committed, aborted by a successor, fenced, and one left open."""
    kafka = Transactions()
    shop = kafka.producer("shop")
    shop.begin()
    shop.send("a", "b")
    shop.commit()
    shop.begin()
    shop.send("c")
    again = kafka.producer("shop")
    again.begin()
    again.send("d")
    shop.send("e")
    again.commit()
    kafka.consumer("read_committed").poll()
    other = kafka.producer("other")
    other.begin()
    other.send("z")
    return kafka.history()


def pipeline() -> History:
    """Consume, transform, produce, with a crash."""
    return simulate_pipeline(3, crash={2: "send"})


def random_pair(seed: int, **others: Any) -> list[History]:
    """A random run with idempotence and, where the faults can be had there too, without."""
    dice = random.Random(seed)
    size = dice.choice([1, 1, 3])
    arguments: dict[str, Any] = {
        "in_flight": dice.choice([1, 3, 5]), "client": dice.choice(["kafka-python", "java"]), "records_per_batch": size,
        "partitions": dice.choice([1, 1, 2]), "resend": dice.random() < 0.3,
        "faults": {dice.randint(1, 6): dice.choice(FAULTS) for _ in range(dice.randint(0, 3))}, **others}
    count, runs = dice.randint(1, 8) * size, []
    for idempotence in (True, False):
        try:
            runs.append(simulate(count, idempotence=idempotence, **arguments))
        except LessonError:  # the run ended before one of the faults
            pass
    return runs or [simulate(count, **others)]


def random_transactions(seed: int) -> Transactions:
    """Two to four transactional producers beside each other: several transactions are open at once, zombies go on sending."""
    dice = random.Random(seed)
    kafka = Transactions(partitions=dice.choice([1, 1, 2]), transaction_version=dice.choice([1, 2]))
    sessions = [kafka.producer(name) for name in "abc"[:dice.randint(2, 3)]]
    for n in range(dice.randint(6, 16)):
        session = dice.choice(sessions)
        match dice.choice(["send"] * 5 + ["commit", "commit", "abort", "poll", "wait", "again", "happen"]) if n else "send":
            case "send":
                _as_far_as_it_goes(session.begin)
                _as_far_as_it_goes(partial(session.send, *[f"v{n}", f"w{n}"][:dice.randint(1, 2)],
                                           partition=dice.randrange(len(kafka.broker.logs))))
            case "commit":
                _as_far_as_it_goes(session.commit)
            case "abort":
                _as_far_as_it_goes(session.abort)
            case "poll":
                kafka.consumer(dice.choice(["read_committed", "read_uncommitted"])).poll()
            case "wait":
                kafka.wait(dice.choice([100, 100, 61_000]))
            case "again" if len(sessions) < 4:
                sessions.append(kafka.producer(dice.choice("abc")))
            case "happen":
                for what in dice.choices(["restart broker", "crash broker", "fail over", "forget idle ids"], k=dice.randint(1, 2)):
                    kafka.broker.happen(what)
    return kafka


def _as_far_as_it_goes(call: Callable[[], object]) -> None:
    with suppress(LessonError):  # the producer is in no state for it
        call()


@cache
def recorded() -> list[History]:
    """A handful of real runs on an embedded broker, made once."""
    lab = start_lab("embedded", world="virtual")
    try:
        found = [lab.run(4, **settings) for settings in REAL]
        return [*found, _real_transactions(lab)]
    finally:
        lab.stop()


def _real_transactions(lab: Lab) -> History:
    """One committed, one aborted, and two open at once on one partition."""
    topic = lab.topic("orders")
    lab.faults({3: "lose ack"})
    shops = [lab.producer(transactional_id=name) for name in ("a", "b")]
    for shop in shops:
        shop.init_transactions()
    for n, (shop, end) in enumerate([(0, "commit"), (1, "abort"), (0, ""), (1, "")]):
        shops[shop].begin_transaction()
        shops[shop].send(topic, f"m{n}".encode()).get(10)
        if end:
            getattr(shops[shop], f"{end}_transaction")()
    return lab.history()


def random_long(seed: int) -> History:
    """More than forty arrivals, with early ones, duplicates and new epochs among them."""
    dice = random.Random(seed)
    faults = {n: dice.choice(FAULTS) for n in dice.sample(range(2, 36), 4)}
    try:
        return simulate(dice.randint(45, 60), client=dice.choice(["java", "java", "kafka-python"]), in_flight=5, resend=True,
                        records_per_batch=1, faults=faults)
    except LessonError:
        return random_long(seed + 100_000)


def until(run: History, t: int) -> History:
    """The same run with only the events up to and including time `t`; the final logs stay."""
    return replace(run, events=tuple(event for event in run.events if event.t <= t))
