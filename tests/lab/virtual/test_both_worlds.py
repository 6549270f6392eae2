"""What happens in the virtual world is what happens on sockets, event by event: for every script of the three-broker tests."""

from __future__ import annotations

import time
from typing import Any

import pytest

from lesson_lib.errors import LessonError
from lesson_lib.history import History, Kind
from lesson_lib.lab.clients import LabProducer
from lesson_lib.lab.lab import start_lab
from tests.test_three_brokers import BROKER_FAULTS, BURSTS, ROWS, patience

SCRIPTS: list[dict[str, Any]] = [
    *({"faults": row.faults, "idempotence": idempotence, **patience(row.faults)}
      for row in [*ROWS, *BROKER_FAULTS] for idempotence in (True, False)),
    *({"values_or_count": 5, "faults": faults, "idempotence": idempotence, "in_flight": 5, **patience(faults)}
      for faults, _, _ in BURSTS for idempotence in (True, False)),
    *({"faults": {number: fault}, "idempotence": False, "in_flight": in_flight} for number, in_flight, fault in (
        (1, 3, "refuse 6"), (1, 2, "refuse 6"), (2, 2, "lose request"), (1, 2, "cut 1 1"), (2, 3, "kill producer"))),
    *({"retries": 0, "idempotence": False, "faults": {2: fault}} for fault in ("lose ack", "lose request", "refuse 19")),
    *({"acks": acks, "idempotence": False, "faults": {2: fault}} for acks in (0, 1) for fault in ("lose request", "refuse 19")),
    {"acks": 0, "idempotence": False}, {"acks": 1, "idempotence": False, "faults": {2: "lose ack"}},
    {"resend": True, "retries": 0, "idempotence": False, "faults": {2: "lose ack"}},
    *({"values_or_count": 6, "records_per_batch": 2, "idempotence": idempotence, "faults": {2: "lose ack"}}
      for idempotence in (True, False)),
    {"values_or_count": 4, "partitions": 2, "faults": {2: "lose ack"}},
    {"values_or_count": ["coffee", "coffee"], "faults": {2: "lose ack"}},
]


def run(script: dict[str, Any], world: str) -> History:
    """The script in a new lab of this world."""
    lab = start_lab("embedded", world=world)
    try:
        return lab.run(**script)
    finally:
        lab.stop()


@pytest.mark.parametrize("script", SCRIPTS, ids=str)
def test_the_same_history(script: dict[str, Any]) -> None:
    virtual, sockets = run(script, "virtual"), run(script, "sockets")
    assert virtual.events == sockets.events
    assert virtual.logs == sockets.logs
    assert virtual.table() == sockets.table()


def test_a_producer_killed_while_the_application_hands_over_is_killed_a_moment_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """On sockets the kill may come before the third batch is handed over, and on a slow machine it did."""
    script = {"faults": {2: "kill producer"}, "idempotence": False, "in_flight": 3}
    virtual, send = run(script, "virtual"), LabProducer.send

    def late(producer: LabProducer, topic: str, value: bytes, **where: Any) -> Any:
        while value == b"m2" and not producer.killed:
            time.sleep(0.001)
        return send(producer, topic, value, **where)
    monkeypatch.setattr(LabProducer, "send", late)
    sockets = run(script, "sockets")
    assert virtual.events == sockets.events and virtual.table() == sockets.table()


@pytest.mark.parametrize("world", ["virtual", "sockets"])
def test_a_killed_producer_silences_no_other(world: str) -> None:
    """Each has its own life on its own connection: what happens to the second is noted, and as the second's."""
    lab = start_lab("embedded", world=world)
    topic, first, second = lab.topic("orders"), lab.producer(), lab.producer(request_timeout_ms=300)
    for producer in (first, second):
        producer.send(topic, b"").get()
    lab.faults({1: "kill producer", 2: "lose ack silently", 4: "cut 1 1"})
    with pytest.raises(LessonError, match="was killed"):
        first.send(topic, b"m0").get()
    for value in (b"m1", b"m2", b"m3"):
        second.send(topic, value).get()
    seen = [(e.kind, e.lane) for e in lab.history().events if e.kind in (Kind.PRODUCER, Kind.TIMEOUT, Kind.DROP)]
    lab.stop()
    assert seen == [(Kind.PRODUCER, "producer"), (Kind.TIMEOUT, "producer 2"), (Kind.DROP, "producer 2"), (Kind.DROP, "producer 2")]
