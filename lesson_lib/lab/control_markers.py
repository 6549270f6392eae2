"""Puts commit and abort markers among the events where only the log tells of them.

A broker's coordinator writes markers on its own; between a client and its broker nobody sees that. They are then placed
right behind the request that ended their transaction, or before the next append of their partition where there was none.
"""

from __future__ import annotations

from collections.abc import Iterable

from lesson_lib.history import Event, History, Kind, LogCell

Partition = tuple[str, int]


def with_markers(history: History) -> History:
    """The same run with an event for every marker in its logs."""
    events = list(history.events)
    for key, cells in history.logs.items():
        _fill_in(events, key, [cell for cell in cells if cell.kind in ("commit", "abort")])
    return history if len(events) == len(history.events) else History(tuple(events), history.logs, history.settings)


def _fill_in(events: list[Event], key: Partition, markers: Iterable[LogCell]) -> None:
    seen = {e.offset for e in events if e.kind == Kind.MARKER and (e.topic or key[0], e.partition) == key}
    least = 0
    for cell in markers:
        if cell.offset not in seen:
            place = _behind_request(events, cell, least) or _before_append(events, key, cell)
            before = events[place - 1].t if place else 0
            events.insert(place, Event(before, Kind.MARKER, cell.kind, "broker", topic=key[0], partition=key[1], offset=cell.offset,
                                       producer_id=cell.producer_id, producer_epoch=cell.producer_epoch))
            least = place + 1


def _behind_request(events: list[Event], cell: LogCell, least: int) -> int | None:
    """The place behind the next commit or abort of this producer, None where it never asked."""
    return next((n + 1 for n, e in enumerate(events) if n >= least and e.kind == Kind.TXN and e.what == cell.kind
                 and e.producer_id == cell.producer_id), None)


def _before_append(events: list[Event], key: Partition, cell: LogCell) -> int:
    later = (n for n, e in enumerate(events) if e.kind in (Kind.VERDICT, Kind.MARKER) and (e.topic or key[0], e.partition) == key
             and e.what != "duplicate" and e.offset is not None and e.offset > cell.offset)
    return next(later, len(events))
