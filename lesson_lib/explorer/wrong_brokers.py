"""Wrong beliefs about the broker, each one as a broker that really behaves so.

A belief about the decision alone is a rule with the signature of `judge`. A belief about the memory (what is
remembered, for how long, or that batches wait somewhere) is a `Broker` of its own. `simulate` and `explore`
take both as `rule`.

Kafka is none of these. Where each belief comes from is told in the lessons that let it lose.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from lesson_lib.core.batch import Batch
from lesson_lib.core.error_codes import ErrorCode
from lesson_lib.core.kafka_version import DEFAULT_VERSION, KafkaVersion
from lesson_lib.core.partition_log import Rule
from lesson_lib.core.producer_state import Appended, Duplicate, ProducerStateEntry, Refused, Verdict, judge
from lesson_lib.errors import LessonError
from lesson_lib.sim.memory_broker import Broker, BrokerState, Entries, Handled

Entry = ProducerStateEntry | None


def at_or_below_is_duplicate(entry: Entry, batch: Batch, log_end_offset: int,
                             version: KafkaVersion = DEFAULT_VERSION) -> Verdict:
    """Kafka's rule, but a sequence that is not above the highest seen counts as a duplicate."""
    seen = entry and entry.batches and batch.producer_epoch == entry.producer_epoch
    if seen and batch.last_sequence <= entry.last_sequence:
        return Duplicate((entry.duplicate_of(batch) or entry.batches[-1]).base_offset)
    return judge(entry, batch, log_end_offset, version)


def greater_is_accepted(entry: Entry, batch: Batch, log_end_offset: int,
                        version: KafkaVersion = DEFAULT_VERSION) -> Verdict:
    """Kafka's rule, but a gap is no error."""
    if entry and batch.producer_epoch == entry.producer_epoch and batch.base_sequence > entry.last_sequence:
        return Appended(log_end_offset)
    return judge(entry, batch, log_end_offset, version)


def window_of_one(entry: Entry, batch: Batch, log_end_offset: int,
                  version: KafkaVersion = DEFAULT_VERSION) -> Verdict:
    """Kafka's rule, with the last batch remembered instead of the last five."""
    return judge(entry and replace(entry, batches=entry.batches[-1:]), batch, log_end_offset, version)


def window_without_epoch(entry: Entry, batch: Batch, log_end_offset: int,
                         version: KafkaVersion = DEFAULT_VERSION) -> Verdict:
    """Kafka's rule, but a range that is remembered counts as a duplicate whatever its epoch."""
    seen = entry and entry.duplicate_of(batch.again(producer_epoch=entry.producer_epoch))
    return Duplicate(seen.base_offset) if seen else judge(entry, batch, log_end_offset, version)


def refuse_duplicates(entry: Entry, batch: Batch, log_end_offset: int,
                      version: KafkaVersion = DEFAULT_VERSION) -> Verdict:
    """Kafka's rule, but a duplicate is answered with error 45 instead of success."""
    verdict = judge(entry, batch, log_end_offset, version)
    return Refused(ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER) if isinstance(verdict, Duplicate) else verdict


@dataclass(frozen=True, slots=True)
class Kept(Appended):
    """Told to the client as Appended, and not in the log: the broker keeps the batch aside."""

    what: ClassVar[str] = "kept"


class DedupeByContent(Broker):
    """Remembers every payload and where it lies; numbers mean nothing to it."""

    def handle(self, state: BrokerState, batch: Batch) -> Handled:
        """Store what was never seen."""
        seen, end = dict(state.memory), state.log_end_offset
        if batch.payload in seen:
            return Handled(state, Duplicate(seen[batch.payload]))
        return Handled(BrokerState((*state.memory, (batch.payload, end)), (*state.log, batch)), Appended(end))

    def restarted(self, state: BrokerState) -> BrokerState:
        """All contents can be read again from the log."""
        return state

    failed_over = restarted


