"""The arrival graph is the rule: where a mark lies decides what became of the batch."""

from __future__ import annotations

import pytest

from lesson_lib.draw import heading, show
from lesson_lib.draw.arrivals import LONG_RUN, ArrivalsPanel
from lesson_lib.draw.run_view import Ranges, RunView
from lesson_lib.history import History
from lesson_lib.sim import simulate
from lesson_lib.teach.scenarios import forged
from tests.draw.collisions import labels
from tests.draw.runs import random_pair


def panel_of(history: History) -> ArrivalsPanel:
    return ArrivalsPanel(RunView(history))


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
        for group in panel_of(history).rows:
            for arrival in group.arrivals:
                where, what = arrival.residual, arrival.fact.event.what
                if not arrival.lost:
                    assert {"stored": where == 0, "duplicate": -5 <= where <= -1, "refused": where > 0 or where == -6}[what], seed
                    judged += 1
    assert judged > 100


def test_a_new_epoch_is_a_new_row_that_begins_at_0() -> None:
    history = simulate(6, faults={2: "refuse 45"}, in_flight=5, client="java")
    titles = [group.title for group in panel_of(history).rows]
    assert titles == ["P1 epoch 0", "P1 epoch 1"]
    assert panel_of(history).rows[1].arrivals[0].first == 0


def interleaved() -> History:
    """Three epochs of one producer, in an order of arrival that belongs to none of them."""
    return forged((7, 0, 0), (7, 0, 1), (7, 2, 5), (7, 1, 0), (7, 0, 2)).run()


def test_batches_made_by_hand_go_by_what_was_written_on_them() -> None:
    """Id and sequence as they were chosen; nobody is told anything, and no setting is named."""
    run = forged((7, 0, 0), (7, 0, 1), (7, 0, 5, 2)).run()
    panel, picture = panel_of(run), show(run, layout="arrivals")
    assert [panel.rows[0].title, *(arrival.name for arrival in panel.rows[0].arrivals)] == ["P7 epoch 0", "0", "1", "5..6"]
    assert heading.title(run, "") == "2 stored, 1 refused"
    assert heading.small_print(run) == "batches made by hand  ·  Kafka 4.4"
    assert "told" not in run.table() and "No anomaly" not in repr(picture)


def test_all_rows_share_one_order_of_arrival() -> None:
    """Also where epochs interleave: each mark stands further to the right than all that arrived before it."""
    axes = panel_of(interleaved())
    assert [[a.column for a in row.arrivals] for row in axes.rows] == [[0, 1, 4], [3], [2]], "epochs in order"
    for seed in range(60):
        for history in random_pair(seed):
            axes = panel_of(history)
            arrived = sorted((a.fact.index, axes.xs[a.column]) for row in axes.rows for a in row.arrivals)
            assert [x for _, x in arrived] == sorted({x for _, x in arrived}), seed
            assert all(upper.bottom < lower.top for upper, lower in zip(axes.rows, axes.rows[1:], strict=False))


def test_the_band_of_an_epoch_ends_where_another_takes_its_place() -> None:
    old, new, _ = panel_of(interleaved()).rows
    assert [bool(old.bands[column]) for column in range(5)] == [True, True, True, False, False]
    assert list(new.bands) == [3, 4] and new.expected(4) == 1 and old.expected(2) == 2 and old.expected(4) is None


@pytest.mark.parametrize(("fault", "words", "left"), [
    ("restart broker", "broker restarted", ((2, 2),)), ("crash broker", "broker crashed", ((2, 2),)),
    ("fail over", "broker failed over", ((0, 0), (1, 1), (2, 2))), ("forget idle ids", "broker forgot ids", ())])
def test_what_happens_to_the_broker_is_a_line_between_two_arrivals(fault: str, words: str, left: Ranges) -> None:
    history = simulate(3, faults={1: "cut 3 0", 4: fault}, client="java", in_flight=5)
    sheet = panel_of(history)
    (column, fact), = sheet.happenings.items()
    assert column == 3 and sheet.rows[0].bands[2] == ((0, 0), (1, 1), (2, 2)) and sheet.rows[0].bands[3] == left
    picture = show(history, "arrivals")
    assert [label.text for label in labels(picture.canvas)].count(words) == 1
    assert f'data-event="{fact.index}"' in picture.svg
    arrivals = [x for n, x in enumerate(sheet.xs) if n != column]
    assert arrivals[2] < sheet.xs[column] < arrivals[3]


def test_the_legend_names_the_marks_and_keeps_the_rule_to_itself() -> None:
    """Question 6.cuts asks where the marks will lie; the picture before it must not say so."""
    texts = [label.text for label in labels(show(interleaved(), "arrivals").canvas)]
    assert {"stored", "refused", "old epoch", "last five batches", "next expected"} < set(texts)
    assert not {"duplicate", "lost on the way"} & set(texts), "only what is drawn"
    assert not [text for text in texts if "dashed" in text or "band" in text or "anywhere" in text]


def test_a_batch_of_a_replaced_epoch_is_as_far_from_the_one_expected_as_it_was() -> None:
    old, _ = panel_of(forged(*((7, 0, n) for n in range(41)), (7, 1, 0), (7, 0, 43)).run()).rows
    assert old.arrivals[-1].shape == "fenced" and old.arrivals[-1].residual == 2


def test_without_idempotence_there_is_one_row_and_no_memory() -> None:
    group, = panel_of(simulate(4, faults={2: "lose ack"}, idempotence=False)).rows
    assert not group.numbered and not any(a.memory for a in group.arrivals)


def test_a_lost_request_is_in_it() -> None:
    group, = panel_of(simulate(3, faults={2: "lose request"})).rows
    assert [a.lost for a in group.arrivals] == [False, True, False, False]


def test_above_forty_arrivals_the_batches_from_the_expected_one_are_drawn() -> None:
    few, many = (show(simulate(n), "arrivals").canvas for n in (LONG_RUN, LONG_RUN + 1))
    assert "sequence" in [label.text for label in labels(few)]
    assert "batches from the one expected" in [label.text for label in labels(many)]


@pytest.mark.parametrize("second", [(7, 1, 0, 50_000), (7, 1, 2**31 - 1)])
def test_long_batches_and_far_sequences_leave_a_picture_that_can_be_drawn(second: tuple[int, ...]) -> None:
    """Two rows take no more than two plots each, however far apart their marks are in sequence numbers."""
    panel = panel_of(forged((7, 0, 0), second, (7, 1, 0)).run())
    assert len(panel.rows) == 2 and panel.height < 2000
