"""Which batch is this? The wire carries no batch numbers, so they are worked out from the bytes.

A client sends a batch again byte for byte. With idempotence (producer id, epoch, base sequence) name a batch, and its records
tell a forged one apart from the true one. Without, the records alone do: their timestamps differ between two calls of `send`,
as the lab's producer never gives two records the same one. A client that gives a failed batch new numbers (a new epoch) still
sends the same records, so that counts as the same batch too, as long as no answer has settled it.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from hashlib import blake2b
from itertools import islice

from kafka.record.default_records import DefaultRecordBatch

from lesson_lib.wire.record_batch import LOG_OVERHEAD, Header, read_header

MOST_VALUES, MOST_BYTES = 64, 64 * 1024  # of a larger batch the picture shows the count, not the values
Key = tuple[str, int, int, int, int, bytes]


@dataclass(slots=True)
class KnownBatch:
    """A batch that was seen on its way. `tries` counts its produce requests, `settled` is set by an answer without error."""

    number: int
    header: Header
    values: tuple[str, ...]
    client_id: str
    tries: int = 0
    settled: bool = False


class BatchBook:
    """Numbers batches from 0 in the order in which they are first seen."""

    def __init__(self) -> None:
        self._batches: list[KnownBatch] = []
        self._by_key: dict[Key, KnownBatch] = {}
        self._by_content: dict[tuple[str, str, int, bytes], KnownBatch] = {}
        self._by_place: dict[tuple[str, str, int], list[KnownBatch]] = {}

    def __len__(self) -> int:
        return len(self._batches)

    def sent(self, client_id: str, topic: str, partition: int, records: bytes) -> KnownBatch:
        """The batch in a produce request, one try further; ValueError when the bytes are no batch of format 2."""
        key = batch_key(topic, partition, records)
        batch = self._known(client_id, key) or self._add(client_id, key, records)
        batch.tries += 1
        return batch

    def settle(self, number: int) -> None:
        """The producer has been told that this batch is stored, so the same bytes from now on are another batch."""
        self._batches[number].settled = True

    def number_of(self, topic: str, partition: int, records: bytes) -> int:
        """The number of a batch that lies in a log, -1 where it was never seen being sent."""
        known = self._by_key.get(batch_key(topic, partition, records))
        return known.number if known else -1

    def number_at(self, client_id: str, topic: str, partition: int, timestamp: int) -> int:
        """The number of that client's batch which holds a record with this timestamp (ms), -1 where there is none.

        For the lab's own clients, whose timestamps only grow.
        """
        batches = self._by_place.get((client_id, topic, partition), [])
        index = bisect_right(batches, timestamp, key=lambda batch: batch.header.base_timestamp) - 1
        return batches[index].number if index >= 0 and timestamp <= batches[index].header.max_timestamp else -1

    def _known(self, client_id: str, key: Key) -> KnownBatch | None:
        found = self._by_key.get(key)
        if found and not (key[2] < 0 and found.settled):
            return found
        return self._renumbered(client_id, key) if key[2] >= 0 else None

    def _renumbered(self, client_id: str, key: Key) -> KnownBatch | None:
        batch = self._by_content.get((client_id, key[0], key[1], key[5]))
        if batch is None or batch.settled or (batch.header.producer_id, batch.header.producer_epoch) == key[2:4]:
            return None
        self._by_key[key] = batch
        return batch

    def _add(self, client_id: str, key: Key, records: bytes) -> KnownBatch:
        batch = KnownBatch(len(self._batches), read_header(records), values_in(records), client_id)
        self._batches.append(batch)
        self._by_place.setdefault((client_id, key[0], key[1]), []).append(batch)
        self._by_key[key] = self._by_content[client_id, key[0], key[1], key[5]] = batch
        return batch


def batch_key(topic: str, partition: int, records: bytes) -> Key:
    """What makes two batches the same one: place, numbers, and the records with their timestamps."""
    header = read_header(records)
    if header.magic != 2:
        raise ValueError(f"a batch of format {header.magic}")
    content = blake2b(records[27:43] + records[57:LOG_OVERHEAD + header.batch_length], digest_size=16).digest()
    return topic, partition, header.producer_id, header.producer_epoch, header.base_sequence, content


def values_in(records: bytes) -> tuple[str, ...]:
    """The values as text; nothing for a large batch and for one that cannot be unpacked here."""
    header = read_header(records)
    if header.records_count > MOST_VALUES or len(records) > MOST_BYTES:
        return ()
    try:
        return tuple(as_text(record.value) for record in islice(DefaultRecordBatch(records), MOST_VALUES))
    except Exception:  # noqa: BLE001 - codec missing, checksum wrong, record cut off: none of it is the proxy's to judge
        return ()


def as_text(value: bytes | None) -> str:
    """A record's value as a picture shows it: UTF-8, else Python's notation."""
    if value is None:
        return "null"
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return repr(value)
