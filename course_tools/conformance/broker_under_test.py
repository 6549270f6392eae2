"""Plays many scripts on one broker at once, step by step in line, and notes what comes back; on two brokers
to compare them.

All scripts of a call share one new topic; each has fresh partitions in it. A broker without CreateTopics may
make topics when somebody asks for them (librdkafka's mock does): then each script has its own. The n-th steps
of all scripts are sent before the first answer is read, so a round trip is paid once for all of them. A
transaction ends when its markers are written, which Apache Kafka does after it has answered: the next step
waits for that, or its outcome would be a matter of luck.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any

from kafka.protocol.admin import CreateTopicsRequest, DeleteTopicsRequest, DescribeTransactionsRequest
from kafka.protocol.metadata import FindCoordinatorRequest
from kafka.protocol.producer import InitProducerIdRequest

from course_tools.conformance import end_state
from course_tools.conformance.outcome import GARBAGE, HUNG_UP, Comparison, ScriptOutcome, StepOutcome
from course_tools.conformance.play import PlayedScript
from course_tools.conformance.script import Script
from lesson_lib.errors import LessonError
from lesson_lib.wire import requests
from lesson_lib.wire.messages import ProtocolError
from lesson_lib.wire.requests import RawClient, make_topic

PATIENCE_SECONDS, IMPATIENCE_SECONDS = 15.0, 0.05  # before and after a broker let somebody wait for nothing
TIMEOUT_SECONDS = 60.0
CONCURRENT_TRANSACTIONS, UNSUPPORTED_VERSION = 51, 35
NOT_READY = (14, 15, 16, CONCURRENT_TRANSACTIONS)
UNFINISHED = ("PrepareCommit", "PrepareAbort", "PrepareEpochFence")
# Far enough in the past that a marker, which carries the broker's clock, cannot be taken for a record of a
# script.
AGE_MS = 3_600_000
TOGETHER = 400  # scripts at once
# What an exchange with a broker breaks off with; the last two: an answer without what was asked for.
BROKEN = (ConnectionError, LookupError, TypeError)
MADE_UP = 1_000_000  # the first producer id, where the broker hands out none


class BrokerUnderTest:
    """One broker under comparison. Use it from one thread at a time; `close` when done."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.client = RawClient(address, timeout=TIMEOUT_SECONDS)
        self.highest = {api: high for api, (_, high) in self.client.versions.items()}
        self._coordinator_ready = False
        self.patience = PATIENCE_SECONDS
        self.meant: set[int] = set()  # errors that no waiting ends: the broker means them

    @property
    def produce_versions(self) -> tuple[int, int]:
        """The lowest and highest version of Produce that the broker serves."""
        return self.client.versions[0]

    def run(self, scripts: Sequence[Script], *, ends: bool = True) -> list[ScriptOutcome]:
        """The outcome of each script, what is left at the end only if `ends`. Where the broker hangs up or
        answers garbage, each script is played alone, and the step that was asked last says it. LessonError
        where it does so before the first step, or answers nothing at all."""
        if not scripts:
            return []
        groups: list[list[PlayedScript]] = []
        try:
            groups = self._prepared(scripts)
            return self._together(groups, ends)
        except TimeoutError:
            raise LessonError(f"{self.address} gives no answer within {TIMEOUT_SECONDS:.0f} "
                              "seconds.") from None
        except BROKEN as error:
            if not groups:
                raise LessonError(f"{self.address} can't be judged: when it was asked for a topic, producer "
                                  f"ids or a coordinator, {_what_broke(error)[1]}.") from None
            self.close()
            self.client = RawClient(self.address, timeout=TIMEOUT_SECONDS)
            if len(scripts) == 1:
                return [_broken_off(groups[0][0], error)]
        return [self.run([script], ends=ends)[0] for script in scripts]

    def _prepared(self, scripts: Sequence[Script]) -> list[list[PlayedScript]]:
        """All scripts with what they need before their first step, those that share a topic together."""
        shared = [scripts] if self._creates_topics else [[script] for script in scripts]
        groups = [self._plays(group) for group in shared]
        self._hand_out_ids([play for group in groups for play in group])
        if any(step.kind == "init" for script in scripts for step in script.steps):
            self._find_coordinator(groups[0][0].topic)
        return groups

    def _together(self, groups: Sequence[list[PlayedScript]], ends: bool) -> list[ScriptOutcome]:
        """All scripts, step by step in line; their topics are deleted at the end."""
        plays = [play for group in groups for play in group]
        for number in range(max(len(play.script.steps) for play in plays)):
            self._wave([p for p in plays if number < len(p.script.steps)])
        outcomes = [one for group in groups for one in end_state.outcomes(self.client, group[0].topic, group)
                    ] if ends else [ScriptOutcome(tuple(play.seen)) for play in plays]
        if DeleteTopicsRequest.API_KEY in self.client.versions:
            for group in groups:
                self.client.ask(requests.delete_topic(group[0].topic))
        return outcomes

    @property
    def _creates_topics(self) -> bool:
        return CreateTopicsRequest.API_KEY in self.client.versions

    def _new_topic(self, partitions: int) -> str:
        """A topic with so many partitions, or more. LessonError where the broker makes none."""
        topic = f"conformance-{uuid.uuid4().hex[:12]}"
        if self._creates_topics:
            make_topic(self.client, topic, partitions)
            return topic
        asked = requests.request("Metadata", topics=[{"name": topic}], allow_auto_topic_creation=True)
        deadline = time.monotonic() + self.patience
        while not (found := self.client.ask(asked).topics[0].partitions):
            if time.monotonic() > deadline:
                raise LessonError(f"{self.address} serves no CreateTopics, and makes no topic when it is "
                                  "asked for one; let it make topics by itself (auto.create.topics.enable).")
            time.sleep(0.05)
        if len(found) < partitions:
            raise LessonError(f"{self.address} makes topics of one partition; set two or more "
                              "(num.partitions).")
        return topic

    def close(self) -> None:
        self.client.close()

    def _plays(self, scripts: Sequence[Script]) -> list[PlayedScript]:
        topic = self._new_topic(sum(script.partitions for script in scripts))
        plays, first, base_time = [], 0, int(time.time() * 1000) - AGE_MS
        for number, script in enumerate(scripts):
            plays.append(PlayedScript(script, topic, first, f"{topic}-{number}", base_time))
            first += script.partitions
        return plays

    def _hand_out_ids(self, plays: Sequence[PlayedScript]) -> None:
        """A producer id for each idempotent producer and each of its restarts, asked for in one go."""
        wanted = [(play, name) for play in plays for name in play.idempotent_names()]
        if InitProducerIdRequest.API_KEY not in self.client.versions:  # a broker takes any number
            for number, (play, name) in enumerate(wanted, MADE_UP):
                play.ids[name] = number
            return
        deadline = time.monotonic() + PATIENCE_SECONDS * 4
        while wanted:
            for _ in wanted:
                self.client.send(requests.init_producer_id())
            wanted = [(play, name) for play, name in wanted
                      if not self._handed_out(play, name, self.client.receive())]
            # A broker fetches ids in blocks of 1000; while it waits for the next block it answers 14.
            if wanted and time.monotonic() > deadline:
                raise LessonError(f"{self.address} hands out no producer ids.")

    def _handed_out(self, play: PlayedScript, name: str, answer: Any) -> bool:
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

    def _wave(self, plays: Sequence[PlayedScript]) -> None:
        again = [play for play in plays if self._is_served(play)]
        kinds = [(play, play.step.kind) for play in again]
        deadline = time.monotonic() + self.patience
        while again:
            for play in again:
                self.client.send(*self._request(play))
            late = time.monotonic() > deadline
            again = [play for play in again if not self._noted(play, self.client.receive(), final=late)]
            time.sleep(0.002 if again else 0)
        self._wait_for_markers([play for play, kind in kinds if kind in ("init", "bump", "commit", "abort")])

    def _request(self, play: PlayedScript) -> tuple[Any, int | None]:
        """The next one, in the highest version that all of these brokers serve."""
        message, version = play.next_request()
        if version is None or play.script.transaction_version_2 or play.step.kind == "send":
            return message, version
        return message, min(version, self.highest[message.API_KEY])

    def _is_served(self, play: PlayedScript) -> bool:
        """Whether the broker serves the next request; where it does not, that is its outcome."""
        message, version = play.next_request()
        served = message.API_KEY in self.client.versions
        if served and play.script.transaction_version_2:
            served = (version or 0) <= self.highest[message.API_KEY]
        if not served:
            play.seen.append(StepOutcome(UNSUPPORTED_VERSION, note="not served"))
        return served

    def _noted(self, play: PlayedScript, answer: Any, *, final: bool = False) -> bool:
        """Note an answer, unless it only says that the coordinator is still busy with what came before."""
        error = play.error_of(answer)
        if final and error in NOT_READY:
            self.meant.add(error)
        if error in NOT_READY and error not in self.meant:
            return False
        play.note(answer)
        return True

    def _wait_for_markers(self, plays: Sequence[PlayedScript]) -> None:
        ids = [name for play in plays for name in play.transactional_ids()]
        if not ids or DescribeTransactionsRequest.API_KEY not in self.client.versions:
            return
        deadline = time.monotonic() + self.patience
        while ids and time.monotonic() < deadline:
            states = self.client.ask(requests.describe_transactions(ids)).transaction_states
            ids = [s.transactional_id for s in states if s.transaction_state in UNFINISHED]
            time.sleep(0.002 if ids else 0)
        if ids:
            self.patience = IMPATIENCE_SECONDS
        for play in plays:
            if any(name in ids for name in play.transactional_ids()):
                play.seen[-1] = StepOutcome(play.seen[-1].error, note="the markers were never written")


