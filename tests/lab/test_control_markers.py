"""A marker that nobody saw being written is put where it was written, as the log tells."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from types import SimpleNamespace
from typing import cast

import pytest

from lesson_lib.history import Event, History, Kind, LogCell
from lesson_lib.history.event import Logs
from lesson_lib.lab import as_history
from lesson_lib.lab.as_history import read_logs, with_markers
from lesson_lib.proxy.recording import Recording
from tests.draw.runs import lesson, pipeline, transactions


def _as_a_proxy_sees_it(history: History) -> list[Event]:
    """The same run: what the coordinator does by itself is hidden, and a topic is named everywhere."""
    (topic,) = {topic for topic, _ in history.partitions} if len(history.partitions) == 1 else {""}
    return [replace(e, topic=e.topic or topic) for e in history.events if e.kind != Kind.MARKER]


def test_every_marker_of_the_log_gets_its_event() -> None:
    for history in (transactions(), pipeline()):
        found = [e for e in with_markers(_as_a_proxy_sees_it(history), history.logs) if e.kind == Kind.MARKER]
        assert {(e.offset, e.what, e.producer_id) for e in found} == {
            (e.offset, e.what, e.producer_id) for e in history.of(Kind.MARKER)}


def test_it_stands_behind_the_data_of_its_transaction_and_before_what_came_later() -> None:
    for history in (transactions(), pipeline()):
        for topic, partition in history.partitions:
            appended = [e.offset for e in with_markers(_as_a_proxy_sees_it(history), history.logs)
                        if (e.kind == Kind.MARKER or e.what == "stored")
                        and (e.topic or topic, e.partition) == (topic, partition)]
            assert appended == sorted(appended)


def test_a_run_without_markers_stays_as_it_is() -> None:
    history = lesson("lost ack")
    assert with_markers(list(history.events), history.logs) == list(history.events)


def test_a_log_is_read_again_until_the_marker_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """A coordinator writes markers after its answer. A transaction that nobody has ended is open for good, and is not waited for."""
    def cells(txn: str) -> Logs:
        return {("t", 0): (LogCell(0, "a", 0, 0, txn=txn, producer_id=7),)}
    for ended, reads in ((True, ["open", "open", "committed"]), (False, ["open"])):
        left = iter(reads)
        recording = cast(Recording, SimpleNamespace(has_ended=lambda producer_id, ended=ended: ended and producer_id == 7))
        monkeypatch.setattr(as_history, "read_topic", lambda *_, left=left: cells(next(left)))
        assert read_logs(recording, lambda topic: nullcontext({}), ["t"]) == cells(reads[-1])
        assert list(left) == []
