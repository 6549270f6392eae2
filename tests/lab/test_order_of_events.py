"""The order in which things happen in a live run, and in which the application is told: a table does not show it, a picture does."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import takewhile
from typing import Any

import pytest

from lesson_lib.history import History, Kind
from lesson_lib.lab.lab import Lab, start_lab
from lesson_lib.sim import simulate

NEVER_TOLD = "never told"
ONE_BY_ONE: list[dict[str, Any]] = [
    {}, {"faults": {2: "lose ack"}}, {"faults": {2: "lose ack"}, "idempotence": False}, {"faults": {2: "lose request"}},
    {"faults": {2: "refuse 19"}}, {"faults": {2: "repeat"}}, {"faults": {2: "kill producer"}}, {"faults": {2: "restart broker"}},
    {"faults": {2: "lose ack"}, "retries": 0, "idempotence": False}, {"faults": {2: "kill producer"}, "resend": True}]
BURSTS: list[dict[str, Any]] = [
    {"faults": {1: "cut 2 1"}, "in_flight": 5, "idempotence": False}, {"faults": {2: "lose ack"}, "in_flight": 5, "idempotence": False},
    {"faults": {3: "refuse 19"}, "in_flight": 5, "idempotence": False}, {"faults": {2: "lose ack", 4: "lose request"}, "in_flight": 3}]


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """One lab for all runs."""
    lab = start_lab("embedded")
    yield lab
    lab.stop()


def happened(history: History) -> list[tuple[str, str, int, int]]:
    """Everything in order, without times and numbers of connections."""
    return [(str(e.kind), e.what, e.batch, e.try_no) for e in history.events]


def test_a_lost_ack_from_the_first_event_to_the_last(lab: Lab) -> None:
    kinds = [(e.kind, e.what, e.batch) for e in lab.run(2, faults={1: "lose ack"}).events if e.kind != Kind.INIT]
    assert kinds == [
        (Kind.SEND, "", 0), (Kind.VERDICT, "stored", 0), (Kind.DROP, "", -1), (Kind.LOST, "answer", 0),
        (Kind.SEND, "", 0), (Kind.VERDICT, "duplicate", 0), (Kind.ACK, "", 0), (Kind.REPORT, "ok", 0),
        (Kind.SEND, "", 1), (Kind.VERDICT, "stored", 1), (Kind.ACK, "", 1), (Kind.REPORT, "ok", 1)]


@pytest.mark.parametrize("settings", ONE_BY_ONE, ids=str)
def test_one_by_one_everything_happens_in_the_order_of_the_simulation(lab: Lab, settings: dict[str, Any]) -> None:
    assert happened(lab.run(4, **settings)) == happened(simulate(4, **settings))


@pytest.mark.parametrize("settings", [*ONE_BY_ONE, *BURSTS], ids=str)
def test_the_application_is_told_right_behind_the_cause(lab: Lab, settings: dict[str, Any]) -> None:
    """Before anything else happens, each batch once; what a killed producer was never told of stands at the very end."""
    events = lab.run(5, **settings).events
    reports = [n for n, e in enumerate(events) if e.kind == Kind.REPORT]
    assert len({events[n].batch for n in reports}) == len(reports)
    never = [n for n in reports if events[n].note == NEVER_TOLD]
    assert never == list(range(len(events) - len(never), len(events)))
    for n in reports[:len(reports) - len(never)]:
        cause = next(e for e in reversed(events[:n]) if e.kind != Kind.REPORT)
        assert cause.batch == events[n].batch or cause.kind == Kind.DROP, (cause, events[n])
        if events[n].what == "ok":
            assert cause.kind == Kind.ACK and not cause.error, cause


@pytest.mark.parametrize("settings", [{"faults": {2: "lose ack"}}, BURSTS[0], BURSTS[1], BURSTS[3],
                                      {"faults": {1: "cut 3 0"}, "in_flight": 3, "retries": 0}], ids=str)
@pytest.mark.parametrize("idempotence", [True, False])
def test_a_connection_drops_then_all_is_lost_that_was_on_it_then_the_application_is_told(
        lab: Lab, settings: dict[str, Any], idempotence: bool) -> None:
    if idempotence and "retries" in settings:
        pytest.skip("idempotence needs retries")
    settings = settings | {"idempotence": idempotence}
    live, toy = lab.run(5, **settings), simulate(5, **settings)
    assert losses_without_their_cause(live) == losses_without_their_cause(toy) == []
    if len(settings["faults"]) == 1:  # with two, the second one meets what the client had sent by then
        assert fates(live) == fates(toy) != []


def fates(run: History) -> list[list[tuple[int, str]]]:
    """What was lost with each connection."""
    events = run.events
    return [[(e.attempt, e.what) for e in takewhile(lambda e: e.kind == Kind.LOST, events[n + 1:])]
            for n, one in enumerate(events) if one.kind == Kind.DROP]


def losses_without_their_cause(run: History) -> list[int]:
    """Requests that are lost anywhere but right behind the drop of the connection that they were sent on."""
    sent_on = {event.attempt: event.conn for event in run.of(Kind.SEND)}
    dropped, wrong = 0, []
    for event in run.events:
        if event.kind == Kind.LOST:
            wrong += [event.attempt] * (sent_on[event.attempt] != dropped)
        else:
            dropped = event.conn if event.kind == Kind.DROP else 0
    return wrong


def test_a_burst_is_told_in_the_order_of_its_answers(lab: Lab) -> None:
    events = lab.run(5, in_flight=5, idempotence=False, faults={2: "lose ack"}).events
    acks = [e.batch for e in events if e.kind == Kind.ACK and not e.error]
    assert [e.batch for e in events if e.kind == Kind.REPORT] == acks and sorted(acks) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("world", ["sockets", "virtual"])
def test_a_delayed_answer_holds_up_answers_and_no_request(world: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a broker does: the second batch is stored while the answer to the first is on its way, and answered after it."""
    monkeypatch.delenv("KAFKA_BOOTSTRAP_SERVERS", raising=False)
    lab = start_lab("embedded", world=world)
    run = lab.run(2, in_flight=2, idempotence=False, faults={1: "delay 400"})
    lab.stop()
    seen = [(event.kind, event.attempt) for event in run.of(Kind.VERDICT, Kind.ACK)]
    assert seen == [(Kind.VERDICT, 1), (Kind.VERDICT, 2), (Kind.ACK, 1), (Kind.ACK, 2)]
