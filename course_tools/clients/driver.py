"""What a client is asked to do in an experiment, and how it says what its application was told.

Each client has a driver. All send m0, m1 ... to partition 0, each in a batch of its own, and answer with one
word or two for each: `ok 3`, `ok -1` where no offset was told, the name of an error, or `never told`. A
client that refuses the settings answers with `REFUSED` and the name of its error, and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate

KEY = "k" * 100  # so long that no two records share a batch where a batch has an upper size
REFUSED, NEVER_TOLD = "refused", "never told"
PATIENCE_SECONDS = 2.0  # beyond the delivery timeout


@dataclass(frozen=True)
class SendPlan:
    """A new producer; each of the `bursts` is sent at once, `between` is called before the next."""

    address: str
    topic: str
    bursts: tuple[int, ...]
    idempotence: bool | None = None
    in_flight: int | None = None
    delivery_timeout_ms: int = 20_000
    request_timeout_ms: int = 10_000
    between: Callable[[], None] = lambda: None

    def numbers(self) -> Iterator[range]:
        """The numbers of the records of each burst, when it is time for it."""
        for end, size in zip(accumulate(self.bursts), self.bursts, strict=True):
            if end > size:
                self.between()
            yield range(end - size, end)

    @property
    def patience(self) -> float:
        """How many seconds to wait for the end of a burst."""
        return self.delivery_timeout_ms / 1000 + PATIENCE_SECONDS

    def settings(self, names: Mapping[str, str]) -> dict[str, bool | int]:
        """What is set of the fields in `names`, under the client's names for them."""
        return {name: value for field, name in names.items() if (value := getattr(self, field)) is not None}


class ClientDriver:
    """A driver. `lacks` names the fields of a plan that the client has no setting for."""

    name: str
    version: str
    lacks: frozenset[str] = frozenset()

    def send(self, plan: SendPlan) -> list[str]:
        """What was told of m0, m1 ..., in this order."""
        raise NotImplementedError

    def close(self) -> None:
        """Leave nothing behind. Most have nothing open between two plans."""


def ok(offset: int | None) -> str:
    """The word for a success."""
    return f"ok {-1 if offset is None else offset}"
