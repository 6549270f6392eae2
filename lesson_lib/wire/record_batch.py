"""Record batches as bytes: the 61 bytes of their header, right ones and broken ones, and markers.

Producer id, epoch and base sequence are 14 of the 61 bytes and are in every batch, -1 where idempotence is
off: the idempotent producer adds no byte to what is sent or stored. The checksum covers everything from
`attributes` on, so a leader can write offset and leader epoch over the client's bytes and serve the rest as
it came.

Source: `org.apache.kafka.common.record.DefaultRecordBatch`, `MemoryRecords.withEndTransactionMarker`.
Differs from Kafka in: a broker doesn't unpack compressed batches, so their header is believed.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Annotated, NamedTuple, get_type_hints

from kafka.record.default_records import DefaultRecord, DefaultRecordBatch, DefaultRecordBatchBuilder
from kafka.record.util import calc_crc32c, decode_varint

from lesson_lib.core.producer_state import Batch
from lesson_lib.wire.unpack import unpacked

Bytes = bytes | bytearray | memoryview
COMPRESSIONS = ("none", "gzip", "snappy", "lz4", "zstd")
ZSTD = COMPRESSIONS.index("zstd")
COMPRESSION, LOG_APPEND_TIME, TRANSACTIONAL, CONTROL = 0x07, 0x08, 0x10, 0x20  # bits of the attributes
LOG_OVERHEAD = 12  # base offset and length come before what the length counts
MAGIC_AT, ATTRIBUTES_AT = 16, 21
SMALLEST_LENGTH = 14  # of the oldest format; what says it is shorter is no batch


class Header(NamedTuple):
    """The 61 bytes before the records, in Kafka's words, each with its type and what it is for."""

    base_offset: Annotated[
        int, "q", "offset of the first record: the producer sends 0, the broker writes the real one"]
    batch_length: Annotated[int, "i", "how many bytes follow this field"]
    partition_leader_epoch: Annotated[
        int, "i", "written by the broker: a number that rises each time the leader changes"]
    magic: Annotated[int, "b", "the format of the batch: 2 since Kafka 0.11"]
    crc: Annotated[int, "I", "checksum (CRC-32C) of everything after it"]
    attributes: Annotated[int, "h", "bits: compression, kind of timestamp, transactional, control"]
    last_offset_delta: Annotated[
        int, "i", "number of records - 1, so the last record is at base_offset + this"]
    base_timestamp: Annotated[int, "q", "timestamp of the first record, milliseconds since 1970"]
    max_timestamp: Annotated[int, "q", "newest timestamp in the batch"]
    producer_id: Annotated[int, "q", "who sent it"]
    producer_epoch: Annotated[int, "h", "version number of that producer id"]
    base_sequence: Annotated[
        int, "i", "number that the producer gave the first record, counted per partition"]
    records_count: Annotated[int, "i", "how many records follow"]

    @property
    def transactional(self) -> bool:
        """Whether the batch belongs to a transaction."""
        return bool(self.attributes & TRANSACTIONAL)

    @property
    def control(self) -> bool:
        """Whether the batch is a commit or abort marker."""
        return bool(self.attributes & CONTROL)


class Field(NamedTuple):
    """One header field: its name in Kafka's words, its first byte, the byte after its last one, its type and
    what it is for.
    """

    name: str
    start: int
    end: int
    format: str
    meaning: str


_TOLD = [hint.__metadata__ for hint in get_type_hints(Header, include_extras=True).values()]
_LAYOUT = struct.Struct(">" + "".join(form for form, _ in _TOLD))
HEADER_SIZE = _LAYOUT.size  # 61
_STARTS = [struct.calcsize(_LAYOUT.format[:1 + place]) for place in range(len(_TOLD) + 1)]
FIELDS = tuple(Field(name, *span, *told) for name, span, told
               in zip(Header._fields, pairwise(_STARTS), _TOLD, strict=True))
_BY_NAME = {field.name: field for field in FIELDS}
PRODUCER_ID_END = _BY_NAME["producer_id"].end


def read_header(records: Bytes) -> Header:
    """The header of the first batch. ValueError when there are fewer than 61 bytes."""
    if len(records) < HEADER_SIZE:
        raise ValueError(f"a batch header has {HEADER_SIZE} bytes, these are only {len(records)}")
    return Header._make(_LAYOUT.unpack_from(records))


def attribute_words(attributes: int) -> str:
    """The attribute bits in words: `no compression, timestamps by the client, transactional`."""
    number = attributes & COMPRESSION
    compression = COMPRESSIONS[number] if number < len(COMPRESSIONS) else f"unknown ({number})"
    words = ["no compression" if compression == "none" else f"compression {compression}",
             f"timestamps by the {'broker' if attributes & LOG_APPEND_TIME else 'client'}"]
    words += ["transactional"] * bool(attributes & TRANSACTIONAL) + ["control"] * bool(attributes & CONTROL)
    return ", ".join(words)


def split_batches(records: Bytes) -> list[Bytes]:
    """The whole batches, in order; an unfinished last one is left out. ValueError where one is corrupt."""
    found: list[Bytes] = []
    position = 0
    while len(records) - position >= LOG_OVERHEAD:
        (length,) = struct.unpack_from(">i", records, position + 8)
        end = position + LOG_OVERHEAD + length
        if length < SMALLEST_LENGTH:
            raise ValueError(f"a batch of {length} bytes")
        if len(records) < max(end, position + MAGIC_AT + 1):
            break
        if records[position + MAGIC_AT] > 2:
            raise ValueError(f"format {records[position + MAGIC_AT]}")
        found.append(records[position:end])
        position = end
    return found


