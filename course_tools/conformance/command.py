"""`python -m lesson_lib conformance`: random histories, the embedded broker against Apache Kafka."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

from course_tools.conformance import report
from course_tools.conformance.as_history import as_history
from course_tools.conformance.broker_under_test import BrokerUnderTest
from course_tools.conformance.compare import Comparison, compare, smallest
from course_tools.conformance.generate import random_script
from course_tools.conformance.mirror import rows_of
from course_tools.conformance.script import Script, parse
from course_tools.conformance.targets import Target, running, targets
from lesson_lib.broker.embedded import EmbeddedBroker

# Drawn with equal chance: 9 is what kafka-python speaks, 3 the oldest, 11 the newest of transaction version
# 1, 12 has version 2.
PRODUCE_VERSIONS = (9, 9, 9, 3, 11, 12, 12)
DRAWN = Path("build") / "conformance"
SHOWN, TRIED = 3, 12  # so many different counterexamples are printed, of so many that are made small


def main(argv: list[str]) -> int:
    """0 when nothing differed and every row was hit, else 1."""
    arguments = _parser().parse_args(argv)
    chosen = targets(arguments.kafka, arguments.release)
    return max([_one(target, arguments) for target in chosen])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m lesson_lib conformance", description=__doc__)
    parser.add_argument("--count", type=int, default=10_000, help="how many histories (10000)")
    parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same histories (1)")
    parser.add_argument("--kafka", metavar="HOST:PORT", help="an Apache Kafka that runs already")
    parser.add_argument("--release", action="append", default=[],
                        help="a release such as 4.4.0; may be given more than once")
    parser.add_argument("--rule", metavar="RELEASE",
                        help="let the embedded broker follow the rule of another release")
    parser.add_argument("--replay", metavar="SCRIPT",
                        help="play this one script and print what each broker did")
    parser.add_argument("--draw", metavar="FILE",
                        help="with --replay: draw it, the embedded broker beside Apache Kafka")
    return parser


def _one(target: Target, arguments: argparse.Namespace) -> int:
    rule = ".".join((arguments.rule or target.release).split(".")[:2])
    names = f"embedded {rule}", target.name
    with _sides(target, rule) as (left, right):
        if arguments.replay:
            return _replay(left, right, parse(arguments.replay), names, arguments.draw)
        print(f"{arguments.count} histories, {names[0]} against {names[1]} at {right.address}:", flush=True)
        return _compare(left, right, scripts(arguments.seed, arguments.count, left, right), arguments.count,
                        names)


@contextmanager
def _sides(target: Target, rule: str) -> Iterator[tuple[BrokerUnderTest, BrokerUnderTest]]:
    with running(target) as address, EmbeddedBroker(rule) as broker:
        left, right = BrokerUnderTest(broker.address), BrokerUnderTest(address)
        try:
            yield left, right
        finally:
            left.close()
            right.close()


def scripts(seed: int, count: int, *sides: BrokerUnderTest) -> Iterator[Script]:
    """`count` random scripts, in versions of Produce that every side serves."""
    versions = tuple(v for v in PRODUCE_VERSIONS
                     if all(low <= v <= high for low, high in (s.produce_versions for s in sides)))
    return (random_script(Random(f"{seed}-{number}"), versions) for number in range(count))


def _compare(left: BrokerUnderTest, right: BrokerUnderTest, made: Iterator[Script], count: int,
             names: tuple[str, str]) -> int:
    hits: Counter[str] = Counter()
    found: list[Comparison] = []
    bar = report.ProgressBar(count)
    for compared in compare(left, right, made):
        hits.update(rows_of(compared.script))
        if compared.differences:
            found.append(compared)
        bar.add(len(found))
    print(report.summary(hits, count, len(found), *names))
    for number, differs in enumerate(_smallest_of(left, right, found), 1):
        print(f"\n{report.counterexample(differs, *names)}")
        _draw(differs, names, DRAWN / f"counterexample {number} {names[1]}.svg")
    missed = report.never_hit(hits)
    if missed:
        print(f"Never hit: {', '.join(missed)}.")
    return int(bool(found or missed))


def _smallest_of(left: BrokerUnderTest, right: BrokerUnderTest, found: list[Comparison]) -> list[Comparison]:
    """The first few counterexamples, made small, each once."""
    distinct: dict[Script, Comparison] = {}
    for differs in found[:TRIED]:
        small = smallest(left, right, differs)
        distinct.setdefault(small.script, small)
        if len(distinct) == SHOWN:
            break
    return list(distinct.values())


def _replay(left: BrokerUnderTest, right: BrokerUnderTest, script: Script, names: tuple[str, str],
            file: str | None) -> int:
    compared = next(compare(left, right, [script]))
    print(report.counterexample(compared, *names))
    if file:
        _draw(compared, names, Path(file))
    return int(bool(compared.differences))


def _draw(compared: Comparison, names: tuple[str, str], file: Path) -> None:
    """The left broker above the right one, in one picture."""
    from lesson_lib import draw  # only for those who get a picture
    runs = (as_history(compared.script, outcome, name)
            for outcome, name in zip((compared.left, compared.right), names, strict=True))
    file.parent.mkdir(parents=True, exist_ok=True)
    print(f"drawn: {draw.compare(*runs).save(file)}")
