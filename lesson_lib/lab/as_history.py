"""From a recording to a `History`: reports find their batches and their place, topics lose the learner's suffix.

Clients report from threads of their own, so two runs of one script can differ in when a report is written down. Here each is
put right behind the event that caused it, the last one about its batch, and the picture is the same every time.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import replace

from lesson_lib.history import Event, History, Kind, LogCell, Settings
from lesson_lib.lab.control_markers import with_markers
from lesson_lib.proxy.recording import Recording, Report

NEVER_TOLD = "never told"
CAUSES = (Kind.ACK, Kind.TIMEOUT, Kind.LOST, Kind.SEND)


def as_history(recording: Recording, logs: dict[tuple[str, int], tuple[LogCell, ...]], settings: Settings,
               short_name: Callable[[str], str]) -> History:
    """Everything that was recorded so far, and an event for each marker of which only the log tells."""
    with recording.changed:
        events, reports = list(recording.events), list(recording.reports)
    merged = _merge(events, _numbered(recording, reports))
    numbered = tuple(replace(e, t=t, topic=short_name(e.topic), note=short_name(e.note)) for t, e in enumerate(merged))
    return with_markers(History(numbered, {(short_name(topic), p): cells for (topic, p), cells in logs.items()}, settings))


def _numbered(recording: Recording, reports: list[Report]) -> dict[int, Report]:
    """Batch -> the first report on it; batches that were never on the wire are numbered after those that were."""
    unseen: dict[tuple[str, int], int] = {}
    found: dict[int, Report] = {}
    for report in reports:
        number = recording.book.number_at(report.client_id, report.topic, report.partition, report.timestamp)
        if number < 0:
            number = unseen.setdefault((report.client_id, report.timestamp), len(recording.book) + len(unseen))
        found.setdefault(number, report)
    return found


def _merge(events: list[Event], reports: dict[int, Report]) -> list[Event]:
    causes = _causes(events)
    behind: dict[int, list[Event]] = {}
    for number, report in reports.items():
        place = _place(causes.get(number, []), report, len(events))
        behind.setdefault(place, []).append(_as_event(events, causes.get(number, []), report, number))
    return [*behind.get(-1, []), *(e for i, event in enumerate(events) for e in (event, *behind.get(i, [])))]


def _causes(events: list[Event]) -> dict[int, list[int]]:
    """Batch -> the places of the events that can make the client tell the application about it."""
    found: dict[int, list[int]] = {}
    on_connection: dict[int, set[int]] = {}
    for place, event in enumerate(events):
        if event.kind == Kind.SEND:
            on_connection.setdefault(event.conn, set()).add(event.batch)
        about = on_connection.pop(event.conn, set()) if event.kind == Kind.TORN else {event.batch} if event.kind in CAUSES else set()
        for batch in about:
            found.setdefault(batch, []).append(place)
    return found


def _place(causes: list[int], report: Report, end: int) -> int:
    """The event to stand behind: the last that can have caused the report, else the first about its batch, else the last before it."""
    if report.note == NEVER_TOLD:
        return end - 1
    before = causes[:bisect_left(causes, report.after)]
    return before[-1] if before else causes[0] if causes else report.after - 1


def _as_event(events: list[Event], causes: list[int], report: Report, number: int) -> Event:
    sent = events[causes[0]] if causes else None
    lane, values = (sent.lane, sent.values) if sent else ("producer", report.values)
    return Event(0, Kind.REPORT, report.what, lane, batch=number, values=values, topic=report.topic, partition=report.partition,
                 offset=report.offset, error=report.error, note=report.note)
