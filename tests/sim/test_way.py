"""The way of a batch through the toy: few rooms, and no answer overtakes another."""

from __future__ import annotations

import pytest

from lesson_lib.history import Kind
from lesson_lib.sim import simulate
from tests.way import rooms

ROOMS = {"errors", "faults", "history/link", "core/kafka_version", "core/partition_log", "core/producer_state",
         "sim/network", "sim/producer", "sim/run", "sim/sender", "sim/toy_broker", "sim/world"}


def test_a_run_goes_through_twelve_rooms() -> None:
    with rooms() as seen:
        simulate(3, faults={2: "lose ack"})
    assert seen == ROOMS


@pytest.mark.parametrize("client", ["kafka-python", "java", "librdkafka"])
def test_answers_on_one_connection_come_in_the_order_of_the_requests(client: str) -> None:
    run = simulate(5, client=client, in_flight=5, idempotence=False, faults={2: "delay 100", 4: "delay 30"})
    acks = run.of(Kind.ACK)
    assert [event.attempt for event in acks] == [1, 2, 3, 4, 5]
    assert acks[0].t + 100 <= acks[1].t <= acks[2].t
