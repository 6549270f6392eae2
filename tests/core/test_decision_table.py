"""The decision table: what a partition leader does with each kind of batch, one row a test, the row's number in its id.

Everywhere the leader remembers, of producer id 7 in epoch 3, the batches 2, 3, 4, 5 and 6..8; 1 was evicted; next is 9.
"""

from __future__ import annotations

import pytest

from lesson_lib.core.error_codes import ErrorCode
from lesson_lib.core.partition_log import PartitionLog
from lesson_lib.core.producer_state import MAX_SEQUENCE, Appended, Batch, Duplicate, Refused

E = 3
OUT_OF_ORDER = Refused(ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER)
FENCED = Refused(ErrorCode.INVALID_PRODUCER_EPOCH)
INVALID = Refused(ErrorCode.INVALID_RECORD)
TXN_STATE = Refused(ErrorCode.INVALID_TXN_STATE)


def batch(first: int, last: int | None = None, epoch: int = E, pid: int = 7, **more) -> Batch:
    """A batch with the sequences first..last, wrapping."""
    count = ((first if last is None else last) - first) % (MAX_SEQUENCE + 1) + 1
    return Batch(count, pid, epoch, first, max_timestamp=1000 + first, **more)


@pytest.fixture
def log() -> PartitionLog:
    """1, 2, 3, 4, 5 and 6..8 at the offsets 0 to 7."""
    filled = PartitionLog()
    for sequences in ((1, 1), (2, 2), (3, 3), (4, 4), (5, 5), (6, 8)):
        assert isinstance(filled.append(batch(*sequences)), Appended)
    return filled


def log_that_ends_at(sequence: int) -> PartitionLog:
    """One record, with that sequence."""
    log = PartitionLog()
    log.append(batch(sequence))
    return log


ROWS = [
    ("D1 exactly next", batch(9, 11), Appended(8)),
    ("D2 the last batch again", batch(6, 8), Duplicate(5, 1006)),
    ("D3 the fifth from the end again", batch(2), Duplicate(1, 1002)),
    ("D4 older than five batches", batch(1), OUT_OF_ORDER),
    ("D5 the tail of a remembered batch", batch(7, 8), OUT_OF_ORDER),
    ("D6 the head of a remembered batch", batch(6, 7), OUT_OF_ORDER),
    ("D6 a remembered batch and one record more", batch(6, 9), OUT_OF_ORDER),
    ("D6 over the border of two remembered batches", batch(5, 8), OUT_OF_ORDER),
    ("D6 two remembered batches in one", batch(4, 5), OUT_OF_ORDER),
    ("D7 a gap of one", batch(10), OUT_OF_ORDER),
    ("D8 from zero in the same epoch", batch(0), OUT_OF_ORDER),
    ("D9 an older epoch, next", batch(9, epoch=E - 1), FENCED),
    ("D9 an older epoch, exact old duplicate", batch(6, 8, epoch=E - 1), FENCED),
    ("D9 an older epoch, from zero", batch(0, epoch=0), FENCED),
    ("D10 the next epoch from zero", batch(0, 4, epoch=E + 1), Appended(8)),
    ("D10 a much later epoch from zero", batch(0, epoch=32767), Appended(8)),
    ("D11 the next epoch, not from zero", batch(9, epoch=E + 1), OUT_OF_ORDER),
    ("D11 the next epoch, range of a remembered batch", batch(6, 8, epoch=E + 1), OUT_OF_ORDER),
    ("D16 unknown id from zero", batch(0, pid=8), Appended(8)),
    ("D17 unknown id, not from zero", batch(42, pid=8), Appended(8)),
    ("D18 no id", Batch(2), Appended(8)),
    ("D19 an id without a sequence", Batch(1, 7, E, -1), INVALID),
    ("D20 a control batch", batch(9, control=True), INVALID),
    ("D20 a control batch without an id", Batch(control=True), INVALID),
    ("no records", Batch(0, 7, E, 9), INVALID),
]


