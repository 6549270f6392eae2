"""What lies on a broker's disk: the batches of a segment, one after the other, and snapshots of its memory.

A segment (`00000000000000000000.log`) is nothing but batches behind each other, as a Fetch serves them. What
is broken is passed over as far as its length can be believed: each place is named, and reading goes on. No
more than one batch is held, so memory does not grow with the file. A `.snapshot` is the memory of the
producers, their last batch only.

Source: `org.apache.kafka.storage.internals.log.ProducerStateManager`. Differs from Kafka in: the checksum of
a snapshot is not compared.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from kafka.record.util import calc_crc32c

from lesson_lib.errors import LessonError
from lesson_lib.lab.topics import at_leaders
from lesson_lib.text_table import TextTable
from lesson_lib.wire import requests
from lesson_lib.wire.record_batch import (
    ATTRIBUTES_AT,
    HEADER_SIZE,
    LOG_OVERHEAD,
    Header,
    read_header,
    split_batches,
)

LARGEST = 256 * 2**20  # bytes of a batch; a length beyond is no length
PAYLOAD_AT = HEADER_SIZE


@dataclass(frozen=True, slots=True)
class BatchInLog:
    """One batch in a log. `place` is its first byte in the file, -1 from a broker; `records` are its records'
    bytes, compressed as they lie there."""

    header: Header
    records: bytes
    place: int = -1


@dataclass(frozen=True, slots=True)
class Broken:
    """Bytes that are no batch, with a sentence on why."""

    place: int
    why: str


def of_file(path: Path, checksums: bool = False) -> Iterator[BatchInLog | Broken]:
    """Every batch of a segment. `checksums`: compare them, too, at about 1 MB/s. LessonError for a file that
    cannot be read."""
    try:
        with path.open("rb") as file:
            yield from _of_stream(file, checksums)
    except OSError as error:
        raise LessonError(f"{path} cannot be read: {error.strerror}.") from None


def _of_stream(file: BinaryIO, checksums: bool) -> Iterator[BatchInLog | Broken]:
    place = 0
    while head := file.read(LOG_OVERHEAD):
        length = struct.unpack_from(">i", head, 8)[0] if len(head) == LOG_OVERHEAD else 0
        if not any(head):
            return  # Kafka sets room aside at the end of the active segment
        if not HEADER_SIZE - LOG_OVERHEAD <= length <= LARGEST:
            yield Broken(place, "no batch begins here, and nothing says where the next one does")
            return
        data = head + file.read(length)
        if len(data) < LOG_OVERHEAD + length:
            yield Broken(place, "the last batch is cut off")
            return
        yield _checked(data, place, checksums)
        place += len(data)


def _checked(data: bytes, place: int, checksums: bool) -> BatchInLog | Broken:
    header = read_header(data)
    if header.magic != 2:
        return Broken(place, f"a batch of format {header.magic}, older than Kafka 0.11")
    if header.records_count < 0 or header.last_offset_delta < 0:
        return Broken(place, "its header counts backwards")
    if checksums and calc_crc32c(data[ATTRIBUTES_AT:]) != header.crc:
        return Broken(place, "its checksum is wrong")
    return BatchInLog(header, data[PAYLOAD_AT:], place)


def of_topic(address: str, topic: str) -> Iterator[tuple[int, Iterator[BatchInLog | Broken]]]:
    """Each partition of a topic with its batches. LessonError without a broker or such a topic."""
    with at_leaders(address, topic) as leaders:
        if not leaders:
            raise LessonError(f"The broker at {address} has no topic {topic!r} with a leader.")
        for partition, leader in sorted(leaders.items()):
            yield partition, _of_partition(leader, topic, partition)


def _of_partition(leader: requests.RawClient, topic: str, partition: int) -> Iterator[BatchInLog | Broken]:
    start = leader.ask(requests.list_offsets(topic, [partition], requests.EARLIEST))
    offset = start.topics[0].partitions[0].offset
    while True:
        answer = leader.ask(requests.fetch(topic, {partition: offset})).responses[0].partitions[0]
        batches = split_batches(bytes(answer.records or b""))
        if answer.error_code or not batches:
            return
        for data in map(bytes, batches):
            header = read_header(data)
            yield _checked(data, -1, checksums=False)
            offset = header.base_offset + header.last_offset_delta + 1


_HEAD, _ENTRY = struct.Struct(">hIi"), struct.Struct(">qhiqiqiq")
SNAPSHOT_HEADINGS = ("producer id", "epoch", "last sequence", "last offset", "coordinator epoch",
                     "open since offset")


def snapshot(path: Path) -> TextTable:
    """What the broker remembered of each producer id: its last batch only. LessonError for any other file."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise LessonError(f"{path} cannot be read: {error.strerror}.") from None
    if len(data) < _HEAD.size or (len(data) - _HEAD.size) % _ENTRY.size:
        raise LessonError(f"{path} is no snapshot of producers: its length does not fit.")
    version, _, count = _HEAD.unpack_from(data)
    if version not in (1, 2) or count * _ENTRY.size != len(data) - _HEAD.size:
        raise LessonError(f"{path} is no snapshot of producers, or one of a newer version ({version}).")
    rows = tuple(_row(*entry) for entry in _ENTRY.iter_unpack(data[_HEAD.size:]))
    return TextTable(f"{path.name}: what the broker remembered", SNAPSHOT_HEADINGS, rows,
                     f"{path.name}: the broker remembered nobody.")


def _row(producer_id: int, epoch: int, sequence: int, offset: int, _delta: int, _time: int, coordinator: int,
         open_since: int) -> tuple[str, ...]:
    return (str(producer_id), str(epoch), str(sequence), str(offset), str(coordinator),
            str(open_since) if open_since >= 0 else "")
