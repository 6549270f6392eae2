"""The transaction coordinator, request by request; `now` is whatever the test says."""

from __future__ import annotations

import pytest

from lesson_lib.core.error_codes import ErrorCode
from lesson_lib.core.kafka_version import KafkaVersion
from lesson_lib.core.producer_state import MAX_EPOCH
from lesson_lib.core.transactions import (
    EXHAUSTED_EPOCH,
    MAX_TIMEOUT_MS,
    CoordinatorAnswer,
    TransactionCoordinator,
    TxnState,
)

T0, T1 = ("t", 0), ("t", 1)
FENCED, MAPPING, CONCURRENT = ErrorCode.PRODUCER_FENCED, ErrorCode.INVALID_PRODUCER_ID_MAPPING, ErrorCode.CONCURRENT_TRANSACTIONS
INVALID, ABORTABLE = ErrorCode.INVALID_TXN_STATE, ErrorCode.TRANSACTION_ABORTABLE


@pytest.fixture
def coordinator() -> TransactionCoordinator:
    """A coordinator that knows the transactional id x: producer id 0, epoch 0."""
    coordinator = TransactionCoordinator()
    assert identity(coordinator.init_producer_id("x")) == (0, 0)
    return coordinator


def identity(answer: CoordinatorAnswer) -> tuple[int, int]:
    """Producer id and epoch of an answer that must be a success."""
    assert answer.error is ErrorCode.NONE
    return answer.producer_id, answer.producer_epoch


def begin(coordinator: TransactionCoordinator, epoch: int = 0, now: int = 0) -> None:
    """Add partition 0 to a transaction of x."""
    assert coordinator.add_partitions("x", 0, epoch, [T0], now) is ErrorCode.NONE


def state(coordinator: TransactionCoordinator) -> TxnState:
    """The state of x."""
    return coordinator.entries["x"].state


def test_without_a_transactional_id_every_request_gets_a_new_producer_id():
    coordinator = TransactionCoordinator()
    assert [identity(coordinator.init_producer_id(None)) for _ in range(3)] == [(0, 0), (1, 0), (2, 0)]
    assert identity(coordinator.init_producer_id(None, producer_id=2, producer_epoch=7)) == (3, 0)
    assert coordinator.entries == {}


def test_a_restart_keeps_the_producer_id_and_raises_the_epoch(coordinator: TransactionCoordinator):
    assert identity(coordinator.init_producer_id("x")) == (0, 1)
    assert identity(coordinator.init_producer_id("y")) == (1, 0)


@pytest.mark.parametrize("timeout", [0, -1, MAX_TIMEOUT_MS + 1])
def test_a_timeout_out_of_range(coordinator: TransactionCoordinator, timeout: int):
    assert coordinator.init_producer_id("z", timeout).error is ErrorCode.INVALID_TRANSACTION_TIMEOUT
    assert "z" not in coordinator.entries


def test_a_restart_brings_a_timeout_of_its_own(coordinator: TransactionCoordinator):
    assert identity(coordinator.init_producer_id("x", 1_000)) == (0, 1)
    begin(coordinator, epoch=1)
    assert coordinator.abort_timed_out(1_000) == []
    assert [marker.transactional_id for marker in coordinator.abort_timed_out(1_001)] == ["x"]


def test_the_same_init_once_more_is_answered_as_the_first_time(coordinator: TransactionCoordinator):
    assert identity(coordinator.init_producer_id("x", 60_000, 0, 0)) == (0, 1)
    assert identity(coordinator.init_producer_id("x", 60_000, 0, 0)) == (0, 1)


def test_an_init_that_names_an_old_epoch_or_another_id_is_fenced(coordinator: TransactionCoordinator):
    coordinator.init_producer_id("x")
    assert coordinator.init_producer_id("x", 60_000, 0, 0).error is FENCED
    assert coordinator.init_producer_id("x", 60_000, 99, 1).error is FENCED


def test_commit_writes_a_marker_to_each_partition_and_completes(coordinator: TransactionCoordinator):
    begin(coordinator)
    assert coordinator.add_partitions("x", 0, 0, [T1], 0) is ErrorCode.NONE
    answer = coordinator.end("x", 0, 0, commit=True)
    assert (answer.marker.producer_epoch, answer.marker.commit, answer.marker.partitions) == (0, True, (T0, T1))
    assert state(coordinator) is TxnState.PREPARE_COMMIT
    coordinator.complete("x")
    assert state(coordinator) is TxnState.COMPLETE_COMMIT
    assert coordinator.verify("x", 0, 0, T0) is ABORTABLE


