"""The records of a batch: unpacked, and a digest of each one's key and value.

Sending again changes what is around a record: its batch, its numbers, its time, often its headers, and the
compression of its batch. Its key and value stay, so a copy is known by those. A digest is Python's own hash
of bytes: 64 bits, with a key that each process draws anew (SipHash), at a quarter of BLAKE2's time. Among 10
million records, each compared with 200,000, two different ones look alike in one log of 10 million.

Source: `org.apache.kafka.common.record.internal.DefaultRecord`. Differs from Kafka in: what unpacks to more
than `LARGEST_UNPACKED` stays packed, as a batch of a megabyte can hold gigabytes.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence

from kafka.errors import UnsupportedCodecError
from kafka.record.util import decode_varint

from lesson_lib.wire import unpack
from lesson_lib.wire.record_batch import COMPRESSION, COMPRESSIONS, Header

LARGEST_UNPACKED = 64 * 2**20  # bytes of a batch's records
NULL = 1  # the length -1, as it is written


class StaysPackedError(Exception):
    """Records that cannot be looked at; the reason is a clause of a sentence."""


def unpacked(header: Header, records: bytes) -> bytes:
    """The records' bytes without compression. StaysPackedError where they do not unpack here."""
    number = header.attributes & COMPRESSION
    if number >= len(COMPRESSIONS):
        raise StaysPackedError(f"its compression ({number}) is unknown")
    if not number:
        return records
    name = COMPRESSIONS[number]
    try:
        return unpack.unpacked(name, records, LARGEST_UNPACKED)
    except UnsupportedCodecError:
        raise StaysPackedError(f"{name} is not installed (pip install {unpack.UNPACKED_BY[name]})") from None
    except unpack.TooLargeError as error:
        raise StaysPackedError(str(error)) from None
    except Exception:  # noqa: BLE001 - each library has errors of its own, some with a place in the bytes
        raise StaysPackedError(f"its {name} does not unpack") from None


def keys_and_values(header: Header, data: bytes) -> tuple[array[int], Sequence[int]]:
    """Of each record a digest of key and value, and its offset. StaysPackedError where bytes are no records.

    Numbers of one and of two bytes are read here: a call for each of them would take twice the time.
    """
    digests, offsets = array("q"), array("q")  # 8 bytes a record each, as a batch may have millions
    add, at, end = digests.append, 0, len(data)
    compacted = header.last_offset_delta != header.records_count - 1
    try:
        for _ in range(header.records_count):
            low, high = data[at], data[at + 1]
            if low >= 0x80 > high:
                at += 2
                following = at + ((low & 0x7F | high << 7) >> 1)
            else:
                size, at = decode_varint(data, at)
                following = at + size
            at += 1  # attributes
            while data[at] > 0x7F:  # the timestamp's delta is passed over
                at += 1
            at += 1
            if compacted:
                offsets.append(header.base_offset + decode_varint(data, at)[0])
            while data[at] > 0x7F:
                at += 1
            start = at = at + 1
            low = data[at]
            if low == NULL:
                at += 1
            else:
                size, at = decode_varint(data, at)
                at += max(0, size)
            low = data[at]
            if low < 0x80:
                at += 1 + (low >> 1) if low != NULL else 1
            elif data[at + 1] < 0x80:
                at += 2 + ((low & 0x7F | data[at + 1] << 7) >> 1)
            else:
                size, at = decode_varint(data, at)
                at += max(0, size)
            if not at < following <= end:
                raise ValueError("a record that ends elsewhere")
            # both lengths are in it, so that b"a", b"bc" is not b"ab", b"c", and no value is not an empty one
            add(hash(data[start:at]))
            at = following
    except (IndexError, ValueError, OverflowError):  # the last: an offset that no log has
        at = -1
    if at != end:
        raise StaysPackedError("its records do not fit their header")
    return digests, offsets if compacted else range(header.base_offset, header.base_offset + len(digests))
