"""The broker of the explorer: a log, and whatever the rule remembers, both as values that are never changed.

`Broker` is Kafka's: any rule with the signature of `judge`, and Kafka's memory of producers. A wrong belief that needs
another memory (a buffer, a set of contents, one memory a connection) is a subclass: it decides in `decide`, and says what
becomes of its memory when a connection tears, when the broker restarts, or when there is a new leader.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from lesson_lib.core.batch import Batch
from lesson_lib.core.error_codes import ErrorCode
from lesson_lib.core.kafka_version import DEFAULT_VERSION, KafkaVersion
from lesson_lib.core.producer_state import Appended, Duplicate, ProducerStateEntry, Refused, Verdict, judge
from lesson_lib.errors import LessonError

Rule = Callable[[ProducerStateEntry | None, Batch, int, KafkaVersion], Verdict]
Entries = tuple[tuple[int, ProducerStateEntry], ...]


class State(NamedTuple):
    """A broker between two requests: what it remembers, and the batches in its log."""

    memory: Any = ()
    log: tuple[Batch, ...] = ()

    @property
    def log_end_offset(self) -> int:
        """Offset of the next record."""
        return sum(batch.record_count for batch in self.log)


@dataclass(frozen=True, slots=True)
class Kept(Appended):
    """Told to the client as Appended, and not in the log: a wrong broker keeps the batch aside."""


class Handled(NamedTuple):
    """What one request led to: the broker afterwards, and the verdict that the client is answered with."""

    state: State
    verdict: Verdict


@dataclass(frozen=True)
class Broker:
    """Kafka's broker: one `ProducerStateEntry` per producer id, five batches each, rebuilt from the log when lost."""

    rule: Rule = judge
    version: KafkaVersion = DEFAULT_VERSION

    @property
    def name(self) -> str:
        """Whose rule decides, for captions: Kafka's release, or the name of the rule in words."""
        if type(self) is not Broker:
            return re.sub("(?<!^)(?=[A-Z])", " ", type(self).__name__).lower()
        return str(self.version) if self.rule is judge else getattr(self.rule, "__name__", "another rule").replace("_", " ")

    def handle(self, state: State, batch: Batch) -> Handled:
        """Judge a batch; store it where the verdict is Appended."""
        entries, end = dict(state.memory), state.log_end_offset
        verdict = checked(self.rule, entries.get(batch.producer_id), batch, end, self.version)
        if not isinstance(verdict, Appended):
            return Handled(state, verdict)
        return Handled(State(remember(state.memory, batch, end), (*state.log, batch)), verdict)

    def disconnected(self, state: State) -> State:
        """A torn connection means nothing to Kafka's memory."""
        return state

    def restarted(self, state: State) -> State:
        """A clean restart reads a snapshot: the last batch of each id is left."""
        return state._replace(memory=tuple((pid, replace(entry, batches=entry.batches[-1:])) for pid, entry in state.memory))

    def failed_over(self, state: State) -> State:
        """The new leader has the same log and has built its memory from it."""
        memory, end = (), 0
        for batch in state.log:
            memory = remember(memory, batch, end)
            end += batch.record_count
        return state._replace(memory=memory)


def remember(memory: Entries, batch: Batch, offset: int) -> Entries:
    """Kafka's memory once a batch is stored."""
    if not batch.has_producer_id:
        return memory
    entries = dict(memory)
    entries[batch.producer_id] = entries.get(batch.producer_id, ProducerStateEntry()).after(batch, offset)
    return tuple(sorted(entries.items()))


def verdict_fields(verdict: Verdict) -> tuple[str, ErrorCode, int | None]:
    """(stored | duplicate | refused | kept, error, offset) of a verdict, as an event has them."""
    if isinstance(verdict, Refused):
        return "refused", verdict.error, None
    what = {Duplicate: "duplicate", Kept: "kept"}.get(type(verdict), "stored")
    return what, ErrorCode.NONE, verdict.base_offset


def checked(rule: Callable[..., Any], *arguments: Any) -> Verdict:
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
