"""The scenarios of the seven lessons, each as its text table, compared letter by letter with golden/*.txt.

After a wanted change: UPDATE_GOLDEN=1 .venv/bin/python -m pytest tests/sim/test_golden.py, and read the difference before it is committed.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from lesson_lib.history import History, Kind
from lesson_lib.sim import Transactions, simulate, simulate_pipeline

GOLDEN = Path(__file__).parent / "golden"
SHORT = {"delivery_timeout_ms": 300, "request_timeout_ms": 100}
JAVA = {"client": "java", "in_flight": 5}


def two_isolation_levels() -> History:
    """One transaction commits, one aborts, one is fenced by a successor; two consumers read along."""
    kafka = Transactions(partitions=2)
    shop = kafka.producer("shop")
    readers = kafka.consumer("read_committed"), kafka.consumer()
    for value, commit in (("a", True), ("x", False)):
        shop.begin()
        shop.send(value)
        shop.send(value.upper(), partition=1)
        for reader in readers:
            reader.poll()
        shop.commit() if commit else shop.abort()
    for reader in readers:
        reader.poll()
    return kafka.history()


def zombie() -> History:
    """The first producer goes on after its successor has started."""
    kafka = Transactions()
    old = kafka.producer("shop")
    old.begin()
    old.send("a0")
    new = kafka.producer("shop")
    new.begin()
    new.send("b0")
    old.send("a1")
    new.commit()
    kafka.consumer("read_committed").poll()
    return kafka.history()


SCENARIOS: dict[str, Callable[[], History]] = {
    "1 a record, an ack, an offset": lambda: simulate(["a", "b", "c", "d"], records_per_batch=2, consumer=True),
    "1 acks 0, one request lost": lambda: simulate(3, acks=0, idempotence=False, faults={2: "lose request"}),
    "2 lost request": lambda: simulate(3, idempotence=False, faults={2: "lose request"}),
    "2 lost ack": lambda: simulate(3, idempotence=False, faults={2: "lose ack"}),
    "2 two worlds, the request lost": lambda: simulate(3, idempotence=False, retries=0, faults={2: "lose request"}),
    "2 two worlds, the ack lost": lambda: simulate(3, idempotence=False, retries=0, faults={2: "lose ack"}),
    "2 one fault reorders": lambda: simulate(4, idempotence=False, in_flight=4, faults={1: "refuse 19"}),
    "2 one fault copies and reorders": lambda: simulate(4, idempotence=False, in_flight=2, faults={2: "cut 2 0"}),
    "3 the same attempt twice": lambda: simulate(["a", "b"], faults={1: "lose ack"}),
    "3 the same content twice": lambda: simulate(["a", "a"]),
    "4 switched on": lambda: simulate(3, faults={2: "lose ack"}),
    "4 an error after the append": lambda: simulate(3, faults={2: "store and answer 20"}),
    "5 restart": lambda: simulate(3, faults={2: "kill producer"}, resend=True),
    "5 sent again by the application": lambda: simulate(3, faults={"2-9": "lose ack"}, idempotence=False, resend=True, **SHORT),
    "5 delivery timeout, stuck": lambda: simulate(3, faults={"2+": "lose ack"}, **SHORT),
    "5 consumer crashes before it commits": lambda: simulate(3, consumer={"commit": "after", "crash_at": 2}),
    "5 consumer crashes after it commits": lambda: simulate(3, consumer={"commit": "before", "crash_at": 2}),
    "6 five in flight, every ack lost": lambda: simulate(5, faults={1: "cut 5 0"}, **JAVA),
    "6 six in flight, every ack lost": lambda: simulate(6, faults={1: "cut 6 0"}, **JAVA | {"in_flight": 6}),
    "6 a gap": lambda: simulate(5, faults={2: "refuse 6"}, **JAVA),
    "6 the hole before 4.5": lambda: simulate(3, faults={1: "refuse 6"}, **JAVA, **SHORT),
    "6 no hole from 4.5": lambda: simulate(3, faults={1: "refuse 6"}, broker="4.5", **JAVA, **SHORT),
    "6 clean restart, window of one": lambda: simulate(3, faults={1: "cut 3 0", 4: "restart broker"}, **JAVA),
    "6 failover, window of five": lambda: simulate(3, faults={1: "cut 3 0", 4: "fail over"}, **JAVA),
    "6 forgotten after a day": lambda: simulate(3, faults={2: "lose ack", 3: "forget idle ids"}),
    "7 two isolation levels": two_isolation_levels,
    "7 zombie": zombie,
    "7 pipeline with transactions": lambda: simulate_pipeline(["a", "b"], crash={1: "send"}),
    "7 pipeline without transactions": lambda: simulate_pipeline(["a", "b"], transactions=False, crash={1: "send"}),
}


def written(run: History) -> str:
    """The table, the anomalies, and when the producers sent what."""
    times = " ".join(f"{e.t}:{e.batch}" for e in run.of(Kind.SEND))
    return f"{run.table()}\nanomalies: {', '.join(run.anomaly_names) or 'none'}\nsent: {times}\n"


@pytest.mark.parametrize("name", SCENARIOS)
def test_scenario(name: str) -> None:
    path, now = GOLDEN / f"{name}.txt", written(SCENARIOS[name]())
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(now)
    assert now == path.read_text()


def test_no_golden_file_is_left_over() -> None:
    assert {path.stem for path in GOLDEN.glob("*.txt")} == set(SCENARIOS)


@pytest.mark.parametrize("name", SCENARIOS)
def test_twice_the_same(name: str) -> None:
    assert SCENARIOS[name]() == SCENARIOS[name]()
