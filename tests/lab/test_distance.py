"""A long way between client and broker delays without holding up, and what it costs is exact in virtual time."""

from __future__ import annotations

import pytest

from lesson_lib import measure_distance
from lesson_lib.lab.cost import SETTINGS, seconds_over
from lesson_lib.lab.lab import Lab, start_lab

ON, OFF = SETTINGS[2][1], SETTINGS[1][1]
ROUND_TRIP = 0.05


@pytest.fixture
def virtual_lab(monkeypatch: pytest.MonkeyPatch) -> Lab:
    """A lab in virtual time."""
    monkeypatch.delenv("KAFKA_BOOTSTRAP_SERVERS", raising=False)  # a virtual world refuses a broker that CI names
    lab = start_lab(world="virtual")
    yield lab
    lab.stop()


@pytest.mark.fact("kafka-python-one-batch-in-flight")
def test_with_idempotence_on_each_batch_takes_a_round_trip(virtual_lab: Lab) -> None:
    """kafka-python keeps one batch of a partition on its way with idempotence on, and up to five requests without, whatever
    `acks` is; the Java client and librdkafka keep five (notebooks/clients-compared.md has the count of each)."""
    on, off = (seconds_over(virtual_lab, ROUND_TRIP / 2, 40, options) for options in (ON, OFF))
    assert 40 * ROUND_TRIP <= on < 44 * ROUND_TRIP
    assert 8 * ROUND_TRIP <= off < 12 * ROUND_TRIP
    assert seconds_over(virtual_lab, ROUND_TRIP / 2, 40, ON) == pytest.approx(on, abs=0.01)


def test_the_table_compares_with_the_first_setting(virtual_lab: Lab) -> None:
    table = measure_distance(virtual_lab, milliseconds=10, records=10)
    assert [name for name, _ in table.rows] == [name for name, _ in SETTINGS]
    assert [ratio for _, ratio in table.rows][0] == "1.0" and float(table.rows[2][1]) > 2


def test_what_is_sent_arrives_whole_and_in_order(lab: Lab) -> None:
    lab.proxy.distance = 0.02
    topic, producer = lab.topic("far"), lab.producer(batch_size=0)
    futures = [producer.send(topic, f"{n}".encode() * 5000) for n in range(10)]
    assert [future.get(20).offset for future in futures] == list(range(10))
    assert [cell.value[:1] for cell in lab.log(topic)] == [f"{n}" for n in range(10)]


def test_a_connection_that_drops_takes_what_was_under_way_with_it(lab: Lab) -> None:
    lab.proxy.distance = 0.02
    run = lab.run(3, faults={2: "lose ack"})
    assert run.values() == ["m0", "m1", "m2"]
    assert [attempt.lost for attempt in run.attempts] == ["", "answer", "", ""]
