"""Which batch is this, and was it stored before? The wire carries no batch numbers, they are worked out
from the bytes.

A client sends a batch again byte for byte. With idempotence (producer id, epoch, base sequence) name a
batch, and its records tell a forged one apart from the true one. Without, the records alone do: their
timestamps differ between two calls of `send`, as the lab's producer never gives two records the same one. A
client that gives a failed batch new numbers (a new epoch) still sends the same records, so that counts as
the same batch too, as long as no answer has settled it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from dataclasses import dataclass
from hashlib import blake2b
from itertools import islice
from typing import NamedTuple

from kafka.record.default_records import DefaultRecordBatch

from lesson_lib.core.batch import TopicPartition
from lesson_lib.wire.record_batch import LOG_OVERHEAD, Header, read_header

MOST_VALUES, MOST_BYTES = 64, 64 * 1024  # of a larger batch the picture shows the count, not the values
MOST_STORED = 10_000


class BatchKey(NamedTuple):
    """What makes two batches the same one: place, numbers, and the records with their timestamps."""

    topic: str
    partition: int
    producer_id: int
    producer_epoch: int
    base_sequence: int
    content: bytes

    @classmethod
    def of(cls, topic: str, partition: int, records: bytes) -> BatchKey:
        """ValueError when the bytes are no batch of format 2."""
        header = read_header(records)
        if header.magic != 2:
            raise ValueError(f"a batch of format {header.magic}")
        content = records[27:43] + records[57:LOG_OVERHEAD + header.batch_length]  # no numbers, no checksum
        return cls(topic, partition, header.producer_id, header.producer_epoch, header.base_sequence,
                   blake2b(content, digest_size=16).digest())


@dataclass(slots=True)
class KnownBatch:
    """A batch that was seen on its way. `tries` counts its requests, a success makes it `settled`."""

    number: int
    header: Header
    values: tuple[str, ...]
    tries: int = 0
    settled: bool = False


class BatchBook:
    """Numbers batches from 0 in the order in which they are first seen."""

    def __init__(self) -> None:
        self._batches: list[KnownBatch] = []
        self._by_key: dict[BatchKey, KnownBatch] = {}
        self._by_content: dict[tuple[str, str, int, bytes], KnownBatch] = {}
        self._by_place: dict[tuple[str, str, int], list[KnownBatch]] = {}

    def __len__(self) -> int:
        return len(self._batches)

    def sent(self, client_id: str, key: BatchKey, records: bytes) -> KnownBatch:
        """The batch in a produce request, one try further."""
        batch = self._known(client_id, key) or self._add(client_id, key, records)
        batch.tries += 1
        return batch

    def settle(self, number: int) -> None:
        """The producer knows that this batch is stored, so the same bytes from now on are another batch."""
        self._batches[number].settled = True

    def number_of(self, topic: str, partition: int, records: bytes) -> int:
        """The number of a batch that lies in a log, -1 where it was never seen being sent."""
        known = self._by_key.get(BatchKey.of(topic, partition, records))
        return known.number if known else -1

    def number_at(self, client_id: str, topic: str, partition: int, timestamp: int) -> int:
        """The number of that client's batch which holds a record with this timestamp (ms), -1: there is none.

        For the lab's own clients, whose timestamps only grow.
        """
        batches = self._by_place.get((client_id, topic, partition), [])
        index = bisect_right(batches, timestamp, key=lambda batch: batch.header.base_timestamp) - 1
        found = index >= 0 and timestamp <= batches[index].header.max_timestamp
        return batches[index].number if found else -1

    def _known(self, client_id: str, key: BatchKey) -> KnownBatch | None:
        found, numbered = self._by_key.get(key), key.producer_id >= 0
        if found and (numbered or not found.settled):
            return found
        return self._renumbered(client_id, key) if numbered else None

    def _renumbered(self, client_id: str, key: BatchKey) -> KnownBatch | None:
        batch = self._by_content.get((client_id, key.topic, key.partition, key.content))
        if batch is None or batch.settled:
            return None
        if (batch.header.producer_id, batch.header.producer_epoch) == (key.producer_id, key.producer_epoch):
            return None
        self._by_key[key] = batch
        return batch

    def _add(self, client_id: str, key: BatchKey, records: bytes) -> KnownBatch:
        batch = KnownBatch(len(self._batches), read_header(records), values_in(records))
        self._batches.append(batch)
        self._by_place.setdefault((client_id, key.topic, key.partition), []).append(batch)
        self._by_key[key] = self._by_content[client_id, key.topic, key.partition, key.content] = batch
        return batch


class StoredBatches:
    """Tells a duplicate from a stored batch: both succeed, the duplicate with its first copy's offset."""

    def __init__(self) -> None:
        self._offsets: OrderedDict[tuple[TopicPartition, int, int, int, int], int] = OrderedDict()

    def verdict(self, partition: TopicPartition, header: Header, error: int, base_offset: int) -> str:
        """stored, duplicate or refused."""
        if error:
            return "refused"
        who = header.producer_id, header.producer_epoch
        key = (partition, *who, header.base_sequence, header.records_count)
        if header.producer_id >= 0 and self._offsets.get(key) == base_offset:
            return "duplicate"
        self._offsets[key] = base_offset
        if len(self._offsets) > MOST_STORED:
            self._offsets.popitem(last=False)
        return "stored"


def values_in(records: bytes) -> tuple[str, ...]:
    """The values as text; nothing for a large batch and for one that cannot be unpacked here."""
    if read_header(records).records_count > MOST_VALUES or len(records) > MOST_BYTES:
        return ()
    try:
        return tuple(as_text(record.value) for record in islice(DefaultRecordBatch(records), MOST_VALUES))
    except Exception:  # noqa: BLE001 - no codec, wrong checksum, a record cut off: not the proxy's to judge
        return ()


def as_text(value: bytes | None) -> str:
    """A record's value as a picture shows it: UTF-8, else Python's notation."""
    if value is None:
        return "null"
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return repr(value)
