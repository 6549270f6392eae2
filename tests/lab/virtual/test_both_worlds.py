"""What happens in the virtual world is what happens on sockets, event by event: for every script of the three-broker tests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from lesson_lib.history import History
from lesson_lib.lab.lab import start_lab
from tests.test_three_brokers import BROKER_FAULTS, BURSTS, ROWS, patience

SCRIPTS: list[dict[str, Any]] = [
    *({"faults": row.faults, "idempotence": idempotence, **patience(row.faults)}
      for row in [*ROWS, *BROKER_FAULTS] for idempotence in (True, False)),
    *({"values_or_count": 5, "faults": faults, "idempotence": idempotence, "in_flight": 5, **patience(faults)}
      for faults, _, _ in BURSTS for idempotence in (True, False)),
    *({"retries": 0, "idempotence": False, "faults": {2: fault}} for fault in ("lose ack", "lose request", "refuse 19")),
    *({"acks": acks, "idempotence": False, "faults": {2: fault}} for acks in (0, 1) for fault in ("lose request", "refuse 19")),
    {"resend": True, "retries": 0, "idempotence": False, "faults": {2: "lose ack"}},
    {"values_or_count": 6, "records_per_batch": 2, "faults": {2: "lose ack"}},
    {"values_or_count": 4, "partitions": 2, "faults": {2: "lose ack"}},
    {"values_or_count": ["coffee", "coffee"], "faults": {2: "lose ack"}},
]


def runs(world: str) -> list[History]:
    """Every script, one after the other, in a lab of this world."""
    lab = start_lab("embedded", world=world)
    found = [lab.run(**script) for script in SCRIPTS]
    lab.stop()
    return found


@pytest.fixture(scope="module")
def pairs() -> Iterator[tuple[History, History]]:
    """The histories of both worlds."""
    with pytest.MonkeyPatch.context() as patch:  # a virtual world refuses a broker that CI names
        patch.delenv("KAFKA_BOOTSTRAP_SERVERS", raising=False)
        yield list(zip(runs("virtual"), runs("sockets"), strict=True))


@pytest.mark.parametrize("number", range(len(SCRIPTS)), ids=lambda number: str(SCRIPTS[number]))
def test_the_same_history(pairs: list[tuple[History, History]], number: int) -> None:
    virtual, sockets = pairs[number]
    assert virtual.events == sockets.events
    assert virtual.logs == sockets.logs
    assert virtual.table() == sockets.table()
