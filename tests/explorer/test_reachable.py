"""Every end that the explorer finds on two partitions is one that `simulate` gets to with the script of that end.

The explorer lets each request and each answer come as early or as late as it likes; the clock of `simulate` knows one pace.
So the clock is a lucky one here, which draws the pause between two requests of a burst and each back-off. With it a run of a
found script ends, for some seed, as the explorer says: the same logs, the same reports, the same verdicts in the same order.
And no seed leads to an end that the explorer has not seen.
"""

from __future__ import annotations

import random
import re
from typing import Any

import pytest

from lesson_lib.errors import LessonError
from lesson_lib.explorer.explore import Exploration, explore
from lesson_lib.history import History
from lesson_lib.sim import sender
from lesson_lib.sim.run import simulate

SCRIPTABLE = ("cut", "refuse", "store and answer")
AT_THE_BROKER = ("restart broker", "fail over", "crash broker")
SEEDS = 200
Outcome = tuple[tuple[tuple[str, ...], ...], tuple[str, ...]]


class LuckyPause(int):
    """As long as the next draw says; after the first `burst` requests of a run always longer than an answer takes."""

    chance = random.Random(0)
    burst = 0

    @classmethod
    def shuffle(cls, seed: int) -> None:
        """Another run: every second one stops bursting after so many requests."""
        cls.chance.seed(seed)
        cls.burst = 99 if seed % 2 else seed % 10

    def __radd__(self, now: int) -> int:
        LuckyPause.burst -= 1
        return now + (self.chance.choice((1, 2, 14, 25, 45)) if LuckyPause.burst > 0 else 25)

    def __lshift__(self, tries: int) -> int:
        return self.chance.choice((1, 20, 60))


@pytest.fixture
def lucky_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses and back-offs by chance."""
    for name in ("BURST_MS", "BACKOFF_MS"):
        monkeypatch.setattr(sender, name, LuckyPause(getattr(sender, name)))


def end_of(run: History) -> Outcome:
    """The values in each log, and what the application was told."""
    return tuple(tuple(run.values(partition)) for _, partition in run.partitions), tuple(run.told.values())


def verdicts(run: History) -> list[tuple[int, str, int]]:
    """Each one once: the explorer tells one round of the many tries before a delivery timeout."""
    return list(dict.fromkeys(run.verdicts))


def playable(script: str) -> str:
    """A script has one fault a request: where an error answer is lost with the connection, the cut begins behind it."""
    return re.sub(r"(\d+): (refuse 6|store and answer 20); \1: cut (\d) 0",
                  lambda m: f"{m[1]}: {m[2]}; {int(m[1]) + 1}: cut {int(m[3]) - 1} 0", script)


def unreached(found: Exploration, **settings: Any) -> list[str]:
    """The scripts that lead nowhere: of the ends that no run has reached."""
    seen = {(one.logs, one.told) for one in found.outcomes}
    missing = {(*end_of(walked), *verdicts(walked)): playable(walked.settings.faults) for walked in map(found.history, found.outcomes)}
    for seed in range(SEEDS):
        for script in sorted(set(missing.values())):
            LuckyPause.shuffle(seed)
            try:
                run = simulate(partitions=2, faults=script, **settings)
            except LessonError:  # it ended before its second fault
                continue
            assert end_of(run) in seen, (seed, script)
            missing.pop((*end_of(run), *verdicts(run)), None)
    return list(missing.values())


@pytest.mark.usefixtures("lucky_clock")
@pytest.mark.parametrize(("batches", "in_flight", "faults", "kinds"), [
    (3, 3, 2, (*SCRIPTABLE, *AT_THE_BROKER)), (4, 2, 2, SCRIPTABLE), (5, 3, 1, SCRIPTABLE)])
@pytest.mark.parametrize("settings", [{}, {"idempotence": False}, {"broker": "2.4"}, {"broker": "4.5"}], ids=str)
@pytest.mark.parametrize("client", ["java", "librdkafka", "kafka-python"])
def test_every_end_on_two_partitions_is_reached_by_simulate(client: str, settings: dict[str, Any], batches: int, in_flight: int,
                                                            faults: int, kinds: tuple[str, ...]) -> None:
    settings = {"in_flight": in_flight, "client": client} | settings
    found = explore(batches, faults=faults, partitions=2, kinds=kinds, **settings)
    assert unreached(found, values_or_count=batches, **settings) == []


@pytest.mark.usefixtures("lucky_clock")
def test_an_end_that_is_none_is_told_apart() -> None:
    settings = {"in_flight": 3, "client": "java"}
    found = explore(3, faults=1, partitions=2, kinds=SCRIPTABLE, **settings)
    with pytest.raises(AssertionError, match="refuse 6"):  # another producer, which ends elsewhere
        unreached(found, values_or_count=3, idempotence=False, **settings)
    late = explore(3, faults=1, partitions=2, kinds=("late",), idempotence=False, **settings)  # no script can ask for that
    assert "1: late" in unreached(late, values_or_count=3, idempotence=False, **settings)
