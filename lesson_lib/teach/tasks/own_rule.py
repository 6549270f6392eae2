"""Bring your own rule: it decides in the toy broker, every schedule is walked, and its shortest failure is drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lesson_lib.errors import LessonError
from lesson_lib.history import History
from lesson_lib.teach.message import Message
from lesson_lib.teach.readings import log_words
from lesson_lib.teach.tasks.learner_rule import Accept, LearnerBroker, NothingYet, as_rule
from lesson_lib.teach.tasks.task import Task, not_attempted, right, wrong


@dataclass(frozen=True, kw_only=True)
class RuleTask(Task):
    """`worlds` are arguments of `explore`, each walked with up to `faults` faults; `forbidden` names what fails the rule.

    `broker` says what the rule may answer and what becomes of its memory.
    """

    worlds: tuple[Mapping[str, Any], ...]
    forbidden: tuple[str, ...] = ("duplicate", "lost write")
    faults: int = 2
    broker: type[LearnerBroker] = LearnerBroker
    second_producer: bool = False  # also try it on a producer that dies and is followed by another, whose numbers begin again

    def check(self, answer: Any, **settings: Any) -> Message:
        """Walk every schedule with the rule; the shortest run that fails is drawn."""
        if self.is_placeholder(answer):
            return not_attempted("Hand in your rule itself: task.check(accept).")
        if not callable(answer):
            return wrong(f"{answer!r} is no function; hand in accept itself, without calling it: task.check(accept).")
        try:
            return self._walk(answer)
        except NothingYet:
            return not_attempted("accept returns nothing yet; return True to store the batch, False to drop it.")
        except LessonError as error:
            return wrong(str(error))

    def _walk(self, accept: Accept) -> Message:
        """No fault first, then one, then two; so that the first failure has as few as possible."""
        from lesson_lib.explorer.explore import explore
        states = 0
        for faults in range(self.faults + 1):
            for world in self.worlds:
                found = explore(faults=faults, rule=self.broker(accept=accept), **world)
                states += found.states if faults == self.faults else 0
                failure = next((o for o in found.outcomes if set(self.forbidden) & set(o.anomalies)), None)
                if failure is not None:
                    return _failed(world, found.history(failure))
                if not faults and any(set(end.told) != {"ok"} for end in found.outcomes):
                    return wrong(f"No fault at all, and the application was not told ok for all of `{' '.join(world['batches'])}`.")
        if self.second_producer and (failed := self._two_producers(accept)):
            return failed
        return right(f"All {states:,} states with up to {self.faults} faults were visited, and your rule held. {self.explanation}")

    def _two_producers(self, accept: Accept) -> Message | None:
        """The explorer has one producer; here a second one counts from 0 as the first did. None when the rule holds."""
        from lesson_lib.sim import simulate
        run = simulate(["a", "b"], faults={1: "kill producer"}, rule=as_rule(accept))
        return _failed({"batches": ("a", "b")}, run) if set(self.forbidden) & set(run.anomaly_names) else None


def _failed(world: Mapping[str, Any], run: History) -> Message:
    from lesson_lib.draw import show
    values = " ".join(map(str, world["batches"]))
    script = f"the faults '{run.settings.faults}'" if run.settings.faults else "no fault at all"
    found = " ".join(f"{a.name.capitalize()}: {a.sentence}" for a in run.anomalies)
    return wrong(f"Your rule breaks with {script}: `{values}` was sent, and the log holds {log_words(run)}. {found}", show(run))
