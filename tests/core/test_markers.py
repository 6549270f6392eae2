"""Markers, the last stable offset, and the aborted index (the table of markers in the notes on the broker rule)."""

from __future__ import annotations

import pytest

from lesson_lib.core.error_codes import ErrorCode
from lesson_lib.core.partition_log import AbortedTxn, PartitionLog
from lesson_lib.core.producer_state import MAX_EPOCH, Appended, Batch, Duplicate, Refused


def data(sequence: int, pid: int = 7, epoch: int = 2, transactional: bool = True) -> Batch:
    """One record."""
    return Batch(1, pid, epoch, sequence, transactional, max_timestamp=500)


@pytest.fixture
def log() -> PartitionLog:
    """An open transaction with two records, epoch 2, coordinator epoch 4 from the transaction before."""
    opened = PartitionLog()
    opened.append(data(0))
    opened.append_marker(7, 2, commit=True, coordinator_epoch=4, timestamp=600)
    opened.append(data(1))
    opened.append(data(2))
    return opened


def test_a_marker_takes_an_offset(log: PartitionLog) -> None:
    assert log.append_marker(7, 2, commit=True, coordinator_epoch=4) == Appended(4)
    assert (log.log_end_offset, log.batches[-1].batch.control, log.batches[-1].committed) == (5, True, True)


def test_a_marker_of_an_older_epoch_is_refused(log: PartitionLog) -> None:
    assert log.append_marker(7, 1, commit=True, coordinator_epoch=4) == Refused(ErrorCode.INVALID_PRODUCER_EPOCH)
    assert log.log_end_offset == 4


def test_a_marker_of_transaction_version_2_needs_a_greater_epoch_unless_it_is_a_retry(log: PartitionLog) -> None:
    """KAFKA-19446 and KAFKA-19999, as `ProducerAppendInfo.checkProducerEpoch` of 4.4.0 has it."""
    refused = Refused(ErrorCode.INVALID_PRODUCER_EPOCH)
    assert log.append_marker(7, 2, commit=True, coordinator_epoch=4, transaction_version=2) == refused
    assert log.append_marker(7, 3, commit=True, coordinator_epoch=4, transaction_version=2) == Appended(4)
    assert log.append_marker(7, 3, commit=True, coordinator_epoch=4, transaction_version=2) == Appended(5), "no open txn"
    assert log.append_marker(7, 2, commit=True, coordinator_epoch=4, transaction_version=2) == refused


def test_at_the_last_epoch_an_equal_one_will_do(log: PartitionLog) -> None:
    log.append_marker(7, 2, commit=True, coordinator_epoch=4)
    log.append(data(0, epoch=MAX_EPOCH))
    assert log.append_marker(7, MAX_EPOCH, commit=True, coordinator_epoch=4, transaction_version=2) == Appended(6)


def test_a_marker_of_an_older_coordinator_is_refused(log: PartitionLog) -> None:
    assert log.append_marker(7, 2, commit=True, coordinator_epoch=3) == Refused(ErrorCode.TRANSACTION_COORDINATOR_FENCED)
    assert log.producers[7].current_txn_first_offset == 2


def test_a_marker_of_the_same_epoch_keeps_the_ranges(log: PartitionLog) -> None:
    log.append_marker(7, 2, commit=True, coordinator_epoch=4)
    assert log.append(data(2)) == Duplicate(3, 500)
    assert log.append(data(3)) == Appended(5)


def test_a_marker_of_a_newer_epoch_forgets_the_ranges_and_fences(log: PartitionLog) -> None:
    log.append_marker(7, 3, commit=False, coordinator_epoch=4)
    assert log.append(data(3)) == Refused(ErrorCode.INVALID_PRODUCER_EPOCH)
    assert log.append(data(3, epoch=3)) == Refused(ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER)
    assert log.append(data(0, epoch=3)) == Appended(5)


def test_a_marker_alone_fences_an_id_that_never_wrote_here() -> None:
    log = PartitionLog()
    assert log.append_marker(9, 5, commit=False) == Appended(0)
    assert log.aborted == []
    assert log.append(data(0, pid=9, epoch=4)) == Refused(ErrorCode.INVALID_PRODUCER_EPOCH)


def test_a_marker_updates_what_is_remembered(log: PartitionLog) -> None:
    log.append_marker(7, 2, commit=True, coordinator_epoch=6, timestamp=900)
    entry = log.producers[7]
    assert (entry.current_txn_first_offset, entry.coordinator_epoch, entry.last_timestamp) == (None, 6, 900)


def test_the_last_stable_offset_is_the_oldest_open_transaction(log: PartitionLog) -> None:
    log.append(data(0, pid=8))
    log.append(Batch())
    assert log.last_stable_offset == 2
    log.append_marker(8, 2, commit=True)
    assert log.last_stable_offset == 2
    log.append_marker(7, 2, commit=True, coordinator_epoch=4)
    assert log.last_stable_offset == log.log_end_offset == 8


def test_read_committed_stops_at_the_last_stable_offset(log: PartitionLog) -> None:
    log.append(Batch())
    assert [b.base_offset for b in log.read(0, read_committed=True)] == [0, 1]
    assert [b.base_offset for b in log.read(0)] == [0, 1, 2, 3, 4]


def test_the_aborted_index_has_a_row_for_each_abort(log: PartitionLog) -> None:
    log.append_marker(7, 2, commit=False, coordinator_epoch=4)
    assert log.aborted == [AbortedTxn(7, 2, 4)]
    assert log.aborted_between(0, 2) == []
    assert log.aborted_between(2, 3) == log.aborted_between(4, 9) == log.aborted
    assert log.aborted_between(5, 9) == []


def test_a_commit_leaves_no_row(log: PartitionLog) -> None:
    log.append_marker(7, 2, commit=True, coordinator_epoch=4)
    assert log.aborted == []


def test_reading_starts_in_the_middle_of_a_batch() -> None:
    log = PartitionLog()
    log.append(Batch(3))
    log.append(Batch(2))
    assert [b.base_offset for b in log.read(2)] == [0, 3]
    assert [b.base_offset for b in log.read(3)] == [3]
    assert log.read(5) == []
