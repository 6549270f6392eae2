"""What lesson 3 says of numbers, attempts and contents, held against both brokers and kafka-python."""

from __future__ import annotations

import pytest

from lesson_lib.history import Kind
from lesson_lib.lab.forge import forge
from lesson_lib.lab.lab import Lab

COFFEES = ["coffee", "coffee"]


@pytest.mark.fact("retry-repeats-number")
def test_a_retry_repeats_its_number_and_is_stored_once(lab: Lab) -> None:
    """The producer numbers what it sends, a retry repeats the number, and the broker stores each number once."""
    on, off = (lab.run(COFFEES, faults={2: "lose ack"}, idempotence=choice) for choice in (True, False))
    assert [attempt.send.base_sequence for attempt in on.attempts] == [0, 1, 1]
    assert (on.values(), off.values()) == (COFFEES, [*COFFEES, "coffee"])


@pytest.mark.fact("sequences-count-records")
def test_sequences_count_records(lab: Lab) -> None:
    """A sequence counts records, not batches, and stands for the first record of its batch."""
    run = lab.run(7, records_per_batch=3, faults={2: "lose ack"})
    assert [attempt.send.base_sequence for attempt in run.attempts] == [0, 3, 3, 6]


@pytest.mark.fact("numbers-not-contents", "id-is-no-password")
def test_other_bytes_under_one_number_are_a_duplicate(lab: Lab) -> None:
    """Same producer id, epoch and range: a duplicate, whatever is inside; and nobody asks who producer 4711 is."""
    bench = forge(lab)
    answers = [str(bench.send(4711, 0, 0, values=[word])) for word in ("tea", "rum")]
    assert answers == ["stored at offset 0", "duplicate of offset 0: success, nothing stored"]
    assert [cell.value for cell in lab.log(bench.bench.topic)] == ["tea"]  # type: ignore[attr-defined]
    bench.close()


@pytest.mark.fact("kafka-python-waits-for-each")
@pytest.mark.parametrize(("idempotence", "first_two"), [(True, [Kind.SEND, Kind.ACK]), (False, [Kind.SEND, Kind.SEND])])
def test_kafka_python_has_one_in_flight_while_idempotence_is_on(lab: Lab, topic: str, idempotence: bool, first_two: list[Kind]) -> None:
    """`kafka-python` waits for each answer while idempotence is on; without it several requests are on their way at once."""
    lab.faults({1: "delay 300"})
    producer = lab.producer(enable_idempotence=idempotence)
    for value in (b"m0", b"m1"):
        producer.send(topic, value)
        producer.seal(topic, 0)
    producer.flush()
    assert [event.kind for event in lab.history().of(Kind.SEND, Kind.ACK)][:2] == first_two
