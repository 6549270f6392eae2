"""The simulated librdkafka against the real one: same fault script, same log, same verdicts, same numbers, same report.

The real client goes through the fault proxy to the embedded broker; it is right wherever the two differ. Left out, because the
real client does not do it the same way twice: a second fault on batches that an error answer sent back, unless the proxy waits for all of
them (they leave in one burst or in several), more than five batches behind a refusal, a batch that expires while the
connection is down, and which of its two words for a batch that waits after a fatal error the application is told. Its start
from the bootstrap servers is switched off: it sometimes drops the new connection too. So are the metadata requests without end that
a short back-off makes of errors 3 and 6: they too count as in flight, and while the proxy waits for a batch that has no slot it
answers none of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from course_tools.clients.experiments import EXPIRES, SHORT, ClientBench
from lesson_lib.history import Kind
from lesson_lib.lab.lab import start_lab
from lesson_lib.sim import simulate
from tests.explorer.five_in_flight import OFF, ON, Told, compare, outcome, told_by

pytest.importorskip("confluent_kafka")
PATIENT = {"delivery_timeout_ms": 5_000, "request_timeout_ms": 5_000}  # enough to begin again on a busy machine; the rest expires then
FATAL = ["2: refuse 45", "5: refuse 45", "2: store and answer 46; 3: refuse 45", "2: lose ack; 7: refuse 45", "2: lose ack; 7: refuse 59"]
MORE = ["1: refuse 6; 2: delay 60", "2: store and answer 20; 3: delay 60", "5: refuse 6", "5: store and answer 20",
        "5: store and answer 46", "5: refuse 59",
        "4: store and answer 20; 5: store and answer 20", "2: store and answer 20; 3: store and answer 20",
        "3: store and answer 20; 4: refuse 59", "3: refuse 6; 4: refuse 59", "2: store and answer 7", "2: refuse 3",
        "2: lose ack; 6: refuse 6", "2: lose ack; 7: refuse 6", "2: lose ack; 7: store and answer 46",
        "4: store and answer 20; 5: store and answer 46"]
TWICE = "4: refuse 6; 5: refuse 6; "
AGAIN = [TWICE + "6: refuse 6; 7: refuse 59", "4: refuse 6; 5: refuse 3; 6: refuse 6; 7: refuse 59"]
AGAIN_FATAL = [TWICE + "7: refuse 59", "4: refuse 6; 5: store and answer 20; 6: refuse 6; 7: refuse 59"]
GAPS = ["2: store and answer 20; 3: store and answer 46; 4: refuse 59", "2: refuse 6; 3: refuse 87"]  # in what must be sent again


@pytest.fixture(scope="module", params=["4.4", "4.5"])
def bench(request: pytest.FixtureRequest) -> Iterator[ClientBench]:
    """librdkafka in front of an embedded broker of that release."""
    from course_tools.clients.librdkafka import Librdkafka
    lab = start_lab("embedded", request.param)
    with closing(Librdkafka()) as client:
        yield ClientBench(lab, client)
    lab.stop()


def dropped_or_expired(told: Told) -> Told:
    """After a fatal error either happens to what waits."""
    return ["_MSG_TIMED_OUT" if word == "_PURGE_QUEUE" else word for word in told]


def second_burst(script: str) -> list[int]:
    """After how many attempts the next answers may come, where a burst has faults that is not the first."""
    if script in AGAIN + AGAIN_FATAL:
        return [7]
    return [9] if script.startswith("2: lose ack;") else [8, 10] if script in GAPS else []


@pytest.mark.parametrize("script", [script for script in ON + MORE + GAPS + AGAIN if script not in FATAL])
def test_five_in_flight_with_idempotence(bench: ClientBench, script: str) -> None:
    compare(bench, "librdkafka", script, again=second_burst(script))


@pytest.mark.parametrize("script", FATAL + AGAIN_FATAL)
def test_what_ends_the_producer(bench: ClientBench, script: str) -> None:
    """45 on the next in line, and 59 on a batch that may be stored: nothing is sent any more."""
    expected = compare(bench, "librdkafka", script, again=second_burst(script), same=dropped_or_expired, **PATIENT)
    assert [event.what for event in expected.of(Kind.PRODUCER)] == ["stuck"]
    assert expected.of(Kind.EPOCH) == []


@pytest.mark.parametrize("script", [*OFF, "2: store and answer 46", "2: refuse 45", "2: refuse 59"])
def test_five_in_flight_without_idempotence(bench: ClientBench, script: str) -> None:
    compare(bench, "librdkafka", script, idempotence=False)


@pytest.mark.parametrize("script", ["1: refuse 87", "2: refuse 47", "2: refuse 10; 3: refuse 6", "2: store and answer 46; 3: refuse 6"])
def test_one_after_the_other(bench: ClientBench, script: str) -> None:
    """With nothing else in flight a batch that is given up still costs an epoch."""
    told, run = bench.play(script, [1, 1, 1], idempotence=True)
    expected = simulate(3, faults=script, client="librdkafka", broker=bench.lab.choice.name)
    assert (outcome(run), told) == (outcome(expected), told_by(expected))


@pytest.mark.parametrize("count", [3, 5, 8])
def test_the_first_batch_of_a_new_partition_is_refused(bench: ClientBench, count: int) -> None:
    compare(bench, "librdkafka", "1: refuse 6", count)


def test_the_hole_of_a_new_partition_stays_unnoticed() -> None:
    """KAFKA-15591 up to 4.4: the application is told ok of a batch that is nowhere."""
    old, new = (simulate(3, faults="1: refuse 6", client="librdkafka", in_flight=5, broker=release) for release in ("4.4", "4.5"))
    assert (old.values(), told_by(old), old.anomaly_names) == (["m1", "m2"], ["ok -1", "ok 0", "ok 1"], ["hole", "lost write"])
    assert (new.values(), told_by(new), new.anomaly_names) == (["m0", "m1", "m2"], ["ok 0", "ok 1", "ok 2"], [])


def test_after_a_fatal_error_every_send_fails(bench: ClientBench) -> None:
    told, run = bench.play("2: refuse 45", [1, 1, 1], idempotence=True, **SHORT)
    expected = simulate(3, faults="2: refuse 45", client="librdkafka", in_flight=1, **SHORT)
    assert (told[:2], len(run.attempts)) == (["ok 0", "OUT_OF_ORDER_SEQUENCE_NUMBER"], 2)
    assert (told_by(expected)[:2], len(expected.attempts)) == (told[:2], 2)
    assert told[2] == told_by(expected)[2] == "_FATAL"


def test_a_batch_that_expires_unanswered_costs_an_epoch(bench: ClientBench) -> None:
    """The next one starts at 0, as the broker may or may not have the one that expired."""
    told, run = bench.play("1+: lose ack silently", [1, 1], then_all_is_well=True, idempotence=True, **EXPIRES)
    expected = simulate(2, faults="1-2: lose ack silently", client="librdkafka", **EXPIRES)
    assert told == ["_MSG_TIMED_OUT", "ok 1"] == told_by(expected)
    last = [next(reversed(history.of(Kind.SEND))) for history in (run, expected)]
    assert [(s.batch, s.producer_epoch, s.base_sequence) for s in last] == [(1, 1, 0)] * 2


def test_sequences_count_records() -> None:
    """The drivers send one record a batch; that a new epoch starts behind whole batches is only simulated."""
    run = simulate(8, faults="2: refuse 87", client="librdkafka", in_flight=5, records_per_batch=2)
    assert [(a.batch, a.send.producer_epoch, a.send.base_sequence) for a in run.attempts] == [
        (0, 0, 0), (1, 0, 2), (2, 0, 4), (3, 0, 6), (2, 1, 0), (3, 1, 2)]


@pytest.mark.parametrize(("script", "others"), [("1: store and answer 20", [1, 1, 1, 1]), ("1: refuse 87", [])])
def test_a_drain_stops_its_partition_and_a_new_epoch_stops_all(script: str, others: list[int]) -> None:
    """The partitions of what is sent between the error and the last answer to what was in flight with it; only simulated, as above."""
    events = simulate(12, faults=script, client="librdkafka", in_flight=5, partitions=2).events
    first, fifth = (next(i for i, e in enumerate(events) if (e.kind, e.attempt) == (Kind.ACK, attempt)) for attempt in (1, 5))
    assert [e.partition for e in events[first:fifth] if e.kind == Kind.SEND] == others
    ninth = next(i for i, e in enumerate(events) if (e.kind, e.attempt) == (Kind.ACK, 9))
    assert 0 in [e.partition for e in events[fifth:ninth] if e.kind == Kind.SEND]  # it does not wait for what the other one sent since
