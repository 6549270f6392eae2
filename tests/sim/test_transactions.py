"""Transactions in virtual time: markers, the last stable offset, both isolation levels, fencing, timeouts, both versions."""

from __future__ import annotations

import pytest

from lesson_lib.core.error_codes import ErrorCode
from lesson_lib.errors import LessonError
from lesson_lib.faults import BROKER_WORDS
from lesson_lib.history import Kind
from lesson_lib.sim.transactions import Transactions


def log_of(kafka: Transactions, partition: int = 0) -> list[str]:
    """Values and markers of a partition."""
    return [cell.value or cell.kind.upper() for cell in kafka.history().log(partition)]


def test_a_commit_shows_everything_on_all_partitions_at_once() -> None:
    kafka = Transactions(partitions=2)
    committed, uncommitted = kafka.consumer("read_committed"), kafka.consumer()
    shop = kafka.producer("shop")
    shop.begin()
    assert [shop.send("a"), shop.send("b", partition=1)] == ["ok", "ok"]
    assert (committed.poll(), uncommitted.poll()) == ([], ["a", "b"])
    shop.commit()
    assert (committed.poll(), uncommitted.poll()) == (["a", "b"], [])
    assert (log_of(kafka, 0), log_of(kafka, 1)) == (["a", "COMMIT"], ["b", "COMMIT"])


def test_an_abort_stays_in_the_log_and_read_uncommitted_shows_it() -> None:
    kafka = Transactions()
    shop = kafka.producer("shop")
    for value, commit in (("a", True), ("x", False), ("b", True)):
        shop.begin()
        shop.send(value)
        shop.commit() if commit else shop.abort()
    assert kafka.consumer("read_committed").poll() == ["a", "b"]
    assert kafka.history().anomalies == []
    assert kafka.consumer().poll() == ["a", "x", "b"]
    assert kafka.history().anomaly_names == ["aborted read"]
    assert [c.txn for c in kafka.history().log()] == ["committed", "", "aborted", "", "committed", ""]


def test_an_open_transaction_holds_back_others_behind_it() -> None:
    kafka = Transactions()
    slow, fast = kafka.producer("slow"), kafka.producer("fast")
    slow.begin()
    slow.send("s")
    fast.begin()
    fast.send("f")
    fast.commit()
    committed = kafka.consumer("read_committed")
    assert committed.poll() == []
    assert [c.txn for c in kafka.history().log()] == ["open", "committed", ""]
    assert kafka.history().of(Kind.MARKER)[0].note == "last stable offset 0"
    slow.abort()
    assert committed.poll() == ["f"]


def test_the_commit_point_is_before_the_markers() -> None:
    kafka = Transactions()
    shop = kafka.producer("shop")
    shop.begin()
    shop.send("a")
    shop.commit()
    steps = [e.what for e in kafka.history().of(Kind.TXN, Kind.MARKER)]
    assert steps == ["begin", "add partition", "commit", "prepare commit", "committed", "commit"]


def test_a_successor_aborts_what_was_open_and_fences() -> None:
    kafka = Transactions()
    old = kafka.producer("shop")
    old.begin()
    old.send("a0")
    new = kafka.producer("shop")
    new.begin()
    new.send("b0")
    assert old.send("a1") == "failed"
    new.commit()
    with pytest.raises(LessonError, match="fenced .ProducerFencedError.: it can neither commit nor abort"):
        old.commit()
    run = kafka.history()
    assert log_of(kafka) == ["a0", "ABORT", "b0", "COMMIT"]
    assert [(e.producer_id, e.producer_epoch) for e in run.of(Kind.INIT)] == [(1, 0), (1, 2)]
    assert run.verdicts[-1] == (2, "refused", int(ErrorCode.INVALID_PRODUCER_EPOCH))
    assert [(e.lane, e.error) for e in run.of(Kind.TXN) if e.what == "fenced"] == [("producer", ErrorCode.PRODUCER_FENCED)] * 2


def test_a_zombie_that_has_to_add_its_partition_never_reaches_the_log() -> None:
    kafka = Transactions()
    old, _ = kafka.producer("shop"), kafka.producer("shop")
    old.begin()
    assert old.send("late") == "failed"
    run = kafka.history()
    assert (run.attempts, log_of(kafka)) == ([], [])
    assert [(r.what, r.note) for r in run.reports] == [("failed", "ProducerFencedError")]


