"""Real record batches for exercises, made by the client's own builder."""

from __future__ import annotations

SAMPLES = ((4000, 0, 0, 1), (4000, 0, 1, 3), (-1, -1, -1, 2), (2**40 + 5, 7, 2**31 - 1, 1))


def batch_bytes(producer_id: int, producer_epoch: int, base_sequence: int, records: int) -> bytes:
    """A record batch as a producer sends it, with that many records."""
    from kafka.record.default_records import DefaultRecordBatchBuilder  # here, so that a question needs no client
    builder = DefaultRecordBatchBuilder(2, 0, 0, producer_id, producer_epoch, base_sequence, 16_384)
    for number in range(records):
        builder.append(number, 1_700_000_000_000, None, f"m{number}".encode(), [])
    return bytes(builder.build())


def sample_batches() -> list[bytes]:
    """A few batches: idempotent, of several records, without a producer id, and with large numbers."""
    return [batch_bytes(*numbers) for numbers in SAMPLES]


def describe(batch: bytes) -> str:
    """A batch by its length and its eighteen bytes."""
    return f"a batch of {len(batch)} bytes with `{batch[43:61].hex(' ')}` from byte 43 on"
