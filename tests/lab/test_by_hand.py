"""Batches made by hand, told as a history: what is a try of what, what lies in the log, and that nobody was told anything."""

from __future__ import annotations

from lesson_lib.core.partition_log import PartitionLog
from lesson_lib.draw.arrivals import ArrivalsPanel
from lesson_lib.draw.run_view import RunView
from lesson_lib.lab.forge import Forge, forge
from lesson_lib.teach.scenarios import forged

STORY = ((7, 0, 0), (7, 0, 0), (7, 0, 1, 3), (7, 0, 1), (7, 1, 0), (7, 0, 4))


def bench() -> Forge:
    """A bench on the toy, with the story sent."""
    toy = forge(PartitionLog())
    for numbers in STORY:
        toy.send(*numbers)
    return toy


def test_the_same_numbers_are_another_try() -> None:
    attempts = bench().history().attempts
    assert [(a.batch, a.try_no) for a in attempts] == [(0, 1), (0, 2), (1, 1), (2, 1), (3, 1), (4, 1)]
    assert attempts[0].send.values == attempts[1].send.values == ("f0",)


def test_the_log_holds_what_was_stored() -> None:
    history = bench().history()
    assert [(cell.offset, cell.batch, cell.sequence) for cell in history.log()] == [(0, 0, 0), (1, 1, 1), (2, 1, 2), (3, 1, 3), (4, 3, 0)]
    assert [a.verdict for a in history.attempts] == ["stored", "duplicate", "stored", "refused", "stored", "refused"]
    assert [int(a.error) for a in history.attempts] == [0, 0, 0, 45, 0, 47]


def test_nobody_is_told_and_a_gap_is_no_anomaly() -> None:
    toy = forge(PartitionLog())
    for number in (0, 5, 1):
        toy.send(7, 0, number)
    assert toy.history().told == {} and toy.history().anomalies == []


def test_plain_batches_are_never_tries_of_each_other() -> None:
    toy = forge(PartitionLog())
    toy.send()
    toy.send()
    assert [(a.batch, a.try_no) for a in toy.history().attempts] == [(0, 1), (1, 1)]
    assert toy.history().values() == ["f0", "f1"]


def test_a_scenario_comes_to_the_same_as_the_bench() -> None:
    assert forged(*STORY).run().verdicts == bench().history().verdicts


def test_each_epoch_has_a_memory_of_its_own_in_the_arrival_graph() -> None:
    old, new = ArrivalsPanel(RunView(bench().history())).rows
    assert old.arrivals[-1].memory == () and old.arrivals[-2].memory == ((0, 0), (1, 3))
    assert new.arrivals[0].memory == ((0, 0),)
