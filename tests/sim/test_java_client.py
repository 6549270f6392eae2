"""The simulated Java client against the real one: same fault script, same log, same verdicts, same numbers, same report.

The real client goes through the fault proxy to the embedded broker; it is right wherever the two differ.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lesson_lib.history import History, Kind
from lesson_lib.kafka_local import maven
from lesson_lib.live.lab import Lab, start_lab
from lesson_lib.sim import simulate

SOURCE = Path(__file__).with_name("java") / "Sends.java"
CLIENT = (f"org.apache.kafka:kafka-clients:{os.environ.get('KAFKA_CLIENTS_VERSION', '4.3.1')}", maven.LOGGING)
Told = list[str]
pytestmark = pytest.mark.java


@pytest.fixture(scope="module", params=["4.4", "4.5"])
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """An embedded broker of that release."""
    lab = start_lab("embedded", request.param)
    yield lab
    lab.stop()


@pytest.fixture(scope="module")
def java(lab: Lab) -> Iterator[Callable[..., Told]]:
    """One Java process that makes a new producer for each line."""
    process = subprocess.Popen([maven.java() or "java", "-Dorg.slf4j.simpleLogger.defaultLogLevel=off", "-cp", maven.classpath(CLIENT),
                                str(SOURCE), lab.address], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)

    def sends(*words: object) -> Told:
        print(*words, file=process.stdin, flush=True)
        lines: Told = []
        while (line := process.stdout.readline().strip()) != "end":
            assert line, "the Java process has ended"
            lines.append(line)
        return lines

    yield sends
    process.stdin.close()
    process.wait(20)


def outcome(run: History) -> dict[str, object]:
    """What must agree."""
    return {"log": run.values(), "verdicts": run.verdicts,
            "numbers": [(a.batch, a.try_no, a.send.producer_epoch, a.send.base_sequence) for a in run.attempts]}


def told_by(run: History) -> Told:
    """What the simulated application is told, in the words of Sends.java."""
    reports = {r.batch: f"ok {-1 if r.offset is None else r.offset}" if r.what == "ok" else r.note for r in run.reports}
    return [reports[batch] for batch in sorted(reports)]


HOLD = "1: delay 60; "  # answers come in order, so this holds all of them back until the real client has sent its whole burst
SCRIPTS = ["", "1: lose ack", "2: lose ack", "2: lose request", "1: cut 5 0", "1: cut 3 1", "1: cut 5 2", "3: cut 2 0", "2: repeat",
           "1: delay 50", "2: lose ack silently", "2: lose request silently", "5: lose ack", "2: lose ack; 6: lose ack",
           *(HOLD + fault for fault in ("2: refuse 6", "3: refuse 19", "2: store and answer 20", "2: store and answer 46", "2: refuse 45",
                                        "2: store and answer 45", "2: refuse 87", "2: refuse 47", "2: refuse 59", "2: refuse 2",
                                        "2: refuse 10"))]


@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.fact("java-several-in-flight", "java-sends-again-in-order", "java-begins-again-at-0")
def test_five_in_flight_with_idempotence(lab: Lab, java: Callable[..., Told], script: str) -> None:
    """Several in flight; what a gap had refused comes again, in order; refused though next in line, it raises its epoch and begins at 0."""
    compare(lab, java, script, 5, True)


@pytest.mark.fact("hole-on-new-partition")
def test_the_hole_of_a_new_partition(lab: Lab, java: Callable[..., Told]) -> None:
    """KAFKA-15591: on 4.4 the real client tries the first batch again until its delivery timeout, on 4.5 there is no hole."""
    script = "1: refuse 6"
    expected = simulate(3, faults=script, client="java", in_flight=5, broker=lab.choice.name, delivery_timeout_ms=1_000,
                        request_timeout_ms=500)
    for _ in range(5):  # until the burst was out before the first answer came, which is up to the operating system
        topic = lab.topic("toy")
        lab.faults(script)
        told = java(topic, 3, "true", 5, 1_000, 500)
        run = lab.history()
        if [e.kind for e in run.of(Kind.SEND, Kind.ACK)][:3] == [Kind.SEND] * 3:
            break
    assert run.values() == expected.values()
    assert told == told_by(expected)


@pytest.mark.parametrize("script", ["", "2: lose ack", "1: cut 5 0", "1: cut 3 1", HOLD + "2: refuse 19",
                                    HOLD + "2: store and answer 20", "2: repeat"])
def test_five_in_flight_without_idempotence(lab: Lab, java: Callable[..., Told], script: str) -> None:
    compare(lab, java, script, 5, False)


def compare(lab: Lab, java: Callable[..., Told], script: str, count: int, idempotence: bool) -> None:
    """Run both, and hold them together."""
    expected = simulate(count, faults=script, client="java", in_flight=5, idempotence=idempotence, broker=lab.choice.name,
                        request_timeout_ms=500)
    topic = lab.topic("toy")
    lab.faults(script)
    told = java(topic, count, str(idempotence).lower(), 5, 20_000, 500)
    assert outcome(lab.history()) == outcome(expected)
    assert told == told_by(expected)
