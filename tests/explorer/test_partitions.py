"""The explorer on two partitions: one epoch for all of them is what incident 1 is about (librdkafka #4953).

Held against `simulate`, which plays every script of at most two faults: each of its ends has been seen by the explorer, and
no script is shorter than the explorer's shortest one.
"""

from __future__ import annotations

from functools import cache
from itertools import product
from typing import Any

import pytest

from lesson_lib.core.error_codes import ErrorCode
from lesson_lib.errors import LessonError
from lesson_lib.explorer.client import PENDING, ExploredClient
from lesson_lib.explorer.explore import Exploration, explore
from lesson_lib.explorer.moves import KINDS
from lesson_lib.history import History, Kind
from lesson_lib.sim.java_producer import IdempotentJavaProducer
from lesson_lib.sim.librdkafka_producer import IdempotentLibrdkafkaProducer
from lesson_lib.sim.messages import ProducerSettings
from lesson_lib.sim.producer import IdempotentKafkaPythonProducer, Producer
from lesson_lib.sim.run import simulate

FAULTS = ("lose ack", "lose request", "refuse 6", "store and answer 20", "cut 2 0", "cut 2 1", "cut 3 1")
SCRIPTABLE = ("cut", "refuse", "store and answer")
CLIENTS = ("librdkafka", "java", "kafka-python")
INCIDENT = {"batches": 6, "in_flight": 5, "faults": 2, "partitions": 2, "broker": "4.5", "kinds": ("cut", "refuse")}


@cache
def incident(client: str) -> Exploration:
    """All ends of incident 1's setting with that client."""
    return explore(**INCIDENT, client=client)  # type: ignore[arg-type]


def logs_of(run: History) -> tuple[tuple[str, ...], ...]:
    """What each partition holds at the end."""
    return tuple(tuple(run.values(partition)) for _, partition in run.partitions)


def test_incident_1_is_found_with_librdkafka_by_name_and_with_its_shortest_script() -> None:
    found = incident("librdkafka")
    run = found.find("copy")
    assert run is not None and run.settings.faults == "3: refuse 6; 6: lose ack"
    assert (logs_of(run), set(run.told.values())) == ((("m0", "m2", "m4"), ("m1", "m3", "m5", "m5")), {"ok"})
    copies = [send for send in run.of(Kind.SEND) if send.batch == 5]
    assert [(send.partition, send.producer_epoch, send.base_sequence) for send in copies] == [(1, 0, 2), (1, 1, 0)]
    raised = next(i for i, event in enumerate(run.events) if event.kind == Kind.EPOCH)
    assert run.events.index(copies[0]) < raised < run.events.index(copies[1])
    played = simulate(6, partitions=2, in_flight=5, client="librdkafka", broker="4.5", faults=run.settings.faults)
    assert (logs_of(played), played.told) == (logs_of(run), run.told)
    assert explore(**INCIDENT | {"faults": 1}, client="librdkafka").find("copy") is None  # type: ignore[arg-type]
    assert "6 batches on 2 partitions, 5 in flight" in found.sentence
    assert "logs: m0 m2 m4 | m1 m3 m5 m5; told: ok ok ok ok ok ok" in str(found)


@pytest.mark.parametrize("client", ["java", "kafka-python"])
def test_incident_1_happens_to_neither_of_the_other_clients(client: str) -> None:
    assert incident(client).anomaly_names == []


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("settings", [{"broker": "4.4"}, {"broker": "2.4"}, {"idempotence": False}])
@pytest.mark.parametrize(("batches", "in_flight"), [(3, 5), (5, 2)])
def test_brute_force_over_simulate_ends_nowhere_else_and_with_no_shorter_script(
        batches: int, in_flight: int, settings: dict[str, Any], client: str) -> None:
    settings = {"in_flight": in_flight, "partitions": 2, "client": client} | settings
    found = explore(batches, faults=2, kinds=SCRIPTABLE, **settings)
    ends = {(one.logs, one.told) for one in found.outcomes}
    fewest = {name: min(2 - one.state.left for one in found.outcomes if name in one.anomalies) for name in found.anomaly_names}
    one_fault = [{number: fault} for number in range(1, 7) for fault in FAULTS]
    runs = 0
    for script in (*one_fault, *(one | two for one, two in product(one_fault, repeat=2) if max(one) < min(two))):
        try:
            run = simulate(batches, faults=script, **settings)
        except LessonError:  # it ended before the second fault, or waits for requests that never come
            continue
        runs += 1
        assert (logs_of(run), tuple(run.told.values())) in ends, run.settings.faults
        assert all(fewest[name] <= len(script) for name in run.anomaly_names), run.settings.faults
    assert runs > 200


