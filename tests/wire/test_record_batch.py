"""Batches as bytes on the broker's side, against kafka-python's own builder and reader."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kafka.record.default_records import DefaultRecordBatch, DefaultRecordBatchBuilder

from lesson_lib.wire import record_batch
from lesson_lib.wire.record_batch import marker, newest_timestamp, place, read_header, split_batches, stamped, to_batch

RECORDS = st.lists(st.tuples(st.integers(0, 2**41), st.one_of(st.none(), st.binary(max_size=200), st.just(b"m" * 9000))),
                   min_size=1, max_size=20)


def built(records: list[tuple[int, bytes | None]]) -> bytes:
    """A batch of (timestamp, value)."""
    builder = DefaultRecordBatchBuilder(2, 0, False, 7, 0, 0, 1 << 30)
    for delta, (timestamp, value) in enumerate(records):
        builder.append(delta, timestamp, None, value, [])
    return bytes(builder.build())


@given(RECORDS)
def test_newest_timestamp_is_that_of_the_records(records: list[tuple[int, bytes | None]]):
    data = built(records)
    assert newest_timestamp(data, read_header(data)) == max(timestamp for timestamp, _ in records)


@given(RECORDS, st.integers(1, 3))
def test_a_wrong_count_is_found(records: list[tuple[int, bytes | None]], more: int):
    data = built(records)
    header = read_header(data)
    assert newest_timestamp(data, header._replace(records_count=len(records) + more)) is None
    assert newest_timestamp(data, header._replace(records_count=len(records) - 1)) is None


@given(RECORDS, st.data())
def test_any_bytes_are_judged_without_an_exception(records: list[tuple[int, bytes | None]], data: st.DataObject):
    changed = bytearray(built(records))
    for _ in range(3):
        changed[data.draw(st.integers(61, len(changed) - 1))] = data.draw(st.integers(0, 255))
    cut = changed[:data.draw(st.integers(61, len(changed)))]
    found = newest_timestamp(bytes(cut), read_header(changed))
    assert found is None or isinstance(found, int)


@pytest.mark.parametrize("length", [0, 1, 0x7F])
def test_a_record_that_says_it_has_no_length_is_no_record(length: int):
    """As zigzag: 0, -1, -64; nor may a count of many such records go round for ever."""
    data = bytearray(record_batch.batch_bytes([b"m"], wrong={"records_count": 2**31 - 1}))
    data[61] = length
    assert newest_timestamp(data, read_header(data)) is None


@given(st.lists(RECORDS, min_size=1, max_size=3), st.integers(0, 16))
def test_batches_are_taken_apart(batches: list[list[tuple[int, bytes | None]]], unfinished: int):
    parts = [built(records) for records in batches]
    assert split_batches(b"".join(parts) + parts[0][:unfinished]) == parts


def test_offset_and_leader_epoch_are_outside_the_checksum():
    payload = bytearray(built([(1_000, b"m")]))
    place(payload, 41, 3)
    assert DefaultRecordBatch(bytes(payload)).validate_crc()
    assert (read_header(payload).base_offset, read_header(payload).partition_leader_epoch) == (41, 3)


def test_a_marker_is_one_control_record_with_a_checksum_that_holds():
    for commit in (True, False):
        batch = DefaultRecordBatch(bytes(marker(7, 3, commit=commit, coordinator_epoch=2, timestamp=1_000)))
        assert batch.validate_crc() and batch.is_control_batch and batch.is_transactional
        assert (batch.producer_id, batch.producer_epoch, batch.base_sequence) == (7, 3, -1)
        (record,) = batch
        assert (record.key, record.value) == (b"\0\0\0" + bytes([commit]), b"\0\0\0\0\0\2")


def test_a_stamped_batch_has_one_time_for_all_and_a_checksum_that_holds():
    data = built([(1_000, b"a"), (2_000, b"b")])
    batch = stamped(to_batch(read_header(data), data), 5_000)
    stored = DefaultRecordBatch(bytes(batch.payload))
    assert stored.validate_crc()
    assert (batch.max_timestamp, [record.timestamp for record in stored]) == (5_000, [5_000, 5_000])
