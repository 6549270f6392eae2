"""The title of a picture: the one thing to see in a run, the worst first."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from lesson_lib.history.story import as_story, finding, half_there
from lesson_lib.lab.lab import start_lab
from lesson_lib.sim import Transactions, simulate
from lesson_lib.sim.pipeline import simulate_pipeline


@pytest.mark.parametrize(("settings", "said"), [
    ({}, "Each record is stored once"),
    ({"faults": {2: "lose ack"}, "idempotence": False}, "m1 is stored twice"),
    ({"faults": {2: "lose ack", 3: "lose ack"}, "idempotence": False}, "m1 is stored three times"),
    ({"faults": {2: "lose ack"}}, "m1 came again, was recognised as a duplicate, and is stored once"),
    ({"faults": {1: "lose ack"}, "records_per_batch": 2}, "m0 m1 came again, were recognised as a duplicate, and are stored once"),
    ({"faults": {2: "lose request"}, "acks": 0, "idempotence": False},  # nothing is acknowledged there
     "m1 and m2 are not in the log, though the application was told ok"),
    ({"faults": {2: "kill producer"}, "resend": True}, "The application sent m1 twice, and m1 is stored twice"),
    ({"faults": {"1-2": "lose ack silently"}, "delivery_timeout_ms": 1_500, "request_timeout_ms": 1_000},  # m1 is never sent
     "The application can't know whether m0 and m1 are in the log"),
    ({"faults": {3: "lose ack"}, "retries": 0, "idempotence": False}, "The application can't know whether m2 is in the log"),
], ids=str)
def test_the_worst_comes_first(settings: dict[str, Any], said: str) -> None:
    assert finding(simulate(3, **settings)) == said


def test_a_copy_of_what_the_application_sent_again_is_the_third() -> None:
    assert finding(simulate(["tea", "tea"], faults={2: "lose ack"}, idempotence=False)) == "tea is stored three times"
    assert finding(simulate(["tea", "tea"])) == "The application sent tea twice, and tea is stored twice"


@pytest.mark.parametrize(("count", "who"), [(1, "m0 is"), (2, "m0 and m1 are"), (3, "m0, m1 and m2 are"), (4, "4 batches are")])
def test_three_records_are_named_and_more_are_counted(count: int, who: str) -> None:
    run = simulate(count, faults={"1+": "lose request"}, acks=0, idempotence=False)
    assert finding(run) == f"{who} not in the log, though the application was told ok"


def test_only_what_a_broker_answered_is_acknowledged() -> None:
    run = simulate(2)
    log = {key: cells[:1] for key, cells in run.logs.items()}
    assert finding(replace(run, logs=log)) == "m1 is acknowledged, but not in the log"


def test_what_readers_did_comes_after_what_the_log_holds() -> None:
    without, with_them = (simulate_pipeline(["m"], transactions=used, crash={1: "send"}) for used in (False, True))
    assert finding(without) == "The application sent M twice, and M is stored twice"
    assert finding(with_them) == "The application sent M twice, and M is committed once", "what was aborted is not stored twice"
    assert finding(simulate(3, consumer={"commit": "after", "crash_at": 1})) == "Offset 0 was read more than once"


def test_transactions_speak_of_transactions() -> None:
    kafka = Transactions()
    old = kafka.producer("shop")
    old.begin()
    old.send("a")
    assert finding(kafka.history()) == "The transaction is still open"
    old.commit()
    assert finding(kafka.history()) == "The transaction is committed"
    old.begin()
    old.send("b")
    old.abort()
    assert finding(kafka.history()) == "Transactions: 1 committed, 1 aborted"


@pytest.mark.parametrize(("end", "said"), [("commit", "The transaction is committed, but stock is not in the log"),
                                           ("abort", "The transaction is aborted")])
def test_half_an_order_is_no_success_even_if_it_is_committed(end: str, said: str) -> None:
    """As lesson 7 makes it with the real client, which doesn't look at the future of the second send."""
    lab = start_lab("embedded", world="virtual")
    try:
        topic = lab.topic("orders")
        lab.faults({"2+": "lose request silently"})
        producer = lab.producer(transactional_id="orders", delivery_timeout_ms=450, request_timeout_ms=300)
        producer.init_transactions()
        producer.begin_transaction()
        producer.send(topic, b"order").get(timeout=10)
        producer.send(topic, b"stock")
        producer.flush()
        getattr(producer, f"{end}_transaction")()
        assert finding(lab.history()) == said
    finally:
        lab.stop()


def test_half_an_order_is_half_there() -> None:
    kafka = Transactions(partitions=2)
    shop = kafka.producer()
    shop.send("order", partition=0)
    shop.kill()
    run = kafka.history()
    assert half_there(run) == "toy-0 holds order, toy-1 holds nothing"
    assert finding(run) == "Only half is there: toy-0 holds order, toy-1 holds nothing"
    assert "No anomaly" not in as_story(run) and "Each log is in order, but only half is there" in as_story(run)
    assert half_there(simulate(1, partitions=2)) == "", "nobody died, and all that was sent is there"
