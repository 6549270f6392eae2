"""Two brokers, the same scripts, and what they do differently."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice

from course_tools.conformance.broker_under_test import BrokerUnderTest
from course_tools.conformance.outcome import ScriptOutcome, ends_that_differ, steps_that_differ
from course_tools.conformance.script import Script
from course_tools.conformance.shrink import shrink

TOGETHER = 400  # scripts on one topic: a round trip is paid once for all of them


@dataclass(frozen=True, slots=True)
class Comparison:
    """A script and what the left and the right broker made of it."""

    script: Script
    left: ScriptOutcome
    right: ScriptOutcome

    @property
    def differences(self) -> list[str]:
        """Empty when the two agree."""
        return steps_that_differ(self.left, self.right) + ends_that_differ(self.left, self.right)

    def __str__(self) -> str:
        width = max(len(str(step)) for step in self.script.steps)
        seen = zip(self.script.steps, self.left.steps, self.right.steps, strict=True)
        lines = [f"{' ≠'[a != b]} {n:>2}. {str(step).ljust(width)}  {a if a == b else f'{a}  |  {b}'}"
                 for n, (step, a, b) in enumerate(seen, 1)]
        return "\n".join([*lines, *(f"≠ {end}" for end in ends_that_differ(self.left, self.right))])


def compare(left: BrokerUnderTest, right: BrokerUnderTest, scripts: Iterable[Script],
            together: int = TOGETHER, *, ends: bool = True) -> Iterator[Comparison]:
    """Play every script on both brokers, `together` at a time, and yield what came of each; what is left at
    the end only if `ends`."""
    waiting = iter(scripts)
    with ThreadPoolExecutor(2) as pool:
        while chunk := list(islice(waiting, together)):
            outcomes = pool.map(lambda side, chunk=chunk: side.run(chunk, ends=ends), (left, right))
            yield from (Comparison(*found) for found in zip(chunk, *outcomes, strict=True))


def smallest(left: BrokerUnderTest, right: BrokerUnderTest, found: Comparison,
             is_it: Callable[[Comparison], bool], *, ends: bool = True) -> Comparison | None:
    """The shortest script near `found` of which `is_it` holds; None where that does not happen again.
    `ends`: whether `is_it` looks at what is left at the end."""
    def again(scripts: Sequence[Script]) -> list[bool]:
        return [is_it(compared) for compared in compare(left, right, scripts, ends=ends)]
    if not again([found.script])[0]:
        return None
    return next(compare(left, right, [shrink(found.script, again)]))
