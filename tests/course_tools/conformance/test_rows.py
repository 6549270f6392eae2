"""Every row of the decision table as requests with fixed numbers, on the embedded broker and on Apache Kafka.

Each script ends with the step that the row is about; the expectation is the answer to that step, word for word.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from random import Random

import pytest

from course_tools.conformance.broker_under_test import BrokerUnderTest
from course_tools.conformance.decision_table import DECISION_TABLE, rows_by_step
from course_tools.conformance.generate import random_script
from course_tools.conformance.script import ScriptOutcome, parse
from lesson_lib.broker.embedded import EmbeddedBroker
from lesson_lib.lab.compose import read_compose

# Epoch 1; remembered are 2..2, 3..3, 4..4, 5..5 and 6..8, forgotten is 1..1. Offsets 0 to 7 are taken.
WINDOW = "; ".join(["send p0 a e1 s1 n1", *(f"send p0 a e1 s{n} n1" for n in range(2, 6)), "send p0 a e1 s6 n3"]) + "; "
OPEN = "init X; add X p0 e+0; send p0 X e+0 s0 n2 txn; "
FENCED = "init X; add X p0 e+0; send p0 X e+0 s0 n1 txn; init X; "
MAX = 2**31 - 1
AT_MAX = f"send p0 a e0 s{MAX} n1; "

ROWS = [
    ("D1", WINDOW + "send p0 a e1 s9 n3", "ok, offset 8, log start 0"),
    ("D2", WINDOW + "send p0 a e1 s6 n3", "ok, offset 5, append time +5, log start 0"),
    ("D3", WINDOW + "send p0 a e1 s2 n1", "ok, offset 1, append time +1, log start 0"),
    ("D4", WINDOW + "send p0 a e1 s1 n1", "error 45, log start 0"),
    ("D5", WINDOW + "send p0 a e1 s7 n2", "error 45, log start 0"),
    ("D6", WINDOW + "send p0 a e1 s6 n2", "error 45, log start 0"),
    ("D6", WINDOW + "send p0 a e1 s6 n4", "error 45, log start 0"),
    ("D6", WINDOW + "send p0 a e1 s5 n4", "error 45, log start 0"),
    ("D7", WINDOW + "send p0 a e1 s10 n1", "error 45, log start 0"),
    ("D8", WINDOW + "send p0 a e1 s0 n1", "error 45, log start 0"),
    ("behind", "send p0 a e0 s5 n1; send p0 a e0 s3 n1", "error 45, log start 0"),
    ("D9", WINDOW + "send p0 a e0 s9 n1", "error 47, log start 0"),
    ("D9", "send p0 a e0 s0 n1; send p0 a e1 s0 n1; send p0 a e0 s0 n1", "error 47, log start 0"),
    ("D10", WINDOW + "send p0 a e2 s0 n2", "ok, offset 8, log start 0"),
    ("D10", WINDOW + "send p0 a e32767 s0 n1", "ok, offset 8, log start 0"),
    ("D11", WINDOW + "send p0 a e2 s9 n1", "error 45, log start 0"),
    ("D12", FENCED + "send p0 X e-1 s0 n1", "ok, offset 2, log start 0"),
    ("D12 not 0", FENCED + "send p0 X e-1 s1 n1", "error 45, log start 0"),
    ("D13", AT_MAX + "send p0 a e0 s0 n2", "ok, offset 1, log start 0"),
    ("D14", AT_MAX + "send p0 a e0 s1 n1", "error 45, log start 0"),
    ("D15", f"send p0 a e0 s{MAX - 12} n2; send p0 a e0 s{MAX - 10} n21", "ok, offset 2, log start 0"),
    ("D1", f"send p0 a e0 s{MAX - 12} n2; send p0 a e0 s{MAX - 10} n21; send p0 a e0 s10 n1", "ok, offset 23, log start 0"),
    ("D2", f"send p0 a e0 s{MAX} n3; send p0 a e0 s{MAX} n3", "ok, offset 0, append time +0, log start 0"),
    ("D16", "send p0 a e0 s0 n1", "ok, offset 0, log start 0"),
    ("D17", "send p0 a e0 s7 n1", "ok, offset 0, log start 0"),
    ("D17 bumping", "v12: init X; send p0 X e+0 s1 n1 txn", "error 45, log start 0"),
    ("D18", WINDOW + "send p0 - n2", "ok, offset 8, log start 0"),
    ("D19", "send p0 a e0 s-1 n1", "error 87, log start 0"),
    ("D20", "send p0 a e0 s0 n1 control", "error 87, log start 0"),
    ("D21", OPEN + "send p0 X e+0 s2 n1", "error 48, log start 0"),
    ("D22", OPEN + "send p0 X e+0 s2 n1 txn", "ok, offset 2, log start 0"),
    ("D2", OPEN + "send p0 X e+0 s0 n2", "ok, offset 0, append time +2, log start 0"),
    ("D23 added", "init X; add X p0 e+0; send p0 X e+0 s0 n1 txn", "ok, offset 0, log start 0"),
    ("D23 added", "v12: init X; send p0 X e+0 s0 n1 txn", "ok, offset 0, log start 0"),
    ("D23 added", "v12: init X; send p0 X e+0 s1 n1 txn", "error 45, log start 0"),
    ("D23 not added", "init X; send p0 X e+0 s0 n1 txn", "error 48, Partition was not added to the transaction"),
    ("D23 not added", "v11: init X; send p0 X e+0 s0 n1 txn", "error 120"),
    ("D23 not added", OPEN + "commit X e+0; send p0 X e+0 s0 n2 txn", "error 48, Partition was not added to the transaction"),
    ("D23 other epoch", "init X; init X; send p0 X e-1 s0 n1 txn", "error 47"),
    ("D23 unknown id", "send p0 a e0 s0 n1 txn", "error 49"),
    ("D23 late", "init X; send p0 X e+0 s0 n1 txn; send p0 X e+0 s1 n1", "error 45, log start 0"),
    ("D24", "send p0 a e0 s0 n1 two", "error 87"),
    ("crc", "send p0 a e0 s0 n1 crc", "error 2"),
    ("offset", "send p0 a e0 s0 n1 offset", "error 87, log start 0"),
    ("delta", "send p0 a e0 s0 n1 delta", "error 87, log start 0"),
    ("liar", "send p0 a e0 s0 n1 liar", "error 87, log start 0"),
    ("empty", "send p0 a e0 s0 n1 empty", "error 87, log start 0"),
    ("acks2", "send p0 a e0 s0 n1 acks2", "error 21"),
    ("nameless", "send p0 a e0 s0 n1 nameless", "error 53"),
    ("init", "init X; init X", "ok, epoch 1"),
    ("fence", OPEN + "init X", "ok, epoch 2"),
    ("fence", "v12: init X; send p0 X e+0 s0 n1 txn; init X", "ok, epoch 2"),
    ("bump", "init X; bump X e+0", "ok, epoch 1"),
    ("fence", OPEN + "bump X e+0", "ok, epoch 1"),
    ("bump, other epoch", "init X; init X; bump X e-1", "error 90"),
    ("bump, other epoch", "init X; bump X e-1", "error 42"),
    ("add", "init X; add X p0 e+0", "ok"),
    ("add, other epoch", "init X; init X; add X p0 e-1", "error 90"),
    ("commit", OPEN + "commit X e+0", "ok"),
    ("commit", "v12: init X; send p0 X e+0 s0 n1 txn; commit X e+0", "ok, epoch 1"),
    ("commit, nothing open", "init X; commit X e+0", "error 48"),
    ("commit, nothing open", OPEN + "commit X e+0; commit X e+0", "ok"),
    ("commit, other epoch", OPEN + "commit X e+1", "error 90"),
    ("abort", OPEN + "abort X e+0", "ok"),
    ("abort, nothing open", "init X; abort X e+0", "error 48"),
    ("abort, nothing open", "v12: init X; abort X e+0", "ok, epoch 1"),
    ("abort, other epoch", OPEN + "abort X e-1", "error 90"),
    ("delete", WINDOW + "delete p0 6", "ok, low watermark 6"),
    ("D2", WINDOW + "delete p0 -1; send p0 a e1 s6 n3", "ok, offset 5, append time +5, log start 8"),
    ("delete, out of range", WINDOW + "delete p0 9", "error 1, low watermark -1"),
    ("new id", "send p0 a e0 s0 n1; new a", "ok"),
    ("D16", "send p0 a e0 s0 n1; new a; send p0 a e0 s0 n1", "ok, offset 1, log start 0"),
]
SCRIPTS = [parse(text) for _, text, _ in ROWS]
LATEST = ".".join(read_compose().version.split(".")[:2])


@pytest.fixture(scope="module")
def embedded() -> Iterator[list[ScriptOutcome]]:
    """What the embedded broker makes of every script."""
    with EmbeddedBroker(LATEST) as broker:
        yield BrokerUnderTest(broker.address).run(SCRIPTS)


@pytest.fixture(scope="module")
def kafka(kafka_address: str) -> list[ScriptOutcome]:
    """What Apache Kafka makes of every script."""
    return BrokerUnderTest(kafka_address).run(SCRIPTS)


def test_a_row_says_what_the_broker_answers() -> None:
    """Of random histories too, so that a table never counts under a row what the rule decides otherwise."""
    with EmbeddedBroker(LATEST) as broker, closing(BrokerUnderTest(broker.address)) as side:
        scripts = [random_script(Random(f"row-{n}"), (9, 11, 12)) for n in range(300)]
        outcomes = side.run(scripts)
    said = {"stored": 0, "duplicate": 0, **{str(code): code for code in (2, 21, 45, 47, 48, 53, 87)}}
    steps = [(DECISION_TABLE[rows[-1]].rpartition(": ")[2], seen.error, script) for script, outcome in zip(scripts, outcomes, strict=True)
             for step, rows, seen in zip(script.steps, rows_by_step(script), outcome.steps, strict=True) if step.kind == "send"]
    told = [(said[words], error, script) for words, error, script in steps if words in said]
    assert len(told) > 2_000 and [str(script) for wanted, error, script in told if wanted != error] == []


def test_every_row_of_the_table_is_here() -> None:
    assert {row for row, _, _ in ROWS} == set(DECISION_TABLE)


@pytest.mark.parametrize("number", range(len(ROWS)), ids=[f"{row}: {text[-40:]}" for row, text, _ in ROWS])
def test_each_script_ends_in_its_row(number: int) -> None:
    assert ROWS[number][0] in rows_by_step(SCRIPTS[number])[-1]


@pytest.mark.parametrize("number", range(len(ROWS)), ids=[f"{row}: {text[-40:]}" for row, text, _ in ROWS])
def test_embedded(embedded: list[ScriptOutcome], number: int) -> None:
    assert str(embedded[number].steps[-1]) == ROWS[number][2]


@pytest.mark.kafka
@pytest.mark.parametrize("number", range(len(ROWS)), ids=[f"{row}: {text[-40:]}" for row, text, _ in ROWS])
@pytest.mark.fact("one-rule", "too-early-is-refused", "older-epoch-is-refused", "epoch-rises-each-transaction")
def test_apache_kafka(kafka: list[ScriptOutcome], number: int) -> None:
    """Remembered: duplicate, old offset; older epoch: 47; next, or 0 in a newer epoch: stored; else 45. v12: each end is a new epoch."""
    assert str(kafka[number].steps[-1]) == ROWS[number][2]
