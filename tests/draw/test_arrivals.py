"""The arrival graph is the rule: where a mark lies decides what became of the batch."""

from __future__ import annotations

import pytest

from lesson_lib.draw import show
from lesson_lib.draw.arrivals import RESIDUAL_ABOVE
from lesson_lib.draw.arrivals_data import groups_of, residual
from lesson_lib.history import History
from lesson_lib.sim import simulate
from tests.draw.runs import random_pair


def _own_refusals(history: History) -> bool:
    """Whether a fault, not the rule, refused something: such a cross may lie anywhere."""
    return "refuse" in history.settings.faults


@pytest.mark.parametrize("first", range(0, 200, 50))
def test_on_the_line_is_stored_in_the_band_is_a_duplicate_elsewhere_is_refused(first: int) -> None:
    judged = 0
    for seed in range(first, first + 50):
        history = random_pair(seed)[0]
        if not history.settings.idempotence or _own_refusals(history):
            continue
        for group in groups_of(history):
            for arrival in group.arrivals:
                where, what = residual(arrival), arrival.fact.event.what
                if not arrival.lost:
                    assert {"stored": where == 0, "duplicate": -5 <= where <= -1, "refused": where > 0 or where == -6}[what], seed
                    judged += 1
    assert judged > 100


def test_a_new_epoch_is_a_new_panel() -> None:
    history = simulate(6, faults={2: "refuse 45"}, in_flight=5, client="java")
    titles = [group.title for group in groups_of(history)]
    assert titles == ["P1 epoch 0", "P1 epoch 1"]
    assert groups_of(history)[1].arrivals[0].first == 0


def test_without_idempotence_there_is_one_panel_and_no_memory() -> None:
    group, = groups_of(simulate(4, faults={2: "lose ack"}, idempotence=False))
    assert not group.numbered and not any(a.memory for a in group.arrivals)


def test_a_lost_request_is_in_it() -> None:
    group, = groups_of(simulate(3, faults={2: "lose request"}))
    assert [a.lost for a in group.arrivals] == [False, True, False, False]


def test_above_forty_arrivals_the_batches_from_the_expected_one_are_drawn() -> None:
    few, many = (show(simulate(n), "arrivals").canvas for n in (RESIDUAL_ABOVE, RESIDUAL_ABOVE + 1))
    assert "sequence" in [label.text for label in few.labels]
    assert "batches from the one expected" in [label.text for label in many.labels]
