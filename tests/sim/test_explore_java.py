"""What the explorer found, done by Kafka's own Java producer: through the fault proxy, on the embedded broker.

The histories are real, the broker's rule is ours; so this is about the explorer's producer: that the Java client makes these
moves. The second row is a duplicate with idempotence on, on a new partition, before Kafka 4.5: the explorer's own find. The
fourth is one after a clean restart, which leaves a window of one.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from lesson_lib.kafka_local import maven
from lesson_lib.live.lab import start_lab
from lesson_lib.sim.explore import explore

PROGRAM = Path(__file__).with_name("java") / "Burst.java"
CLIENT = ("org.apache.kafka:kafka-clients:4.4.0", maven.LOGGING)
KINDS = ("cut", "refuse", "store and answer", "restart broker")


def burst(script: str, broker: str, count: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The log, and what the application was told, after the Java producer sent its records under this script."""
    lab = start_lab("embedded", broker)
    try:
        topic = lab.topic("burst")
        lab.faults(script)
        run = subprocess.run([maven.java() or "java", "-Dorg.slf4j.simpleLogger.defaultLogLevel=off", "-cp", maven.classpath(CLIENT),
                              str(PROGRAM), lab.address, topic, str(count)], capture_output=True, text=True, timeout=60, check=False)
        assert run.returncode == 0, run.stdout + run.stderr
        return tuple(cell.value for cell in lab.log(topic)), tuple(run.stdout.split())
    finally:
        lab.stop()


@pytest.mark.java
@pytest.mark.parametrize(("script", "broker", "log"), [
    ("1: refuse 6", "4.4", "m1 m2"),
    ("1: refuse 6; 2: lose ack", "4.4", "m1 m0 m1 m2"),
    ("1: refuse 6; 2: lose ack", "4.5", "m0 m1 m2"),
    ("1: cut 2 0; 3: restart broker", "4.5", "m0 m1 m0 m1"),
    ("1: lose ack", "4.4", "m0 m1 m2"),
    ("1: store and answer 20", "4.4", "m0 m1 m2"),
])
def test_the_java_producer_ends_where_the_explorer_says(script: str, broker: str, log: str) -> None:
    """Always one of the explorer's ends; and, unless a busy machine lets an answer overtake a send, the one in the row."""
    count = len(set(log.split()) | {"m0"})
    ends = {(o.log, o.told) for o in explore(count, count, 2, broker=broker, kinds=KINDS).outcomes}
    seen = []
    while " ".join(seen[-1][0] if seen else ()) != log and len(seen) < 3:
        seen.append(burst(script, broker, count))
    assert set(seen) <= ends
    assert " ".join(seen[-1][0]) == log
