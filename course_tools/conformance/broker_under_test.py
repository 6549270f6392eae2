"""Plays many scripts on one broker at once, step by step in line, and notes what comes back.

All scripts of a call share one new topic; each has fresh partitions in it. The n-th steps of all scripts are
sent before the first answer is read, so a round trip is paid once for all of them. A transaction ends when
its markers are written, which Apache Kafka does after it has answered: the next step waits for that, or its
outcome would be a matter of luck.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from typing import Any

from kafka.protocol.admin import DescribeTransactionsRequest
from kafka.protocol.metadata import FindCoordinatorRequest

from course_tools.conformance import end_state
from course_tools.conformance.outcome import ScriptOutcome, Seen
from course_tools.conformance.play import Play
from course_tools.conformance.script import Script
from lesson_lib.errors import LessonError
from lesson_lib.wire import requests
from lesson_lib.wire.requests import RawClient, make_topic

PATIENCE_SECONDS = 5.0
TIMEOUT_SECONDS = 60.0
CONCURRENT_TRANSACTIONS = 51
NOT_READY = (14, 15, 16, CONCURRENT_TRANSACTIONS)
UNFINISHED = ("PrepareCommit", "PrepareAbort", "PrepareEpochFence")
# Far enough in the past that a marker, which carries the broker's clock, cannot be taken for a record of a
# script.
AGE_MS = 3_600_000


class BrokerUnderTest:
    """One broker under comparison. Use it from one thread at a time; `close` when done."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.client = RawClient(address, timeout=TIMEOUT_SECONDS)
        self._coordinator_ready = False

    @property
    def produce_versions(self) -> tuple[int, int]:
        """The lowest and highest version of Produce that the broker serves."""
        return self.client.versions[0]

    def run(self, scripts: Sequence[Script]) -> list[ScriptOutcome]:
        """The outcome of each script. Where the broker hangs up, each script is played alone."""
        try:
            return self._together(scripts) if scripts else []
        except ConnectionError:
            self.close()
            self.client = RawClient(self.address, timeout=TIMEOUT_SECONDS)
        alone = len(scripts) == 1
        return [self._hung_up(script) if alone else self.run([script])[0] for script in scripts]

    def _hung_up(self, script: Script) -> ScriptOutcome:
        return ScriptOutcome(tuple(Seen(-1, note="the broker closed the connection") for _ in script.steps))

    def _together(self, scripts: Sequence[Script]) -> list[ScriptOutcome]:
        """All scripts on one new topic, which is deleted at the end."""
        topic = f"conformance-{uuid.uuid4().hex[:12]}"
        plays = self._plays(scripts, topic)
        make_topic(self.client, topic, sum(s.partitions for s in scripts))
        for number in range(max(len(s.steps) for s in scripts)):
            self._wave([p for p in plays if number < len(p.script.steps)])
        outcomes = end_state.outcomes(self.client, topic, plays)
        self.client.ask(requests.delete_topic(topic))
        return outcomes

    def close(self) -> None:
        """Close the connection."""
        self.client.close()

    def _plays(self, scripts: Sequence[Script], topic: str) -> list[Play]:
        plays, first, base_time = [], 0, int(time.time() * 1000) - AGE_MS
        for number, script in enumerate(scripts):
            plays.append(Play(script, topic, first, f"{topic}-{number}", base_time))
            first += script.partitions
        self._hand_out_ids(plays)
        if any(s.kind == "init" for script in scripts for s in script.steps):
            self._find_coordinator(topic)
        return plays

    def _hand_out_ids(self, plays: Sequence[Play]) -> None:
        """A producer id for each idempotent producer and each of its restarts, asked for in one go."""
        wanted = [(play, name) for play in plays for name in play.idempotent_names()]
        deadline = time.monotonic() + PATIENCE_SECONDS * 4
        while wanted:
            for _ in wanted:
                self.client.send(requests.init_producer_id())
            wanted = [(play, name) for play, name in wanted
                      if not self._handed_out(play, name, self.client.receive())]
            # A broker fetches ids in blocks of 1000; while it waits for the next block it answers 14.
            if wanted and time.monotonic() > deadline:
                raise LessonError(f"{self.address} hands out no producer ids.")

    def _handed_out(self, play: Play, name: str, answer: Any) -> bool:
        if not answer.error_code:
            play.ids[name] = answer.producer_id
        return not answer.error_code

    def _find_coordinator(self, name: str) -> None:
        """Make the broker create its transaction log: it does when somebody asks for a coordinator."""
        deadline = time.monotonic() + PATIENCE_SECONDS * 4
        while not self._coordinator_ready:
            answer = self.client.ask(FindCoordinatorRequest(key=name, key_type=1),
                                     min(2, self.client.versions[10][1]))
            self._coordinator_ready = not answer.error_code
            if time.monotonic() > deadline:
                raise LessonError(f"{self.address} has no coordinator (error {answer.error_code}).")
            time.sleep(0.0 if self._coordinator_ready else 0.1)

    def _wave(self, plays: Sequence[Play]) -> None:
        for play in plays:
            self.client.send(*play.next_request())
        again = [play for play in plays if not self._noted(play, self.client.receive())]
        deadline = time.monotonic() + PATIENCE_SECONDS
        while again:
            time.sleep(0.002)
            for play in again:
                self.client.send(*play.next_request())
            late = time.monotonic() > deadline
            again = [play for play in again if not self._noted(play, self.client.receive(), final=late)]
        self._wait_for_markers([p for p in plays
                                if p.script.steps[len(p.seen) - 1].kind in ("init", "bump", "commit",
                                                                            "abort")])

    def _noted(self, play: Play, answer: Any, *, final: bool = False) -> bool:
        """Note an answer, unless it only says that the coordinator is still busy with what came before."""
        if not final and play.error_of(answer) in NOT_READY:
            return False
        play.note(answer)
        return True

    def _wait_for_markers(self, plays: Sequence[Play]) -> None:
        ids = [name for play in plays for name in play.transactional_ids()]
        if not ids or DescribeTransactionsRequest.API_KEY not in self.client.versions:
            return
        deadline = time.monotonic() + PATIENCE_SECONDS
        while ids and time.monotonic() < deadline:
            states = self.client.ask(requests.describe_transactions(ids)).transaction_states
            ids = [s.transactional_id for s in states if s.transaction_state in UNFINISHED]
            time.sleep(0.002 if ids else 0)
        for play in plays:
            if any(name in ids for name in play.transactional_ids()):
                play.seen[-1] = Seen(play.seen[-1].error, note="the markers were never written")
