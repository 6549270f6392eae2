"""A stretch of a log as an arrival graph: its batches in the order in which they lie there.

The page says which stretch it is, as a log has more batches than a picture has room for. Records' values are
not on it: they are other people's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from course_tools.page import html_page, items, made_by, section, table_of
from course_tools.read.findings import NOTHING, SUSPICION, LogRead
from lesson_lib.draw import show
from lesson_lib.history import Anomaly, Event, History, Kind, Settings
from lesson_lib.history.history import FROM_A_LOG

MOST_DRAWN = 10  # partitions of a topic
CLEAN = "No copy, no gap, no open transaction."
CLEAN_NUMBERS = "No number is there twice, no gap, no open transaction."


@dataclass(frozen=True)
class LogHistory(History):
    """Batches that were found in a log. Nobody saw them being sent, so there are no answers either."""

    found: tuple[Anomaly, ...] = ()

    @property
    def anomalies(self) -> list[Anomaly]:
        """What was found wrong with the whole log."""
        return list(self.found)


def told(read: LogRead) -> list[str]:
    """Everything that is to be said of a log."""
    wrong, suspected = ([f"{one.name.capitalize()}: {one.sentence}" for one in found]
                        for found in (read.wrong, read.records.suspicions))
    more = [f"And {read.untold} more."] if read.untold else []
    found = [*wrong, *more, *suspected, *read.records.counted()]
    return [*(found or [CLEAN if read.records.window else CLEAN_NUMBERS]), *read.records.looked_at()]


def as_history(read: LogRead, name: str) -> LogHistory:
    """What is kept of a log for its picture."""
    numbers: dict[object, int] = {}
    tries: Counter[int] = Counter()
    events: list[Event] = []
    for n, entry in enumerate(read.shown):
        header, numbered = entry.header, entry.header.base_sequence >= 0
        who = dict(producer_id=header.producer_id, producer_epoch=header.producer_epoch)
        if entry.marker:
            events.append(Event(2 * n, Kind.MARKER, entry.marker, "broker", offset=header.base_offset, **who))
            continue
        batch = numbers.setdefault(header[9:] if numbered else entry.content, len(numbers))
        tries[batch] += 1
        send = Event(2 * n, Kind.SEND, attempt=n + 1, batch=batch, try_no=tries[batch], **who,
                     base_sequence=header.base_sequence, record_count=header.records_count,
                     transactional=header.transactional)
        stored = dict(what="stored", lane="broker", offset=header.base_offset)
        events += send, replace(send, t=2 * n + 1, kind=Kind.VERDICT, **stored)
    return LogHistory(tuple(events), settings=Settings(FROM_A_LOG, broker=name),
                      found=(*read.wrong, *read.records.suspicions))


def page(logs: Sequence[tuple[str, LogRead]], command: str) -> str:
    """The whole page: each log with its picture, what is wrong and its table; the worst logs first."""
    in_order = sorted(logs, key=lambda one: -one[1].about)
    wrong = sum(bool(read.wrong) for _, read in logs)
    title = f"{wrong} of {len(logs)} logs have something wrong" if len(logs) > 1 else "What is in the log"
    parts = [section(name, _drawn(read), picture=show(as_history(read, name), "arrivals", step=False))
             + items(told(read)) + table_of(read.table(f"{read.batches:,} batches"))
             for name, read in in_order[:MOST_DRAWN]]
    left = [name for name, _ in in_order[MOST_DRAWN:]]
    rest = [f"Not drawn: {', '.join(left[:20])}{' …' if left[20:] else ''}."] if left else []
    return html_page(title, made_by(command), *parts, items(rest))


def _drawn(read: LogRead) -> str:
    """Which of a log's batches the picture shows."""
    if not read.shown:
        return "There is no batch to draw."
    if len(read.shown) == read.batches:
        return "All batches are drawn. One sequence is one record; values are left out."
    first, last = read.shown[0].header.base_offset, read.shown[-1].header.base_offset
    why = {NOTHING: "the first ones", SUSPICION: "around the first suspected copy"}
    return (f"{len(read.shown)} of {read.batches:,} batches are drawn, from offset {first} to {last}: "
            f"{why.get(read.about, 'around the first thing that is wrong')}. Values are left out.")