class BufferAndSort(Broker):
    """Keeps a batch that comes too early, says ok, and stores it in its turn. Memory: (entries, kept)."""

    def handle(self, state: BrokerState, batch: Batch) -> Handled:
        """Keep what is ahead; store the rest by Kafka's rule, and then whatever has become next."""
        entries, kept = state.memory or ((), ())
        ahead = self._batches_ahead(entries, batch)
        if ahead > 0:
            kept = kept if batch in kept else (*kept, batch)
            return Handled(BrokerState((entries, kept), state.log), Kept(state.log_end_offset + ahead))
        (entries, log), verdict = super().handle(BrokerState(entries, state.log), batch)
        for early in sorted(kept, key=lambda b: b.base_sequence):
            if self._batches_ahead(entries, early) == 0:
                (entries, log), _ = super().handle(BrokerState(entries, log), early)
                kept = tuple(b for b in kept if b != early)
        return Handled(BrokerState((entries, kept), log), verdict)

    def _batches_ahead(self, entries: Entries, batch: Batch) -> int:
        entry = dict(entries).get(batch.producer_id, ProducerStateEntry())
        same = batch.producer_epoch == entry.producer_epoch
        newer = batch.has_producer_id and batch.producer_epoch > entry.producer_epoch
        return batch.base_sequence - (entry.last_sequence + 1 if same else 0) if same or newer else 0

    def restarted(self, state: BrokerState) -> BrokerState:
        """What was kept is lost, and was promised."""
        entries, _ = state.memory or ((), ())
        return BrokerState((super().restarted(BrokerState(entries, state.log)).memory, ()), state.log)

    def failed_over(self, state: BrokerState) -> BrokerState:
        """What was kept is lost, and was promised."""
        return BrokerState((super().failed_over(state).memory, ()), state.log)


class ForgetOnFailover(Broker):
    """The memory is the leader's own and dies with it."""

    def failed_over(self, state: BrokerState) -> BrokerState:
        """The new leader knows nobody."""
        return state._replace(memory=())


class MemoryOfConnection(Broker):
    """The memory belongs to the connection."""

    def disconnected(self, state: BrokerState) -> BrokerState:
        """The next connection begins with nothing."""
        return state._replace(memory=())


@dataclass(frozen=True)
class Mutant:
    """A belief in one sentence, and the rule or the broker that makes it true."""

    name: str
    rule: Rule | type[Broker]
    belief: str

    def broker(self, version: KafkaVersion = DEFAULT_VERSION) -> Broker:
        """The broker that behaves so."""
        return self.rule(version=version) if isinstance(self.rule, type) else Broker(self.rule, version)


ALL = (
    Mutant("at or below is duplicate", at_or_below_is_duplicate,
           "A sequence at or below the highest one seen is a duplicate and is ignored."),
    Mutant("greater is accepted", greater_is_accepted,
           "A sequence above the highest one seen is stored; a gap does not matter."),
    Mutant("dedupe by content", DedupeByContent,
           "The broker compares what is in the messages and stores the same content once."),
    Mutant("buffer and sort", BufferAndSort,
           "The broker keeps batches that come too early and stores them in the right order."),
    Mutant("window of one", window_of_one,
           "The broker remembers the last sequence, and that is enough to know a retry."),
    Mutant("window without epoch", window_without_epoch,
           "Producer id and sequence say which batch it is; the epoch is only for fencing."),
    Mutant("forget on failover", ForgetOnFailover,
           "What the leader remembers of producers is lost when another replica takes over."),
    Mutant("45 to a duplicate", refuse_duplicates,
           "A duplicate is refused with an error, so that the producer knows."),
    Mutant("memory of connection", MemoryOfConnection,
           "The broker numbers the messages of a connection; a new connection starts again."),
)
MUTANTS = {mutant.name: mutant for mutant in ALL}


def mutant_called(name: str | Mutant) -> Mutant:
    """The mutant of that name. LessonError lists the names."""
    if isinstance(name, Mutant):
        return name
    if name not in MUTANTS:
        raise LessonError(f"There is no mutant {name!r}; choose one of: {', '.join(MUTANTS)}.")
    return MUTANTS[name]
