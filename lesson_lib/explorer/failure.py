"""Somebody's own rule against every schedule: its shortest failure, or the bound within which it has none.

The rule may raise, return what is no verdict, or never return: each is a LessonError, a sentence and not a traceback.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import wraps
from types import FrameType
from typing import Any

from lesson_lib.errors import LessonError
from lesson_lib.explorer.exploration import FAILURES, Exploration
from lesson_lib.explorer.explore import explore
from lesson_lib.history import History
from lesson_lib.sim.broker_with_memory import Broker, Rule

MOST_STEPS = 100_000


@dataclass(frozen=True, repr=False)
class Trial:
    """`history` is the shortest failure, None where the rule held in all of `states` states; `sentence` says which."""

    history: History | None
    states: int
    sentence: str

    def __str__(self) -> str:
        return f"{self.sentence}\n{self.history}" if self.history else self.sentence

    __repr__ = __str__


def shortest_failure(rule: Rule | Broker, batches: int | Sequence[str] = 3, in_flight: int = 2, faults: int = 2, *,
                     failures: Collection[str] = FAILURES, **settings: Any) -> Trial:
    """Try a rule with no fault, then with one, up to `faults`: the first failure that is found is a shortest one.

    `failures` names the anomalies that count; `settings` are those of `explore`. LessonError for a rule that raises,
    that returns something else than a verdict, or that takes more than 100,000 steps over one batch.
    """
    tried = rule if isinstance(rule, Broker) else within_steps(rule)
    for left in range(faults + 1):
        found = explore(batches, in_flight, left, rule=tried, **settings)
        failed = next((o for o in found.outcomes if set(o.anomalies) & set(failures)), None)
        if failed is not None:
            history = found.history(failed)
            return Trial(history, found.states, " ".join(str(a).capitalize() for a in history.anomalies))
    return Trial(None, found.states, _held(found, failures))


def _held(found: Exploration, failures: Collection[str]) -> str:
    producer, kinds = found.graph.protocol.producer, ", ".join(found.graph.protocol.kinds)
    return (f"No {' or '.join(failures)} with {producer.batches} batches, {producer.in_flight} in flight and at most "
            f"{found.faults} faults ({kinds}): all {found.states:,} states were visited.")


class _TooLong(BaseException):
    """Not an Exception, so that a rule's own `except Exception` lets it through."""


def within_steps(rule: Callable[..., Any], steps: int = MOST_STEPS) -> Callable[..., Any]:
    """The same rule, stopped with a LessonError after so many lines of Python."""

    @wraps(rule)
    def limited(*arguments: Any) -> Any:
        before = sys.gettrace()
        sys.settrace(_counter(steps))
        try:
            return rule(*arguments)
        except _TooLong:
            raise LessonError(f"{getattr(rule, '__name__', 'the rule')} did not finish within {steps:,} steps for "
                              f"{arguments[1]}; is there a loop without an end?") from None
        finally:
            sys.settrace(before)
    return limited


def _counter(left: int) -> Callable[[FrameType, str, Any], Any]:
    def count(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal left
        left -= 1
        if left < 0:
            raise _TooLong
        return count
    return count
