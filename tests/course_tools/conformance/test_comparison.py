"""Random histories on the embedded broker and on Apache Kafka: no difference. And where releases differ, that it shows."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from course_tools.apache_kafka.process import temporary
from course_tools.conformance.broker_under_test import BrokerUnderTest, compare
from course_tools.conformance.command import OLDER_RELEASE, scripts
from course_tools.conformance.decision_table import DECISION_TABLE
from course_tools.conformance.script import Comparison, parse
from lesson_lib.broker.embedded import EmbeddedBroker
from lesson_lib.lab.compose import read_compose
from lesson_lib.wire.record_batch import batch_bytes
from lesson_lib.wire.requests import RawClient, make_topic, produce
from tests.course_tools.conformance.test_script import rows_of
from tests.raw import hung_up

LATEST = ".".join(read_compose().version.split(".")[:2])
OLDER = ".".join(OLDER_RELEASE.split(".")[:2])

# Each was once a difference between the embedded broker and Apache Kafka, made small by the comparison.
REGRESSIONS = [
    "init X; add X p0 e+0; send p0 X e+0 s0 n1 txn; send p0 - n2; delete p0 2",
    "init X; add X p0 e+0; send p0 X e+0 s0 n2 txn; delete p0 1",
    "init X; add X p0 e+0; send p0 X e+0 s0 n1 txn; delete p0 -1; send p0 - n1",
    "init X; init Y; add X p0 e+0; add Y p0 e+0; send p0 X e+0 s0 n1 txn; send p0 Y e+0 s0 n1 txn; abort Y e+0",
    "init X; init X; add X p0 e+0; send p0 X e+0 s0 n1 txn; send p0 X e-1 s0 n1 txn",
    "init X; add X p0 e+0; bump X e+0",
    "v11: init X; add X p0 e+0; bump X e+0; send p0 X e+0 s0 n1 txn",
    "init X; bump X e-1",
    "send p0 a e1 s0 n1; send p0 a e0 s0 n1 txn",
    "init X; add X p0 e+0; init X; send p0 X e-4 s0 n1 txn; send p0 X e-1 s0 n1; send p0 X e-1 s1 n1",
    "send p0 - n1 liar",
    "init X; init Y; add X p0 e+0; add Y p0 e+0; send p0 X e+0 s0 n1 txn; send p0 Y e+0 s0 n2 txn; delete p0 3; init Y",
]
# What 3.9.1 does otherwise than 4.4: `KafkaVersion` names each of them.
CHANGED_SINCE_OLDER = [REGRESSIONS[n] for n in (0, 4, 5, 8, 9)]


@contextmanager
def beside(address: str, release: str) -> Iterator[tuple[BrokerUnderTest, BrokerUnderTest]]:
    """The embedded broker with the rule of `release`, and the Apache Kafka at `address`."""
    with EmbeddedBroker(release) as broker:
        sides = BrokerUnderTest(broker.address), BrokerUnderTest(address)
        yield sides
        for side in sides:
            side.close()


def told(found: list[Comparison]) -> str:
    return "\n\n".join(f"{c.script}\n{c}" for c in found if "≠" in str(c))


@pytest.mark.kafka
def test_three_hundred_histories(kafka_address: str) -> None:
    with beside(kafka_address, LATEST) as (left, right):
        compared = list(compare(left, right, scripts(2026, 300, left, right)))
    assert len(compared) == 300
    assert told(compared) == ""
    assert {row for c in compared for row in rows_of(c.script)} == set(DECISION_TABLE)


@pytest.mark.kafka
def test_what_differed_once_differs_no_more(kafka_address: str) -> None:
    with beside(kafka_address, LATEST) as (left, right):
        assert told(list(compare(left, right, map(parse, REGRESSIONS)))) == ""


@pytest.mark.kafka
def test_the_rule_of_an_older_release_is_told_apart(kafka_address: str) -> None:
    with beside(kafka_address, OLDER) as (left, right):
        assert all("≠" in str(c) for c in compare(left, right, map(parse, CHANGED_SINCE_OLDER)))


@pytest.mark.java
def test_an_older_apache_kafka_and_its_rule() -> None:
    """Slow: starts Apache Kafka of the release before transaction version 2."""
    with temporary(OLDER_RELEASE) as address:
        with beside(address, OLDER) as (left, right):
            playable = [parse(text) for text in REGRESSIONS]
            assert told([*compare(left, right, scripts(2026, 200, left, right)), *compare(left, right, playable)]) == ""
        with beside(address, LATEST) as (left, right):
            assert all("≠" in str(c) for c in compare(left, right, map(parse, CHANGED_SINCE_OLDER)))


def refused_without_an_answer(address: str) -> tuple[bool, bool]:
    """Whether the broker hangs up after a bad batch with acks=0, and whether it does after a good one."""
    with RawClient(address, timeout=1.0) as bad, RawClient(address, timeout=0.3) as good:
        make_topic(good, topic := f"acks-{uuid.uuid4().hex[:8]}")
        bad.send(produce(topic, 0, b"", acks=0), 9)
        good.send(produce(topic, 0, batch_bytes([b"m0"]), acks=0), 9)
        return hung_up(bad), hung_up(good)


def test_acks_0_has_no_answer_but_an_error_drops_the_connection() -> None:
    with EmbeddedBroker() as broker:
        assert refused_without_an_answer(broker.address) == (True, False)


@pytest.mark.kafka
def test_acks_0_on_apache_kafka(kafka_address: str) -> None:
    assert refused_without_an_answer(kafka_address) == (True, False)