def _what_broke(error: Exception) -> tuple[int, str]:
    """Which of the two it was, and in words."""
    if isinstance(error, ConnectionError) and not isinstance(error, ProtocolError):
        return HUNG_UP, "the broker closed the connection"
    return GARBAGE, "the broker answered garbage, which is no answer of Kafka's protocol"


def _broken_off(play: PlayedScript, error: Exception) -> ScriptOutcome:
    """What came back before it broke; the step that was asked then, and what would follow, says why."""
    code, why = _what_broke(error)
    missing = len(play.script.steps) - len(play.seen)
    steps = (*play.seen, *(StepOutcome(code, note=why),) * missing)
    return ScriptOutcome(steps, unread="" if missing else why)


def in_step(one: BrokerUnderTest, other: BrokerUnderTest) -> None:
    """Let two brokers be asked in the same versions: older ones have other error codes."""
    for api in one.highest.keys() & other.highest.keys():
        one.highest[api] = other.highest[api] = min(one.highest[api], other.highest[api])


def compare(left: BrokerUnderTest, right: BrokerUnderTest, scripts: Iterable[Script],
            together: int = TOGETHER, *, ends: bool = True) -> Iterator[Comparison]:
    """Play every script on both brokers, `together` at a time, and yield what came of each; what is left at
    the end only if `ends`."""
    waiting = iter(scripts)
    with ThreadPoolExecutor(2) as pool:
        while chunk := list(islice(waiting, together)):
            outcomes = pool.map(lambda side, chunk=chunk: side.run(chunk, ends=ends), (left, right))
            yield from (Comparison(*found) for found in zip(chunk, *outcomes, strict=True))
