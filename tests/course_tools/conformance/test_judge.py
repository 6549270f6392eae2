"""`judge` finds what a broker does otherwise, groups it by its cause, and accuses nobody who is right."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from course_tools.conformance.broker_under_test import BrokerUnderTest
from course_tools.conformance.command import scripts
from course_tools.conformance.compare import compare
from course_tools.conformance.judge import Judgement, main
from course_tools.conformance.mirror import rows_of
from lesson_lib.broker.cluster import Topic
from lesson_lib.broker.embedded import EmbeddedBroker
from lesson_lib.core.partition_log import PartitionLog
from lesson_lib.errors import LessonError
from tests.course_tools.conformance.test_planted_rules import never_fences, window_of_four


@contextmanager
def broker_with(rule: Callable[..., Any]) -> Iterator[EmbeddedBroker]:
    """An embedded broker that judges by this rule."""
    with EmbeddedBroker() as broker:
        def add_partitions(topic: Topic, count: int) -> None:
            topic.logs += [PartitionLog(rule=rule) for _ in range(count)]
        broker.cluster.add_partitions = add_partitions  # type: ignore[method-assign]
        yield broker


def test_a_broker_that_is_right_is_not_accused(capsys: pytest.CaptureFixture[str]) -> None:
    with EmbeddedBroker() as broker:
        assert main([broker.address, "--name", "mine", "--count", "100"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("mine, judged by the rule of Kafka 4.4: 100 histories, seed 1.\n") and said.endswith("No differences.\n")
    assert re.search(r"^D1 +\d+ +agrees +exactly next: stored$", said, re.MULTILINE)


def test_another_release_is_told_from_the_rule(capsys: pytest.CaptureFixture[str]) -> None:
    with EmbeddedBroker("4.5") as broker:
        assert main([broker.address, "--count", "60"]) == 1
        assert "D17 (an unknown id not from 0: by version): Apache Kafka ok, this broker error 45." in capsys.readouterr().out
        assert main([broker.address, "--count", "60", "--rule", "4.5"]) == 0


def test_each_cause_has_its_row_its_count_and_its_shortest_script(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with broker_with(never_fences) as broker:
        assert main([broker.address, "--count", "120", "--json", str(tmp_path / "judged.json")]) == 1
    said = capsys.readouterr().out
    assert re.search(r"^D9 +\d+ +differs, \d+ times +an older epoch: 47$", said, re.MULTILINE)
    first = said.split("\nDifference ")[1]
    assert "answer, D9 (an older epoch: 47): Apache Kafka error 47, this broker ok." in first
    assert len(re.findall(r"^[ ≠] +\d+\. ", first, re.MULTILINE)) == 2, "two steps show it"
    told = json.loads((tmp_path / "judged.json").read_text())
    assert told["rows"]["D9"]["verdict"].startswith("differs") and told["rows"]["D1"]["verdict"] == "agrees"
    assert {one["row"] for one in told["differences"] if one["level"] == "answer"} == {"D9"}


def test_one_cause_hides_no_other_and_the_same_seed_gives_the_same() -> None:
    def both(entry: Any, batch: Any, end: int, version: Any) -> Any:
        older = entry is not None and batch.producer_epoch < entry.producer_epoch
        return (never_fences if older else window_of_four)(entry, batch, end, version)
    tables = []
    for _ in range(2):
        with broker_with(both) as broker, EmbeddedBroker() as right:
            sides = BrokerUnderTest(right.address), BrokerUnderTest(broker.address)
            judged = Judgement("mine")
            for compared in compare(*sides, scripts(1, 150, *sides)):
                judged.take(compared)
            for side in sides:
                side.close()
        tables.append(judged.table())
        rows = {cause.row for cause in judged.causes if cause.level == "answer"}
        assert {"D9", "D3"} <= rows
    assert tables[0] == tables[1]


def test_every_row_that_was_tried_is_counted() -> None:
    with EmbeddedBroker() as one, EmbeddedBroker() as other, closing(BrokerUnderTest(one.address)) as left, \
            closing(BrokerUnderTest(other.address)) as right:
        judged = Judgement("mine")
        for compared in compare(left, right, scripts(1, 40, left, right)):
            judged.take(compared)
        assert judged.tried == Counter(row for script in scripts(1, 40, left, right) for row in rows_of(script))


def test_what_is_kept_is_looked_at_where_all_answers_agree(capsys: pytest.CaptureFixture[str]) -> None:
    with EmbeddedBroker() as broker:
        original = broker.cluster.now
        broker.cluster.now = lambda: original() + 5_000_000  # type: ignore[method-assign]
        status = main([broker.address, "--count", "60"])
    said = capsys.readouterr().out
    assert "answer, " not in said and status == int("Difference 1" in said)


@pytest.mark.parametrize(("argv", "words"), [(["127.0.0.1:1"], "No broker answers at 127.0.0.1:1"), (["here"], "is not host:port")])
def test_no_broker_is_one_sentence(argv: list[str], words: str) -> None:
    with pytest.raises(LessonError, match=re.escape(words)):
        main(argv)


@pytest.mark.kafka
def test_apache_kafka_is_not_accused(kafka_address: str, kafka_version: str, capsys: pytest.CaptureFixture[str]) -> None:
    release = ".".join(kafka_version.split(".")[:2])
    assert main([kafka_address, "--name", "Apache Kafka", "--count", "100", "--seed", "7", "--rule", release]) == 0, capsys.readouterr().out
