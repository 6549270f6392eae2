"""Record batches as bytes, right ones and broken ones, and the thirteen fields of a batch's header.

A batch is 61 bytes of header followed by its records. Producer id, epoch and base sequence are 14 of the 61 and are there in
every batch, -1 where idempotence is off: the idempotent producer adds no byte to what is sent or stored. The checksum
covers everything from `attributes` on, so a broker can write the base offset and its leader epoch without touching it.

Source: `org.apache.kafka.common.record.DefaultRecordBatch`. The records are built by kafka-python's own builder.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kafka.record.default_records import DefaultRecordBatchBuilder
from kafka.record.util import calc_crc32c

from lesson_lib.core.batch import Batch
from lesson_lib.wire.batch_header import CONTROL, CRC_START, HEADER, LOG_OVERHEAD, TRANSACTIONAL

HEADER_SIZE = HEADER.size  # 61
COMPRESSIONS = ("none", "gzip", "snappy", "lz4", "zstd")


@dataclass(frozen=True, slots=True)
class Field:
    """One header field: its name in Kafka's words, its first byte, its type and what it is for."""

    name: str
    start: int
    format: str
    meaning: str

    @property
    def end(self) -> int:
        """The byte after the field's last one."""
        return self.start + struct.calcsize(">" + self.format)

    def read(self, data: bytes) -> int:
        """The field's value in the bytes of a batch."""
        return struct.unpack_from(">" + self.format, data, self.start)[0]


FIELDS = (
    Field("base_offset", 0, "q", "offset of the first record; 0 when it is sent, the broker writes the real one"),
    Field("batch_length", 8, "i", "how many bytes follow this field"),
    Field("partition_leader_epoch", 12, "i", "the broker writes which leader took the batch"),
    Field("magic", 16, "b", "the format of the batch: 2 since Kafka 0.11"),
    Field("crc", 17, "I", "checksum (CRC-32C) of everything after it"),
    Field("attributes", 21, "h", "bits: compression, kind of timestamp, transactional, control"),
    Field("last_offset_delta", 23, "i", "number of records - 1; the last sequence is base_sequence + this"),
    Field("base_timestamp", 27, "q", "timestamp of the first record, milliseconds since 1970"),
    Field("max_timestamp", 35, "q", "newest timestamp of the batch; a producer id expires by it"),
    Field("producer_id", 43, "q", "who sent it"),
    Field("producer_epoch", 51, "h", "which life of that producer"),
    Field("base_sequence", 53, "i", "number of the first record in this partition"),
    Field("records_count", 57, "i", "how many records follow"),
)
_BY_NAME = {field.name: field for field in FIELDS}


def read_header(data: bytes) -> dict[str, int]:
    """Every header field by name. ValueError when there are fewer than 61 bytes."""
    if len(data) < HEADER_SIZE:
        raise ValueError(f"a batch header has {HEADER_SIZE} bytes, these are only {len(data)}")
    return dict(zip(_BY_NAME, HEADER.unpack_from(data), strict=True))


def batch_bytes(values: Sequence[bytes], *, producer_id: int = -1, producer_epoch: int = -1, base_sequence: int = -1,
                transactional: bool = False, control: bool = False, timestamp: int = 0,
                wrong: Mapping[str, int] | None = None) -> bytes:
    """The bytes of one uncompressed batch, every record with the same `timestamp` (ms) and no key.

    `wrong` overwrites header fields by name after that, such as `{"last_offset_delta": 7}`; the checksum is made to fit,
    unless `wrong` names `crc` itself.
    """
    builder = DefaultRecordBatchBuilder(2, 0, transactional, producer_id, producer_epoch, base_sequence, 1 << 30)
    for delta, value in enumerate(values):
        builder.append(delta, timestamp, None, value, [])
    data = builder.build()
    if not (control or wrong):
        return bytes(data)
    attributes = read_header(data)["attributes"] | (CONTROL if control else 0)
    return bytes(_overwrite(data, {"attributes": attributes, **(wrong or {})}))


def _overwrite(data: bytearray, fields: Mapping[str, int]) -> bytearray:
    for name, value in fields.items():
        struct.pack_into(">" + _BY_NAME[name].format, data, _BY_NAME[name].start, value)
    if "crc" not in fields:
        struct.pack_into(">I", data, _BY_NAME["crc"].start, calc_crc32c(memoryview(data)[CRC_START:]))
    return data


def split_batches(data: bytes) -> list[bytes]:
    """The batches in a piece of a log, one after the other; a batch that is cut off at the end is left out."""
    found = []
    while len(data) >= HEADER_SIZE and len(data) >= (size := _BY_NAME["batch_length"].read(data) + LOG_OVERHEAD):
        found.append(data[:size])
        data = data[size:]
    return found


def header_bytes(batch: Batch | bytes) -> bytes:
    """The 61 bytes of a batch's header; of a `Batch` as a client would send it, with records of one byte."""
    if isinstance(batch, Batch):
        batch = batch_bytes([b"m"] * batch.record_count, producer_id=batch.producer_id, producer_epoch=batch.producer_epoch,
                            base_sequence=batch.base_sequence, transactional=batch.transactional, control=batch.control,
                            timestamp=batch.max_timestamp)
    return bytes(batch[:HEADER_SIZE])


def attribute_words(attributes: int) -> str:
    """The attribute bits in words: `no compression, timestamps by the client, transactional`."""
    number = attributes & 7
    compression = COMPRESSIONS[number] if number < len(COMPRESSIONS) else f"unknown ({number})"
    words = ["no compression" if compression == "none" else f"compression {compression}",
             "timestamps by the broker" if attributes & 8 else "timestamps by the client"]
    return ", ".join(words + ["transactional"] * bool(attributes & TRANSACTIONAL) + ["control"] * bool(attributes & CONTROL))
