"""What passes between application, producer, network and broker: a batch in the producer's hands, a request,
an answer.

Differs from Kafka in: one batch is one request, which has one fate together with those that leave with it.
"""

from __future__ import annotations

from dataclasses import dataclass

from lesson_lib.core.error_codes import ErrorCode
from lesson_lib.core.producer_state import Batch
from lesson_lib.faults import DELIVER, Fault


@dataclass(frozen=True, slots=True)
class ProducerSettings:
    """As the real clients' settings; times in milliseconds, `retries` None for no limit."""

    idempotence: bool = True
    acks: int = -1
    retries: int | None = None
    in_flight: int = 1
    delivery_timeout_ms: int = 120_000
    request_timeout_ms: int = 30_000


@dataclass(eq=False)
class ProducerBatch:
    """A batch from `send` until the application is told about it (Kafka's class of that name).

    `position` counts the records that were sent to its partition before it. `told`: what the application was
    told of its end, empty before that.

    `rides_along`: it is in one request with the batch that was sent before it, and takes no slot of its own.

    `numbered` is the batch with its numbers, None until it is first sent: `send` assigns none. `retried`: it
    was put back into the queue at least once. `renumbered`: it has new numbers, of a new epoch, and was not
    sent with them yet.
    """

    number: int
    values: tuple[str, ...]
    partition: int
    created: int = 0
    position: int = 0
    tries: int = 0
    not_before: int = 0
    numbered: Batch | None = None
    told: str = ""
    retried: bool = False
    renumbered: bool = False
    rides_along: bool = False

    @property
    def sequence(self) -> int:
        """Its base sequence, -1 where it has none."""
        return self.numbered.base_sequence if self.numbered else -1


@dataclass(eq=False, slots=True)
class ProduceRequest:
    """A produce request under way: a batch as it is sent this time. `handled`, `answered`: whether it will
    be; the rest says how far it came. Where a client sends the batches of several partitions together, each
    has one of these, with the number of an attempt of its own, and all have one fate.
    """

    attempt: int
    batch: ProducerBatch
    sent: Batch
    try_no: int
    fault: Fault = DELIVER
    acks: int = -1
    handled: bool = True
    answered: bool = True
    arrived: bool = False
    lost: bool = False


@dataclass(frozen=True, slots=True)
class ProduceAnswer:
    """The answer for one partition; `log_start_offset` is -1 in an error that the script made up."""

    error: ErrorCode = ErrorCode.NONE
    offset: int = -1
    log_start_offset: int = -1