def records_in(records: Bytes) -> Iterator[DefaultRecord]:
    """The records of a batch, in order, whatever it is packed with. Raises what `unpacked` does, and what
    kafka-python does for broken ones."""
    header = read_header(records)
    if number := header.attributes & COMPRESSION:
        name = COMPRESSIONS[number] if number < len(COMPRESSIONS) else f"codec {number}"
        plain = bytearray(records[:HEADER_SIZE])
        struct.pack_into(">h", plain, ATTRIBUTES_AT, header.attributes & ~COMPRESSION)
        records = plain + unpacked(name, bytes(records[HEADER_SIZE:LOG_OVERHEAD + header.batch_length]))
    return iter(DefaultRecordBatch(records))


# what a broker looks at and writes


def crc_is_valid(records: Bytes) -> bool:
    """Whether the CRC-32C in the header is that of attributes and records."""
    return read_header(records).crc == calc_crc32c(memoryview(records)[ATTRIBUTES_AT:])


def newest_timestamp(records: Bytes, header: Header) -> int | None:
    """The newest timestamp (ms); None where records don't fit the header. A compressed batch is believed."""
    if header.attributes & COMPRESSION:
        return header.max_timestamp
    data, position, newest = bytes(records), HEADER_SIZE, 0
    try:
        for _ in range(header.records_count):
            low, high = data[position], data[position + 1]
            if low >= 0x80 > high:  # a length of 64 to 8191, read here: a call for each record takes time
                raw = low & 0x7F | high << 7
                length, start = raw >> 1 ^ -(raw & 1), position + 2
            else:
                length, start = decode_varint(data, position)
            if data[start + 1]:
                delta, _ = decode_varint(data, start + 1)
                newest = delta if delta > newest else newest
            position = start + length
            if length < 1:
                return None
    except (IndexError, ValueError):
        return None
    return header.base_timestamp + newest if position == len(data) else None


def first_without_key(records: Bytes, header: Header) -> int | None:
    """Which record has no key, from 0; None where all have one, or the batch is compressed."""
    if header.attributes & COMPRESSION:
        return None
    keys = (record.key for record in DefaultRecordBatch(bytes(records)))
    return next((index for index, key in enumerate(keys) if key is None), None)


def to_batch(header: Header, records: Bytes) -> Batch:
    """What the rule needs to know, with a private copy of the bytes as payload."""
    return Batch(header.records_count, header.producer_id, header.producer_epoch, header.base_sequence,
                 header.transactional, header.control, header.max_timestamp, bytearray(records))


def stamped(batch: Batch, now: int) -> Batch:
    """The batch with the broker's time for its records (LogAppendTime), which is under the checksum."""
    attributes = read_header(batch.payload).attributes | LOG_APPEND_TIME
    _overwrite(batch.payload, {"attributes": attributes, "max_timestamp": now})
    return batch.again(max_timestamp=now)


def place(payload: bytearray, base_offset: int, leader_epoch: int) -> None:
    """Write the offset and the leader epoch that the batch got; both are outside the checksum."""
    struct.pack_into(">q", payload, 0, base_offset)
    struct.pack_into(">i", payload, LOG_OVERHEAD, leader_epoch)


# making batches


def batch_bytes(values: Sequence[bytes], *, producer_id: int = -1, producer_epoch: int = -1,
                base_sequence: int = -1, transactional: bool = False, control: bool = False,
                timestamp: int = 0, wrong: Mapping[str, int] | None = None) -> bytes:
    """The bytes of one uncompressed batch, every record with the same `timestamp` (ms) and no key.

    `wrong` overwrites header fields by name after that, such as `{"last_offset_delta": 7}`; the checksum is
    made to fit, unless `wrong` names `crc` itself.
    """
    attributes = TRANSACTIONAL * transactional | CONTROL * control
    who = producer_id, producer_epoch, base_sequence
    return bytes(_built([(None, value) for value in values], who, timestamp, attributes, wrong or {}))


def _built(records: Iterable[tuple[bytes | None, bytes]], who: tuple[int, int, int], timestamp: int,
           attributes: int, wrong: Mapping[str, int]) -> bytearray:
    builder = DefaultRecordBatchBuilder(2, 0, bool(attributes & TRANSACTIONAL), *who, 1 << 30)
    for delta, (key, value) in enumerate(records):
        builder.append(delta, timestamp, key, value, [])
    data = builder.build()
    if attributes & CONTROL or wrong:
        _overwrite(data, {"attributes": attributes, **wrong})
    return data


def _overwrite(data: bytearray, fields: Mapping[str, int]) -> None:
    for name, value in fields.items():
        struct.pack_into(">" + _BY_NAME[name].format, data, _BY_NAME[name].start, value)
    if "crc" not in fields:
        struct.pack_into(">I", data, _BY_NAME["crc"].start, calc_crc32c(memoryview(data)[ATTRIBUTES_AT:]))


def marker(producer_id: int, producer_epoch: int, *, commit: bool, coordinator_epoch: int,
           timestamp: int) -> bytearray:
    """A commit or abort marker: one control record with key (version, type), value (version, epoch)."""
    record = struct.pack(">hh", 0, commit), struct.pack(">hi", 0, coordinator_epoch)
    return _built([record], (producer_id, producer_epoch, -1), timestamp, TRANSACTIONAL | CONTROL, {})
