"""A broker as values that are never changed: a log, and whatever its rule remembers. The explorer walks over
these.

`Broker` is Kafka's: any rule with the signature of `judge`, and Kafka's memory of producers. A wrong belief
that needs another memory (a buffer, a set of contents, one memory a connection) is a subclass: it decides in
`handle`, and says what becomes of its memory when a connection tears, when the broker restarts, or when there
is a new leader. `BrokerLog` lets the simulation play with it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from lesson_lib.core.batch import Batch
from lesson_lib.core.kafka_version import DEFAULT_VERSION, KafkaVersion
from lesson_lib.core.partition_log import PartitionLog, Rule, StoredBatch, validation_error
from lesson_lib.core.producer_state import Appended, Duplicate, ProducerStateEntry, Refused, Verdict, judge
from lesson_lib.errors import LessonError

Entries = tuple[tuple[int, ProducerStateEntry], ...]


class BrokerState(NamedTuple):
    """A broker between two requests: what it remembers, and the batches in its log."""

    memory: Any = ()
    log: tuple[Batch, ...] = ()

    @property
    def log_end_offset(self) -> int:
        """Offset of the next record."""
        return sum(batch.record_count for batch in self.log)


class Handled(NamedTuple):
    """What one request led to: the broker afterwards, and the verdict that the client is answered with."""

    state: BrokerState
    verdict: Verdict


@dataclass(frozen=True)
class Broker:
    """Kafka's broker: one `ProducerStateEntry` per producer id, rebuilt from the log when lost."""

    rule: Rule = judge
    version: KafkaVersion = DEFAULT_VERSION

    @property
    def name(self) -> str:
        """Whose rule decides, for captions: Kafka's release, or the name of the rule in words."""
        if type(self) is not Broker:
            return re.sub("(?<!^)(?=[A-Z])", " ", type(self).__name__).lower()
        rule = getattr(self.rule, "__name__", "another rule").replace("_", " ")
        return str(self.version) if self.rule is judge else rule

    def handle(self, state: BrokerState, batch: Batch) -> Handled:
        """Judge a batch; store it where the verdict is Appended."""
        entries, end = dict(state.memory), state.log_end_offset
        verdict = checked(self.rule, entries.get(batch.producer_id), batch, end, self.version)
        if not isinstance(verdict, Appended):
            return Handled(state, verdict)
        return Handled(BrokerState(remember(state.memory, batch, end), (*state.log, batch)), verdict)

    def disconnected(self, state: BrokerState) -> BrokerState:
        """A torn connection means nothing to Kafka's memory."""
        return state

    def restarted(self, state: BrokerState) -> BrokerState:
        """A clean restart reads a snapshot: the last batch of each id is left."""
        return state._replace(memory=tuple((pid, replace(entry, batches=entry.batches[-1:]))
                                           for pid, entry in state.memory))

    def failed_over(self, state: BrokerState) -> BrokerState:
        """The new leader has the same log and has built its memory from it."""
        memory, end = (), 0
        for batch in state.log:
            memory = remember(memory, batch, end)
            end += batch.record_count
        return state._replace(memory=memory)

    def crashed(self, state: BrokerState) -> BrokerState:
        """The memory is read from the log, and a snapshot is all that stays of it."""
        return self.restarted(self.failed_over(state))


def remember(memory: Entries, batch: Batch, offset: int) -> Entries:
    """Kafka's memory once a batch is stored."""
    if not batch.has_producer_id:
        return memory
    entries = dict(memory)
    entries[batch.producer_id] = entries.get(batch.producer_id, ProducerStateEntry()).after(batch, offset)
    return tuple(sorted(entries.items()))


def checked(rule: Callable[..., Any], *arguments: Any) -> Verdict:
    """The rule's verdict. LessonError when it raises, or returns something that is no verdict."""
    name = getattr(rule, "__name__", "the rule")
    try:
        verdict = rule(*arguments)
    except LessonError:
        raise
    except Exception as error:
        given = f"when it was given {arguments[1]}"
        raise LessonError(f"{name} raised {type(error).__name__} ({error}) {given}.") from error
    if not isinstance(verdict, Appended | Duplicate | Refused):
        raise LessonError(f"{name} must return Appended(offset), Duplicate(offset) or Refused(error), "
                          f"and returned {verdict!r}.")
    return verdict


@dataclass
class BrokerLog(PartitionLog):
    """A leader's log whose memory is that of `broker`; `producers` stays empty."""

    broker: Broker = field(default_factory=Broker)
    state: BrokerState = field(default_factory=BrokerState)

    def append(self, batch: Batch) -> Verdict:
        """Let the broker decide, and take over what it stored."""
        if invalid := validation_error(batch):
            return Refused(invalid)
        before, (self.state, verdict) = self.state, self.broker.handle(self.state, batch)
        for stored in self.state.log[len(before.log):]:
            self.batches.append(StoredBatch(self.log_end_offset, stored))
            self.log_end_offset += stored.record_count
        return verdict

    def restart_clean(self, now: int = 0) -> None:
        """A clean restart."""
        self.state = self.broker.restarted(self.state)

    def restart_after_crash(self, now: int = 0) -> None:
        """A restart after a crash."""
        self.state = self.broker.crashed(self.state)

    def fail_over(self) -> None:
        """A new leader."""
        self.state = self.broker.failed_over(self.state)

    def disconnected(self) -> None:
        """The connection is gone."""
        self.state = self.broker.disconnected(self.state)
