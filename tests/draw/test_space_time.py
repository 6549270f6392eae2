"""Space-time: the sentences, the transactions beside the log, and the last stable offset."""

from __future__ import annotations

from lesson_lib.draw import show
from lesson_lib.draw.run_view import RunView
from lesson_lib.draw.space_time import SpaceTimePanel, space_time_panels
from lesson_lib.history import History, Kind
from tests.draw.collisions import labels
from tests.draw.runs import lesson, pipeline, transactions


def panel_of(history: History) -> SpaceTimePanel:
    return SpaceTimePanel(RunView(history))


def test_every_event_has_its_sentence_in_the_picture() -> None:
    history = lesson("lost ack")
    texts = [label.text.replace("\n", " ") for label in labels(show(history, "space-time").canvas)]
    assert "The answer for batch 1 is lost: the broker has decided, the producer cannot know." in texts
    assert "The broker remembers batch 1: a duplicate of offset 1. Nothing is stored." in texts


def test_a_producer_that_gets_an_id_has_its_name_beside_it() -> None:
    texts = [label.text for label in labels(show(lesson("a producer dies"), "space-time").canvas)]
    assert texts.count("P1 epoch 0") == texts.count("P2 epoch 0") == 1
    raised = [label.text for label in labels(show(lesson("burst of the Java client"), "space-time").canvas)]
    assert raised.count("P1 epoch 0") == 1


def test_time_runs_downward() -> None:
    ys = panel_of(lesson("burst")).ys
    assert ys == sorted(ys) and len(set(ys)) == len(ys)


def test_the_sentences_of_two_runs_begin_at_the_same_distance() -> None:
    """Though the second has far more lanes."""
    alone = [panel_of(run) for run in (lesson("lost ack"), transactions())]
    assert alone[0].words_at < alone[1].words_at
    left, right = space_time_panels([panel.view for panel in alone])
    assert left.words_at == right.words_at == alone[1].words_at


def test_a_lane_for_everyone_who_takes_part() -> None:
    lanes = panel_of(transactions()).lanes
    assert lanes[:4] == ["application", "producer", "producer 2", "producer 3"]
    assert {"coordinator", "consumer"} < set(lanes) and any(lane.startswith("broker") for lane in lanes)
    assert len([lane for lane in panel_of(pipeline()).lanes if lane.startswith("broker")]) == 2


def test_transactions_are_open_committed_or_aborted() -> None:
    column, = panel_of(transactions()).columns.values()
    assert [one.word for one in column.transactions] == ["committed", "aborted", "committed", "open"]


def test_the_last_stable_offset_is_the_one_that_the_broker_says() -> None:
    column, = panel_of(transactions()).columns.values()
    said = {fact.index: fact.event.note for fact in column.facts if fact.event.kind == Kind.MARKER}
    drawn = {fact.index: f"last stable offset {column.stable_offset(fact)}" for fact in column.facts}
    assert said and said == {index: drawn[index] for index in said}


def test_the_last_stable_offset_stays_at_an_open_transaction() -> None:
    column, = panel_of(transactions()).columns.values()
    assert column.stable_offset(column.facts[-1]) == column.facts[-1].event.offset


def test_a_partition_without_transactions_has_no_line() -> None:
    texts = [label.text for label in labels(show(lesson("lost ack"), "space-time").canvas)]
    assert not [text for text in texts if text.startswith("LSO")]
    assert [f for f in RunView(lesson("lost ack")).events if f.copy]
