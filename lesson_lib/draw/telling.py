"""The order in which a picture is told, and what its player (`stepper.js`) shows at each step.

Beside the captions two boxes fill: what the application believes, what the log holds. They are the course in
small: the two lists are the same until a message is lost. A picture carries every change with the step at
which it comes, so the script that plays it works out nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lesson_lib.draw.run_view import EventInContext, RunView
from lesson_lib.draw.words import copy_words, offset_words, sentence
from lesson_lib.history import Kind

Change = tuple[int, str, str]  # step; name of the entry; its words from then on
WAITING = "no news yet"
AT_ITS_END = -1
Step = tuple[tuple[int, EventInContext], ...]  # (number of the run, its event)


@dataclass(frozen=True)
class Telling:
    """The order in which a picture is told: at each step an event, or one of each run where both do the same.

    `names` are those of the runs. `times` is a time for each (run, event) that only counts, where clocks
    differ.
    """

    order: Sequence[Step]
    names: Sequence[str]
    times: Mapping[tuple[int, int], int] = field(default_factory=dict)

    @property
    def last(self) -> int | None:
        """The last step, at which all is known that is known only at the end."""
        return len(self.order) - 1 if self.order else None

    def steps(self, run: int) -> dict[int, int]:
        """The step of each event of a run."""
        return {fact.index: n for n, step in enumerate(self.order) for number, fact in step if number == run}

    def clock(self, run: int) -> dict[int, int]:
        """The time of each event of a run; empty where the event's own is meant."""
        return {index: time for (number, index), time in self.times.items() if number == run}

    def captions(self) -> tuple[str, ...]:
        """A sentence a step; after the run's name where there are two, once where both say the same."""
        found = []
        for step in self.order:
            texts = [sentence(fact) for _, fact in step]
            named = [f"{self.names[run]}: " * bool(self.names[run]) for run, _ in step]
            each = "  ".join(map("".join, zip(named, texts, strict=True)))
            found.append(f"Both: {texts[0]}" if len(texts) > 1 and texts[0] == texts[1] else each)
        return tuple(found)

    def surprises(self) -> tuple[int, ...]:
        """The steps at which something goes otherwise than planned."""
        return tuple(n for n, step in enumerate(self.order) if any(fact.surprising for _, fact in step))


@dataclass(frozen=True)
class Playing:
    """A picture step by step, as `stepper.js` reads it; every list but `surprises` and `boxes` has one entry
    a step.

    `captions` are sentences, `surprises` the steps at which something goes otherwise than planned. `now`:
    where the line of the present goes, from (x, y) to (x, y) in pixels; empty where the layout has no time.
    `rows`: which lines of the table light up, as (run, request). `boxes`: see `boxes` below. `opens_at` is
    the step that is shown first. `finding` is what the picture says at its end, for where it is not all in
    view.
    """

    captions: tuple[str, ...]
    surprises: tuple[int, ...]
    now: tuple[tuple[int, ...], ...] = ()
    rows: tuple[tuple[tuple[int, int], ...], ...] = ()
    boxes: tuple[dict[str, Any], ...] = ()
    opens_at: int = AT_ITS_END
    finding: str = ""


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
