"""What is left of a leader's memory after a restart, a crash, a failover, a day without records, and DeleteRecords."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lesson_lib.core.error_codes import ErrorCode
from lesson_lib.core.kafka_version import KafkaVersion
from lesson_lib.core.partition_log import PRODUCER_ID_EXPIRATION_MS, PartitionLog
from lesson_lib.core.producer_state import Appended, Batch, Duplicate, Refused

OUT_OF_ORDER = Refused(ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER)
DAY = PRODUCER_ID_EXPIRATION_MS


def data(sequence: int, pid: int = 7, epoch: int = 0, timestamp: int = 0, transactional: bool = False) -> Batch:
    """One record."""
    return Batch(1, pid, epoch, sequence, transactional, max_timestamp=timestamp)


@pytest.fixture
def log() -> PartitionLog:
    """Sequences 0 to 5; five batches are remembered."""
    filled = PartitionLog()
    for sequence in range(6):
        filled.append(data(sequence))
    return filled


def duplicates_known(log: PartitionLog) -> list[int]:
    """The sequences that would be recognised as duplicates."""
    return [s for s in range(6) if isinstance(log.append(data(s)), Duplicate)]


def test_a_clean_restart_leaves_a_window_of_one(log: PartitionLog) -> None:
    log.restart_clean()
    assert duplicates_known(log) == [5]
    assert log.append(data(4)) == OUT_OF_ORDER
    assert log.append(data(6)) == Appended(6)


def test_a_crash_leaves_a_window_of_one_too(log: PartitionLog) -> None:
    log.restart_after_crash()
    assert duplicates_known(log) == [5]
    assert log.append(data(6)) == Appended(6)


def test_the_log_alone_gives_the_window_of_five(log: PartitionLog) -> None:
    before = dict(log.producers)
    log.producers.clear()
    log.rebuild_from_log()
    assert log.producers == before
    assert duplicates_known(log) == [1, 2, 3, 4, 5]


def test_a_failover_leaves_everything(log: PartitionLog) -> None:
    log.delete_records(6)
    log.fail_over()
    assert duplicates_known(log) == [1, 2, 3, 4, 5]


def test_a_new_leader_was_never_restarted(log: PartitionLog) -> None:
    log.restart_clean()
    log.append(data(6))
    log.fail_over()
    assert [s for s in range(7) if isinstance(log.append(data(s)), Duplicate)] == [2, 3, 4, 5, 6]


def test_a_new_leader_has_forgotten_idle_ids_too(log: PartitionLog) -> None:
    log.forget_idle_ids(DAY)
    log.fail_over()
    assert log.producers == {}


def test_a_new_leader_asks_the_coordinator_anew(log: PartitionLog) -> None:
    log.start_verification(data(0, pid=8, transactional=True))
    log.fail_over()
    assert log.verifying == {}


def test_a_log_can_be_had_empty_and_its_memory_as_a_value(log: PartitionLog) -> None:
    log.append(data(0, pid=3))
    other = replace(log)
    assert (other.batches, other.producers, other.log_end_offset) == ([], {}, 0) and len(log.batches) == 7
    other.recall(log.memory())
    assert other.producers == log.producers and other.producers is not log.producers
    assert hash(other.memory()) == hash(log.memory())
    log.append(data(6))
    assert other.memory() != log.memory()


def test_a_rebuilt_memory_knows_epochs_markers_and_open_transactions() -> None:
    log = PartitionLog()
    log.append(data(0, epoch=1, transactional=True))
    log.append_marker(7, 1, commit=False, coordinator_epoch=3, timestamp=5)
    log.append(data(1, epoch=1, transactional=True))
    log.append(data(0, pid=8, epoch=4))
    before = dict(log.producers)
    log.rebuild_from_log()
    assert log.producers == before
    assert log.last_stable_offset == 2


def test_expiry_goes_by_the_time_of_the_records(log: PartitionLog) -> None:
    log.append(data(0, pid=8, timestamp=1_000))
    assert log.forget_idle_ids(DAY - 1) == []
    assert log.forget_idle_ids(DAY) == [7]
    assert log.forget_idle_ids(DAY + 999) == []
    assert log.forget_idle_ids(DAY + 1_000) == [8]


def test_a_forgotten_id_may_start_anywhere(log: PartitionLog) -> None:
    log.forget_idle_ids(DAY)
    assert log.append(data(3)) == Appended(6)  # which stores sequence 3 a second time


def test_a_producer_of_old_records_is_forgotten_while_it_writes() -> None:
    log = PartitionLog()
    now = 10 * DAY
    log.append(data(0, timestamp=now - DAY))
    assert log.forget_idle_ids(now) == [7]


def test_the_last_batch_counts_also_where_an_earlier_one_had_newer_records() -> None:
    """`ProducerStateEntry.update` takes the timestamp of the batch that was appended last, whatever came before it."""
    log = PartitionLog()
    log.append(data(0, timestamp=5_000))
    log.append(data(1, timestamp=1_000))
    assert log.forget_idle_ids(DAY + 999) == []
    assert log.forget_idle_ids(DAY + 1_000) == [7]


def test_an_open_transaction_never_expires() -> None:
    log = PartitionLog()
    log.append(data(0, transactional=True))
    assert log.forget_idle_ids(9 * DAY) == []
    log.append_marker(7, 0, commit=True, timestamp=DAY)
    assert log.forget_idle_ids(2 * DAY) == [7]


def test_a_snapshot_leaves_out_what_has_expired(log: PartitionLog) -> None:
    log.restart_clean(now=DAY)
    assert log.producers == {}


def test_delete_records_keeps_the_memory(log: PartitionLog) -> None:
    assert log.delete_records(4) == 4
    assert [b.base_offset for b in log.batches] == [4, 5]
    assert duplicates_known(log) == [1, 2, 3, 4, 5]


def test_delete_records_never_goes_back_or_beyond_the_end(log: PartitionLog) -> None:
    log.delete_records(4)
    assert log.delete_records(2) == 4
    assert log.delete_records(99) == log.log_end_offset == 6
    assert log.append(data(6)) == Appended(6)


def test_delete_records_keeps_a_batch_of_which_a_record_is_left() -> None:
    log = PartitionLog()
    log.append(Batch(3))
    assert (log.delete_records(2), len(log.batches)) == (2, 1)


@pytest.mark.parametrize("release, expected", [("3.9", 3), ("4.0", 1), ("4.4", 1)])
def test_the_last_stable_offset_after_records_of_an_open_transaction_were_deleted(release: str, expected: int) -> None:
    log = PartitionLog(KafkaVersion.of(release))
    log.append(data(0, transactional=True))
    log.append(Batch(3))
    log.delete_records(3)
    assert log.last_stable_offset == expected  # both measured: the log start, or the start of the batch that holds it
    assert log.read(3, read_committed=True) == []


def test_the_last_stable_offset_of_an_emptied_log_is_its_start() -> None:
    log = PartitionLog()
    log.append(data(0, transactional=True))
    log.delete_records(1)
    assert log.last_stable_offset == log.log_start_offset == 1


@pytest.mark.parametrize("release, expected", [("3.9", False), ("4.0", True)])
def test_an_open_transaction_of_another_epoch_spares_the_question_only_before_4_0(release: str, expected: bool) -> None:
    log = PartitionLog(KafkaVersion.of(release))
    log.append(data(0, epoch=1, transactional=True))
    assert log.needs_verification(data(1, epoch=0, transactional=True)) is expected
    assert log.needs_verification(data(1, epoch=1, transactional=True)) is False


def test_before_2_4_an_id_whose_records_are_all_deleted_is_forgotten() -> None:
    """KAFKA-7190; one that has a record left is not, and remembers what is left."""
    old = PartitionLog(KafkaVersion(2, 3))
    for batch in (data(0, pid=7), data(0, pid=8), data(1, pid=8)):
        old.append(batch)
    old.delete_records(2)
    assert list(old.producers) == [8] and len(old.producers[8].batches) == 1
