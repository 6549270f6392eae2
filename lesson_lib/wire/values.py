"""What the records of a batch hold, whatever it is packed with: as text for a picture, and as a digest.

A client that stamps a retry anew, or compresses it again, sends other bytes with the same values. The digest
is over all of them, so that two batches can be compared whatever their size, and takes 32 characters.

Kafka unpacks what a client says it has packed. So does this, but not to more than `MOST_UNPACKED` bytes: the
batch is other people's, and 64 KiB can unpack to gigabytes.
"""

from __future__ import annotations

import gzip
import io
import struct
from collections.abc import Callable, Iterable, Iterator
from hashlib import blake2b
from typing import NamedTuple

from kafka import codec
from kafka.errors import UnsupportedCodecError
from kafka.record.default_records import DefaultRecord, DefaultRecordBatch

from lesson_lib.wire.record_batch import (
    ATTRIBUTES_AT,
    COMPRESSION,
    COMPRESSIONS,
    HEADER_SIZE,
    LOG_OVERHEAD,
    Bytes,
    read_header,
)

MOST_VALUES, MOST_BYTES = 64, 64 * 1024  # of a larger batch a picture shows the count, not the values
MOST_UNPACKED = 32 * 1024 * 1024
UNPACKED_BY = {"snappy": "python-snappy", "lz4": "lz4", "zstd": "zstandard"}  # what pip calls the packages
_XERIAL = b"\x82SNAPPY\x00"  # how Java's snappy begins; its blocks come after 16 bytes


class Values(NamedTuple):
    """`shown` as text, nothing for a batch that is too large to show. `content` is the digest of all values
    and their number, empty for a batch that cannot be unpacked here."""

    shown: tuple[str, ...] = ()
    content: str = ""


def values_in(records: Bytes) -> Values:
    """The values of a batch, as far as they can be read."""
    try:
        values = [as_text(record.value) for record in records_in(records)]
    except Exception:  # noqa: BLE001 - no codec, wrong checksum, a record cut off: not the proxy's to judge
        return Values()
    small = len(values) <= MOST_VALUES and max(len(records), sum(map(len, values))) <= MOST_BYTES
    return Values(tuple(values) if small else (), content_of(values))


def content_of(values: Iterable[str]) -> str:
    """The digest of these values, in order."""
    digest = blake2b(digest_size=16)
    for value in values:
        data = value.encode("utf-8", "surrogatepass")
        digest.update(len(data).to_bytes(4, "big"))  # else "ab", "c" would be "a", "bc"
        digest.update(data)
    return digest.hexdigest()


def as_text(value: bytes | None) -> str:
    """A record's value as a picture shows it: UTF-8, else Python's notation."""
    if value is None:
        return "null"
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return repr(value)


def records_in(records: Bytes) -> Iterator[DefaultRecord]:
    """The records of a batch, in order.

    UnsupportedCodecError where the package is missing that unpacks them, ValueError for more than
    `MOST_UNPACKED` bytes; whatever a codec or kafka-python raises for broken ones.
    """
    header = read_header(records)
    if number := header.attributes & COMPRESSION:
        plain = bytearray(records[:HEADER_SIZE])
        struct.pack_into(">h", plain, ATTRIBUTES_AT, header.attributes & ~COMPRESSION)
        plain += _unpacked(number, bytes(records[HEADER_SIZE:LOG_OVERHEAD + header.batch_length]))
        records = plain
    return iter(DefaultRecordBatch(records))


def _unpacked(number: int, data: bytes) -> bytes:
    name = COMPRESSIONS[number] if number < len(COMPRESSIONS) else f"codec {number}"
    if name not in _UNPACK or not getattr(codec, f"has_{name}")():
        raise UnsupportedCodecError(name)
    plain = _UNPACK[name](data)
    if len(plain) > MOST_UNPACKED:
        raise ValueError(f"more than {MOST_UNPACKED // 2**20} MiB")
    return plain


def _from_snappy(data: bytes) -> bytes:
    """A snappy block says first how long it will be."""
    if sum(map(_length_of, _snappy_blocks(data))) > MOST_UNPACKED:
        return bytes(MOST_UNPACKED + 1)
    return codec.snappy_decode(data)


def _snappy_blocks(data: bytes) -> Iterator[bytes]:
    """The first bytes of each."""
    if not data.startswith(_XERIAL):
        yield data[:5]
        return
    at = 16
    while at < len(data):
        yield data[at + 4:at + 9]
        at += 4 + struct.unpack_from(">I", data, at)[0]


def _length_of(block: bytes) -> int:
    return sum((byte & 0x7F) << 7 * place for place, byte in enumerate(_varint(block)))


def _varint(data: bytes) -> Iterator[int]:
    for byte in data:
        yield byte
        if byte < 0x80:
            return


def _from_lz4(data: bytes) -> bytes:
    return codec.lz4.LZ4FrameDecompressor().decompress(data, max_length=MOST_UNPACKED + 1)


def _from_zstd(data: bytes) -> bytes:
    with codec.zstd.ZstdDecompressor().stream_reader(io.BytesIO(data), read_across_frames=True) as reader:
        return reader.read(MOST_UNPACKED + 1)


_UNPACK: dict[str, Callable[[bytes], bytes]] = {
    "gzip": lambda data: gzip.GzipFile(fileobj=io.BytesIO(data)).read(MOST_UNPACKED + 1),
    "snappy": _from_snappy, "lz4": _from_lz4, "zstd": _from_zstd}
