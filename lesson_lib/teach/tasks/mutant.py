"""Beat the mutant: find a fault script under which a broker with a wrong rule and Kafka's own part ways."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from lesson_lib.core.partition_log import Rule
from lesson_lib.errors import LessonError
from lesson_lib.faults import FaultScript, parse_script
from lesson_lib.history import History
from lesson_lib.sim.broker_with_memory import Broker
from lesson_lib.teach.content import Scenario
from lesson_lib.teach.message import Message
from lesson_lib.teach.readings import log_words, told_words
from lesson_lib.teach.tasks.puzzle import check_settings, faults_in
from lesson_lib.teach.tasks.task import Task, not_attempted, right, wrong


@dataclass(frozen=True, kw_only=True)
class MutantTask(Task):
    """`mutant` makes the wrong rule, new for every run, so that it may keep a memory of its own."""

    scenario: Scenario
    mutant: Callable[[], Rule | Broker]
    budget: int = 2
    free: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    choose_values: bool = False
    breaks: str = ""  # the anomaly that the wrong broker must show, where any difference is not enough

    def check(self, answer: Any, values: Any = None, **settings: Any) -> Message:
        """Run both brokers under the script and compare log and reports. `values` may be chosen where the task says so."""
        if self.is_placeholder(answer):
            return not_attempted("Put a fault script in place of the dots, such as {2: \"lose ack\"}; {} means no fault.")
        try:
            check_settings(self.free, settings)
            return self._compare(parse_script(answer), self._scenario(values), settings)
        except LessonError as error:
            return wrong(str(error))

    def _scenario(self, values: Any) -> Scenario:
        if values is None:
            return self.scenario
        if not self.choose_values:
            raise LessonError("values= cannot be chosen here; you choose the faults.")
        return Scenario(values if isinstance(values, int) else tuple(values), self.scenario.settings)

    def _compare(self, script: FaultScript, one: Scenario, settings: Mapping[str, Any]) -> Message:
        if (number := faults_in(script)) > self.budget:
            return wrong(f"Your script names {number} faults; the budget is {self.budget}.")
        kafka = one.run(faults=str(script), **settings)
        mutant = one.run(faults=str(script), rule=self.mutant(), **settings)
        if _ends(kafka) == _ends(mutant):
            return wrong(f"With the script '{script or 'no fault'}' both brokers hold {log_words(kafka)} and the application is told "
                         f"{told_words(kafka)}: the application cannot tell them apart. Look for a script after which "
                         "the log differs, or what is told.", _drawn(mutant, kafka))
        if self.breaks and self.breaks not in mutant.anomaly_names:
            return wrong(f"The two do differ, but the wrong broker kept every promise here. Wanted is a run in which it shows a "
                         f"{self.breaks}.", _drawn(mutant, kafka))
        return right(f"Kafka holds {log_words(kafka)}, the wrong broker {log_words(mutant)}. {self.explanation}", _drawn(mutant, kafka))


def _ends(run: History) -> tuple[list[str], list[tuple[int, str]]]:
    """What anybody could see from outside: the log, and what the application was told."""
    return run.values(), list(run.told.items())


def _drawn(mutant: History, kafka: History) -> Any:
    from lesson_lib.draw import compare
    return compare(mutant, kafka)
