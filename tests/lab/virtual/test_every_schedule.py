"""Every schedule with the real client, held against the model of it: log, reports, requests in their order, ids, epochs, sequences."""

from __future__ import annotations

from typing import Any

import pytest

from lesson_lib import simulate
from lesson_lib.errors import LessonError
from lesson_lib.history import History
from lesson_lib.lab.every_schedule import every_schedule
from lesson_lib.lab.lab import Lab, start_lab

ALL_KINDS = ("lose request", "lose ack", "lose request silently", "lose ack silently", "refuse 6", "refuse 19", "refuse 45", "refuse 47",
             "refuse 59", "store and answer 20", "store and answer 45", "store and answer 46", "repeat", "delay 50", "delay 2500",
             "cut 1 1", "cut 2 0", "kill producer", "restart broker", "crash broker", "fail over", "forget idle ids")
SETTINGS: list[dict[str, Any]] = [{"idempotence": on, "partitions": partitions} for on in (True, False) for partitions in (1, 2)]
TIMES = {"delivery_timeout_ms": 5_000, "request_timeout_ms": 1_000}  # those of `lab.run`


def seen(history: History) -> list[Any]:
    """All in which model and client must agree."""
    cells = {partition: [(c.offset, c.value, c.batch, c.producer_id, c.producer_epoch, c.sequence) for c in log]
             for (_, partition), log in history.logs.items()}
    requests = [(a.batch, a.try_no, a.lost, a.verdict, a.answer, a.send.partition, a.send.producer_id, a.send.producer_epoch,
                 a.send.base_sequence, a.send.record_count) for a in history.attempts]
    return [cells, requests, history.told, [(r.batch, r.what, r.offset, r.error) for r in history.reports], history.anomaly_names]


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize(("faults", "kinds", "count"), [(2, ("lose request", "lose ack"), 31), (1, ALL_KINDS, 67)],
                         ids=["two faults", "all kinds"])
def test_the_model_of_kafka_python_is_kafka_python(lab: Lab, faults: int, kinds: tuple[str, ...], count: int,
                                                   settings: dict[str, Any]) -> None:
    walked = every_schedule(lab, 3, faults, kinds=kinds, **settings)
    assert len(walked.histories) >= count
    model = {h.settings.faults: simulate(3, faults=h.settings.faults or None, client="kafka-python", **settings, **TIMES)
             for h in walked.histories}
    assert [h.settings.faults for h in walked.histories if seen(h) != seen(model[h.settings.faults])] == []


def test_what_was_walked_in_words(lab: Lab) -> None:
    off = every_schedule(lab, 2, 1, idempotence=False)
    assert off.anomaly_names == ["duplicate"]
    assert off.find("duplicate").settings.faults == "1: lose ack" and off.find("reordered") is None
    assert "in 5 schedules of at most 1 fault (lose request, lose ack): there can be duplicate." in " ".join(str(off).split())
    on = every_schedule(lab, 2, 1)
    assert "in every one of the 5 schedules of at most 1 fault (lose request, lose ack): no anomaly." in " ".join(str(on).split())


def test_bad_input(lab: Lab) -> None:
    with pytest.raises(LessonError, match="There is no fault 'loose ack'"):
        every_schedule(lab, 3, 1, kinds=["loose ack"])
    with pytest.raises(LessonError, match="more than 10 schedules"):
        every_schedule(lab, 3, 2, most_runs=10)
    with pytest.raises(LessonError, match="whole number from 0, not -1"):
        every_schedule(lab, 3, -1)
    on_sockets = start_lab("embedded", world="sockets")
    with pytest.raises(LessonError, match="start_lab\\(world='virtual'\\)"):
        every_schedule(on_sockets)
    on_sockets.stop()
