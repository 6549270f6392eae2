"""One script on its way through one broker: the next request, and what its answer says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from course_tools.conformance.outcome import StepOutcome
from course_tools.conformance.script import Script, Step
from lesson_lib.core.producer_state import increment_sequence
from lesson_lib.wire import requests
from lesson_lib.wire.record_batch import batch_bytes

# The highest versions that clients of transaction version 1 and 2 use for InitProducerId, AddPartitionsToTxn
# and EndTxn.
INIT_VERSION, ADD_VERSION, END_VERSION = 4, 3, {1: 3, 2: 5}
# The longest that a broker allows unless told otherwise: on a slow machine a minute passes within one script,
# and a coordinator that gives up in between looks like a difference.
TRANSACTION_TIMEOUT_MS = 900_000
DAY_MS = 86_400_000
NEVER_HANDED_OUT = 1 << 40  # the id of a producer that the broker refused to give one


@dataclass
class PlayedScript:
    """A script, its partitions from `first_partition` on, and the producer ids that it received."""

    script: Script
    topic: str
    first_partition: int
    prefix: str
    base_time: int
    ids: dict[str, int] = field(default_factory=dict)
    epochs: dict[str, int] = field(default_factory=dict)
    lives: dict[str, int] = field(default_factory=dict)
    seen: list[StepOutcome] = field(default_factory=list)

    @property
    def partitions(self) -> range:
        """The partitions of the topic that are its own."""
        return range(self.first_partition, self.first_partition + self.script.partitions)

    def idempotent_names(self) -> list[str]:
        """A name for each idempotent producer and for each time it restarts: a, a', a''."""
        letters = sorted({s.producer for s in self.script.steps if s.producer and not s.of_transactional_id})
        return [letter + "'" * life for letter in letters
                for life in range(1 + sum(s.kind == "new" and s.producer == letter
                                          for s in self.script.steps))]

    def name(self, letter: str) -> str:
        """The producer's name in its present life."""
        return letter + "'" * self.lives.get(letter, 0)

    def name_of(self, producer_id: int) -> str:
        """The name that belongs to a producer id, `-` for none."""
        return next((name for name, number in self.ids.items() if number == producer_id),
                    "-" if producer_id < 0 else "?")

    def transactional_ids(self) -> list[str]:
        """The transactional ids that the broker knows by now."""
        return [self.transactional_id(letter) for letter in self.epochs]

    def transactional_id(self, letter: str) -> str:
        """The transactional id behind a capital letter."""
        return f"{self.prefix}-{letter}"

    @property
    def step(self) -> Step:
        """The step whose answer is not noted yet."""
        return self.script.steps[len(self.seen)]

    def next_request(self) -> tuple[Any, int | None]:
        """The request for the present step, and its version."""
        makers: dict[str, Callable[[Step], tuple[Any, int | None]]] = {
            "send": self._send, "init": self._init, "bump": self._init, "add": self._add, "commit": self._end,
            "abort": self._end, "delete": self._delete, "new": self._init}
        return makers[self.step.kind](self.step)

    def _numbers(self, step: Step) -> tuple[int, int]:
        """Producer id and epoch as they go on the wire."""
        if not step.producer:
            return -1, -1
        newest = self.epochs.get(step.producer, 0) if step.of_transactional_id else 0
        return self.ids.get(self.name(step.producer), NEVER_HANDED_OUT), max(newest + step.epoch, -1)

    def _send(self, step: Step) -> tuple[Any, int]:
        producer_id, epoch = self._numbers(step)
        values = [f"s{len(self.seen)}r{n}".encode() for n in range(0 if step.flaw == "empty" else step.count)]
        wrong = {"crc": {"crc": 1}, "offset": {"base_offset": 1}, "delta": {"last_offset_delta": step.count},
                 "liar": {"last_offset_delta": step.count, "records_count": step.count + 1}}.get(step.flaw)
        sequence = step.base_sequence if step.producer else -1
        bits = {"transactional": step.transactional or step.flaw == "nameless",
                "control": step.flaw == "control"}
        who = {"producer_id": producer_id, "producer_epoch": epoch, "timestamp": self._now()}
        data = batch_bytes(values, base_sequence=sequence, wrong=wrong, **who, **bits)
        if step.flaw == "two":
            following = increment_sequence(sequence, step.count) if step.producer else -1
            data += batch_bytes([b"second"], base_sequence=following, **who)
        named = step.transactional and step.flaw != "nameless"
        transactional_id = self.transactional_id(step.producer) if named else None
        request = requests.produce(self.topic, self.first_partition + step.partition, data,
                                   acks=2 if step.flaw == "acks2" else -1, transactional_id=transactional_id)
        return request, self.script.produce_version

    def _now(self) -> int:
        """Each step has its own timestamp, a millisecond after the one before."""
        return self.base_time + len(self.seen)

    def _init(self, step: Step) -> tuple[Any, int]:
        name = None if step.kind == "new" else self.transactional_id(step.producer)
        believed = self._numbers(step) if step.kind == "bump" else (-1, -1)
        return requests.init_producer_id(name, TRANSACTION_TIMEOUT_MS, *believed), INIT_VERSION

    def _add(self, step: Step) -> tuple[Any, int]:
        partitions = [self.first_partition + step.partition]
        return requests.add_partitions(self.transactional_id(step.producer), *self._numbers(step), self.topic,
                                       partitions), ADD_VERSION

    def _end(self, step: Step) -> tuple[Any, int]:
        commit = step.kind == "commit"
        request = requests.end_txn(self.transactional_id(step.producer), *self._numbers(step), commit=commit)
        return request, END_VERSION[1 + self.script.transaction_version_2]

    def _delete(self, step: Step) -> tuple[Any, None]:
        return requests.delete_records(self.topic, {self.first_partition + step.partition: step.offset}), None

    def error_of(self, answer: Any) -> int:
        """The error code that decides whether the step is done."""
        return self._seen(answer).error

    def note(self, answer: Any) -> None:
        """Note the answer to the present step and take over what it hands out."""
        step, seen = self.step, self._seen(answer)
        if step.kind == "new":
            self.lives[step.producer] = self.lives.get(step.producer, 0) + 1
        if step.kind in ("init", "bump") and not answer.error_code:
            self.ids[step.producer], self.epochs[step.producer] = answer.producer_id, answer.producer_epoch
        if step.kind in ("commit", "abort") and self.script.transaction_version_2 and not answer.error_code:
            self.ids[step.producer], self.epochs[step.producer] = answer.producer_id, answer.producer_epoch
        self.seen.append(seen)

    def _seen(self, answer: Any) -> StepOutcome:
        kind = self.step.kind
        if kind == "send":
            part = answer.responses[0].partition_responses[0]
            return StepOutcome(part.error_code, part.base_offset, self._distance(part.log_append_time_ms),
                               part.log_start_offset, part.error_message or "")
        if kind == "add":
            topic = answer.results_by_topic_v3_and_below[0]
            return StepOutcome(topic.results_by_partition[0].partition_error_code)
        if kind == "delete":
            part = answer.topics[0].partitions[0]
            return StepOutcome(part.error_code, note=f"low watermark {part.low_watermark}")
        return StepOutcome(answer.error_code, note=self._handed_out(answer, kind))

    def _handed_out(self, answer: Any, kind: str) -> str:
        """Which epoch the answer hands out, and whether the producer id is a new one."""
        if answer.error_code or kind == "new" or (kind not in ("init", "bump")
                                                  and not self.script.transaction_version_2):
            return ""
        same = self.ids.get(self.step.producer, answer.producer_id) == answer.producer_id
        return f"epoch {answer.producer_epoch}" + ("" if same else ", another id")

    def _distance(self, milliseconds: int) -> str:
        """As a distance; a time of another day has nothing to do with the script and is told as it came."""
        distance = milliseconds - self.base_time
        if milliseconds == -1:
            return ""
        return f"{distance:+}" if abs(distance) < DAY_MS else f"{milliseconds} ms since 1970"