@pytest.mark.parametrize(("client", "settings"), [
    *((client, {}) for client in CLIENTS), ("librdkafka", {"broker": "2.4"}), ("kafka-python", {"idempotence": False})])
def test_every_end_on_two_partitions_can_be_told_as_a_history(client: str, settings: dict[str, Any]) -> None:
    found = explore(3, 3, 2, partitions=2, client=client, kinds=tuple(KINDS), **settings)
    for outcome in found.outcomes:
        run = found.history(outcome)
        assert (logs_of(run), tuple(run.told.values())) == (outcome.logs, outcome.told)
        assert run.anomaly_names == list(outcome.anomalies)
        assert [e.t for e in run.events] == sorted(e.t for e in run.events)
        assert all(event.partition == event.batch % 2 for event in run.events if event.batch >= 0)
        epoch = -1
        for event in run.of(Kind.INIT, Kind.EPOCH, Kind.SEND):  # no request has an epoch that was not raised before
            epoch = max(epoch, event.producer_epoch) if event.kind != Kind.SEND else epoch
            assert event.producer_epoch <= epoch


def test_three_partitions_and_more_partitions_than_batches() -> None:
    assert [one.logs for one in explore(2, 2, 0, partitions=3).outcomes] == [(("m0",), ("m1",), ())]
    found = explore(4, 4, 1, partitions=3, client="librdkafka", idempotence=False, kinds=("refuse",))
    assert {one.logs for one in found.outcomes} == {(("m0", "m3"), ("m1",), ("m2",)), (("m3", "m0"), ("m1",), ("m2",))}


def test_on_several_partitions_kafka_python_has_one_batch_of_each_in_flight() -> None:
    found = explore(4, 5, 1, partitions=2, client="kafka-python")
    assert found.settings.in_flight == 2 and found.anomaly_names == []
    assert max(len(found.graph.moves.clients[state[0]].state.wire) for state in found.graph.came_from) == 2


@pytest.mark.parametrize("kind", [IdempotentJavaProducer, IdempotentLibrdkafkaProducer])
def test_the_oldest_batch_expires_first_whatever_its_partition(kind: type[Producer]) -> None:
    client = ExploredClient(kind, ProducerSettings(in_flight=4), 4, partitions=2)
    for _ in range(4):
        client = client.sends()[0][0]
    client = client.disconnected()
    for ended in range(1, 5):
        client = client.expired()
        assert client.state.told == ("unknown",) * ended + (PENDING,) * (4 - ended)


def test_the_clients_of_a_search_share_what_was_never_sent() -> None:
    """A copy of each waiting batch in each client of a search over 99 batches takes two gigabytes."""
    first = ExploredClient(IdempotentJavaProducer, ProducerSettings(in_flight=2), 50)
    (second, _), = first.sends()
    assert list(second.producer.queues[0])[1:] == list(first.producer.queues[0])[2:]


def test_what_one_client_told_of_a_batch_another_does_not_know() -> None:
    """After a fatal error all that waits fails, in that client alone."""
    (client, _), = ExploredClient(IdempotentKafkaPythonProducer, ProducerSettings(in_flight=1), 3).sends()
    assert client.answered(ErrorCode.INVALID_RECORD).state.told == ("failed",) * 3
    for _ in range(2):
        client = client.answered(ErrorCode.NONE).sends()[0][0]
    assert client.answered(ErrorCode.NONE).state.told == ("ok",) * 3
