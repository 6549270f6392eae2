"""What stands in two boxes while a picture is played: what the application believes, what the log holds.

They are the course in small: the two lists are the same until a message is lost. A picture carries every
change with the step at which it comes, so the script that plays it (`stepper.js`) works out nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from lesson_lib.draw.facts.run_view import EventInContext, RunView
from lesson_lib.draw.words.events import Telling, copy_words, offset_words
from lesson_lib.history import Kind

Change = tuple[int, str, str]  # step; name of the entry; its words from then on
WAITING = "no news yet"


def boxes(views: Sequence[RunView], telling: Telling) -> list[dict[str, Any]]:
    """For each run its `name`, the changes that the application `believes` and those that the log `holds`."""
    return [{"name": view.name, "believes": list(_believed(view, telling.steps(number))),
             "holds": list(_held(view, telling.steps(number)))} for number, view in enumerate(views)]


def _believed(view: RunView, steps: dict[int, int]) -> Iterator[Change]:
    """What was sent, and what the application was told of it; nothing where batches are made by hand."""
    names = _names(view)
    for fact in [] if view.by_hand else view.events:
        event, step = fact.event, steps[fact.index]
        if event.kind == Kind.SEND and event.try_no == 1 and fact.awaited:
            yield step, names[event.batch], WAITING
        elif event.kind == Kind.REPORT:
            said = ", ".join(filter(None, (event.what, offset_words(event))))
            yield step, names.get(event.batch, "the send"), said


def _names(view: RunView) -> dict[int, str]:
    """Batches by their values; one with the values of an earlier one is called so again."""
    found, seen = dict[int, str](), Counter[str]()
    for event in view.history.of(Kind.SEND, Kind.REPORT):
        if event.batch >= 0 and event.batch not in found:
            values = " ".join(event.values) or f"batch {event.batch}"
            seen[values] += 1
            found[event.batch] = f"{values} ({seen[values]})" if seen[values] > 1 else values
    return found


def _held(view: RunView, steps: dict[int, int]) -> Iterator[Change]:
    """Each record and marker with its offset, as it comes into its log."""
    for fact in view.events:
        log, first = view.log_of(fact.send), fact.event.offset or 0
        where = f"{log[0]}-{log[1]} " if log and len(view.partitions) > 1 else ""
        for offset, words in enumerate(_arriving(fact), first):
            yield steps[fact.index], f"{where}{offset}", words


def _arriving(fact: EventInContext) -> Iterator[str]:
    if fact.event.kind == Kind.MARKER:
        yield f"{fact.event.what} marker"
    for batch in fact.arrived:
        again = f" ({copy_words(fact)})" if copy_words(fact) and batch is fact.event else ""
        yield from (value + again for value in batch.values or ("a record",))
