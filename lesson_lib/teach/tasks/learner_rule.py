"""A learner's own rule, `accept(batch, memory)`, in place of Kafka's: in the simulation, and in the explorer.

Differs from Kafka in: the learner's rule sees less than Kafka's (who sent it, which number, what is in it), keeps whatever it
likes in `memory`, one dict per partition, and may drop a batch silently (the producer is told ok) or store it. A
`RefusingBroker` may also refuse it, and builds its memory from the log as Kafka's new leaders do.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lesson_lib.core.batch import Batch
from lesson_lib.core.error_codes import ErrorCode
from lesson_lib.core.kafka_version import KafkaVersion
from lesson_lib.core.partition_log import Rule
from lesson_lib.core.producer_state import Appended, Duplicate, ProducerStateEntry, Refused, Verdict
from lesson_lib.errors import LessonError
from lesson_lib.sim.broker_with_memory import Broker, Handled, State
from lesson_lib.teach.tasks import bounded

Accept = Callable[["SeenBatch", dict[Any, Any]], bool | str]
REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class SeenBatch:
    """A batch as the learner's rule sees it: its value, the producer that sent it, and the number that producer gave it."""

    value: str
    producer: int
    number: int


def as_seen(batch: Batch) -> SeenBatch:
    """What the learner may see of a batch."""
    return SeenBatch(" ".join(map(str, batch.payload)), batch.producer_id, batch.base_sequence)


class NothingYet(LessonError):
    """The learner's function returns nothing: it is not written yet."""


def as_rule(accept: Accept) -> Rule:
    """A broker's rule from a function that says True (store) or False (drop); each rule has a memory of its own."""
    memory: dict[Any, Any] = {}
    log: list[SeenBatch] = []

    def rule(entry: ProducerStateEntry | None, batch: Batch, log_end_offset: int, version: KafkaVersion) -> Verdict:
        seen = as_seen(batch)
        if _decision(accept, seen, memory, first=log_end_offset == 0 and not memory):
            log.append(seen)
            return Appended(log_end_offset)
        return Duplicate(_first_like(seen, log))
    return rule


def _decision(accept: Accept, batch: SeenBatch, memory: dict[Any, Any], first: bool, also: str = "") -> bool | str:
    """True, False, or the word `also` where there is one."""
    answer = bounded.call(accept, batch, memory)
    name = getattr(accept, "__name__", "accept")
    advice = f"for {batch}; return True to store the batch, False to drop it{f', {also!r} to refuse it' if also else ''}."
    if answer is None or answer is ...:
        raise (NothingYet if first else LessonError)(f"{name} returned nothing {advice}")
    if not isinstance(answer, bool) and not (also and answer == also):
        raise LessonError(f"{name} returned {answer!r} {advice}")
    return bool(answer) if isinstance(answer, bool) else also


@dataclass(frozen=True)
class LearnerBroker(Broker):
    """The explorer's broker with the learner's rule. The memory is kept as bytes, so that equal memories are one state."""

    accept: Accept = bool  # type: ignore[assignment]

    def handle(self, state: State, batch: Batch) -> Handled:
        """Ask the rule; the memory that it leaves behind belongs to the next state."""
        memory = pickle.loads(state.memory) if state.memory else {}
        seen = as_seen(batch)
        stores = _decision(self.accept, seen, memory, first=not (state.memory or state.log))
        after = state._replace(memory=_frozen(memory))
        if stores:
            return Handled(after._replace(log=(*state.log, batch)), Appended(state.log_end_offset))
        return Handled(after, Duplicate(_first_like(seen, [as_seen(b) for b in state.log])))

    def restarted(self, state: State) -> State:
        """What is kept in memory alone is gone."""
        return state._replace(memory=())

    def failed_over(self, state: State) -> State:
        """Another broker has the log, and not this memory."""
        return state._replace(memory=())


@dataclass(frozen=True)
class RefusingBroker(LearnerBroker):
    """The rule may also return "refuse": error 45. Whoever has the log builds the memory from it, by the same rule."""

    def handle(self, state: State, batch: Batch) -> Handled:
        """Ask the rule; what it refuses leaves memory and log as they are."""
        memory = pickle.loads(state.memory) if state.memory else {}
        answer = _decision(self.accept, as_seen(batch), memory, first=not (state.memory or state.log), also=REFUSE)
        if answer == REFUSE:
            return Handled(state, Refused(ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER))
        after = state._replace(memory=_frozen(memory))
        if answer:
            return Handled(after._replace(log=(*state.log, batch)), Appended(state.log_end_offset))
        return Handled(after, Duplicate(_first_like(as_seen(batch), [as_seen(b) for b in state.log])))

    def restarted(self, state: State) -> State:
        """Read the log again through the rule."""
        memory: dict[Any, Any] = {}
        for batch in state.log:
            bounded.call(self.accept, as_seen(batch), memory)
        return state._replace(memory=_frozen(memory) if state.log else ())

    failed_over = restarted


def _first_like(seen: SeenBatch, log: list[SeenBatch]) -> int:
    """The offset that a dropped batch is answered with: of the same batch, else of the same value, else -1 for unknown."""
    same = [i for i, one in enumerate(log) if one == seen] or [i for i, one in enumerate(log) if one.value == seen.value]
    return same[0] if same else -1


def _frozen(memory: dict[Any, Any]) -> bytes:
    try:
        return pickle.dumps(memory)
    except Exception as error:  # noqa: BLE001 - and pickle may raise anything over what a learner remembers
        raise LessonError(f"memory can hold numbers, texts, tuples, lists, sets and dicts, but not this: {error}") from None
