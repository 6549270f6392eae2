"""The page that a trace leaves: three pictures, what is wrong, the log. One file that needs nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from html import escape

from course_tools.trace.wire_history import WireHistory
from lesson_lib.draw import show
from lesson_lib.history import LogCell

LAYOUTS = {"lanes": "Over time", "space-time": "Event by event", "arrivals": "As the broker saw it"}
NOT_SEEN = ("What the application was told cannot be seen on the wire: an ok here is an answer without an "
            "error that reached the client.")
STYLE = ("body{font-family:system-ui,sans-serif;max-width:1040px;margin:2em auto;padding:0 1em;"
         "line-height:1.5}code,pre{font-family:monospace}")
MOST_SHOWN = 60  # requests that lanes and space-time have room for


def verdict(run: WireHistory) -> str:
    """What came out, in a sentence or two."""
    if not run.attempts:
        return "No produce request came by, so there is nothing to judge."
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
    return WireHistory(events, logs, run.settings)


def page(run: WireHistory, command: str) -> str:
    """The whole page as HTML; `command` is how it was made."""
    shown = [name for name in LAYOUTS if name == "arrivals" or len(run.attempts) <= MOST_SHOWN]
    pictures = "".join(f"<h2>{LAYOUTS[name]}</h2>{show(run, name).html()}" for name in shown if run.attempts)
    wrong = "".join(f"<li><b>{escape(one.name)}</b>: {escape(one.sentence)}</li>" for one in run.anomalies)
    logs = "".join(f"<li><code>{escape(topic)}-{number}</code>: {escape(_log(cells))}</li>"
                   for (topic, number), cells in sorted(run.logs.items()))
    return (f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Trace</title><style>{STYLE}</style>'
            f"<h1>{escape(verdict(run))}</h1><p>{NOT_SEEN}</p><p>Made by <code>{escape(command)}</code></p>"
            f"{f'<ul>{wrong}</ul>' if wrong else ''}{pictures}<h2>The log at the end</h2><ul>{logs}</ul>"
            "</html>\n")


def _log(cells: Iterable[LogCell]) -> str:
    return "  ".join(f"{cell.offset}: {cell.value or cell.kind}" for cell in cells) or "empty"
