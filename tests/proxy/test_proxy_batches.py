"""Telling batches apart by their bytes."""

from __future__ import annotations

import pytest

from lesson_lib.proxy.recording import BatchBook, BatchKey
from lesson_lib.wire.record_batch import batch_bytes


def send(book: BatchBook, *values: str, client: str = "c", partition: int = 0, **fields: int) -> tuple[int, int]:
    """(number, try) of a batch that is sent."""
    records = batch_bytes([v.encode() for v in values], **fields)
    batch = book.sent(client, BatchKey.of("t", partition, records), records)
    return batch.number, batch.tries


def test_the_same_bytes_are_the_same_batch() -> None:
    book = BatchBook()
    assert [send(book, "a", timestamp=1), send(book, "b", timestamp=2), send(book, "a", timestamp=1)] == [(0, 1), (1, 1), (0, 2)]


def test_the_same_value_at_another_time_is_another_batch() -> None:
    book = BatchBook()
    assert [send(book, "a", timestamp=1), send(book, "a", timestamp=2)] == [(0, 1), (1, 1)]


def test_the_same_bytes_after_a_success_are_another_batch_without_idempotence() -> None:
    book = BatchBook()
    send(book, "a", timestamp=1)
    book.acknowledge(0)
    assert send(book, "a", timestamp=1) == (1, 1)


def test_the_same_numbers_after_a_success_are_the_same_batch_with_idempotence() -> None:
    book = BatchBook()
    ids = {"producer_id": 7, "producer_epoch": 0, "base_sequence": 3}
    send(book, "a", timestamp=1, **ids)
    book.acknowledge(0)
    assert send(book, "a", timestamp=1, **ids) == (0, 2)


def test_a_forged_batch_with_the_numbers_of_another_is_not_that_other() -> None:
    book = BatchBook()
    ids = {"producer_id": 7, "producer_epoch": 0, "base_sequence": 3}
    assert [send(book, "a", timestamp=1, **ids), send(book, "other", timestamp=1, **ids)] == [(0, 1), (1, 1)]


def test_an_unacknowledged_batch_that_gets_a_new_epoch_is_still_the_same() -> None:
    book = BatchBook()
    send(book, "a", timestamp=1, producer_id=7, producer_epoch=0, base_sequence=3)
    assert send(book, "a", timestamp=1, producer_id=7, producer_epoch=1, base_sequence=0) == (0, 2)


def test_an_acknowledged_batch_is_not_found_again_under_a_new_epoch() -> None:
    book = BatchBook()
    send(book, "a", timestamp=1, producer_id=7, producer_epoch=0, base_sequence=3)
    book.acknowledge(0)
    assert send(book, "a", timestamp=1, producer_id=7, producer_epoch=1, base_sequence=0) == (1, 1)


def test_the_same_content_with_the_next_sequence_is_another_batch() -> None:
    book = BatchBook()
    ids = {"producer_id": 7, "producer_epoch": 0, "timestamp": 1}
    assert [send(book, "a", base_sequence=0, **ids), send(book, "a", base_sequence=1, **ids)] == [(0, 1), (1, 1)]


def test_partitions_are_kept_apart() -> None:
    book = BatchBook()
    assert [send(book, "a", timestamp=1), send(book, "a", timestamp=1, partition=1)] == [(0, 1), (1, 1)]


def test_a_batch_in_the_log_is_found_whatever_offset_it_got() -> None:
    book = BatchBook()
    send(book, "a", timestamp=1)
    stored = batch_bytes([b"a"], timestamp=1, wrong={"base_offset": 17, "partition_leader_epoch": 3})
    assert book.number_of("t", 0, stored) == 0
    assert book.number_of("t", 0, batch_bytes([b"b"], timestamp=1)) == -1


def test_a_record_is_found_by_its_timestamp() -> None:
    book = BatchBook()
    send(book, "a", timestamp=5)
    send(book, "b", timestamp=6)
    assert [book.number_at("c", "t", 0, t) for t in (5, 6, 7)] == [0, 1, -1]
    assert book.number_at("someone else", "t", 0, 5) == -1


@pytest.mark.parametrize("records", [b"", b"short", bytes(61), bytes(16) + b"\x01" + bytes(60)])
def test_what_is_no_batch_of_today_is_refused(records: bytes) -> None:
    with pytest.raises(ValueError):
        BatchKey.of("t", 0, records)
