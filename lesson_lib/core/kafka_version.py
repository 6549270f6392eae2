"""The one switch for everything in which brokers of different age decide differently.

| from | what changed | where |
|---|---|---|
| 1.1 | an old batch that is forgotten: error 45 (in 1.0: 46) | `ProducerAppendInfo.isDuplicate`, tags 1.0.x |
| 2.0.1 | a sequence other than 0 after a mere marker: error 59 until 2.4, 45 before and after | KAFKA-7298 |
| 2.4 | an id stays known when all its records are deleted (before: forgotten, error 59) | KAFKA-7190 |
| 2.5 | an unknown producer id may start at any sequence (before: error 59) | KIP-360 |
| 3.6 | the leader asks the transaction coordinator before the first transactional batch | KIP-890, part 1 |
| 3.8 | a partition that is not part of the transaction: error 120 (in 3.6 and 3.7: 48) | KIP-890, tags |
| 4.0 | transaction version 2: the epoch rises with every transaction | KIP-890, part 2 |
| 4.0 | an open transaction spares no other epoch the question to the coordinator | measured: 3.9.1, 4.0.0 |
| 4.0 | a timestamp more than an hour ahead of the broker's clock is refused | KIP-1030 |
| 4.0 | last stable offset after DeleteRecords into a transaction: a batch's start | measured: 3.9.1, 4.0.0 |
| 4.1 | the leader looks at the epoch before it asks the coordinator | KAFKA-18042, measured: 4.0.0, 4.1.0 |
| 4.1 | after an abort for it a producer may go on with its epoch from before | KAFKA-19367, measured |
| 4.5 | a log that never held a record takes a known first sequence only: 0 | KAFKA-15591 |

Differs from Kafka in: brokers before 1.0, which remembered one batch instead of five, are left out. What is
not here: KAFKA-20785 (merged before 4.5: a commit after the coordinator's abort under version 2 would get 90;
here it gets 48).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, order=True, slots=True)
class KafkaVersion:
    """A broker release such as `KafkaVersion(4, 4)`, which is 4.4.0; releases compare by age."""

    major: int
    minor: int
    patch: int = 0

    @classmethod
    def of(cls, text: str | KafkaVersion) -> KafkaVersion:
        """Read "4.4" or "2.0.1"; ValueError for anything else or for a release before 1.0."""
        if isinstance(text, KafkaVersion):
            return text
        parts = str(text).split(".")
        if len(parts) < 2 or not all(part.isdigit() for part in parts) or int(parts[0]) < 1:
            raise ValueError(f"{text!r} is not a Kafka release; write it like '4.4' (1.0 or later).")
        return cls(*map(int, parts[:3]))

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}" + f".{self.patch}" * (self.patch > 0)

    @property
    def answers_46_for_forgotten(self) -> bool:
        """1.0: a batch that is older than all that is remembered gets 46, from 1.1 on 45."""
        return self < KafkaVersion(1, 1)

    @property
    def forgets_deleted_ids(self) -> bool:
        """Until 2.3: an id whose records are all below the log start offset is forgotten (KAFKA-7190)."""
        return self < KafkaVersion(2, 4)

    @property
    def accepts_unknown_producer_ids(self) -> bool:
        """From 2.5: no error 59 any more for an id that the partition does not know (KIP-360)."""
        return self >= KafkaVersion(2, 5)

    @property
    def answers_unknown_after_marker(self) -> bool:
        """2.0.1 to 2.4: 59, not 45, where only a marker is known and the sequence is not 0 (KAFKA-7298)."""
        return KafkaVersion(2, 0, 1) <= self < KafkaVersion(2, 5)

    @property
    def checks_first_sequence_of_new_log(self) -> bool:
        """From 4.5: on a log that never held a record the first sequence must be 0 (KAFKA-15591)."""
        return self >= KafkaVersion(4, 5)

    @property
    def verifies_transactions(self) -> bool:
        """From 3.6: a transactional batch needs its partition known to the coordinator (KIP-890)."""
        return self >= KafkaVersion(3, 6)

    @property
    def answers_transaction_abortable(self) -> bool:
        """From 3.8: error 120 for a partition that is not part of the transaction, before that 48."""
        return self >= KafkaVersion(3, 8)

    @property
    def has_transaction_version_2(self) -> bool:
        """From 4.0: clients that know it get a new epoch with every transaction (KIP-890)."""
        return self >= KafkaVersion(4, 0)

    @property
    def verifies_each_epoch(self) -> bool:
        """From 4.0: a transaction open in the log excuses batches of its own epoch only from verification."""
        return self >= KafkaVersion(4, 0)

    @property
    def checks_epoch_before_verification(self) -> bool:
        """From 4.1: a zombie's batch is refused before it touches the verification entry (KAFKA-18042)."""
        return self >= KafkaVersion(4, 1)

    @property
    def remembers_epoch_before_fence(self) -> bool:
        """From 4.1: after an abort for it, a producer with the epoch before is no zombie (KAFKA-19367)."""
        return self >= KafkaVersion(4, 1)

    @property
    def refuses_timestamps_ahead(self) -> bool:
        """From 4.0: `message.timestamp.after.max.ms` is an hour by default (KIP-1030); before, no limit."""
        return self >= KafkaVersion(4, 0)

    @property
    def last_stable_offset_is_start_of_batch(self) -> bool:
        """From 4.0: after DeleteRecords into a transaction it is the start of a batch."""
        return self >= KafkaVersion(4, 0)


DEFAULT_VERSION = KafkaVersion(4, 4)
