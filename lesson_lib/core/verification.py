"""What the leader remembers while it asks the coordinator whether a transactional batch may open a transaction (KIP-890).

The lowest sequence that asked is the one that must be stored first: otherwise a later batch, verified sooner, could slip in
before it. The entry goes when the transaction is open in the log, or when a marker arrives.

Source: `VerificationStateEntry`, KAFKA-14920, KAFKA-18202. Differs from Kafka in: no guard object, because here nothing
happens between the coordinator's answer and the append; entries do not expire.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from lesson_lib.core.batch import Batch
from lesson_lib.core.producer_state import ProducerStateEntry


@dataclass(frozen=True, slots=True)
class VerificationStateEntry:
    """One producer id that waits on one partition. `epoch_bump`: it uses the second transaction version."""

    producer_epoch: int
    lowest_sequence: int
    epoch_bump: bool = False

    @classmethod
    def seen(cls, known: VerificationStateEntry | None, batch: Batch, epoch_bump: bool) -> VerificationStateEntry:
        """The entry once `batch` asked too: a newer epoch replaces it, an older one changes nothing."""
        fresh = cls(batch.producer_epoch, batch.base_sequence, epoch_bump)
        if known is None or batch.producer_epoch > known.producer_epoch:
            return fresh
        if batch.producer_epoch < known.producer_epoch:
            return known
        return replace(known, lowest_sequence=min(known.lowest_sequence, batch.base_sequence))

    def refuses(self, batch: Batch, entry: ProducerStateEntry | None) -> bool:
        """`ProducerAppendInfo.checkSequence`: later than the lowest, or, with an epoch bump, not 0 where nothing is known."""
        unknown = entry is None or not entry.batches
        return batch.base_sequence > self.lowest_sequence or (self.epoch_bump and unknown and batch.base_sequence != 0)
