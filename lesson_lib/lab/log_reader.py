"""The log of a topic, offset by offset, read with Fetch frames by hand: markers, producer ids and sequences
included.

A consumer hides all that. What became of a transaction is read from the log itself: the marker of the same
producer id that follows its batches says commit or abort.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator

from kafka.record.default_records import DefaultRecordBatch

from lesson_lib.history import LogCell
from lesson_lib.proxy.batch_numbers import as_text
from lesson_lib.wire import requests
from lesson_lib.wire.raw_client import RawClient
from lesson_lib.wire.record_batch import read_header, split_batches

NumberOf = Callable[[str, int, bytes], int]


def nobody(topic: str, partition: int, records: bytes) -> int:
    """Numbers no batch."""
    return -1


def read_topic(address: str, topic: str, number_of: NumberOf = nobody,
               short_id: Callable[[int], int] = int) -> dict[int, tuple[LogCell, ...]]:
    """Partition -> its log. `number_of` knows which batch is which, `short_id` shortens producer ids.

    LessonError without a broker.
    """
    logs = {}
    for partition, leader in leaders_of(address, topic).items():
        with RawClient(leader) as client:
            batches = _batches(client, topic, partition)
        logs[partition] = _cells(batches, lambda records, p=partition: number_of(topic, p, records), short_id)
    return logs


def leaders_of(address: str, topic: str) -> dict[int, str]:
    """Partition -> address of its leader, if it has one. A cluster of one is asked where it was found."""
    with RawClient(address) as client:
        answer = client.ask(requests.metadata(topic))
    alone = len(answer.brokers) == 1
    nodes = {node.node_id: address if alone else f"{node.host}:{node.port}" for node in answer.brokers}
    found = {p.partition_index: nodes[p.leader_id] for t in answer.topics for p in t.partitions
             if p.leader_id in nodes}
    return dict(sorted(found.items()))


def _batches(client: RawClient, topic: str, partition: int) -> list[bytes]:
    """Every batch from the start of the log to its end."""
    start = client.ask(requests.list_offsets(topic, [partition], requests.EARLIEST))
    offset, found = start.topics[0].partitions[0].offset, list[bytes]()
    while True:
        part = client.ask(requests.fetch(topic, {partition: offset})).responses[0].partitions[0]
        batches = split_batches(bytes(part.records or b""))
        if part.error_code or not batches:
            return found
        found += batches
        offset = _next_offset(batches[-1])


def _next_offset(records: bytes) -> int:
    header = read_header(records)
    return header.base_offset + header.last_offset_delta + 1


def _cells(batches: list[bytes], number_of: Callable[[bytes], int],
           short_id: Callable[[int], int]) -> tuple[LogCell, ...]:
    fates = _fates(batches)
    return tuple(cell for records, fate in zip(batches, fates, strict=True)
                 for cell in _cells_of(records, fate, number_of(records), short_id))


def _fates(batches: list[bytes]) -> list[str]:
    """For each batch: empty, or what became of its transaction, looking from the end of the log backwards."""
    later: dict[int, str] = {}
    fates = []
    for records in reversed(batches):
        header = read_header(records)
        if header.control:
            later[header.producer_id] = "committed" if _marker_kind(records) == "commit" else "aborted"
        fates.append(later.get(header.producer_id, "open") if header.transactional else "")
    return fates[::-1]


def _marker_kind(records: bytes) -> str:
    key = next(iter(DefaultRecordBatch(records))).key
    return "commit" if struct.unpack_from(">hh", key)[1] == 1 else "abort"


def _cells_of(records: bytes, fate: str, number: int, short_id: Callable[[int], int]) -> Iterator[LogCell]:
    header = read_header(records)
    who = (short_id(header.producer_id), header.producer_epoch)
    if header.control:
        yield LogCell(header.base_offset, "", -1, header.base_offset, _marker_kind(records), fate, *who)
        return
    for index, record in enumerate(DefaultRecordBatch(records)):
        sequence = header.base_sequence + index if header.producer_id >= 0 else -1
        yield LogCell(record.offset, as_text(record.value), number, header.base_offset, "data", fate, *who,
                      sequence)
