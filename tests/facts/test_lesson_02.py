"""What lesson 2 says of a client that gets no answer, held against kafka-python on both brokers.

What each fault leaves in the log, with and without idempotence, is held for three brokers in tests/test_three_brokers.py.
"""

from __future__ import annotations

import pytest

from lesson_lib.lab.lab import Lab


@pytest.mark.fact("two-worlds")
def test_two_worlds_one_exception(lab: Lab) -> None:
    """Without retries a lost ack and a lost request are the same exception, while the logs differ."""
    worlds = [lab.run(1, faults={1: fault}, retries=0, idempotence=False) for fault in ("lose ack", "lose request")]
    told = [[(report.what, report.note) for report in world.reports] for world in worlds]
    assert told[0] == told[1] and told[0][0] == ("unknown", "KafkaConnectionError")
    assert [world.values() for world in worlds] == [["m0"], []]


@pytest.mark.fact("copies-for-each-lost-ack")
def test_every_lost_ack_is_one_more_copy(lab: Lab) -> None:
    """Two acks of `m1` lost in a row: three copies of it."""
    assert lab.run(3, faults={"2-3": "lose ack"}, idempotence=False).values() == ["m0", "m1", "m1", "m1", "m2"]


@pytest.mark.fact("one-in-flight-keeps-order")
def test_with_one_in_flight_the_order_is_kept(lab: Lab) -> None:
    """With `max.in.flight.requests.per.connection` of 1 each batch waits for the one before it, and the order is kept."""
    assert lab.run(4, in_flight=1, faults={1: "refuse 19"}, idempotence=False).values() == ["m0", "m1", "m2", "m3"]