@pytest.mark.parametrize(("sent", "verdict"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_verdict(log: PartitionLog, sent: Batch, verdict: object) -> None:
    assert log.append(sent) == verdict


@pytest.mark.parametrize(("sent", "verdict"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_only_an_append_changes_anything(log: PartitionLog, sent: Batch, verdict: object) -> None:
    memory, stored, end = dict(log.producers), list(log.batches), log.log_end_offset
    log.append(sent)
    if isinstance(verdict, Appended):
        assert log.log_end_offset == end + sent.record_count
        assert log.batches[-1].base_offset == end
    else:
        assert (log.producers, log.batches, log.log_end_offset) == (memory, stored, end)


def test_D1_the_sixth_batch_pushes_out_the_first(log: PartitionLog) -> None:
    log.append(batch(9, 11))
    assert log.append(batch(2)) == OUT_OF_ORDER
    assert log.append(batch(3)) == Duplicate(2, 1003)


def test_D3_five_batches_are_remembered_whatever_their_size() -> None:
    log = PartitionLog()
    for first in range(0, 50_000, 10_000):
        log.append(batch(first, first + 9_999))
    assert log.append(batch(0, 9_999)) == Duplicate(0, 1000)


def test_D2_other_bytes_with_the_same_range_are_a_duplicate(log: PartitionLog) -> None:
    assert log.append(batch(6, 8, payload=("other",))) == Duplicate(5, 1006)


def test_D2_the_same_content_with_the_next_range_is_none(log: PartitionLog) -> None:
    log.append(batch(9, payload=("same",)))
    assert log.append(batch(10, payload=("same",))) == Appended(9)


def test_D8_zero_is_a_duplicate_while_it_is_remembered() -> None:
    log = PartitionLog()
    for sequence in range(5):
        log.append(batch(sequence))
    assert log.append(batch(0)) == Duplicate(0, 1000)
    log.append(batch(5))
    assert log.append(batch(0)) == OUT_OF_ORDER


def test_D10_a_new_epoch_forgets_the_ranges_and_fences_the_old(log: PartitionLog) -> None:
    log.append(batch(0, 4, epoch=E + 1))
    assert log.append(batch(9)) == FENCED
    assert log.append(batch(6, 8)) == FENCED
    assert log.append(batch(6, 8, epoch=E + 1)) == OUT_OF_ORDER
    assert log.append(batch(5, epoch=E + 1)) == Appended(13)


def test_D11_a_refused_epoch_does_not_fence(log: PartitionLog) -> None:
    log.append(batch(5, epoch=E + 1))
    assert log.append(batch(9)) == Appended(8)


def test_D12_after_a_marker_of_a_new_epoch_only_zero_is_next(log: PartitionLog) -> None:
    log.append_marker(7, E + 1, commit=True)
    assert log.append(batch(9, epoch=E + 1)) == OUT_OF_ORDER
    assert log.append(batch(0, epoch=E + 1)) == Appended(9)


def test_D13_zero_follows_the_last_sequence() -> None:
    assert log_that_ends_at(MAX_SEQUENCE).append(batch(0, 3)) == Appended(1)


def test_D14_one_does_not_follow_the_last_sequence() -> None:
    assert log_that_ends_at(MAX_SEQUENCE).append(batch(1)) == OUT_OF_ORDER


def test_D15_a_batch_may_wrap_around() -> None:
    log = log_that_ends_at(MAX_SEQUENCE - 11)
    wrapping = Batch(21, 7, E, MAX_SEQUENCE - 10)
    assert wrapping.last_sequence == 9
    assert log.append(wrapping) == Appended(1)
    assert log.append(wrapping) == Duplicate(1, 0)
    assert log.append(batch(9)) == OUT_OF_ORDER
    assert log.append(batch(10)) == Appended(22)


def test_D18_batches_without_an_id_leave_no_memory(log: PartitionLog) -> None:
    memory = dict(log.producers)
    assert [log.append(Batch(1)) for _ in range(3)] == [Appended(8), Appended(9), Appended(10)]
    assert log.producers == memory


def test_D21_a_plain_batch_while_a_transaction_is_open() -> None:
    log = PartitionLog()
    log.append(batch(0, transactional=True))
    assert log.append(batch(1)) == TXN_STATE
    assert log.append(batch(0)) == Duplicate(0, 1000)  # the look-up comes first, and it does not ask what kind of batch it is


def test_D22_a_transactional_batch_while_a_transaction_is_open() -> None:
    log = PartitionLog()
    log.append(batch(0, transactional=True))
    assert log.append(batch(1, transactional=True)) == Appended(1)


def test_D23_a_transactional_batch_opens_a_transaction() -> None:
    log = PartitionLog()
    log.append(Batch(2))
    log.append(batch(0, transactional=True))
    assert log.producers[7].current_txn_first_offset == 2
    assert (log.last_stable_offset, log.log_end_offset) == (2, 3)


def test_one_id_does_not_know_another(log: PartitionLog) -> None:
    assert log.append(batch(0, pid=8)) == Appended(8)
    assert log.append(batch(9)) == Appended(9)
    assert log.append(batch(1, pid=8)) == Appended(10)
