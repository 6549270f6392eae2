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


class Since:
    """Whether a release is at least as young as one, and older than another."""

    def __init__(self, *first: int, before: tuple[int, ...] = (10**6,)) -> None:
        self.first, self.before = first, before

    def __get__(self, version: KafkaVersion, owner: object = None) -> bool:
        return self.first <= (version.major, version.minor, version.patch) < self.before


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
            raise ValueError(f"{text!r} is not a Kafka release, such as '4.4' (1.0 or later).")
        return cls(*map(int, parts[:3]))

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}" + f".{self.patch}" * (self.patch > 0)

    # row by row what the table above says
    answers_46_for_forgotten = Since(1, 0, before=(1, 1))
    answers_unknown_after_marker = Since(2, 0, 1, before=(2, 5))
    forgets_deleted_ids = Since(1, 0, before=(2, 4))
    accepts_unknown_producer_ids = Since(2, 5)
    verifies_transactions = Since(3, 6)
    answers_transaction_abortable = Since(3, 8)
    has_transaction_version_2 = Since(4, 0)
    verifies_each_epoch = Since(4, 0)
    refuses_timestamps_ahead = Since(4, 0)
    last_stable_offset_is_start_of_batch = Since(4, 0)
    checks_epoch_before_verification = Since(4, 1)
    remembers_epoch_before_fence = Since(4, 1)
    checks_first_sequence_of_new_log = Since(4, 5)


DEFAULT_VERSION = KafkaVersion(4, 4)