def test_between_the_commit_point_and_the_markers_the_next_one_waits(coordinator: TransactionCoordinator):
    begin(coordinator)
    coordinator.end("x", 0, 0, commit=True)
    assert coordinator.add_partitions("x", 0, 0, [T0], 0) is CONCURRENT
    assert coordinator.verify("x", 0, 0, T0) is CONCURRENT
    assert coordinator.init_producer_id("x").error is CONCURRENT
    assert coordinator.end("x", 0, 0, commit=True).error is CONCURRENT
    assert coordinator.end("x", 0, 0, commit=False).error is INVALID


@pytest.mark.parametrize("first, again, error", [
    (True, True, ErrorCode.NONE), (False, False, ErrorCode.NONE), (True, False, INVALID), (False, True, INVALID)])
def test_the_same_end_once_more(coordinator: TransactionCoordinator, first: bool, again: bool, error: ErrorCode):
    begin(coordinator)
    coordinator.end("x", 0, 0, commit=first)
    coordinator.complete("x")
    answer = coordinator.end("x", 0, 0, commit=again)
    assert (answer.error, answer.marker) == (error, None)


@pytest.mark.parametrize("who, error", [(("x", 1, 0), MAPPING), (("y", 0, 0), MAPPING), (("x", 0, 1), FENCED), (("x", 0, -1), FENCED)])
def test_strangers(coordinator: TransactionCoordinator, who: tuple[str, int, int], error: ErrorCode):
    begin(coordinator)
    assert coordinator.add_partitions(*who, [T1], 0) is error
    assert coordinator.verify(*who, T0) is error
    assert coordinator.end(*who, commit=True).error is error
    assert coordinator.end(*who, commit=True, epoch_bump=True).error is error
    assert coordinator.entries["x"].partitions == {T0}


def test_a_successor_aborts_what_was_open_and_gets_two_epochs_more(coordinator: TransactionCoordinator):
    begin(coordinator)
    answer = coordinator.init_producer_id("x")
    assert (answer.error, answer.marker.producer_epoch, answer.marker.commit) == (CONCURRENT, 1, False)
    coordinator.complete("x")
    assert identity(coordinator.init_producer_id("x")) == (0, 2)
    assert coordinator.end("x", 0, 0, commit=True).error is FENCED


def test_a_transaction_that_takes_too_long_is_aborted_and_its_producer_fenced(coordinator: TransactionCoordinator):
    begin(coordinator, now=1_000)
    assert coordinator.abort_timed_out(61_000) == []
    (marker,) = coordinator.abort_timed_out(61_001)
    assert (marker.producer_epoch, marker.commit, marker.partitions) == (1, False, (T0,))
    coordinator.complete("x")
    assert coordinator.abort_timed_out(10**9) == []
    assert coordinator.end("x", 0, 0, commit=True).error is FENCED


@pytest.mark.parametrize("release, error", [("4.0", FENCED), ("4.1", ErrorCode.NONE)])
def test_from_4_1_the_producer_of_a_transaction_that_took_too_long_may_go_on(release: str, error: ErrorCode):
    coordinator = TransactionCoordinator(version=KafkaVersion.of(release))
    coordinator.init_producer_id("x")
    begin(coordinator)
    coordinator.abort_timed_out(10**9)
    coordinator.complete("x")
    assert coordinator.init_producer_id("x", 60_000, 0, 0).error is error


def test_the_clock_of_a_transaction_starts_with_its_first_partition(coordinator: TransactionCoordinator):
    begin(coordinator, now=1_000)
    coordinator.add_partitions("x", 0, 0, [T1], 50_000)
    assert len(coordinator.abort_timed_out(61_001)) == 1


def test_an_exhausted_epoch_brings_a_new_producer_id(coordinator: TransactionCoordinator):
    coordinator.entries["x"].producer_epoch = EXHAUSTED_EPOCH
    assert identity(coordinator.init_producer_id("x", 60_000, 0, EXHAUSTED_EPOCH)) == (1, 0)
    assert identity(coordinator.init_producer_id("x", 60_000, 0, EXHAUSTED_EPOCH)) == (1, 0)
    assert coordinator.end("x", 0, EXHAUSTED_EPOCH, commit=True).error is MAPPING


