"""Any broker that speaks Kafka's protocol, judged by Kafka's rule.

The same random histories of hand-made batches and transactions go to the broker and to the embedded one,
which decides as Apache Kafka does. Each row of the decision table says how often it was tried, and whether
the broker agreed. The same seed gives the same table. 1,000 histories take about a minute.

Without an address Apache Kafka itself is judged, which is how the embedded broker is compared with it: the
one at KAFKA_BOOTSTRAP_SERVERS, else releases that are started for it.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import closing, nullcontext
from dataclasses import asdict
from pathlib import Path
from random import Random

from course_tools.apache_kafka import maven
from course_tools.apache_kafka.process import temporary
from course_tools.command_line import check_broker, write
from course_tools.conformance.broker_under_test import BrokerUnderTest, compare, in_step
from course_tools.conformance.decision_table import DECISION_TABLE
from course_tools.conformance.generate import random_script
from course_tools.conformance.judgement import LEFT, Difference, Judgement
from course_tools.conformance.presentation import Progress, page, told
from course_tools.conformance.script import Comparison, Script, parse
from course_tools.conformance.shrink import smallest
from lesson_lib.broker.embedded import EmbeddedBroker, known_version
from lesson_lib.core.kafka_version import KafkaVersion
from lesson_lib.errors import LessonError
from lesson_lib.lab.compose import read_compose
from lesson_lib.wire import probe

# Drawn with equal chance: 9 is what kafka-python speaks, 3 the oldest, 11 the newest of transaction version
# 1, 12 has version 2.
PRODUCE_VERSIONS = (9, 9, 9, 3, 11, 12, 12)
PRODUCE = 0
OLDER_RELEASE = "3.9.1"  # the last line of Kafka before transaction version 2
ROUNDS = 4  # so many differences are looked for in one history
TRIES = 3  # histories in which a difference has to happen again, before it counts for nothing


def main(argv: list[str]) -> int:
    """0 when every broker agreed in every row that was tried, 1 when one differs. LessonError for an address
    where no broker answers."""
    parser = argparse.ArgumentParser("python -m lesson_lib judge", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("address", metavar="HOST:PORT", nargs="?", help="the broker (plaintext)")
    add("--name", default="", help="what to call it in the table")
    add("--count", type=int, default=1_000, help="how many histories (1000)")
    add("--seed", type=int, default=1, help="the same seed gives the same table (1)")
    add("--rule", help="the release whose rule counts (4.4, or the release that is started)")
    add("--replay", metavar="SCRIPT", help="play this one script and say what each one did")
    add("--html", type=Path, metavar="FILE", help="write a page, each difference with its picture")
    add("--json", type=Path, metavar="FILE", help="write the same for a program")
    options = parser.parse_args(argv)
    if options.count < 1:
        raise LessonError(f"--count {options.count} judges nothing; give at least 1.")
    if options.rule:
        known_version(options.rule)
    if options.address:
        check_broker(options.address)
    return max([_judged(options, *kafka) for kafka in _apache_kafkas(options)])


def _apache_kafkas(options: argparse.Namespace) -> list[tuple[str, str, str | None]]:
    """What to call it, release and address: of the broker that is asked for, of KAFKA_BOOTSTRAP_SERVERS, or
    both releases to be started on Java (no address), or compose's."""
    if options.address:
        return [(f"the broker at {options.address}", "4.4", options.address)]
    compose = read_compose()
    if given := os.environ.get("KAFKA_BOOTSTRAP_SERVERS"):  # it may be any broker
        return [(f"the broker at {given}", compose.version, given)]
    if maven.java():
        return [(f"Apache Kafka {release}", release, None) for release in (compose.version, OLDER_RELEASE)]
    if probe.is_usable(compose.host, compose.port):
        return [(f"Apache Kafka {compose.version}", compose.version, f"{compose.host}:{compose.port}")]
    raise LessonError("There is no Apache Kafka to compare with: install Java 17 and Maven, "
                      "or start one with make kafka.")


def _judged(options: argparse.Namespace, name: str, release: str, known: str | None) -> int:
    """Judge one broker and say what came of it; without a known address it is started for it."""
    rule, name = ".".join((options.rule or release).split(".")[:2]), options.name or name
    with (nullcontext(known) if known else temporary(release) as address, EmbeddedBroker(rule) as broker,
          closing(BrokerUnderTest(broker.address)) as kafka, closing(BrokerUnderTest(address)) as theirs):
        in_step(kafka, theirs)
        made = ([parse(options.replay)] if options.replay
                else scripts(options.seed, options.count, kafka, theirs))
        bar = Progress(1 if options.replay else options.count)
        judged = judge(kafka, theirs, made, name, rule, bar)
    how = "one script" if options.replay else f"{options.count} histories, seed {options.seed}"
    head = f"{name}, judged by the rule of Kafka {rule}: {how}."
    print("\n".join([head, judged.table(), *told(judged)]))
    if options.html:
        write(options.html, page(judged, head))
    if options.json:
        write(options.json, json.dumps(_as_json(judged), indent=1))
    return int(bool(judged.differences))


def scripts(seed: int, count: int, *sides: BrokerUnderTest) -> Iterator[Script]:
    """`count` random scripts, in versions of Produce and on as many partitions as every side allows."""
    allowed = [side.client.versions[PRODUCE] for side in sides]
    versions = tuple(v for v in PRODUCE_VERSIONS if all(low <= v <= high for low, high in allowed))
    return (random_script(Random(f"{seed}-{number}"), versions) for number in range(count))


def judge(kafka: BrokerUnderTest, theirs: BrokerUnderTest, made: Iterable[Script], name: str,
          rule: str = "4.4", bar: Progress | None = None) -> Judgement:
    """Play every script on both, look further where they differ, and make each difference small."""
    judged = Judgement(name, KafkaVersion.of(rule))
    waiting = [(script, 0) for script in made]
    for number in range(ROUNDS):
        again = []
        outcomes = compare(kafka, theirs, (script for script, _ in waiting))
        for compared, (_, since) in zip(outcomes, waiting, strict=True):
            if rest := judged.take(compared, since):
                again.append(rest)
            if bar and not number:
                bar.add(len(judged.differences))
        waiting = again
    several = len(judged.differences)

    def small(one: Difference) -> Comparison | None:
        """A script that shows this difference, as short as it gets; None where it does not happen again."""
        if bar:
            bar.shortens(several)
        tried = sorted(one.found, key=lambda each: len(each.script.steps))[:TRIES]
        found = (smallest(kafka, theirs, each, lambda compared: one.cause in judged.causes_of(compared),
                          ends=one.cause.level == LEFT) for each in tried)
        return next(filter(None, found), None)
    judged.settle(small)
    return judged


def _as_json(judged: Judgement) -> dict[str, object]:
    def form(one: Difference) -> dict[str, object]:
        return {**asdict(one.cause), "needs": sorted(one.needs), "found": len(one.found),
                "script": str(one.smallest.script)}
    rows = {row: {"tried": judged.tried[row], "verdict": judged.verdict(row)} for row in DECISION_TABLE}
    differences = [{**form(one), "subject": subject, "histories": one.times,
                    "consequences": list(map(form, one.consequences))}
                   for subject, causes in judged.by_subject().items() for one in causes]
    return {"name": judged.name, "rows": rows, "differences": differences,
            "differed once and not again": judged.once}