def test_a_zombie_without_a_partition_is_not_told_committed() -> None:
    kafka = Transactions()
    old, _ = kafka.producer("shop"), kafka.producer("shop")
    old.begin()
    old.send("late")
    with pytest.raises(LessonError, match="is fenced"):
        old.commit()
    assert "committed" not in [e.what for e in kafka.history().of(Kind.TXN)]


@pytest.mark.parametrize("commit", [True, False])
def test_a_position_counts_with_the_commit_alone(commit: bool) -> None:
    kafka = Transactions()
    shop = kafka.producer("shop")
    shop.begin()
    shop.send_offsets(1)
    shop.commit() if commit else shop.abort()
    assert [e.offset for e in kafka.history().of(Kind.POSITION)] == [1] * commit


def test_another_transactional_id_is_not_fenced() -> None:
    kafka = Transactions()
    one, _ = kafka.producer("one"), kafka.producer("two")
    one.begin()
    assert one.send("a") == "ok"


def test_without_a_transactional_id_nobody_is_fenced_and_nothing_belongs_together() -> None:
    kafka = Transactions(partitions=2)
    old, shop, new = kafka.producer(), kafka.producer("shop"), kafka.producer()
    shop.begin()
    assert [old.send("a"), new.send("b", partition=1), shop.send("c"), old.send("d")] == ["ok"] * 4
    shop.commit()
    assert (log_of(kafka, 0), log_of(kafka, 1)) == (["a", "c", "d", "COMMIT"], ["b"])
    assert [e.producer_id for e in kafka.history().of(Kind.INIT)] == [1, 2, 3]
    assert [e.lane for e in kafka.history().of(Kind.INIT)] == ["producer", "producer 2", "producer 3"]


def test_a_killed_producer_leaves_its_transaction_open_until_it_times_out() -> None:
    kafka = Transactions()
    shop = kafka.producer("shop", timeout_ms=60_000)
    shop.begin()
    shop.send("a")
    shop.kill()
    kafka.wait(59_000)
    assert log_of(kafka) == ["a"]
    kafka.wait(2_000)
    assert log_of(kafka) == ["a", "ABORT"]


def test_a_transaction_that_is_too_slow_is_aborted_and_its_producer_fenced() -> None:
    kafka = Transactions()
    shop = kafka.producer("shop", timeout_ms=1_000)
    shop.begin()
    shop.send("a")
    kafka.wait(1_001)
    with pytest.raises(LessonError, match="is fenced"):
        shop.commit()
    assert log_of(kafka) == ["a", "ABORT"]
    assert kafka.history().of(Kind.TXN)[-1].what == "fenced"


@pytest.mark.parametrize("version", [1, 2])
def test_who_was_only_too_slow_aborts_and_goes_on(version: int) -> None:
    """As Java does (KIP-588): a send fails, an abort gets a new epoch, and the next transaction is as any other."""
    kafka = Transactions(transaction_version=version)
    shop = kafka.producer("shop", timeout_ms=1_000)
    shop.begin()
    shop.send("a")
    kafka.wait(1_001)
    assert shop.send("b") == "failed"
    with pytest.raises(LessonError, match="47 invalid producer epoch.: only abort.. is possible now"):
        shop.commit()
    shop.abort()
    shop.begin()
    assert shop.send("again") == "ok"
    shop.commit()
    assert log_of(kafka) == ["a", "ABORT", "again", "COMMIT"]
    run = kafka.history()
    assert "fenced" not in [e.what for e in run.of(Kind.TXN)]
    assert [e.producer_epoch for e in run.of(Kind.INIT)] == [0, 1]
    assert run.told == {0: "ok", 1: "failed", 2: "ok"}


def test_a_later_producer_with_another_id_is_no_successor() -> None:
    kafka = Transactions()
    shop = kafka.producer("shop", timeout_ms=1_000)
    shop.begin()
    shop.send("a")
    kafka.producer("other")
    kafka.producer()
    kafka.wait(1_001)
    assert shop.send("b") == "failed"
    shop.abort()
    assert "fenced" not in [e.what for e in kafka.history().of(Kind.TXN)]


def test_before_4_1_even_that_one_is_fenced() -> None:
    kafka = Transactions(broker="4.0")
    shop = kafka.producer("shop", timeout_ms=1_000)
    shop.begin()
    shop.send("a")
    kafka.wait(1_001)
    assert shop.send("b") == "failed"
    with pytest.raises(LessonError, match="is fenced"):
        shop.abort()
    assert kafka.history().of(Kind.TXN)[-1].what == "fenced"


