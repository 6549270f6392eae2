"""The way of `lab.run`: through how many modules somebody goes who follows every call of a run."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest

from lesson_lib.lab.lab import Lab, start_lab
from tests.way import rooms

# Of these 25 five are the broker's and three the proxy's; in a virtual world its own three come on top.
MOST = {"sockets": 25, "virtual": 28}
ONCE_A_SECOND = {"broker/embedded"}  # looks at the clock; no part of the way, and met where the machine is slow


def everywhere(lab: Lab) -> Callable[[Any], None]:
    """Puts a profile function in place in whatever thread the lab has."""
    def install(function: Any) -> None:
        for server in (lab.proxy, lab.choice.embedded):
            server.call(lambda: sys.setprofile(function))
        threading.setprofile(function)
        sys.setprofile(function)
    return install


@pytest.mark.parametrize("world", ["sockets", "virtual"])
def test_a_run_goes_through_few_rooms(world: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KAFKA_BOOTSTRAP_SERVERS", raising=False)
    lab = start_lab("embedded", world=world)
    with rooms(everywhere(lab)) as seen:
        lab.run(3, faults={2: "lose ack"})
    lab.stop()
    assert {"lab/lab", "lab/run", "proxy/proxy", "broker/handlers/produce", "core/producer_state"} <= seen
    assert len(seen - ONCE_A_SECOND) <= MOST[world], sorted(seen)
