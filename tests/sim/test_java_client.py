"""The simulated Java client against the real one: same fault script, same log, same verdicts, same numbers, same report.

The real client goes through the fault proxy to the embedded broker; it is right wherever the two differ.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from course_tools.clients.experiments import SHORT, ClientBench
from course_tools.clients.java import Java
from lesson_lib.lab.lab import start_lab
from lesson_lib.sim import simulate
from tests.explorer.five_in_flight import OFF, ON, compare, told_by

pytestmark = pytest.mark.java


@pytest.fixture(scope="module", params=["4.4", "4.5"])
def bench(request: pytest.FixtureRequest) -> Iterator[ClientBench]:
    """One Java process in front of an embedded broker of that release."""
    lab = start_lab("embedded", request.param)
    with closing(Java()) as client:
        yield ClientBench(lab, client)
    lab.stop()


@pytest.mark.parametrize("script", ON)
@pytest.mark.fact("java-several-in-flight", "java-sends-again-in-order", "java-begins-again-at-0")
def test_five_in_flight_with_idempotence(bench: ClientBench, script: str) -> None:
    """Several in flight; what a gap had refused comes again, in order; refused though next in line, it raises its epoch and begins at 0."""
    compare(bench, "java", script)


@pytest.mark.fact("hole-on-new-partition")
def test_the_hole_of_a_new_partition(bench: ClientBench) -> None:
    """KAFKA-15591: on 4.4 the real client tries the first batch again until `delivery.timeout.ms` is over, on 4.5 there is no hole."""
    expected = simulate(3, faults="1: refuse 6", client="java", in_flight=5, broker=bench.lab.choice.name, **SHORT)
    told, run = bench.play("1: refuse 6", [3], hold=[3], idempotence=True, in_flight=5, **SHORT)
    assert run.values() == expected.values()
    assert told == told_by(expected)


@pytest.mark.parametrize("script", OFF)
def test_five_in_flight_without_idempotence(bench: ClientBench, script: str) -> None:
    compare(bench, "java", script, idempotence=False)
