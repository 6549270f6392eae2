"""What the leader remembers while it asks the coordinator (KAFKA-14920, KAFKA-18202)."""

from __future__ import annotations

from lesson_lib.core.error_codes import ErrorCode
from lesson_lib.core.partition_log import PartitionLog
from lesson_lib.core.producer_state import Appended, Batch, Refused

OUT_OF_ORDER = Refused(ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER)


def batch(first: int, epoch: int = 0) -> Batch:
    """One transactional record of producer id 1."""
    return Batch(1, 1, epoch, first, transactional=True)


def asked(*batches: Batch, epoch_bump: bool = False) -> PartitionLog:
    """A log whose leader asked about these batches and stored none of them."""
    log = PartitionLog()
    for one in batches:
        assert log.needs_verification(one)
        log.start_verification(one, epoch_bump)
    return log


def test_a_batch_later_than_the_lowest_that_asked_is_out_of_order():
    log = asked(batch(3), batch(1), batch(2))
    assert log.append(batch(2)) == OUT_OF_ORDER
    assert log.append(batch(1)) == Appended(0)
    assert log.append(batch(2)) == Appended(1)


def test_the_entry_goes_with_the_first_batch_and_with_a_marker():
    log = asked(batch(0))
    log.append(batch(0))
    assert (log.verifying, log.needs_verification(batch(1))) == ({}, False)
    other = asked(batch(0))
    other.append_marker(1, 0, commit=False)
    assert other.verifying == {}


def test_a_plain_batch_in_between_leaves_the_entry():
    log = asked(batch(1))
    assert log.append(Batch(1, 1, 0, 0)) == Appended(0)
    assert log.append(batch(2)) == OUT_OF_ORDER


def test_a_newer_epoch_replaces_the_entry_an_older_one_does_not():
    log = asked(batch(5, epoch=1), batch(0, epoch=2), batch(0, epoch=1))
    assert log.append(batch(0, epoch=2)) == Appended(0)
    assert asked(batch(5, epoch=1), batch(0)).append(batch(5, epoch=1)) == Appended(0)


def test_with_an_epoch_bump_an_unknown_id_starts_at_0():
    assert asked(batch(5), epoch_bump=True).append(batch(5)) == OUT_OF_ORDER
    assert asked(batch(5)).append(batch(5)) == Appended(0)
    assert asked(batch(0), epoch_bump=True).append(batch(0)) == Appended(0)


def test_a_restart_forgets_who_asked():
    for fault in (PartitionLog.restart_clean, PartitionLog.rebuild_from_log):
        log = asked(batch(1))
        fault(log)
        assert log.verifying == {}


def test_plain_batches_ask_nobody():
    assert not PartitionLog().needs_verification(Batch(1, 1, 0, 0))
