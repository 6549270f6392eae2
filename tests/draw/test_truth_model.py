"""The model that pictures are held against is Kafka's: at the end of any run it remembers what `core` remembers."""

from __future__ import annotations

from typing import Any

import pytest

from lesson_lib.core.producer_state import Batch, ProducerStateEntry, Verdict, judge
from lesson_lib.history import Kind
from lesson_lib.sim import simulate
from tests.draw import runs
from tests.draw.truth import Memory


@pytest.mark.parametrize("seed", range(60))
def test_with_transactions(seed: int) -> None:
    kafka, memory = runs.random_transactions(seed), Memory()
    for event in kafka.history().events:
        memory.see(event)
    core = {(kafka.world.topic, number, producer_id): (entry.producer_epoch, [(b.first_sequence, b.last_sequence) for b in entry.batches])
            for number, log in kafka.broker.logs.items() for producer_id, entry in log.producers.items()}
    assert memory.of == core


@pytest.mark.parametrize("faults", [{3: "lose ack"}, {3: "restart broker"}, {4: "forget idle ids", 6: "crash broker"}, {2: "kill producer"},
                                    {1: "cut 4 1"}, {7: "lose ack", 8: "fail over"}], ids=str)
def test_before_each_verdict(faults: dict[int, str]) -> None:
    seen: list[list[tuple[int, int]]] = []

    def watched(entry: ProducerStateEntry | None, batch: Batch, *rest: Any) -> Verdict:
        seen.append([(b.first_sequence, b.last_sequence) for b in entry.batches] if entry else [])
        return judge(entry, batch, *rest)

    run, memory, before = simulate(9, faults=faults, in_flight=5, client="java", resend=True, rule=watched), Memory(), []
    for event in run.events:
        if event.kind == Kind.VERDICT:
            before.append(memory.of.get((event.topic, event.partition, event.producer_id), (0, []))[1])
        memory.see(event)
    assert before == seen and len(before) > 8
