"""What lies on a broker's disk: the batches of a segment, one after the other, and snapshots of its memory.

A segment (`00000000000000000000.log`) is nothing but batches behind each other, as a Fetch serves them. Each
batch has a checksum. Where bytes are no batch, or the checksum is wrong, the search for the next one goes on
byte by byte: a header that can be believed, and records that agree with its checksum. Every place that was
passed over is named. No more than one batch is held, so memory does not grow with the file. A `.snapshot` is
the memory of the producers, their last batch only.

Source: `org.apache.kafka.storage.internals.log.ProducerStateManager`. Differs from Kafka in: the checksum of
a snapshot is not compared.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple

from kafka.record.util import calc_crc32c

from lesson_lib.errors import LessonError
from lesson_lib.text_table import TextTable
from lesson_lib.wire import record_batch, requests
from lesson_lib.wire.record_batch import HEADER_SIZE, LOG_OVERHEAD, MAGIC_AT, Header, read_header

# Bytes of a batch behind its length; what is below or beyond is no length.
SMALLEST, LARGEST = record_batch.SMALLEST_LENGTH, 128 * 2**20
MAGIC = 2
ATTRIBUTES = 0x7F  # the bits that Kafka has given a meaning
CHUNK = 2**20
# The first 17 bytes of a batch: an offset below 2**56, a length up to LARGEST, any leader, the format.
LIKELY = re.compile(rb"(?=\x00.{7}[\x00-\x08].{7}\x02)", re.DOTALL)
CUT_OFF, NO_BATCH, CHECKSUM = "the last batch is cut off", "no batch begins here", "its checksum is wrong"
SNAPSHOT_HEAD, SNAPSHOT_ENTRY = struct.Struct(">hIi"), struct.Struct(">qhiqiqiq")
SNAPSHOT_HEADINGS = ("producer id", "epoch", "last sequence", "last offset", "coordinator epoch",
                     "open since offset")


class BatchInLog(NamedTuple):
    """One batch in a log; `records` are its records' bytes, compressed as they lie there."""

    header: Header
    records: bytes


class Broken(NamedTuple):
    """`size` bytes that were passed over: where they begin, and why."""

    where: str
    size: int
    why: str

    def __str__(self) -> str:
        return f"at {self.where} {self.why}; {self.size:,} byte{'s' * (self.size != 1)} passed over."


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    try:
        with path.open("rb") as file:
            yield file
    except OSError as error:
        raise LessonError(f"{path} cannot be read: {error.strerror}.") from None


def of_file(path: Path) -> Iterator[BatchInLog | Broken]:
    """Every batch of a segment, in order. LessonError for a file that cannot be read."""
    with _opened(path) as file:
        place, size = 0, path.stat().st_size
        while place < size:
            found = _batch_at(file, place, size)
            if isinstance(found, BatchInLog):
                yield found
                place += HEADER_SIZE + len(found.records)
                continue
            if found == NO_BATCH and _only_zeros(file, place):
                return  # Kafka sets room aside at the end of the active segment
            following = _next_batch(file, place, size)
            why = "its length goes beyond the file" if found == CUT_OFF and following < size else found
            yield Broken(f"byte {place}", following - place, why)
            place = following


def _batch_at(file: BinaryIO, place: int, size: int) -> BatchInLog | str:
    """The batch that begins there, or why there is none."""
    file.seek(place)
    head = file.read(HEADER_SIZE)
    length = struct.unpack_from(">i", head, 8)[0] if len(head) > MAGIC_AT else 0
    if len(head) > MAGIC_AT and head[MAGIC_AT] < MAGIC and SMALLEST <= length <= size - place:
        return f"batches of format {head[MAGIC_AT]}, older than Kafka 0.11"
    if len(head) < HEADER_SIZE:
        return CUT_OFF if any(head) else NO_BATCH
    if not _is_likely(head):
        return NO_BATCH
    if place + LOG_OVERHEAD + length > size:
        return CUT_OFF
    return _checked(head, file.read(LOG_OVERHEAD + length - HEADER_SIZE))


