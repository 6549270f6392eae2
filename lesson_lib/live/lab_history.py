"""From a recording to a `History`: reports find their batches and their place, topics lose the learner's suffix.

Clients report from threads of their own, so two runs of one script can differ in when a report is written down. Here each is
put right behind the event that caused it, the last one about its batch, and the picture is the same every time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from lesson_lib.history import Event, History, Kind, LogCell, Settings
from lesson_lib.live.recording import Recording, Report

NEVER_TOLD = "never told"
CAUSES = (Kind.ACK, Kind.TORN, Kind.TIMEOUT, Kind.LOST, Kind.SEND)


def as_history(recording: Recording, logs: dict[tuple[str, int], tuple[LogCell, ...]], settings: Settings,
               short_name: Callable[[str], str]) -> History:
    """Everything that was recorded so far."""
    with recording.changed:
        events, reports = list(recording.events), list(recording.reports)
    merged = _merge(events, _numbered(recording, reports))
    numbered = tuple(replace(e, t=t, topic=short_name(e.topic), note=short_name(e.note)) for t, e in enumerate(merged))
    return History(numbered, {(short_name(topic), p): cells for (topic, p), cells in logs.items()}, settings)


def _numbered(recording: Recording, reports: list[Report]) -> list[tuple[Report, int]]:
    """The first report on each batch, with the batch's number; batches that were never on the wire come after those that were."""
    unseen: dict[tuple[str, int], int] = {}
    found = []
    for report in reports:
        number = recording.book.number_at(report.client_id, report.topic, report.partition, report.timestamp)
        if number < 0:
            number = unseen.setdefault((report.client_id, report.timestamp), len(recording.book) + len(unseen))
        found.append((report, number))
    return [first for i, first in enumerate(found) if first[1] not in {number for _, number in found[:i]}]


def _merge(events: list[Event], reports: list[tuple[Report, int]]) -> list[Event]:
    placed = sorted(((_place(events, report, number), order, report, number) for order, (report, number) in enumerate(reports)),
                    key=lambda entry: entry[:2])
    merged = list(events)
    for place, _, report, number in reversed(placed):
        merged.insert(place, _as_event(events, report, number))
    return merged


def _place(events: list[Event], report: Report, number: int) -> int:
    """Behind the last event that can have caused the report, else behind the first of its batch, else where it was written."""
    if report.note == NEVER_TOLD:
        return len(events)
    own = [i for i, e in enumerate(events) if e.kind in CAUSES and (e.batch == number or _tears(e, events, number))]
    before = [i for i in own if i < report.after]
    return (before[-1] if before else own[0] if own else report.after - 1) + 1


def _tears(event: Event, events: list[Event], number: int) -> bool:
    return event.kind == Kind.TORN and any(e.conn == event.conn and e.batch == number for e in events if e.t < event.t)


def _as_event(events: list[Event], report: Report, number: int) -> Event:
    sent = next((e for e in events if e.kind == Kind.SEND and e.batch == number), None)
    lane = sent.lane if sent else "producer"
    return Event(0, Kind.REPORT, report.what, lane, batch=number, values=sent.values if sent else report.values, topic=report.topic,
                 partition=report.partition, offset=report.offset, error=report.error, note=report.note)