# -- the second transaction version: the epoch rises with every transaction --


def ended(coordinator: TransactionCoordinator, epoch: int, *, commit: bool) -> CoordinatorAnswer:
    """EndTxn as version 5 sends it, its markers written."""
    answer = coordinator.end("x", 0, epoch, commit=commit, epoch_bump=True)
    if answer.marker:
        coordinator.complete("x")
    return answer


def test_v2_the_marker_carries_the_epoch_of_the_next_transaction(coordinator: TransactionCoordinator):
    begin(coordinator)
    answer = ended(coordinator, 0, commit=True)
    assert (identity(answer), answer.marker.producer_epoch) == ((0, 1), 1)
    begin(coordinator, epoch=1)
    assert identity(ended(coordinator, 1, commit=False)) == (0, 2)


def test_v2_the_same_end_once_more_is_known_by_its_epoch(coordinator: TransactionCoordinator):
    begin(coordinator)
    ended(coordinator, 0, commit=True)
    assert identity(ended(coordinator, 0, commit=True)) == (0, 1)
    assert ended(coordinator, 0, commit=False).error is INVALID
    assert ended(coordinator, 1, commit=True).error is INVALID


def test_v2_before_the_markers_are_written(coordinator: TransactionCoordinator):
    begin(coordinator)
    coordinator.end("x", 0, 0, commit=True, epoch_bump=True)
    assert coordinator.end("x", 0, 0, commit=True, epoch_bump=True).error is CONCURRENT
    assert coordinator.end("x", 0, 1, commit=True, epoch_bump=True).error is FENCED


def test_v2_an_empty_abort_raises_the_epoch_and_writes_nothing(coordinator: TransactionCoordinator):
    answer = coordinator.end("x", 0, 0, commit=False, epoch_bump=True)
    assert (identity(answer), answer.marker, state(coordinator)) == ((0, 1), None, TxnState.COMPLETE_ABORT)
    assert coordinator.end("x", 0, 1, commit=True, epoch_bump=True).error is INVALID


def test_v1_there_is_no_empty_abort(coordinator: TransactionCoordinator):
    assert coordinator.end("x", 0, 0, commit=False).error is INVALID


def test_the_id_before_may_only_ask_with_the_last_of_its_epochs(coordinator: TransactionCoordinator):
    """An older zombie is fenced before it can take the successor's open transaction down."""
    coordinator.entries["x"].producer_epoch = EXHAUSTED_EPOCH
    assert identity(coordinator.init_producer_id("x", 60_000, 0, EXHAUSTED_EPOCH)) == (1, 0)
    assert coordinator.add_partitions("x", 1, 0, [T0], 0) is ErrorCode.NONE
    assert coordinator.init_producer_id("x", 60_000, 0, EXHAUSTED_EPOCH - 1) == CoordinatorAnswer(FENCED)
    assert state(coordinator) is TxnState.ONGOING


def test_v2_an_exhausted_epoch_brings_a_new_producer_id_with_the_end(coordinator: TransactionCoordinator):
    coordinator.entries["x"].producer_epoch = EXHAUSTED_EPOCH
    begin(coordinator, epoch=EXHAUSTED_EPOCH)
    answer = ended(coordinator, EXHAUSTED_EPOCH, commit=True)
    assert (identity(answer), answer.marker.producer_id, answer.marker.producer_epoch) == ((1, 0), 0, MAX_EPOCH)
    assert identity(ended(coordinator, EXHAUSTED_EPOCH, commit=True)) == (1, 0)
    assert coordinator.add_partitions("x", 1, 0, [T0], 0) is ErrorCode.NONE


@pytest.mark.parametrize(("release", "error"), [("3.6", 48), ("3.7.2", 48), ("3.8", 120), ("4.4", 120)])
def test_a_partition_that_is_not_part_of_the_transaction_has_another_error_in_old_releases(release: str, error: int):
    coordinator = TransactionCoordinator(version=KafkaVersion.of(release))
    coordinator.init_producer_id("x")
    assert coordinator.verify("x", 0, 0, T0) == error
    coordinator.add_partitions("x", 0, 0, [T0], now=0)
    assert coordinator.verify("x", 0, 0, T0) is ErrorCode.NONE

