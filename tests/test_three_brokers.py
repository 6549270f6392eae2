"""The same fault scripts and the same assertions on three brokers: simulated, embedded, Apache Kafka.

What each row asserts was measured with kafka-python 3.0.12 against Apache Kafka: the values in the log, the broker's verdicts in
their order, what the application was told, and the anomalies by name. It stands here once for all three.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest

from lesson_lib import simulate
from lesson_lib.errors import LessonError
from lesson_lib.history import History
from lesson_lib.lab.lab import start_lab

Run = Callable[..., History]
OK3 = "0 ok, 1 ok, 2 ok"
CLEAN = ("m0 m1 m2", "0 stored, 1 stored, 2 stored", OK3, "")
DOUBLED = ("m0 m1 m1 m2", "0 stored, 1 stored, 1 stored, 2 stored", OK3, "copy")
RECOGNISED = ("m0 m1 m2", "0 stored, 1 stored, 1 duplicate, 2 stored", OK3, "")


class Row(NamedTuple):
    """A fault script, and what comes of it without and with idempotence: log, verdicts, told, anomalies."""

    faults: dict[int, str]
    off: tuple[str, str, str, str]
    on: tuple[str, str, str, str]


def refused(error: int) -> tuple[str, str, str, str]:
    """Refused before it was stored, and stored when it was sent again."""
    return ("m0 m1 m2", f"0 stored, 1 refused {error}, 1 stored, 2 stored", OK3, "")


def failed(error: int) -> tuple[str, str, str, str]:
    """Refused, and not sent again."""
    return ("m0 m2", f"0 stored, 1 refused {error}, 2 stored", "0 ok, 1 failed, 2 ok", "hole")


ROWS = [
    Row({}, CLEAN, CLEAN),
    Row({2: "lose request"}, CLEAN, CLEAN),
    Row({2: "lose ack"}, DOUBLED, RECOGNISED),
    Row({2: "lose request silently"}, CLEAN, CLEAN),
    Row({2: "lose ack silently"}, DOUBLED, RECOGNISED),
    Row({1: "lose ack"}, ("m0 m0 m1 m2", "0 stored, 0 stored, 1 stored, 2 stored", OK3, "copy"),
        ("m0 m1 m2", "0 stored, 0 duplicate, 1 stored, 2 stored", OK3, "")),
    Row({2: "lose ack", 3: "lose ack"}, ("m0 m1 m1 m1 m2", "0 stored, 1 stored, 1 stored, 1 stored, 2 stored", OK3, "copy"),
        ("m0 m1 m2", "0 stored, 1 stored, 1 duplicate, 1 duplicate, 2 stored", OK3, "")),
    Row({2: "repeat"}, DOUBLED, RECOGNISED),
    Row({2: "delay 50"}, CLEAN, CLEAN),
    Row({2: "delay 2500"}, DOUBLED, RECOGNISED),
    Row({2: "store and answer 20"}, DOUBLED, RECOGNISED),
    Row({2: "store and answer 6"}, DOUBLED, RECOGNISED),
    Row({2: "store and answer 7"}, DOUBLED, RECOGNISED),
    Row({2: "store and answer 46"}, CLEAN, CLEAN),
    Row({2: "store and answer 45"}, ("m0 m1 m2", "0 stored, 1 stored, 2 stored", "0 ok, 1 failed, 2 ok", "aborted read"),
        ("m0 m1 m2", "0 stored, 1 stored, 2 stored", "0 ok, 1 failed, 2 ok", "aborted read")),
    Row({2: "refuse 19"}, refused(19), refused(19)),
    Row({2: "refuse 6"}, refused(6), refused(6)),
    Row({2: "refuse 3"}, refused(3), refused(3)),
    Row({2: "refuse 45"}, failed(45), failed(45)),
    Row({2: "refuse 47"}, failed(47), failed(47)),
    Row({2: "refuse 59"}, failed(59), failed(59)),
    Row({2: "cut 0 0"}, CLEAN, CLEAN),
    Row({2: "cut 1 0"}, DOUBLED, RECOGNISED),
    Row({2: "kill producer"}, ("m0 m1 m2", "0 stored, 1 stored, 2 stored", "0 ok, 1 unknown, 2 ok", ""),
        ("m0 m1 m2", "0 stored, 1 stored, 2 stored", "0 ok, 1 unknown, 2 ok", "")),
]
BROKER_FAULTS = [  # these need a broker that the course may restart, so Apache Kafka is left out
    Row({2: "lose ack", 3: "restart broker"}, DOUBLED, RECOGNISED),
    Row({2: "lose ack", 3: "crash broker"}, DOUBLED, RECOGNISED),
    Row({2: "lose ack", 3: "fail over"}, DOUBLED, RECOGNISED),
    Row({2: "lose ack", 3: "forget idle ids"}, DOUBLED, DOUBLED),
]
BURSTS = [  # five sent at once, idempotence off: the client sends again from the newest to the oldest
    ({2: "lose ack"}, "m0 m1 m4 m3 m2 m1", ["copy", "reordered"]),
    ({1: "cut 2 0"}, "m0 m1 m4 m3 m2 m1 m0", ["copy", "reordered"]),
    ({2: "cut 3 1"}, "m0 m1 m2 m3 m4 m3 m2", ["copy", "reordered"]),
    ({1: "refuse 19"}, "m1 m2 m3 m4 m0", ["reordered"]),
    ({2: "store and answer 20"}, "m0 m1 m2 m3 m4 m1", ["copy", "reordered"]),
]


@pytest.fixture(scope="module", params=["simulated", "embedded", pytest.param("Apache Kafka", marks=pytest.mark.kafka)])
def broker(request: pytest.FixtureRequest) -> str:
    """Which of the three."""
    return request.param


@pytest.fixture(scope="module")
def run(broker: str, request: pytest.FixtureRequest) -> Iterator[Run]:
    """`simulate`, or `lab.run` of a lab with that broker; the embedded one is in a virtual world, and
    `lab/virtual/test_both_worlds.py` holds that to be the same as sockets, event by event.
    """
    if broker == "simulated":
        yield lambda *values, **settings: simulate(*values, **{"client": "kafka-python", **settings})
        return
    lab = start_lab("embedded", world="virtual") if broker == "embedded" else start_lab(request.getfixturevalue("kafka_address"))
    yield lab.run
    lab.stop()


def outcome(history: History) -> tuple[str, str, str, str]:
    """Log, verdicts, told, anomalies, in the words of the table."""
    verdicts = ", ".join(f"{batch} {what}" + (f" {error}" if error else "") for batch, what, error in history.verdicts)
    told = ", ".join(f"{batch} {what}" for batch, what in history.told.items())
    return " ".join(history.values()), verdicts, told, ", ".join(history.anomaly_names)


def patience(faults: dict[int, str]) -> dict[str, int]:
    """Time-outs that end a silence soon, and that no busy machine reaches where there is none."""
    silent = any("silently" in fault or "delay" in fault for fault in faults.values())
    return {"request_timeout_ms": 1_500 if silent else 10_000, "delivery_timeout_ms": 20_000}


@pytest.mark.parametrize("idempotence", [False, True], ids=["off", "on"])
@pytest.mark.parametrize("row", ROWS, ids=lambda row: str(row.faults))
@pytest.mark.fact("lost-request-repaired", "lost-ack-duplicates", "retries-recognised", "acked-is-stored")
def test_a_fault_has_the_same_end_on_every_broker(run: Run, row: Row, idempotence: bool) -> None:
    """A retry after a lost request repairs; after a lost ack it duplicates, or with idempotence is recognised; what is acked is stored."""
    history = run(3, faults=row.faults, idempotence=idempotence, **patience(row.faults))
    assert outcome(history) == (row.on if idempotence else row.off)


def attempts(history: History) -> list[tuple[Any, ...]]:
    """What became of each produce request, in the order in which they were sent."""
    return [(a.batch, a.try_no, a.lost, a.verdict, a.answer) for a in history.attempts]


@pytest.mark.parametrize("idempotence", [False, True], ids=["off", "on"])
@pytest.mark.parametrize("faults", [{2: "lose ack"}, {2: "lose request"}, {2: "refuse 19"}, {2: "repeat"}, {2: "kill producer"}], ids=str)
def test_every_attempt_goes_as_in_the_simulation(run: Run, faults: dict[int, str], idempotence: bool) -> None:
    settings: dict[str, Any] = {"faults": faults, "idempotence": idempotence}
    assert attempts(run(3, **settings)) == attempts(simulate(3, **settings))


@pytest.mark.parametrize("idempotence", [False, True], ids=["off", "on"])
@pytest.mark.parametrize("row", BROKER_FAULTS, ids=lambda row: str(row.faults))
def test_a_fault_of_the_broker(run: Run, broker: str, row: Row, idempotence: bool) -> None:
    if broker == "Apache Kafka":
        with pytest.raises(LessonError, match="embedded"):
            run(3, faults=row.faults, idempotence=idempotence)
    else:
        assert outcome(run(3, faults=row.faults, idempotence=idempotence)) == (row.on if idempotence else row.off)


@pytest.mark.parametrize(("faults", "log", "anomalies"), BURSTS, ids=lambda value: str(value) if isinstance(value, dict) else "")
@pytest.mark.fact("retry-overtaken", "retries-reversed")
def test_five_at_once_without_idempotence(run: Run, faults: dict[int, str], log: str, anomalies: list[str]) -> None:
    """With several in flight a retry is overtaken, and what was on a connection that drops comes back from the newest to the oldest."""
    history = run(5, faults=faults, idempotence=False, in_flight=5, **patience(faults))
    assert (" ".join(history.values()), history.anomaly_names) == (log, anomalies)


@pytest.mark.parametrize("faults", [faults for faults, _, _ in BURSTS], ids=str)
def test_five_at_once_with_idempotence(run: Run, faults: dict[int, str]) -> None:
    history = run(5, faults=faults, idempotence=True, in_flight=5, **patience(faults))
    assert (" ".join(history.values()), history.anomaly_names) == ("m0 m1 m2 m3 m4", [])


@pytest.mark.parametrize(("settings", "expected"), [
    ({"retries": 0, "faults": {2: "lose ack"}}, ("m0 m1 m2", "0 stored, 1 stored, 2 stored", "0 ok, 1 unknown, 2 ok", "")),
    ({"retries": 0, "faults": {2: "lose request"}}, ("m0 m2", "0 stored, 2 stored", "0 ok, 1 unknown, 2 ok", "hole")),
    ({"retries": 0, "faults": {2: "refuse 19"}}, failed(19)),
    ({"acks": 1, "faults": {2: "lose ack"}}, DOUBLED),
    ({"acks": 0}, CLEAN),
    ({"acks": 0, "faults": {2: "lose request"}}, ("m0", "0 stored", OK3, "lost write")),
    ({"acks": 0, "faults": {2: "refuse 19"}}, ("m0", "0 stored, 1 refused 19", OK3, "lost write")),
    ({"resend": True, "retries": 0, "faults": {2: "lose ack"}},
     ("m0 m1 m1 m2", "0 stored, 1 stored, 2 stored, 3 stored", "0 ok, 1 unknown, 2 ok, 3 ok", "")),
], ids=lambda value: str(value) if isinstance(value, dict) else "")
@pytest.mark.fact("lost-ack-with-acks-1")
def test_settings_without_idempotence(run: Run, settings: dict[str, Any], expected: tuple[str, str, str, str]) -> None:
    """With `acks=1` a lost ack makes a copy; with `retries=0` every trouble is handed to the application."""
    assert outcome(run(3, idempotence=False, **settings)) == expected


def test_a_batch_of_several_records_is_one_batch(run: Run) -> None:
    history = run(6, records_per_batch=2, idempotence=False, faults={2: "lose ack"})
    assert history.values() == ["m0", "m1", "m2", "m3", "m2", "m3", "m4", "m5"]
    assert history.told == {0: "ok", 1: "ok", 2: "ok"}
    assert run(6, records_per_batch=2, faults={2: "lose ack"}).values() == ["m0", "m1", "m2", "m3", "m4", "m5"]


@pytest.mark.fact("two-sends-two-records")
def test_the_same_value_sent_twice_is_two_batches(run: Run) -> None:
    """Two calls of `send` are two records with two numbers; the broker never looks at the content."""
    history = run(["a", "a"], idempotence=True)
    assert (history.values(), history.anomaly_names, len(history.told)) == (["a", "a"], [], 2)


@pytest.mark.fact("offset-of-second-copy")
def test_the_application_is_handed_the_offset_of_the_second_copy(run: Run) -> None:
    """The application is told ok once, with the offset of the second copy; of the first it never learns."""
    offsets = {event.batch: event.offset for event in run(3, faults={2: "lose ack"}, idempotence=False).reports}
    assert offsets == {0: 0, 1: 2, 2: 3}


def test_the_table_is_the_same_text_every_time(run: Run) -> None:
    settings: dict[str, Any] = {"faults": {2: "lose ack"}, "idempotence": True}
    assert run(3, **settings).table() == run(3, **settings).table() == simulate(3, **settings).table()


def test_a_fault_that_never_happens_is_one_sentence(run: Run) -> None:
    with pytest.raises(LessonError, match="'99: lose ack' never happened: only 3 requests"):
        run(3, faults={99: "lose ack"})


def test_the_run_after_a_mistake_works(run: Run) -> None:
    with pytest.raises(LessonError, match="There is no fault 'loose ack'"):
        run(3, faults={2: "loose ack"})
    assert run(3).values() == ["m0", "m1", "m2"]

