"""The verdict on a trace, and the page that it leaves: three pictures, what is wrong, the log.

The page is one file that needs nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from course_tools.page import html_page, items, made_by, section
from course_tools.trace.wire_history import WireHistory
from lesson_lib.draw import show
from lesson_lib.history import LogCell

LAYOUTS = {"lanes": "Over time", "space-time": "Event by event", "arrivals": "As the broker saw it"}
NOT_SEEN = ("What the application was told cannot be seen on the wire: an ok here is an answer without an "
            "error that reached the client.")
NOTHING_CAME = ("No produce request came by, so there is nothing to judge: the application has to connect "
                "to the proxy's address, without TLS and SASL.")
MOST_SHOWN = 60  # requests that lanes and space-time have room for


def verdict(run: WireHistory) -> str:
    """What came out, in a sentence or two."""
    if not run.attempts:
        return NOTHING_CAME
    if run.anomalies:
        first, rest = run.anomalies[0], len(run.anomalies) - 1
        more = f" And {rest} more." if rest else ""
        return f"{first.name.capitalize()}: {first.sentence}{more}"
    if run.cannot_be_told:
        return ("It cannot be told whether there are copies: batches of a producer without idempotence carry "
                "no numbers, so a copy looks like another record. Nothing else is wrong.")
    return "Every batch that got an ok is in the log, once and in order."


def without_values(run: WireHistory) -> WireHistory:
    """The same run with names for the values, which are other people's; equal ones have one name."""
    names: dict[str, str] = {}

    def named(value: str) -> str:
        return names.setdefault(value, f"r{len(names)}") if value else ""
    events = tuple(replace(event, values=tuple(map(named, event.values))) for event in run.events)
    logs = {key: tuple(replace(cell, value=named(cell.value)) for cell in cells)
            for key, cells in run.logs.items()}
    named_run = WireHistory(events, logs, run.settings)
    vars(named_run)["anomalies"] = run.anomalies  # found by digests of the values, which names don't have
    return named_run


def page(run: WireHistory, command: str) -> str:
    """The whole page as HTML; `command` is how it was made."""
    shown = [name for name in LAYOUTS if name == "arrivals" or len(run.attempts) <= MOST_SHOWN]
    pictures = [section(LAYOUTS[name], picture=show(run, name)) for name in shown if run.attempts]
    logs = (f"{topic}-{number}: {_log(cells)}" for (topic, number), cells in sorted(run.logs.items()))
    return html_page(verdict(run), f"<p>{NOT_SEEN}</p>", made_by(command), items(map(str, run.anomalies)),
                     *pictures, section("The log at the end"), items(logs))


def _log(cells: Iterable[LogCell]) -> str:
    return "  ".join(f"{cell.offset}: {cell.value or cell.kind}" for cell in cells) or "empty"
