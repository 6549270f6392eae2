"""A run in which nobody saw the markers being written is drawn as one in which somebody did."""

from __future__ import annotations

from lesson_lib.history import History, Kind
from lesson_lib.lab.control_markers import with_markers
from tests.draw.runs import lesson, pipeline, transactions


def _unseen(history: History) -> History:
    """The same run as a proxy sees it: the coordinator's own doings are hidden."""
    return History(tuple(e for e in history.events if e.kind != Kind.MARKER), history.logs, history.settings)


def test_every_marker_of_the_log_gets_its_event() -> None:
    for history in (transactions(), pipeline()):
        found = with_markers(_unseen(history)).of(Kind.MARKER)
        assert {(e.offset, e.what, e.producer_id) for e in found} == {(e.offset, e.what, e.producer_id) for e in history.of(Kind.MARKER)}


def test_it_stands_behind_the_data_of_its_transaction_and_before_what_came_later() -> None:
    for history in (transactions(), pipeline()):
        for topic, partition in history.partitions:
            appended = [e.offset for e in with_markers(_unseen(history)).events if (e.kind == Kind.MARKER or e.what == "stored")
                        and (e.topic or topic, e.partition) == (topic, partition)]
            assert appended == sorted(appended)


def test_a_run_that_has_them_stays_as_it_is() -> None:
    assert with_markers(transactions()) is not None and with_markers(lesson("lost ack")).events == lesson("lost ack").events
    assert len(with_markers(transactions()).events) == len(transactions().events)