def _checked(head: bytes, records: bytes) -> BatchInLog | str:
    header = read_header(head)
    right = calc_crc32c(head[record_batch.ATTRIBUTES_AT:] + records) == header.crc
    return BatchInLog(header, records) if right else CHECKSUM


def _is_likely(head: bytes) -> bool:
    """Whether 61 bytes can be a header."""
    header = read_header(head)
    return (header.magic == MAGIC and header.base_offset >= 0 and header.attributes & ~ATTRIBUTES == 0
            and HEADER_SIZE - LOG_OVERHEAD <= header.batch_length <= LARGEST
            and header.records_count >= 0 and header.last_offset_delta >= 0)


def _only_zeros(file: BinaryIO, place: int) -> bool:
    file.seek(place)
    return all(chunk.count(0) == len(chunk) for chunk in iter(lambda: file.read(CHUNK), b""))


def _next_batch(file: BinaryIO, broken: int, size: int) -> int:
    """Where the next whole batch begins, `size` where none does. First where this one's length says, as
    records may hold the bytes of batches."""
    file.seek(broken)
    head = file.read(HEADER_SIZE)
    if len(head) == HEADER_SIZE and _is_likely(head):
        following = broken + LOG_OVERHEAD + read_header(head).batch_length
        if following == size or isinstance(_batch_at(file, following, size), BatchInLog):
            return following
    for start in range(broken + 1, size, CHUNK):
        file.seek(start)
        for found in LIKELY.finditer(file.read(CHUNK + MAGIC_AT)):
            if isinstance(_batch_at(file, start + found.start(), size), BatchInLog):
                return start + found.start()
    return size


def topics(address: str) -> TextTable:
    """Which topics the broker at an address has, with their partitions. LessonError without a broker."""
    with requests.RawClient(address) as client:
        found = client.ask(requests.request("Metadata", topics=None)).topics
    rows = tuple(sorted((topic.name, str(len(topic.partitions))) for topic in found))
    return TextTable(f"The topics of the broker at {address}", ("topic", "partitions"), rows,
                     f"The broker at {address} has no topic.")


def of_topic(address: str, topic: str) -> Iterator[tuple[int, Iterator[BatchInLog | Broken]]]:
    """Each partition of a topic with its batches. LessonError without a broker or such a topic."""
    with requests.at_leaders(address, topic) as leaders:
        if not leaders:
            raise LessonError(f"The broker at {address} has no topic {topic!r} with a leader.")
        for partition, leader in leaders.items():
            yield partition, map(_served, requests.batches(leader, topic, partition))


def _served(data: bytes) -> BatchInLog | Broken:
    found = _checked(data[:HEADER_SIZE], data[HEADER_SIZE:])
    return Broken(f"offset {read_header(data).base_offset}", len(data), found) if found == CHECKSUM else found


def snapshot(path: Path) -> TextTable:
    """What the broker remembered of each producer id: its last batch only. LessonError for any other file."""
    with _opened(path) as file:
        data = file.read()
    head, entries = data[:SNAPSHOT_HEAD.size], data[SNAPSHOT_HEAD.size:]
    if len(head) < SNAPSHOT_HEAD.size or len(entries) % SNAPSHOT_ENTRY.size:
        raise LessonError(f"{path} is no snapshot of producers: its length does not fit.")
    version, _, count = SNAPSHOT_HEAD.unpack(head)
    if version not in (1, 2) or count * SNAPSHOT_ENTRY.size != len(entries):
        raise LessonError(f"{path} is no snapshot of producers, or one of a newer version ({version}).")
    rows = tuple((*map(str, (*known, coordinator)), str(open_since) if open_since >= 0 else "")
                 for *known, _, _, coordinator, open_since in SNAPSHOT_ENTRY.iter_unpack(entries))
    return TextTable(f"{path.name}: what the broker remembered", SNAPSHOT_HEADINGS, rows,
                     f"{path.name}: the broker remembered nobody.")
