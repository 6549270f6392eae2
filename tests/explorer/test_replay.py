"""A path of the explorer is played by the simulation's own producer and broker: what it writes down, kind by kind."""

from __future__ import annotations

import pytest

from lesson_lib.explorer.explore import Exploration, explore
from lesson_lib.explorer.moves import KINDS
from lesson_lib.history import History, Kind
from lesson_lib.sim.run import simulate
from tests.explorer.beliefs import BELIEFS

ONE = {"batches": 1, "idempotence": False, "faults": 1}
SAME = ("what", "lane", "attempt", "batch", "try_no", "values", "producer_id", "producer_epoch", "base_sequence", "error", "offset", "note")


def told_as(found: Exploration, script: str) -> History:
    """The first end with exactly that script."""
    return next(run for run in map(found.history, found.outcomes) if run.settings.faults == script)


def steps(run: History, *kinds: Kind) -> list[tuple[str, str, int]]:
    """Kind, what and attempt of some events, in their order."""
    return [(e.kind.value, e.what, e.attempt) for e in run.of(*kinds)]


@pytest.mark.parametrize(("script", "client", "count"), [
    ("1: lose ack", "java", 1), ("1: lose request", "kafka-python", 1), ("1: refuse 6", "librdkafka", 1),
    ("1: store and answer 20", "java", 1), ("1: cut 2 0", "java", 2), ("1: cut 2 0; 3: restart broker", "java", 2),
    ("1: refuse 6; 2: lose ack", "librdkafka", 2)])
def test_what_the_explorer_tells_is_what_the_simulation_tells(script: str, client: str, count: int) -> None:
    """Where both take the same steps, every event is the same but for its time and its connection, and where they stand in time
    among those of other requests."""
    settings = {"in_flight": count, "client": client, "idempotence": True}
    run = simulate(count, faults=script, **settings)
    found = explore(count, faults=2, kinds=("cut", "refuse", "store and answer", "restart broker"), **settings)
    walked = [history for history in map(found.history, found.outcomes) if history.values() == run.values()]
    assert walked
    for one in walked:
        if one.settings.faults == script:
            for kind in (Kind.INIT, Kind.SEND, Kind.VERDICT, Kind.ACK, Kind.LOST, Kind.DROP, Kind.BROKER, Kind.EPOCH):
                assert [[getattr(e, name) for name in SAME] for e in one.of(kind)] == \
                       [[getattr(e, name) for name in SAME] for e in run.of(kind)], kind


def test_a_late_request_is_never_drawn_as_lost_and_its_answer_is() -> None:
    run = explore(**ONE, kinds=("late",)).find("copy")
    assert run is not None and run.settings.faults == "1: late"
    assert run.of(Kind.DROP)[0].note == "what it carried arrives late"
    assert steps(run, Kind.SEND, Kind.DROP, Kind.LOST, Kind.VERDICT) == [
        ("send", "", 1), (("drop", "", 0)), ("send", "", 2), ("verdict", "stored", 2), ("verdict", "stored", 1), ("lost", "answer", 1)]
    assert [event.conn for event in run.of(Kind.SEND)] == [1, 2]


def test_of_two_late_connections_each_keeps_its_own_requests() -> None:
    found = explore(1, faults=2, idempotence=False, kinds=("late",))
    run = max(map(found.history, found.outcomes), key=lambda history: len(history.values()))
    assert (run.values(), run.settings.faults) == (["m0"] * 3, "1: late; 2: late")
    lost = [(event.attempt, event.conn) for event in run.of(Kind.LOST)]
    assert sorted(lost) == [(1, 1), (2, 2)]


@pytest.mark.parametrize(("kind", "word"), [("restart broker", "restarted"), ("fail over", "failed over"), ("crash broker", "crashed")])
def test_what_happens_to_the_broker_happens_before_the_next_request(kind: str, word: str) -> None:
    found = explore(1, faults=1, kinds=(kind,))
    (end,) = found.outcomes
    assert (end.state.left, found.history(end).of(Kind.BROKER)) == (1, [])
    for name in ("forget on failover", "memory of connection"):
        run = explore(1, faults=1, kinds=(kind,), rule=BELIEFS[name]()).find("copy")
        # a crash is followed by a look into the log, which finds what a connection took away
        assert (run is not None) == (kind == "fail over" or (name, kind) == ("memory of connection", "restart broker"))
        if run is not None:
            assert [event.what for event in run.of(Kind.BROKER)] == [word]
            assert run.settings.faults == f"1: lose ack; 2: {kind}"
            assert steps(run, Kind.SEND, Kind.BROKER) == [("send", "", 1), ("broker", word, 0), ("send", "", 2)]


def test_before_it_gives_up_every_partition_has_tried_in_vain() -> None:
    found = explore(4, 3, 2, partitions=2, kinds=("refuse",))
    run = found.history(next(end for end in found.outcomes if end.told.count("unknown") == 2))
    assert [(a.batch, int(a.error)) for a in run.attempts][-2:] == [(0, 45), (1, 45)]
    assert all(attempt.answer is not None for attempt in run.attempts)
    assert run.exceptions == {0: "TimeoutException", 1: "TimeoutException"}


def test_a_delivery_timeout_is_told_by_its_batch_and_a_stuck_producer_as_stuck() -> None:
    found = explore(2, faults=2, client="kafka-python", kinds=("cut", "delivery timeout"))
    run = told_as(found, "2: lose request; delivery timeout of batch 1")
    assert run.told == {0: "ok", 1: "unknown"} and [event.what for event in run.of(Kind.PRODUCER)] == ["stuck"]
    first = told_as(found, "1: lose request; delivery timeout of batch 0")
    assert first.told == {0: "unknown", 1: "unknown"}


@pytest.mark.parametrize("name", BELIEFS)
@pytest.mark.parametrize("client", ["java", "librdkafka", "kafka-python"])
def test_every_end_with_any_broker_is_one_that_the_simulations_broker_comes_to(client: str, name: str) -> None:
    found = explore(2, 2, 2, rule=BELIEFS[name](), client=client, kinds=tuple(KINDS))
    for outcome in found.outcomes:
        run = found.history(outcome)
        assert (tuple(run.values()), tuple(run.told.values())) == (outcome.log, outcome.told), run.settings.faults
        assert run.anomaly_names == list(outcome.anomalies)


def test_one_walk_leaves_nothing_behind_in_the_log_that_it_was_given() -> None:
    log = BELIEFS["buffer and sort"]()
    for _ in range(2):
        found = explore(2, 2, 1, rule=log)
        assert (found.states, [end.log for end in found.outcomes][0]) == (explore(2, 2, 1, rule=log).states, ("m0", "m1"))
        assert simulate(2, rule=log).values() == ["m0", "m1"]
    assert (log.batches, log.kept, log.producers) == ([], [], {})  # type: ignore[attr-defined]
