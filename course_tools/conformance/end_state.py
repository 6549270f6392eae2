"""The end of a script: what is in the logs, what readers may see of it, what the leader remembers."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import Any

from kafka.errors import CorruptRecordError
from kafka.protocol.admin import DescribeProducersRequest
from kafka.record.default_records import DefaultRecordBatch

from course_tools.conformance.outcome import EndState, ScriptOutcome
from course_tools.conformance.play import PlayedScript
from lesson_lib.core.producer_state import increment_sequence
from lesson_lib.wire import requests
from lesson_lib.wire.record_batch import read_header, split_batches
from lesson_lib.wire.requests import RawClient

ABORT_KEY = b"\x00\x00\x00\x00"  # version 0, type 0; a commit has type 1


def outcomes(client: RawClient, topic: str, plays: Sequence[PlayedScript]) -> list[ScriptOutcome]:
    """Ask for all partitions of the topic at once and sort the answers by script."""
    partitions = range(sum(p.script.partitions for p in plays))
    starts = {p.partition_index: p.offset
              for p in _parts(client, requests.list_offsets(topic, partitions, requests.EARLIEST))}
    everything = _fetched(client, topic, starts, requests.READ_UNCOMMITTED)
    committed = _fetched(client, topic, starts, requests.READ_COMMITTED)
    memory = _memory(client, topic, partitions)
    return [ScriptOutcome(tuple(play.seen), tuple(_final(play, everything[n], committed[n], memory.get(n, []))
                                                  for n in play.partitions))
            for play in plays]


def _parts(client: RawClient, request: Any) -> list[Any]:
    return client.ask(request).topics[0].partitions


def _fetched(client: RawClient, topic: str, starts: dict[int, int], isolation: int) -> dict[int, Any]:
    answer = client.ask(requests.fetch(topic, starts, isolation=isolation))
    return {p.partition_index: p for p in answer.responses[0].partitions}


def _memory(client: RawClient, topic: str, partitions: range) -> dict[int, list[Any]]:
    """partition -> active producers."""
    if DescribeProducersRequest.API_KEY not in client.versions:
        return {}
    return {p.partition_index: p.active_producers
            for p in _parts(client, requests.describe_producers(topic, partitions))}


def _final(play: PlayedScript, everything: Any, committed: Any, producers: Sequence[Any]) -> EndState:
    # Kafka lists aborted transactions up to the next entry of its sparse offset index, so later ones may come
    # along.
    needed = [a for a in committed.aborted_transactions or []
              if a.first_offset < committed.last_stable_offset]
    aborted = sorted(f"{play.name_of(a.producer_id)} from {a.first_offset}" for a in needed)
    return EndState(everything.log_start_offset, everything.high_watermark, committed.last_stable_offset,
                    tuple(_log(play, everything)), tuple(_log(play, committed)), tuple(aborted),
                    tuple(sorted(_remembered(play, p) for p in producers)))


def _log(play: PlayedScript, part: Any) -> Iterator[str]:
    """A line for each batch: offsets, producer, epoch, sequences, values."""
    for data in split_batches(bytes(part.records or b"")):
        header = read_header(data)
        last, base = header.last_offset_delta, header.base_sequence
        span = f"{header.base_offset}..{header.base_offset + last}" if last else f"{header.base_offset}"
        who = play.name_of(header.producer_id)
        if header.control:
            yield f"{span}:{_marker(data)} {who} e{header.producer_epoch}"
            continue
        numbers = f" e{header.producer_epoch} s{base}..{increment_sequence(base, last)}" if who != "-" else ""
        yield f"{span}:{who}{numbers}{' txn' if header.transactional else ''} {_values(data)}"


def _marker(data: bytes) -> str:
    try:
        return "ABORT" if next(iter(DefaultRecordBatch(data))).key == ABORT_KEY else "COMMIT"
    except (CorruptRecordError, TypeError, ValueError, struct.error):
        return "CONTROL"  # a client's, which Kafka refuses


def _values(data: bytes) -> str:
    try:
        return " ".join(r.value.decode() for r in DefaultRecordBatch(data))
    except (CorruptRecordError, AttributeError, ValueError, struct.error):
        return "unreadable"


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
