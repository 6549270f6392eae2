"""The boxes of a played picture end where the run ends: what the application was told, and what is in the log."""

from __future__ import annotations

from typing import Any

import pytest

from lesson_lib import simulate
from lesson_lib.draw import compare, show
from lesson_lib.history import History
from tests.draw.runs import random_pair, random_transactions

LOST = {2: "lose ack"}


def final(changes: list[Any]) -> dict[str, str]:
    """Each entry with its last words."""
    return {entry: words for _, entry, words in changes}


def check(history: History, box: dict[str, Any]) -> None:
    """What stands in the boxes at the end of the run, against the history."""
    steps = [step for step, _, _ in box["believes"]], [step for step, _, _ in box["holds"]]
    assert all(list(each) == sorted(each) for each in steps)
    told = [words.split(",")[0] for words in final(box["believes"]).values()]
    reports = [history.told.get(batch, "no news yet") for batch in dict.fromkeys(
        event.batch for event in history.events if event.kind in ("send", "report") and event.batch >= 0)]
    awaited = history.settings.acks != "0"
    assert sorted(told) == sorted(what for what in reports if awaited or what != "no news yet")
    several = len(history.partitions) > 1
    logs = {f"{f'{topic}-{number} ' * several}{cell.offset}": cell.value or f"{cell.kind} marker"
            for (topic, number), cells in history.logs.items() for cell in cells}
    assert {entry: words.partition(" (")[0] for entry, words in final(box["holds"]).items()} == logs


@pytest.mark.parametrize("number", range(60))
def test_they_end_where_the_run_ends(number: int) -> None:
    for history in (*random_pair(number), random_transactions(number).history()):
        check(history, show(history, "space-time").playing.boxes[0])


def test_what_is_in_them_at_each_step() -> None:
    box = show(simulate(3, faults=LOST, idempotence=False)).playing.boxes[0]
    assert box["believes"] == [(0, "m0", "no news yet"), (3, "m0", "ok, offset 0"), (4, "m1", "no news yet"), (11, "m1", "ok, offset 2"),
                               (12, "m2", "no news yet"), (15, "m2", "ok, offset 3")]
    assert [words for _, _, words in box["holds"]] == ["m0", "m1", "m1 (second copy)", "m2"]


def test_each_of_two_runs_has_its_own() -> None:
    left, right = simulate(3, faults=LOST, idempotence=False), simulate(3, faults=LOST)
    first, second = compare(left, right).playing.boxes
    check(left, first)
    check(right, second)
    assert [first["name"], second["name"]] == ["Idempotence off", "Idempotence on"]


def test_a_batch_with_the_values_of_an_earlier_one_is_another_entry() -> None:
    box = show(simulate(["tea", "tea"])).playing.boxes[0]
    assert list(final(box["believes"])) == ["tea", "tea (2)"]
