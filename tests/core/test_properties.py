"""What holds for every history of batches: found by random search, directed at the neighbours of what is remembered."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from lesson_lib.core.partition_log import PartitionLog
from lesson_lib.core.producer_state import (
    BATCHES_TO_RETAIN,
    MAX_SEQUENCE,
    Appended,
    Batch,
    Duplicate,
    increment_sequence,
    judge,
)

near_zero_and_the_end = st.integers(-12, 12).map(lambda n: n % (MAX_SEQUENCE + 1))
batches = st.builds(Batch, st.integers(1, 4), st.sampled_from([-1, 1, 2]), st.integers(0, 2), near_zero_and_the_end)
markers = st.tuples(st.sampled_from([1, 2]), st.integers(0, 3), st.booleans())
starts = st.sampled_from([0, 1, MAX_SEQUENCE - 3])


class Sender:
    """A producer that does no wrong: numbers without gaps, and replays only what was stored and is still remembered."""

    def __init__(self, start: int) -> None:
        self.log, self.sent, self.following = PartitionLog(), [], start

    def send(self, count: int) -> None:
        batch = Batch(count, 7, 0, self.following)
        self.following = increment_sequence(self.following, count)
        self.sent.append((batch, self.log.append(batch)))


def play(steps: list) -> PartitionLog:
    """A log after forged batches and markers."""
    log = PartitionLog()
    for step in steps:
        log.append(step) if isinstance(step, Batch) else log.append_marker(step[0], step[1], commit=step[2])
    return log


@given(starts, st.lists(st.one_of(st.integers(1, 5), st.integers(-BATCHES_TO_RETAIN, -1)), max_size=40))
def test_a_correct_producer_never_stores_a_range_twice(start: int, steps: list[int]) -> None:
    sender = Sender(start)
    for step in steps:
        if step > 0:
            sender.send(step)
        elif len(sender.sent) >= -step:
            batch, first = sender.sent[step]
            assert sender.log.append(batch) == Duplicate(first.base_offset, batch.max_timestamp)
    ranges = [(s.batch.base_sequence, s.batch.last_sequence) for s in sender.log.batches]
    assert len(set(ranges)) == len(ranges) == len(sender.sent)
    assert all(isinstance(verdict, Appended) for _, verdict in sender.sent)


@settings(max_examples=300)
@given(st.lists(st.one_of(batches, markers), max_size=40))
def test_within_an_epoch_stored_sequences_are_consecutive(steps: list) -> None:
    last: dict[tuple[int, int], int] = {}
    for stored in play(steps).batches:
        batch = stored.batch
        key = batch.producer_id, batch.producer_epoch
        if batch.has_producer_id and not batch.control:
            assert key not in last or batch.base_sequence == increment_sequence(last[key], 1)
            last[key] = batch.last_sequence


@given(st.lists(st.one_of(batches, markers), max_size=30))
def test_epochs_of_an_id_never_fall_in_the_log(steps: list) -> None:
    newest: dict[int, int] = {}
    for stored in play(steps).batches:
        pid, epoch = stored.batch.producer_id, stored.batch.producer_epoch
        assert pid < 0 or epoch >= newest.get(pid, 0)
        newest[pid] = epoch


@given(st.lists(st.one_of(batches, markers), max_size=30))
def test_offsets_have_no_holes_and_no_overlap(steps: list) -> None:
    log = play(steps)
    ends = [0, *(s.last_offset + 1 for s in log.batches)]
    assert [s.base_offset for s in log.batches] == ends[:-1]
    assert log.log_end_offset == ends[-1]
    assert 0 <= log.last_stable_offset <= log.log_end_offset


@given(st.lists(st.one_of(batches, markers), max_size=30))
def test_the_log_alone_rebuilds_the_memory(steps: list) -> None:
    log = play(steps)
    before = dict(log.producers)
    log.rebuild_from_log()
    assert log.producers == before


@given(st.lists(st.one_of(batches, markers), max_size=30), batches)
def test_judging_changes_nothing_and_tells_what_append_does(steps: list, sent: Batch) -> None:
    log = play(steps)
    memory = dict(log.producers)
    verdict = judge(log.producers.get(sent.producer_id), sent, log.log_end_offset)
    assert log.producers == memory
    assert log.append(sent) == verdict


@given(st.lists(batches, max_size=30), st.integers(0, 60))
def test_reading_gives_what_was_stored_from_there_on(steps: list, offset: int) -> None:
    log = play(steps)
    assert log.read(offset) == [s for s in log.batches if s.last_offset >= offset]


@given(st.lists(batches, max_size=30))
def test_never_more_than_five_batches_are_remembered(steps: list) -> None:
    assert all(0 < len(entry.batches) <= BATCHES_TO_RETAIN for entry in play(steps).producers.values())
