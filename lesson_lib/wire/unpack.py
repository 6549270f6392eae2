"""Unpacks the records of a batch, in each of Kafka's codecs.

Kafka unpacks what a client says it has packed. So does this, but not to more than `MOST_UNPACKED` bytes: the
batch is other people's, and 64 KiB can unpack to gigabytes. The codecs are those of kafka-python, which needs
a package for each but gzip.
"""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable, Iterator

from kafka import codec
from kafka.errors import UnsupportedCodecError
from kafka.protocol.schemas.fields.codecs.types import UnsignedVarInt32

MOST_UNPACKED = 32 * 1024 * 1024
UNPACKED_BY = {"snappy": "python-snappy", "lz4": "lz4", "zstd": "zstandard"}  # what pip calls the packages
_XERIAL = b"\x82SNAPPY\x00"  # how Java's snappy begins; its blocks come after 16 bytes


class TooLargeError(ValueError):
    """A batch that unpacks to more than somebody wants."""


def unpacked(name: str, data: bytes, most: int = MOST_UNPACKED) -> bytes:
    """What was packed with the codec of this name.

    UnsupportedCodecError where the package for it is missing, TooLargeError for more than `most` bytes;
    whatever a codec raises for what it has not packed.
    """
    if name not in _UNPACK or not getattr(codec, f"has_{name}")():
        raise UnsupportedCodecError(name)
    plain = _UNPACK[name](data, most)
    if len(plain) > most:
        raise TooLargeError(f"it unpacks to more than {most >> 20} MB")
    return plain


def _from_gzip(data: bytes, most: int) -> bytes:
    return gzip.GzipFile(fileobj=io.BytesIO(data)).read(most + 1)


def _from_snappy(data: bytes, most: int) -> bytes:
    """The library has no limit, but each snappy block says first how long it will be."""
    if sum(UnsignedVarInt32.decode(io.BytesIO(block)) for block in _snappy_blocks(data)) > most:
        raise TooLargeError(f"it unpacks to more than {most >> 20} MB")
    return codec.snappy_decode(data)


def _snappy_blocks(data: bytes) -> Iterator[bytes]:
    """The first bytes of each."""
    if not data.startswith(_XERIAL):
        yield data[:5]
        return
    at = 16
    while at < len(data):
        yield data[at + 4:at + 9]
        at += 4 + int.from_bytes(data[at:at + 4], "big")


def _from_lz4(data: bytes, most: int) -> bytes:
    frame = codec.lz4.LZ4FrameDecompressor()
    plain = frame.decompress(data, max_length=most + 1)
    if not frame.eof and len(plain) <= most:
        raise ValueError("it is cut off")
    return plain


def _from_zstd(data: bytes, most: int) -> bytes:
    # Not kafka-python's own: that reads to the end, however far it is.
    with codec.zstd.ZstdDecompressor().stream_reader(io.BytesIO(data), read_across_frames=True) as reader:
        return reader.read(most + 1)


_UNPACK: dict[str, Callable[[bytes, int], bytes]] = {
    "gzip": _from_gzip, "snappy": _from_snappy, "lz4": _from_lz4, "zstd": _from_zstd}
