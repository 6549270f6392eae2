"""What lesson 1 says of logs, acks and the header of a batch, held against both brokers and the client.

What one broker cannot show is the wait of `acks="all"` for the other replicas, and error 19, since Apache Kafka asks for no more
replicas in sync than there are; the lessons cite both.
"""

from __future__ import annotations

import struct

import pytest
from kafka import TopicPartition

from lesson_lib.history import Kind
from lesson_lib.lab.forge import fetch_batches, forge
from lesson_lib.lab.lab import Lab

HEADER = 61


@pytest.mark.fact("offset-by-broker")
def test_two_producers_by_turns_share_one_count(lab: Lab, topic: str) -> None:
    """The broker chooses the offset when it appends; the ack brings it back; offsets count from 0."""
    one, other = lab.producer(), lab.producer()
    assert [producer.send(topic, b"m").get().offset for producer in (one, other, other, one)] == [0, 1, 2, 3]


@pytest.mark.fact("offset-per-partition")
def test_each_partition_counts_its_offsets(lab: Lab) -> None:
    """Each partition is a log of its own and counts its own offsets from 0."""
    topic, producer = lab.topic("fact", partitions=2), lab.producer()
    assert [producer.send(topic, b"m", partition=n).get().offset for n in (0, 1, 0, 1, 1)] == [0, 0, 1, 1, 2]


@pytest.mark.fact("record-stays")
def test_a_record_is_read_as_often_as_anybody_likes(lab: Lab, topic: str) -> None:
    """Records are appended, stay at their offset, and are read as often as anybody likes, until somebody deletes them."""
    with lab.producer() as producer:
        assert [producer.send(topic, value).get().offset for value in (b"m", b"n")] == [0, 1]
    for deleted, value in ((0, b"m"), (0, b"m"), (1, b"n")):
        lab.admin().delete_records({TopicPartition(topic, 0): deleted})
        with lab.consumer(topic, consumer_timeout_ms=10_000) as consumer:
            record = next(consumer)
            assert (record.offset, record.value) == (deleted, value)


@pytest.mark.fact("batch-acked-as-one")
def test_a_batch_is_sent_stored_and_acked_as_one(lab: Lab, topic: str) -> None:
    """Its ack carries the offset of its first record; the client counts on from there."""
    producer = lab.producer(linger_ms=2_000)
    producer.send(topic, b"before").add_callback(str)
    producer.flush()
    futures = [producer.send(topic, value) for value in (b"a", b"b", b"c")]
    producer.flush()
    assert [future.get().offset for future in futures] == [1, 2, 3]
    assert [attempt.answer_offset for attempt in lab.history().attempts] == [0, 1]


@pytest.mark.fact("answer-per-request")
def test_every_request_has_its_answer(lab: Lab) -> None:
    """Three records by themselves are six messages: three requests and three answers."""
    run = lab.run(3, idempotence=False)
    assert (len(run.of(Kind.SEND)), len(run.of(Kind.ACK))) == (3, 3)


@pytest.mark.fact("acks-0-means-sent")
def test_with_acks_0_ok_means_that_the_bytes_left(lab: Lab, topic: str) -> None:
    """With `acks=0` the answer never comes: told ok though the request was lost; in place of offsets kafka-python
    shows numbers that start from 0 in each batch."""
    run = lab.run(2, acks=0, faults={2: "lose request"}, idempotence=False)
    assert run.told == {0: "ok", 1: "ok"}
    assert (run.values(), run.of(Kind.ACK)) == (["m0"], [])
    producer = lab.producer(acks=0)
    assert [producer.send(topic, value).get().offset for value in (b"m0", b"m1")] == [0, 0]
    with lab.consumer(topic, consumer_timeout_ms=10_000) as consumer:
        assert [next(consumer).offset, next(consumer).offset] == [0, 1]
    with lab.producer(acks=0, linger_ms=200) as slow:
        together = [slow.send(topic, value) for value in (b"m2", b"m3")]
        assert [future.get().offset for future in together] == [0, 1]


@pytest.mark.fact("acks-1-notices")
def test_who_waits_for_an_answer_sends_again(lab: Lab) -> None:
    """Whoever waits for an answer can notice that it does not come, and send again."""
    run = lab.run(3, acks=1, faults={3: "lose request"}, idempotence=False)
    assert run.values() == ["m0", "m1", "m2"]
    assert [attempt.lost for attempt in run.attempts] == ["", "", "request", ""]


@pytest.mark.fact("header-61-bytes")
def test_61_bytes_stand_before_the_records(lab: Lab, topic: str) -> None:
    """In front of the records of each batch stand 61 bytes: the record that begins there ends where the batch does."""
    lab.producer().send(topic, b"coffee").get()
    (batch,) = fetch_batches(lab, topic)
    length = batch[HEADER] >> 1  # a zigzag varint, of one byte for a record this short
    assert HEADER + 1 + length == len(batch)
    assert batch[HEADER:].count(b"coffee") == 1


@pytest.mark.fact("header-numbers", "header-once-per-batch")
def test_the_numbers_stand_once_at_bytes_43_to_56(lab: Lab, topic: str) -> None:
    """Bytes 43 to 56: producer id, producer epoch, base sequence, one of each for the whole batch; the record count follows."""
    producer = lab.producer(linger_ms=2_000, enable_idempotence=True)
    for value in (b"a", b"b", b"c"):
        producer.send(topic, value)
    producer.flush()
    (batch,) = fetch_batches(lab, topic)
    bench = forge(lab, topic)
    (known,) = bench.describe_producers().rows
    bench.close()
    assert struct.unpack_from(">qhii", batch, 43) == (known.producer_id, 0, 0, 3)
    assert known.last_sequence == 2


@pytest.mark.fact("header-without-idempotence")
def test_without_idempotence_the_fields_hold_minus_one(lab: Lab, topic: str) -> None:
    """Every batch has these fields: with idempotence off they hold -1, -1 and -1."""
    lab.producer(enable_idempotence=False).send(topic, b"tea").get()
    (batch,) = fetch_batches(lab, topic)
    assert struct.unpack_from(">qhii", batch, 43) == (-1, -1, -1, 1)
