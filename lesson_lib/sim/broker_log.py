"""A broker of the explorer as a partition log, so that a wrong rule with a memory of its own can be simulated too."""

from __future__ import annotations

from dataclasses import dataclass, field

from lesson_lib.core.batch import Batch
from lesson_lib.core.kafka_version import KafkaVersion
from lesson_lib.core.partition_log import PartitionLog, Rule, StoredBatch, validation_error
from lesson_lib.core.producer_state import Refused, Verdict
from lesson_lib.sim.broker_with_memory import Broker, State


@dataclass
class BrokerLog(PartitionLog):
    """A leader's log whose memory is that of `broker`; `producers` stays empty."""

    broker: Broker = field(default_factory=Broker)
    state: State = field(default_factory=State)

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
        """A restart after a crash: the memory is read from the log, and a snapshot is all that stays of it."""
        self.state = self.broker.restarted(self.broker.failed_over(self.state))

    def fail_over(self) -> None:
        """A new leader."""
        self.state = self.broker.failed_over(self.state)

    def disconnected(self) -> None:
        """The connection is gone."""
        self.state = self.broker.disconnected(self.state)


def log_of(version: KafkaVersion, rule: Rule | Broker) -> PartitionLog:
    """An empty log for a rule, or for a broker with a memory of its own."""
    return BrokerLog(version, broker=rule) if isinstance(rule, Broker) else PartitionLog(version, rule)
