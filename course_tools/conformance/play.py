"""One script on its way through one broker: the next request, what its answer says, what is left."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from kafka.errors import CorruptRecordError
from kafka.protocol.admin import DescribeProducersRequest
from kafka.record.default_records import DefaultRecordBatch

from course_tools.conformance.script import EndState, Script, ScriptOutcome, Step, StepOutcome
from lesson_lib.core.producer_state import increment_sequence
from lesson_lib.wire import requests
from lesson_lib.wire.record_batch import batch_bytes, read_header, split_batches
from lesson_lib.wire.requests import RawClient

# The highest versions that clients of transaction version 1 and 2 use for InitProducerId, AddPartitionsToTxn
# and EndTxn.
INIT_VERSION, ADD_VERSION, END_VERSION = 4, 3, {False: 3, True: 5}
# The longest that a broker allows unless told otherwise: on a slow machine a minute passes within one script,
# and a coordinator that gives up in between looks like a difference.
TRANSACTION_TIMEOUT_MS = 900_000
DAY_MS = 86_400_000
NEVER_HANDED_OUT = 1 << 40  # the id of a producer that the broker refused to give one
ABORT_KEY = b"\x00\x00\x00\x00"  # version 0, type 0; a commit has type 1
UNREADABLE = (CorruptRecordError, AttributeError, TypeError, ValueError, struct.error)


@dataclass
class PlayedScript:
    """A script, its partitions from `first_partition` on, and the producer ids that it received."""

    script: Script
    topic: str
    first_partition: int
    base_time: int
    ids: dict[str, int] = field(default_factory=dict)
    epochs: dict[str, int] = field(default_factory=dict)
    lives: dict[str, int] = field(default_factory=dict)
    seen: list[StepOutcome] = field(default_factory=list)

    @property
    def step(self) -> Step:
        """The step whose answer is not noted yet."""
        return self.script.steps[len(self.seen)]

    def idempotent_names(self) -> list[str]:
        """A name for each idempotent producer and for each time it restarts: a, a', a''."""
        steps = self.script.steps
        lives = {s.producer: sum(t.kind == "new" and t.producer == s.producer for t in steps)
                 for s in steps if s.producer and not s.of_transactional_id}
        return [letter + "'" * life for letter in sorted(lives) for life in range(1 + lives[letter])]

    def name_of(self, producer_id: int) -> str:
        """The name that belongs to a producer id, `-` for none."""
        return next((name for name, number in self.ids.items() if number == producer_id),
                    "-" if producer_id < 0 else "?")

    def transactional_id(self, letter: str) -> str:
        """The transactional id behind a capital letter."""
        return f"{self.topic}-{self.first_partition}-{letter}"

    def next_request(self) -> tuple[Any, int | None]:
        """The request for the present step, and its version."""
        step, partition = self.step, self.first_partition + self.step.partition
        producer_id = epoch = -1
        if step.producer:
            name = step.producer + "'" * self.lives.get(step.producer, 0)
            newest = self.epochs.get(step.producer, 0) if step.of_transactional_id else 0
            producer_id, epoch = self.ids.get(name, NEVER_HANDED_OUT), max(newest + step.epoch, -1)
        who = self.transactional_id(step.producer), producer_id, epoch
        match step.kind:
            case "send":
                named = step.transactional and step.flaw != "nameless"
                return requests.produce(self.topic, partition, self._records(step, producer_id, epoch),
                                        acks=2 if step.flaw == "acks2" else -1,
                                        transactional_id=who[0] if named else None
                                        ), self.script.produce_version
            case "init" | "new":
                name = who[0] if step.kind == "init" else None
                return requests.init_producer_id(name, TRANSACTION_TIMEOUT_MS), INIT_VERSION
            case "bump":
                return requests.init_producer_id(who[0], TRANSACTION_TIMEOUT_MS, *who[1:]), INIT_VERSION
            case "add":
                return requests.add_partitions(*who, self.topic, [partition]), ADD_VERSION
            case "delete":
                return requests.delete_records(self.topic, {partition: step.offset}), None
        request = requests.end_txn(*who, commit=step.kind == "commit")
        return request, END_VERSION[self.script.transaction_version_2]

    def _records(self, step: Step, producer_id: int, epoch: int) -> bytes:
        """A batch, wrong as its flaw says. Each step has its own timestamp, a millisecond after the last."""
        values = [f"s{len(self.seen)}r{n}".encode() for n in range(0 if step.flaw == "empty" else step.count)]
        wrong = {"crc": {"crc": 1}, "offset": {"base_offset": 1}, "delta": {"last_offset_delta": step.count},
                 "liar": {"last_offset_delta": step.count, "records_count": step.count + 1}}.get(step.flaw)
        sequence = step.base_sequence if step.producer else -1
        who = {"producer_id": producer_id, "producer_epoch": epoch,
               "timestamp": self.base_time + len(self.seen)}
        data = batch_bytes(values, base_sequence=sequence, wrong=wrong, **who, control=step.flaw == "control",
                           transactional=step.transactional or step.flaw == "nameless")
        if step.flaw == "two":
            following = increment_sequence(sequence, step.count) if step.producer else -1
            data += batch_bytes([b"second"], base_sequence=following, **who)
        return data

    def seen_in(self, answer: Any) -> StepOutcome:
        """What an answer says of the present step."""
        match self.step.kind:
            case "send":
                part = answer.responses[0].partition_responses[0]
                return StepOutcome(part.error_code, part.base_offset, self.distance(part.log_append_time_ms),
                                   part.log_start_offset, part.error_message or "")
            case "add":
                topic = answer.results_by_topic_v3_and_below[0]
                return StepOutcome(topic.results_by_partition[0].partition_error_code)
            case "delete":
                part = answer.topics[0].partitions[0]
                return StepOutcome(part.error_code, note=f"low watermark {part.low_watermark}")
        if not self._hands_out(answer):
            return StepOutcome(answer.error_code)
        same = self.ids.get(self.step.producer, answer.producer_id) == answer.producer_id
        return StepOutcome(0, note=f"epoch {answer.producer_epoch}" + ("" if same else ", another id"))

    def _hands_out(self, answer: Any) -> bool:
        """Whether a transactional id gets an epoch: when it asks, and in version 2 at each end."""
        kinds = ("init", "bump", *("commit", "abort") * self.script.transaction_version_2)
        return self.step.kind in kinds and not answer.error_code

    def note(self, answer: Any) -> None:
        """Note the answer to the present step and take over what it hands out."""
        step, seen = self.step, self.seen_in(answer)
        if step.kind == "new":
            self.lives[step.producer] = self.lives.get(step.producer, 0) + 1
        elif self._hands_out(answer):
            self.ids[step.producer], self.epochs[step.producer] = answer.producer_id, answer.producer_epoch
        self.seen.append(seen)

    def distance(self, milliseconds: int) -> str:
        """As a distance; a time of another day has nothing to do with the script and is told as it came."""
        distance = milliseconds - self.base_time
        if milliseconds == -1:
            return ""
        return f"{distance:+}" if abs(distance) < DAY_MS else f"{milliseconds} ms since 1970"


