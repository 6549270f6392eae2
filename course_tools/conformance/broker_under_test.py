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
from itertools import groupby, islice
from typing import Any

from kafka.protocol.admin import CreateTopicsRequest, DeleteTopicsRequest, DescribeTransactionsRequest
from kafka.protocol.metadata import FindCoordinatorRequest
from kafka.protocol.producer import InitProducerIdRequest

from course_tools.command_line import within
from course_tools.conformance.play import PlayedScript, outcomes
from course_tools.conformance.script import GARBAGE, HUNG_UP, Comparison, Script, ScriptOutcome, StepOutcome
from lesson_lib.errors import LessonError
from lesson_lib.wire import requests
from lesson_lib.wire.messages import ProtocolError
from lesson_lib.wire.requests import RawClient, make_topic

PATIENCE_SECONDS, IMPATIENCE_SECONDS = 15.0, 0.05  # before and after a broker let somebody wait for nothing
START_SECONDS, TIMEOUT_SECONDS = 60.0, 60.0
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
        self.has_coordinator = False
        self.patience = PATIENCE_SECONDS
        self.meant: set[int] = set()  # errors that no waiting ends: the broker means them

    def run(self, scripts: Sequence[Script], *, ends: bool = True) -> list[ScriptOutcome]:
        """The outcome of each script, what is left at the end only if `ends`. Where the broker hangs up or
        answers garbage, each script is played alone, and the step that was asked last says it. LessonError
        where it does so before the first step, or answers nothing at all."""
        plays: list[PlayedScript] = []
        try:
            plays = self._prepared(scripts)
            return self._together(plays, ends)
        except TimeoutError:
            raise LessonError(f"{self.address} gives no answer within {TIMEOUT_SECONDS:.0f} "
                              "seconds.") from None
        except BROKEN as error:
            code, why = GARBAGE, "the broker answered garbage, which is no answer of Kafka's protocol"
            if isinstance(error, ConnectionError) and not isinstance(error, ProtocolError):
                code, why = HUNG_UP, "the broker closed the connection"
            if not plays:
                raise LessonError(f"{self.address} can't be judged: when it was asked for a topic, producer "
                                  f"ids or a coordinator, {why}.") from None
            self.close()
            self.client = RawClient(self.address, timeout=TIMEOUT_SECONDS)
            if len(scripts) == 1:
                missing = len(scripts[0].steps) - len(plays[0].seen)
                return [ScriptOutcome((*plays[0].seen, *(StepOutcome(code, note=why),) * missing),
                                      unread="" if missing else why)]
        return [self.run([script], ends=ends)[0] for script in scripts]

    def close(self) -> None:
        self.client.close()

    def _serves(self, request: Any) -> bool:
        return request.API_KEY in self.client.versions

    def _prepared(self, scripts: Sequence[Script]) -> list[PlayedScript]:
        """All scripts with what they need before their first step."""
        base_time, plays = int(time.time() * 1000) - AGE_MS, []
        for group in [scripts] if self._serves(CreateTopicsRequest) else [[script] for script in scripts]:
            topic, first = self._new_topic(sum(script.partitions for script in group)), 0
            for script in group:
                plays.append(PlayedScript(script, topic, first, base_time))
                first += script.partitions
        self._hand_out_ids([(play, name) for play in plays for name in play.idempotent_names()])
        if not self.has_coordinator and any(step.kind == "init" for script in scripts
                                            for step in script.steps):
            self._find_coordinator(plays[0].topic)
        return plays

    def _new_topic(self, partitions: int) -> str:
        """A topic with so many partitions, or more. LessonError where the broker makes none."""
        topic = f"conformance-{uuid.uuid4().hex[:12]}"
        if self._serves(CreateTopicsRequest):
            make_topic(self.client, topic, partitions)
            return topic
        asked = requests.request("Metadata", topics=[{"name": topic}], allow_auto_topic_creation=True)
        found = list[Any]()

        def is_made() -> bool:
            found[:] = self.client.ask(asked).topics[0].partitions
            return bool(found)
        if not within(self.patience, is_made):
            raise LessonError(f"{self.address} serves no CreateTopics, and makes no topic when it is "
                              "asked for one; let it make topics by itself (auto.create.topics.enable).")
        if len(found) < partitions:
            raise LessonError(f"{self.address} makes topics of one partition; set two or more "
                              "(num.partitions).")
        return topic

    def _hand_out_ids(self, wanted: Sequence[tuple[PlayedScript, str]]) -> None:
        """A producer id for each idempotent producer and each of its restarts, asked for in one go."""
        def are_handed_out() -> bool:
            """A broker fetches ids in blocks of 1000; while it waits for the next block it answers 14."""
            missing = [(play, name) for play, name in wanted if name not in play.ids]
            for _ in missing:
                self.client.send(requests.init_producer_id())
            for play, name in missing:
                answer = self.client.receive()
                if not answer.error_code:
                    play.ids[name] = answer.producer_id
            return all(name in play.ids for play, name in missing)
        if not self._serves(InitProducerIdRequest):  # a broker takes any number
            for number, (play, name) in enumerate(wanted, MADE_UP):
                play.ids[name] = number
        elif not within(START_SECONDS, are_handed_out, pause=0):
            raise LessonError(f"{self.address} hands out no producer ids.")

    def _find_coordinator(self, name: str) -> None:
        """Make the broker create its transaction log: it does when somebody asks for a coordinator."""
        request, errors = FindCoordinatorRequest(key=name, key_type=1), [0]
        version = min(2, self.client.versions[request.API_KEY][1])

        def is_there() -> bool:
            errors.append(self.client.ask(request, version).error_code)
            return not errors[-1]
        self.has_coordinator = within(START_SECONDS, is_there, pause=0.1)
        if not self.has_coordinator:
            raise LessonError(f"{self.address} has no coordinator (error {errors[-1]}).")

    def _together(self, plays: Sequence[PlayedScript], ends: bool) -> list[ScriptOutcome]:
        """All scripts, step by step in line; their topics are deleted at the end."""
        for number in range(max(len(play.script.steps) for play in plays)):
            self._wave([play for play in plays if number < len(play.script.steps)])
        found = []
        for topic, of_topic in groupby(plays, lambda play: play.topic):
            group = [*of_topic]
            found += outcomes(self.client, group) if ends else [ScriptOutcome(tuple(p.seen)) for p in group]
            if self._serves(DeleteTopicsRequest):
                self.client.ask(requests.delete_topic(topic))
        return found

    def _wave(self, plays: Sequence[PlayedScript]) -> None:
        """The next step of each; again where the coordinator is still busy with what came before."""
        asked = []
        for play in plays:
            if request := self._request(play):
                asked.append((play, request))
            else:
                play.seen.append(StepOutcome(UNSUPPORTED_VERSION, note="not served"))
        ends = [play for play, _ in asked if play.step.kind in ("init", "bump", "commit", "abort")]
        deadline = time.monotonic() + self.patience
        while asked:
            for _, request in asked:
                self.client.send(*request)
            late, sent, asked = time.monotonic() > deadline, asked, []
            for play, request in sent:
                answer = self.client.receive()
                error = play.seen_in(answer).error
                if late and error in NOT_READY:
                    self.meant.add(error)
                if error in NOT_READY and error not in self.meant:
                    asked.append((play, request))
                else:
                    play.note(answer)
            time.sleep(0.002 if asked else 0)
        self._wait_for_markers(ends)

    def _request(self, play: PlayedScript) -> tuple[Any, int | None] | None:
        """The next one, in the highest version that all of these brokers serve; None where that won't do."""
        message, version = play.next_request()
        if not self._serves(message):
            return None
        highest = self.highest[message.API_KEY]
        if play.script.transaction_version_2:
            return (message, version) if (version or 0) <= highest else None
        free = version is None or play.step.kind == "send"
        return message, version if free else min(version, highest)

    def _wait_for_markers(self, plays: Sequence[PlayedScript]) -> None:
        """Until no transaction of theirs is about to end. Who waits for nothing says so in his outcome."""
        ids = {play.transactional_id(letter): play for play in plays for letter in play.epochs}
        deadline = time.monotonic() + self.patience
        while ids and self._serves(DescribeTransactionsRequest):
            asked = requests.request("DescribeTransactions", transactional_ids=[*ids])
            states = self.client.ask(asked).transaction_states
            ids = {s.transactional_id: ids[s.transactional_id] for s in states
                   if s.transaction_state in UNFINISHED}
            if ids and time.monotonic() > deadline:
                self.patience = IMPATIENCE_SECONDS
                for play in ids.values():
                    play.seen[-1] = StepOutcome(play.seen[-1].error, note="the markers were never written")
                return
            time.sleep(0.002 if ids else 0)


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
            outcomes_of = pool.map(lambda side, chunk=chunk: side.run(chunk, ends=ends), (left, right))
            yield from (Comparison(*found) for found in zip(chunk, *outcomes_of, strict=True))
