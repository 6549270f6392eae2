"""The bytes of a record batch: its header read and patched in place, its records left alone.

Base offset and leader epoch lie outside the checksum, so the leader writes them over the client's bytes and serves the batch
otherwise as it came, compressed or not.

Source: `org.apache.kafka.common.record.DefaultRecordBatch`, `MemoryRecords.withEndTransactionMarker`. Differs from Kafka in:
compressed batches are not unpacked, so their header is believed.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from crc32c import crc32c

from lesson_lib.core.batch import Batch
from lesson_lib.wire.batch_header import CONTROL, CRC_START, HEADER, LOG_OVERHEAD, TRANSACTIONAL

MAX_TIMESTAMP_START = 35
LOG_APPEND_TIME = 0x08
COMPRESSION, ZSTD = 0x07, 4
SMALLEST_LENGTH = 14  # of the oldest format; what says it is shorter is no batch
_MARKER_KEY = struct.Struct(">hh")
_MARKER_VALUE = struct.Struct(">hi")


class Header(NamedTuple):
    """The 61 bytes before the records. Timestamps in milliseconds since 1970."""

    base_offset: int
    length: int
    leader_epoch: int
    magic: int
    crc: int
    attributes: int
    last_offset_delta: int
    base_timestamp: int
    max_timestamp: int
    producer_id: int
    producer_epoch: int
    base_sequence: int
    record_count: int

    @property
    def transactional(self) -> bool:
        """Whether the batch belongs to a transaction."""
        return bool(self.attributes & TRANSACTIONAL)

    @property
    def control(self) -> bool:
        """Whether the batch is a commit or abort marker."""
        return bool(self.attributes & CONTROL)


def read_header(records: bytes | bytearray | memoryview) -> Header:
    """The header of the first batch; struct.error where there are fewer than 61 bytes."""
    return Header._make(HEADER.unpack_from(records))


def crc_is_valid(records: bytes | bytearray | memoryview) -> bool:
    """Whether the CRC-32C in the header is that of attributes and records."""
    return read_header(records).crc == crc32c(memoryview(records)[CRC_START:])


def newest_timestamp(records: bytes | bytearray | memoryview, header: Header) -> int | None:
    """The newest timestamp of the records (ms); None where they do not fit the header. A compressed batch is believed."""
    if header.attributes & COMPRESSION:
        return header.max_timestamp
    data, position, newest = bytes(records), HEADER.size, 0
    try:
        for _ in range(header.record_count):
            low, high = data[position], data[position + 1]
            if low >= 0x80 > high:  # a length of 64 to 8191, read here because a call for each record is what would take time
                raw = low & 0x7F | high << 7
                length, start = raw >> 1 ^ -(raw & 1), position + 2
            else:
                length, start = _varint(data, position)
            if data[start + 1]:
                delta, _ = _varint(data, start + 1)
                newest = delta if delta > newest else newest
            position = start + length
            if length < 1:
                return None
    except IndexError:
        return None
    return header.base_timestamp + newest if position == len(data) else None


def _varint(data: bytes, position: int) -> tuple[int, int]:
    """A zigzag number of variable length, and the position after it; IndexError where the bytes end."""
    byte = data[position]
    value, shift = byte & 0x7F, 7
    while byte & 0x80 and shift < 70:
        position += 1
        byte = data[position]
        value |= (byte & 0x7F) << shift
        shift += 7
    return (value >> 1) ^ -(value & 1), position + 1


def split(records: bytes | memoryview) -> list[bytes | memoryview]:
    """The whole batches, one after the other; bytes of an unfinished last one are left out. ValueError where one is corrupt."""
    found, position = [], 0
    while len(records) - position >= LOG_OVERHEAD:
        (length,) = struct.unpack_from(">i", records, position + 8)
        end = position + LOG_OVERHEAD + length
        if length < SMALLEST_LENGTH:
            raise ValueError(f"a batch of {length} bytes")
        if len(records) < max(end, position + 17):
            break
        if records[position + 16] > 2:
            raise ValueError(f"format {records[position + 16]}")
        found.append(records[position:end])
        position = end
    return found


def to_batch(header: Header, records: bytes | bytearray | memoryview) -> Batch:
    """What the rule needs to know, with a private copy of the bytes as payload."""
    return Batch(header.record_count, header.producer_id, header.producer_epoch, header.base_sequence,
                 header.transactional, header.control, header.max_timestamp, bytearray(records))


def stamped(batch: Batch, now: int) -> Batch:
    """The batch with the broker's time for its records (LogAppendTime), which is under the checksum."""
    payload = batch.payload
    struct.pack_into(">h", payload, CRC_START, read_header(payload).attributes | LOG_APPEND_TIME)
    struct.pack_into(">q", payload, MAX_TIMESTAMP_START, now)
    struct.pack_into(">I", payload, CRC_START - 4, crc32c(memoryview(payload)[CRC_START:]))
    return batch.again(max_timestamp=now)


def place(payload: bytearray, base_offset: int, leader_epoch: int) -> None:
    """Write the offset and the leader epoch that the batch got; both are outside the checksum."""
    struct.pack_into(">q", payload, 0, base_offset)
    struct.pack_into(">i", payload, 12, leader_epoch)


def marker(producer_id: int, producer_epoch: int, *, commit: bool, coordinator_epoch: int, timestamp: int) -> bytearray:
    """The bytes of a commit or abort marker: one control record, key (version, type), value (version, coordinator epoch)."""
    key = _MARKER_KEY.pack(0, int(commit))
    value = _MARKER_VALUE.pack(0, coordinator_epoch)
    record = b"\0\0\0" + bytes([len(key) * 2]) + key + bytes([len(value) * 2]) + value + b"\0"
    records = bytes([len(record) * 2]) + record  # varints, zigzag: a small n is written as 2n
    fields = (TRANSACTIONAL | CONTROL, 0, timestamp, timestamp, producer_id, producer_epoch, -1, 1)
    checked = struct.pack(">hiqqqhii", *fields) + records
    length = CRC_START - LOG_OVERHEAD + len(checked)
    return bytearray(struct.pack(">qiibI", 0, length, 0, 2, crc32c(checked)) + checked)
