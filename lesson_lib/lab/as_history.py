"""From a recording to a `History`: reports and markers find their place, topics lose the learner's suffix.

Clients report from threads of their own, so two runs of one script can differ in when a report is written
down. Here each is put right behind the event that caused it, the last one about its batch, and the picture
is the same each time.

A coordinator writes commit and abort markers on its own; between a client and its broker nobody sees that,
only the log tells. A marker is placed right behind the request that ended its transaction, or before the
next append of its partition where there was none.

A log is read offset by offset with Fetch frames by hand: markers, producer ids and sequences included, all
of which a consumer hides. The marker of the same producer id that follows its batches says what became of a
transaction.
"""

from __future__ import annotations

import struct
import time
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace

from kafka.errors import UnsupportedCodecError
from kafka.record.default_records import DefaultRecord, DefaultRecordBatch

from lesson_lib.core.producer_state import TopicPartition
from lesson_lib.errors import LessonError
from lesson_lib.history import Event, History, Kind, LogCell, Settings
from lesson_lib.history.event import Logs
from lesson_lib.proxy.recording import BatchBook, DeliveryReport, Recording, as_text
from lesson_lib.wire import requests
from lesson_lib.wire.record_batch import Header, read_header, records_in
from lesson_lib.wire.requests import RawClient
from lesson_lib.wire.unpack import UNPACKED_BY

NEVER_TOLD = "never told"
SETTLE_SECONDS, POLL_SECONDS = 5.0, 0.01
CAUSES = (Kind.ACK, Kind.TIMEOUT, Kind.LOST, Kind.SEND)
LeadersOf = Callable[[str], AbstractContextManager[dict[int, RawClient]]]


def as_history(recording: Recording, logs: Logs, settings: Settings,
               short_name: Callable[[str], str]) -> History:
    """Everything that was recorded so far, and an event for each marker of which only the log tells."""
    with recording.changed:
        events, reports = list(recording.events), list(recording.reports)
    placed = with_markers(_with_reports(events, reports, recording.book), logs)
    numbered = tuple(replace(e, t=t, topic=short_name(e.topic), note=short_name(e.note))
                     for t, e in enumerate(placed))
    return History(numbered, {(short_name(topic), p): cells for (topic, p), cells in logs.items()}, settings)


# reports


def _with_reports(events: list[Event], reports: list[DeliveryReport], book: BatchBook) -> list[Event]:
    """The first report on each batch; batches that were never on the wire have the last numbers."""
    causes, unseen = _causes(events), dict[tuple[str, int], int]()
    behind: dict[int, list[Event]] = {}
    told: set[int] = set()
    for report in reports:
        event, who = report.told, (report.client_id, report.timestamp)
        number = book.number_at(report.client_id, event.topic, event.partition, report.timestamp)
        if number < 0:
            number = unseen.setdefault(who, len(book) + len(unseen))
        if number not in told:
            told.add(number)
            known, event = causes.get(number, []), replace(event, batch=number)
            if known:
                event = replace(event, lane=events[known[0]].lane, values=events[known[0]].values)
            behind.setdefault(_place(known, report, len(events)), []).append(event)
    merged = (event for place, seen in enumerate(events) for event in (seen, *behind.get(place, [])))
    return [*behind.get(-1, []), *merged]


def _causes(events: list[Event]) -> dict[int, list[int]]:
    """Batch -> the places of the events that can make the client tell the application about it."""
    found: dict[int, list[int]] = {}
    on_connection: dict[int, set[int]] = {}
    dropped: dict[int, set[int]] = {}
    for place, event in enumerate(events):
        about = {event.batch} if event.kind in CAUSES else set()
        if event.kind == Kind.SEND:
            on_connection.setdefault(event.conn, set()).add(event.batch)
        if event.kind == Kind.DROP:
            dropped[event.conn] = on_connection.pop(event.conn, set())
        if event.kind in (Kind.DROP, Kind.LOST):  # what is lost with a connection comes before any report
            about |= dropped.get(event.conn, set())
        for batch in about:
            found.setdefault(batch, []).append(place)
    return found


def _place(causes: list[int], report: DeliveryReport, end: int) -> int:
    """Behind the last event that can have caused it, else the first on its batch, else the last before it."""
    if report.told.note == NEVER_TOLD:
        return end - 1
    before = causes[:bisect_left(causes, report.after)]
    return before[-1] if before else causes[0] if causes else report.after - 1


# markers