@pytest.mark.parametrize(("version", "numbers"), [(1, [(0, 0), (0, 1), (0, 2)]), (2, [(0, 0), (1, 0), (2, 0)])])
def test_the_second_version_raises_the_epoch_with_every_transaction(version: int, numbers: list) -> None:
    kafka = Transactions(transaction_version=version)
    shop = kafka.producer("shop")
    for i, commit in enumerate((True, False, True)):
        shop.begin()
        shop.send(f"m{i}")
        shop.commit() if commit else shop.abort()
    assert [(a.send.producer_epoch, a.send.base_sequence) for a in kafka.history().attempts] == numbers
    assert log_of(kafka) == ["m0", "COMMIT", "m1", "ABORT", "m2", "COMMIT"]


@pytest.mark.parametrize("fault", ["lose ack", "lose request", "repeat", "refuse 19", "store and answer 20", "lose ack silently",
                                   "fail over"])
def test_within_a_transaction_the_producer_is_idempotent(fault: str) -> None:
    kafka = Transactions(faults={2: fault})
    shop = kafka.producer("shop")
    shop.begin()
    assert [shop.send(f"m{i}") for i in range(3)] == ["ok"] * 3
    shop.commit()
    assert log_of(kafka) == ["m0", "m1", "m2", "COMMIT"]


def test_after_a_failed_send_only_abort_is_possible() -> None:
    kafka = Transactions(faults={1: "refuse 10"})
    shop = kafka.producer("shop")
    shop.begin()
    assert shop.send("too large") == "failed"
    with pytest.raises(LessonError, match="only abort"):
        shop.commit()
    shop.abort()
    shop.begin()
    assert shop.send("small") == "ok"
    shop.commit()
    assert log_of(kafka) == ["ABORT", "small", "COMMIT"]


@pytest.mark.parametrize("what", ["restart broker", "crash broker", "fail over"])
def test_an_open_transaction_survives_the_broker(what: str) -> None:
    kafka = Transactions(faults={2: what})
    shop = kafka.producer("shop")
    shop.begin()
    shop.send("a")
    committed = kafka.consumer("read_committed")
    assert (shop.send("b"), committed.poll()) == ("ok", [])
    assert [event.what for event in kafka.history().of(Kind.BROKER)] == [BROKER_WORDS[what]]
    shop.commit()
    assert committed.poll() == ["a", "b"]


def test_an_empty_transaction_leaves_nothing() -> None:
    kafka = Transactions()
    shop = kafka.producer("shop")
    for end in (shop.commit, shop.abort):
        shop.begin()
        end()
    assert log_of(kafka) == []


@pytest.mark.parametrize(("mistake", "words"), [
    (lambda k, p: p.commit(), "call begin"),
    (lambda k, p: p.send("a"), "call begin"),
    (lambda k, p: (p.begin(), p.begin()), "open already"),
    (lambda k, p: (p.begin(), p.send("a", partition=3)), "no partition 3"),
    (lambda k, p: (p.kill(), p.begin()), "was killed"),
    (lambda k, p: k.wait(-5), "ms must be"),
    (lambda k, p: k.consumer("sometimes"), "read_committed"),
    (lambda k, p: Transactions(transaction_version=3), "1 or 2"),
    (lambda k, p: k.producer().begin(), "needs a transactional id"),
    (lambda k, p: k.producer().send("a", partition=1), "no partition 1"),
    (lambda k, p: [(q := k.producer()).kill(), q.send("a")], "was killed"),
    (lambda k, p: Transactions(broker="x"), "such as '4.4'"),
    (lambda k, p: Transactions(faults={3: "lose ack"}).history(), "never happened"),
])
def test_a_mistake_is_one_sentence(mistake: object, words: str) -> None:
    kafka = Transactions()
    with pytest.raises(LessonError, match=words):
        mistake(kafka, kafka.producer("shop"))


def test_who_dies_while_it_sends_is_told_nothing() -> None:
    kafka = Transactions(faults={1: "kill producer"})
    shop = kafka.producer("shop")
    shop.begin()
    assert shop.send("a") == "unknown"
    with pytest.raises(LessonError):
        shop.send("b")
