"""The 61 bytes in front of a record batch: their layout, for whoever reads or writes one.

It needs nothing but the standard library, so that a page in which Python runs in the browser can read headers too.

Source: `org.apache.kafka.common.record.DefaultRecordBatch`.
"""

from __future__ import annotations

import struct

# base offset, length, leader epoch, magic, crc | attributes, last offset delta, base and max timestamp,
# producer id, producer epoch, base sequence, record count
HEADER = struct.Struct(">qiibIhiqqqhii")
LOG_OVERHEAD = 12  # base offset and length come before what the length counts
CRC_START = 21
TRANSACTIONAL, CONTROL = 0x10, 0x20  # bits of the attributes
