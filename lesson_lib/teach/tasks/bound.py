"""Find the smallest bound within which something can go wrong; the explorer is the judge."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lesson_lib.errors import LessonError
from lesson_lib.teach.message import Message
from lesson_lib.teach.tasks.task import Task, not_attempted, right, wrong

NAMES = ("batches", "in_flight", "faults")


@dataclass(frozen=True, kw_only=True)
class BoundTask(Task):
    """`anomaly` is what to look for, `world` are the other arguments of `explore`."""

    anomaly: str
    world: Mapping[str, Any] = field(default_factory=dict)

    def check(self, answer: Any, **settings: Any) -> Message:
        """Explore within the bound, and then with each of its three numbers one less."""
        if self.is_placeholder(answer):
            return not_attempted('Put numbers in place of the dots: {"batches": ..., "in_flight": ..., "faults": ...}.')
        if not isinstance(answer, Mapping) or set(answer) != set(NAMES) or {type(n) for n in answer.values()} != {int}:
            return wrong(f"{answer!r} cannot be checked: hand in a dict with a number for each of {', '.join(NAMES)}.")
        try:
            return self._judge({name: answer[name] for name in NAMES})
        except LessonError as error:
            return wrong(str(error))

    def _judge(self, bound: dict[str, int]) -> Message:
        found = self._explore(bound)
        if self.anomaly not in found.anomaly_names:
            return wrong(found.sentence)
        for name in NAMES:
            less = bound | {name: bound[name] - 1}
            if self._is_bound(less) and self.anomaly in self._explore(less).anomaly_names:
                return wrong(f"A {self.anomaly} can be there, and with a smaller number for {name} already.")
        from lesson_lib.draw import show
        return right(self.explanation, show(found.find(self.anomaly)))

    def _is_bound(self, bound: dict[str, int]) -> bool:
        return bound["faults"] >= 0 and min(bound["batches"], bound["in_flight"]) > 0

    def _explore(self, bound: dict[str, int]) -> Any:
        from lesson_lib.explorer.explore import explore
        return explore(**bound, **self.world)
