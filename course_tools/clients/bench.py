"""One client in front of the lab: plays a fault script, says what was told and what was on the wire."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

from course_tools.clients.driver import ClientDriver, SendPlan
from lesson_lib.faults import parse_script
from lesson_lib.history import History, Kind
from lesson_lib.lab.lab import Lab
from lesson_lib.proxy.recording import Recording

MOST, LATE_MS = 8, 300  # a client that keeps more than that many in flight keeps any number


class ClientRun(NamedTuple):
    """What the application was told about m0, m1 ..., and everything that happened."""

    told: list[str]
    history: History


class HoldingRecording(Recording):
    """Nothing is handled before so many attempts, then so many: what a fault meets is not up to luck."""

    hold: Sequence[int] = ()

    def window_full(self, others: int = 0) -> bool:
        """Whether they were."""
        settled = self.attempts - self.open_attempts
        wanted = min((count for count in self.hold if count > settled), default=0)
        return self.killed or self.closed or self.attempts >= wanted


class ClientBench:
    """`play` is one run on a new topic; `hold`: see `HoldingRecording`."""

    def __init__(self, lab: Lab, client: ClientDriver) -> None:
        self.lab, self.client = lab, client
        self.play("", [1])  # a client that has just been loaded is slow, and might run into short timeouts

    def play(self, script: str, bursts: Sequence[int], *, hold: Sequence[int] = (),
             then_all_is_well: bool = False, **settings: bool | int | None) -> ClientRun:
        """Send the bursts under the script, or only the first one."""
        recording = HoldingRecording(parse_script(script))
        recording.hold = hold

        def between() -> None:
            if then_all_is_well:
                recording.script = parse_script(None)
        topic = self.lab.topic("toy")
        self.lab.proxy.record(recording)
        told = self.client.send(SendPlan(self.lab.address, topic, tuple(bursts), between=between, **settings))
        return ClientRun(told, self.lab.history())

    @cached_property
    def in_flight(self) -> dict[bool, int]:
        """How many batches of a partition it leaves unanswered, at most `MOST`: with idempotence, without."""
        runs = {on: self.play(f"1: delay {LATE_MS}", [MOST], idempotence=on).history for on in (True, False)}
        return {on: [event.kind for event in run.of(Kind.SEND, Kind.ACK)].index(Kind.ACK)
                for on, run in runs.items()}
