"""Bring your own rule: the learner's `accept(batch, memory)` decides in the toy broker, and the shortest failure is found.

Differs from Kafka in: the learner's rule sees less than Kafka's (who sent it, which number, what is in it), keeps whatever it
likes in `memory`, one dict per partition, and may drop a batch silently (the producer is told ok) or store it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lesson_lib.core.batch import Batch
from lesson_lib.core.kafka_version import KafkaVersion
from lesson_lib.core.partition_log import Rule
from lesson_lib.core.producer_state import Appended, Duplicate, ProducerStateEntry, Verdict
from lesson_lib.errors import LessonError
from lesson_lib.history import History
from lesson_lib.teach.content import Scenario
from lesson_lib.teach.message import Message
from lesson_lib.teach.readings import log_words
from lesson_lib.teach.tasks import bounded
from lesson_lib.teach.tasks.schedules import schedules
from lesson_lib.teach.tasks.task import Task, not_attempted, right, wrong

Accept = Callable[["SeenBatch", dict[Any, Any]], bool]


@dataclass(frozen=True, slots=True)
class SeenBatch:
    """A batch as the learner's rule sees it: its value, the producer that sent it, and the number that producer gave it."""

    value: str
    producer: int
    number: int


class NothingYet(LessonError):
    """The learner's function returns nothing: it is not written yet."""


def as_rule(accept: Accept) -> Rule:
    """A broker's rule from a function that says True (store) or False (drop); each rule has a memory of its own."""
    memory: dict[Any, Any] = {}
    places: dict[SeenBatch, int] = {}

    def rule(entry: ProducerStateEntry | None, batch: Batch, log_end_offset: int, version: KafkaVersion) -> Verdict:
        seen = SeenBatch(" ".join(map(str, batch.payload)), batch.producer_id, batch.base_sequence)
        if _decision(accept, seen, memory):
            places.setdefault(seen, log_end_offset)
            return Appended(log_end_offset)
        return Duplicate(places.get(seen, -1))
    return rule


def _decision(accept: Accept, batch: SeenBatch, memory: dict[Any, Any]) -> bool:
    answer = bounded.call(accept, batch, memory)
    name = getattr(accept, "__name__", "accept")
    if answer is None or answer is ...:
        raise NothingYet(f"{name} returned nothing for {batch}; return True to store the batch, False to drop it.")
    if not isinstance(answer, bool):
        raise LessonError(f"{name} returned {answer!r} for {batch}; return True to store the batch, False to drop it.")
    return answer


@dataclass(frozen=True, kw_only=True)
class RuleTask(Task):
    """`scenarios` are run with every script up to `faults` faults; `forbidden` names the anomalies that fail the rule."""

    scenarios: tuple[Scenario, ...]
    forbidden: tuple[str, ...] = ("duplicate", "lost write")
    faults: int = 2

    def check(self, answer: Any, **settings: Any) -> Message:
        """Run the rule under every fault script; the shortest run that fails is drawn."""
        if self.is_placeholder(answer):
            return not_attempted("Hand in your rule itself: task.check(accept).")
        if not callable(answer):
            return wrong(f"{answer!r} is no function; hand in accept itself, without calling it: task.check(accept).")
        try:
            tried, failure = self._shortest_failure(answer)
        except NothingYet:
            return not_attempted("accept returns nothing yet; return True to store the batch, False to drop it.")
        except LessonError as error:
            return wrong(str(error))
        return right(f"{tried} runs, and none of them breaks it. {self.explanation}") if failure is None else _failed(*failure)

    def _shortest_failure(self, accept: Accept) -> tuple[int, tuple[Scenario, History] | None]:
        """How many runs were tried, and the first that shows a forbidden anomaly."""
        tried = 0
        for number in range(self.faults + 1):
            for one in self.scenarios:
                for script in (s for s in schedules(_attempts(one, number), number) if len(s) == number):
                    tried += 1
                    run = _run(one, script, accept)
                    if run is not None and set(self.forbidden) & set(run.anomaly_names):
                        return tried, (one.with_settings(faults=script or None), run)
        return tried, None


def _attempts(one: Scenario, faults: int) -> int:
    return (one.values if isinstance(one.values, int) else len(one.values)) + faults


def _run(one: Scenario, script: dict[int, str], accept: Accept) -> History | None:
    """The run under a script; None where it was over before an attempt that the script names."""
    rule = as_rule(accept)
    errors: list[LessonError] = []

    def guarded(*args: Any) -> Verdict:
        try:
            return rule(*args)
        except LessonError as error:
            errors.append(error)
            raise
    try:
        return one.run(faults=script or None, rule=guarded)
    except LessonError:
        if errors:
            raise
        return None


def _failed(one: Scenario, run: History) -> Message:
    from lesson_lib.draw import show
    found = " ".join(f"{a.name.capitalize()}: {a.sentence}" for a in run.anomalies)
    return wrong(f"Your rule breaks in `{one}`: the log holds {log_words(run)}. {found}", show(run))
