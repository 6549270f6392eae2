"""The page that a trace leaves: the verdict, three pictures, what is wrong, the log.

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
# Requests that a layout has room for. What the broker saw grows downwards, but each request takes longer.
MOST_SHOWN = {"lanes": 60, "space-time": 60, "arrivals": 2_000}


def without_values(run: WireHistory) -> WireHistory:
    """The same run with names for the values, which are other people's; equal ones have one name."""
    names: dict[str, str] = {}

    def named(value: str) -> str:
        return names.setdefault(value, f"r{len(names)}") if value else ""
    events = tuple(replace(event, values=tuple(map(named, event.values))) for event in run.events)
    logs = {key: tuple(replace(cell, value=named(cell.value)) for cell in cells)
            for key, cells in run.logs.items()}
    named_run = replace(run, events=events, logs=logs)
    vars(named_run)["anomalies"] = run.anomalies  # found by digests of the values, which names don't have
    return named_run


def page(run: WireHistory, verdict: str, command: str) -> str:
    """The whole page as HTML; `command` is how it was made."""
    shown = [name for name, most in MOST_SHOWN.items() if 0 < len(run.attempts) <= most]
    pictures = [section(LAYOUTS[name], picture=show(run, name)) for name in shown]
    if run.attempts and not shown:
        pictures = [f"<p>There is no picture: {len(run.attempts)} requests are too many for one.</p>"]
    logs = (f"{topic}-{number}: {_log(cells)}" for (topic, number), cells in sorted(run.logs.items()))
    return html_page(verdict, f"<p>{NOT_SEEN}</p>", made_by(command), items(map(str, run.anomalies)),
                     *pictures, section("The log at the end"), items(logs))


def _log(cells: Iterable[LogCell]) -> str:
    return "  ".join(f"{cell.offset}: {cell.value or cell.kind}" for cell in cells) or "empty"