def with_markers(events: list[Event], logs: Logs) -> list[Event]:
    """The events with one for every marker in the logs."""
    found = list(events)
    for partition, cells in logs.items():
        least = 0  # each marker is behind the one before, so all of them take one walk
        for cell in cells:
            if cell.kind in ("commit", "abort"):
                place = _place_of_marker(found, partition, cell, least)
                found.insert(place, Event(0, Kind.MARKER, cell.kind, "broker", topic=partition[0],
                                          partition=partition[1], offset=cell.offset,
                                          producer_id=cell.producer_id, producer_epoch=cell.producer_epoch))
                least = place + 1
    return found


def _place_of_marker(events: list[Event], partition: TopicPartition, cell: LogCell, least: int) -> int:
    """Behind the next commit or abort of this producer; where it never asked, before the next append."""
    asked = (Kind.TXN, cell.kind, cell.producer_id)
    for place in range(least, len(events)):
        if (events[place].kind, events[place].what, events[place].producer_id) == asked:
            return place + 1
    later = (place for place, e in enumerate(events)
             if e.kind in (Kind.VERDICT, Kind.MARKER) and (e.topic, e.partition) == partition
             and e.what != "duplicate" and e.offset is not None and e.offset > cell.offset)
    return next(later, len(events))


# the log, read with Fetch frames by hand


def read_logs(recording: Recording, leaders_of: LeadersOf, topics: Iterable[str],
              since: Mapping[TopicPartition, int] | None = None) -> Logs:
    """The logs of these topics, once the markers are there that a coordinator writes after its answer.

    `leaders_of` connects to a topic's leaders; `since` as for `read_topic`.
    """
    end = time.monotonic() + SETTLE_SECONDS
    while True:
        logs: dict[TopicPartition, tuple[LogCell, ...]] = {}
        for topic in sorted(topics):
            with leaders_of(topic) as leaders:
                logs |= read_topic(leaders, topic, recording, since)
        open_ids = {cell.producer_id for cells in logs.values() for cell in cells if cell.txn == "open"}
        if not any(map(recording.has_ended, open_ids)) or time.monotonic() > end:
            return logs
        time.sleep(POLL_SECONDS)


def read_topic(leaders: Mapping[int, RawClient], topic: str, recording: Recording,
               since: Mapping[TopicPartition, int] | None = None) -> Logs:
    """The log of each partition, with the numbers that batches and producers have in the recording.

    `since`: the offset to begin with, of the partitions that are wanted. LookupError where one has no leader.
    """
    begin = dict[int, int | None].fromkeys(leaders) if since is None else {
        number: offset for (name, number), offset in since.items() if name == topic}
    return {(topic, number): _cells([*requests.batches(leaders[number], topic, number, offset)],
                                    (topic, number), recording) for number, offset in begin.items()}


def _cells(batches: list[bytes], place: TopicPartition, recording: Recording) -> tuple[LogCell, ...]:
    fates: list[str] = []  # for each batch, from the last one on: empty, or what became of its transaction
    later: dict[int, str] = {}
    for records in reversed(batches):
        header = read_header(records)
        if header.control:
            later[header.producer_id] = "committed" if _marker_kind(records) == "commit" else "aborted"
        fates.append(later.get(header.producer_id, "open") if header.transactional else "")
    cells: list[LogCell] = []
    for records in batches:
        header, fate = read_header(records), fates.pop()
        first, who = header.base_offset, (recording.producer_id(header.producer_id), header.producer_epoch)
        if header.control:
            cells.append(LogCell(first, "", -1, first, _marker_kind(records), fate, *who))
            continue
        number = recording.book.number_of(*place, records)
        for index, record in enumerate(_unpacked(records, header)):
            sequence = header.base_sequence + index if header.producer_id >= 0 else -1
            cells.append(LogCell(record.offset, as_text(record.value), number, first, "data", fate, *who,
                                 sequence))
    return tuple(cells)


def _marker_kind(records: bytes) -> str:
    key = next(iter(DefaultRecordBatch(records))).key
    return "commit" if struct.unpack_from(">hh", key)[1] == 1 else "abort"


def _unpacked(records: bytes, header: Header) -> list[DefaultRecord]:
    try:
        return list(records_in(records))
    except UnsupportedCodecError as error:
        name = str(error.args[0])
        if name not in UNPACKED_BY:
            raise LessonError(f"The log holds a batch of {name}, which Kafka doesn't have.") from None
        raise LessonError(f"The log holds records packed with {name}, and the package that unpacks them "
                          f"isn't installed: run make setup, or pip install {UNPACKED_BY[name]}.") from None
    except Exception as error:  # noqa: BLE001 - each codec has an error of its own for what isn't its
        raise LessonError(f"The batch at offset {header.base_offset} can't be unpacked ({error}), so there "
                          "is nothing to say about this log.") from None
