"""Sequence numbers count records and wrap from 2147483647 to 0."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lesson_lib.core.error_codes import ErrorCode
from lesson_lib.core.producer_state import MAX_SEQUENCE, Batch, decrement_sequence, increment_sequence

sequences = st.integers(0, MAX_SEQUENCE)
counts = st.integers(0, MAX_SEQUENCE)


@pytest.mark.parametrize(("start", "by", "end"), [(0, 1, 1), (MAX_SEQUENCE, 1, 0), (MAX_SEQUENCE - 10, 20, 9), (5, 0, 5)])
def test_increment(start: int, by: int, end: int) -> None:
    assert (increment_sequence(start, by), decrement_sequence(end, by)) == (end, start)


@given(sequences, counts)
def test_there_and_back(sequence: int, by: int) -> None:
    assert decrement_sequence(increment_sequence(sequence, by), by) == sequence
    assert 0 <= increment_sequence(sequence, by) <= MAX_SEQUENCE


@given(sequences, st.integers(1, 100_000))
def test_last_sequence_is_the_sequence_of_the_last_record(first: int, count: int) -> None:
    batch = Batch(count, 7, 0, first)
    assert batch.last_sequence == batch.sequence_of(count - 1)
    assert increment_sequence(batch.last_sequence, 1) == batch.sequence_of(count)


def test_a_batch_without_an_id_has_no_sequences() -> None:
    assert (Batch(3).last_sequence, Batch(3).sequence_of(1), Batch(3).has_producer_id) == (-1, -1, False)


def test_again_is_a_copy_with_changes() -> None:
    batch = Batch(2, 7, 0, 5)
    assert batch.again(producer_epoch=1) == Batch(2, 7, 1, 5)
    assert batch.again() == batch


def test_error_codes_have_words_and_know_what_clients_retry() -> None:
    assert ErrorCode(45).words == "45 out of order sequence number"
    assert [int(e) for e in ErrorCode if e.retriable] == [
        2, 3, 6, 7, 13, 14, 15, 16, 19, 20, 51, 56, 74, 75, 88, 100]


def test_an_error_code_that_is_not_listed_keeps_its_number() -> None:
    """A real broker may answer anything."""
    code = ErrorCode(4711)
    assert (int(code), code.name, code.words, code.retriable) == (4711, "ERROR_4711", "4711 error 4711", False)
    with pytest.raises(ValueError, match="4711"):
        ErrorCode("4711")
