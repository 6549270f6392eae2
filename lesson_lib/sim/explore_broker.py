"""The broker of the explorer: a log, and whatever the rule remembers, both as values that are never changed.

`Broker` is Kafka's: any rule with the signature of `judge`, and Kafka's memory of producers. A wrong belief that needs
another memory (a buffer, a set of contents, one memory a connection) is a subclass: it has its own `handle`, and says
what becomes of its memory when a connection tears or when the broker restarts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from lesson_lib.core.batch import Batch
from lesson_lib.core.kafka_version import DEFAULT_VERSION, KafkaVersion
from lesson_lib.core.producer_state import Appended, Duplicate, ProducerStateEntry, Refused, Verdict, judge
from lesson_lib.errors import LessonError
from lesson_lib.sim.explore_producer import Request

Rule = Callable[[ProducerStateEntry | None, Batch, int, KafkaVersion], Verdict]


class State(NamedTuple):
    """A broker between two requests: what it remembers, and the requests whose batches are in its log."""

    memory: Any = ()
    log: tuple[Request, ...] = ()


class Handled(NamedTuple):
    """What one request led to: the broker afterwards, and the verdict that the client is answered with."""

    state: State
    verdict: Verdict


@dataclass(frozen=True)
class Broker:
    """Kafka's broker: one `ProducerStateEntry` per producer id, five batches each, rebuilt from the log when lost."""

    values: tuple[str, ...]
    rule: Rule = judge
    version: KafkaVersion = DEFAULT_VERSION

    def start(self) -> State:
        """An empty log on a new partition."""
        return State()

    def batch(self, request: Request) -> Batch:
        """The batch that the rule sees."""
        return Batch(1, request.producer_id, request.producer_epoch, request.base_sequence,
                     payload=(self.values[request.batch],))

    def handle(self, state: State, request: Request) -> Handled:
        """Judge a request; store it where the verdict is Appended."""
        entries, batch, end = dict(state.memory), self.batch(request), len(state.log)
        verdict = checked(self.rule, entries.get(batch.producer_id), batch, end, self.version)
        if not isinstance(verdict, Appended):
            return Handled(state, verdict)
        return Handled(State(_remember(entries, batch, end), (*state.log, request)), verdict)

    def disconnected(self, state: State) -> State:
        """A torn connection means nothing to Kafka's memory."""
        return state

    def restarted(self, state: State) -> State:
        """A clean restart reads a snapshot: the last batch of each id is left."""
        return state._replace(memory=tuple((pid, replace(entry, batches=entry.batches[-1:])) for pid, entry in state.memory))

    def failed_over(self, state: State) -> State:
        """The new leader (or this one after a crash) has the same log and builds its memory from it."""
        memory: tuple[tuple[int, ProducerStateEntry], ...] = ()
        for offset, request in enumerate(state.log):
            memory = _remember(dict(memory), self.batch(request), offset)
        return state._replace(memory=memory)


def _remember(entries: dict[int, ProducerStateEntry], batch: Batch, offset: int) -> tuple[tuple[int, ProducerStateEntry], ...]:
    if batch.has_producer_id:
        entries[batch.producer_id] = entries.get(batch.producer_id, ProducerStateEntry()).after(batch, offset)
    return tuple(sorted(entries.items()))


def checked(rule: Rule, *arguments: Any) -> Verdict:
    """The rule's verdict. LessonError when it raises, or returns something that is no verdict."""
    name = getattr(rule, "__name__", "the rule")
    try:
        verdict = rule(*arguments)
    except LessonError:
        raise
    except Exception as error:
        raise LessonError(f"{name} raised {type(error).__name__} ({error}) when it was given {arguments[1]}.") from error
    if not isinstance(verdict, Appended | Duplicate | Refused):
        raise LessonError(f"{name} must return Appended(offset), Duplicate(offset) or Refused(error), and returned {verdict!r}.")
    return verdict