def outcomes(client: RawClient, plays: Sequence[PlayedScript]) -> list[ScriptOutcome]:
    """What is in the logs of scripts that share a topic, what readers may see of it, and what the leader
    remembers: asked for all at once."""
    topic, partitions = plays[0].topic, range(sum(play.script.partitions for play in plays))

    def parts(request: Any) -> list[Any]:
        return client.ask(request).topics[0].partitions

    def fetched(isolation: int) -> dict[int, Any]:
        answer = client.ask(requests.fetch(topic, starts, isolation=isolation))
        return {part.partition_index: part for part in answer.responses[0].partitions}
    starts = {part.partition_index: part.offset
              for part in parts(requests.list_offsets(topic, partitions, requests.EARLIEST))}
    everything, committed = fetched(requests.READ_UNCOMMITTED), fetched(requests.READ_COMMITTED)
    memory = {part.partition_index: part.active_producers for part in parts(requests.describe_producers(
        topic, partitions))} if DescribeProducersRequest.API_KEY in client.versions else {}
    return [ScriptOutcome(tuple(play.seen), tuple(
        _end(play, everything[n], committed[n], memory.get(n, []))
        for n in range(play.first_partition, play.first_partition + play.script.partitions)))
        for play in plays]


def _end(play: PlayedScript, everything: Any, committed: Any, producers: Sequence[Any]) -> EndState:
    # Kafka lists aborted transactions up to the next entry of its sparse offset index, so later ones may come
    # along.
    aborted = sorted(f"{play.name_of(a.producer_id)} from {a.first_offset}"
                     for a in committed.aborted_transactions or []
                     if a.first_offset < committed.last_stable_offset)
    return EndState(everything.log_start_offset, everything.high_watermark, committed.last_stable_offset,
                    tuple(_log(play, everything)), tuple(_log(play, committed)), tuple(aborted),
                    tuple(sorted(_remembered(play, producer) for producer in producers)))


def _log(play: PlayedScript, part: Any) -> Iterator[str]:
    """A line for each batch: offsets, producer, epoch, sequences, values."""
    for data in split_batches(bytes(part.records or b"")):
        header, records = read_header(data), DefaultRecordBatch(data)
        last, base = header.last_offset_delta, header.base_sequence
        span = f"{header.base_offset}..{header.base_offset + last}" if last else f"{header.base_offset}"
        who = play.name_of(header.producer_id)
        if header.control:
            yield f"{span}:{marker_in(records)} {who} e{header.producer_epoch}"
            continue
        numbers = f" e{header.producer_epoch} s{base}..{increment_sequence(base, last)}" if who != "-" else ""
        try:
            values = " ".join(record.value.decode() for record in records)
        except UNREADABLE:
            values = "unreadable"
        yield f"{span}:{who}{numbers}{' txn' if header.transactional else ''} {values}"


def marker_in(records: DefaultRecordBatch) -> str:
    """Which marker a control batch is; a client's, which Kafka refuses, is none."""
    try:
        return "ABORT" if next(iter(records)).key == ABORT_KEY else "COMMIT"
    except UNREADABLE:
        return "CONTROL"


def _remembered(play: PlayedScript, producer: Any) -> str:
    """A line of the leader's memory; a marker's time is the broker's clock, and is not told."""
    age = producer.last_timestamp - play.base_time
    unknown = "none" if producer.last_timestamp == -1 else "clock"
    when = f"+{age}" if 0 <= age <= len(play.script.steps) else unknown
    since = producer.current_txn_start_offset
    opened = "" if since == -1 else f", transaction open since {since}"
    marker = ", marker seen" if producer.coordinator_epoch >= 0 else ""
    name = play.name_of(producer.producer_id)
    return f"{name} e{producer.producer_epoch} last {producer.last_sequence}, time {when}{opened}{marker}"
