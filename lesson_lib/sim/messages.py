"""A batch in the producer's hands, from `send` until the application is told about it; and the settings of that producer."""

from __future__ import annotations

from dataclasses import dataclass

from lesson_lib.core.batch import Batch
from lesson_lib.sim.clock import Timer


@dataclass(eq=False, slots=True)
class PendingBatch:
    """`stamped` is the batch with its numbers, None until it is first drained: `send` assigns nothing."""

    number: int
    values: tuple[str, ...]
    partition: int
    created: int
    tries: int = 0
    not_before: int = 0
    stamped: Batch | None = None
    done: bool = False
    retried: bool = False  # it was put back into the queue at least once
    reset: bool = False    # it has new numbers, of a new epoch, and was not sent with them yet
    expiry: Timer | None = None

    @property
    def sequence(self) -> int:
        """Its base sequence, -1 where it has none."""
        return self.stamped.base_sequence if self.stamped else -1


@dataclass(frozen=True, slots=True)
class ProducerSettings:
    """As the real clients' settings; times in milliseconds, `retries` None for no limit but the delivery timeout."""

    idempotence: bool = True
    acks: int = -1
    retries: int | None = None
    in_flight: int = 1
    delivery_timeout_ms: int = 120_000
    request_timeout_ms: int = 30_000
