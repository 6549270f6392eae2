"""A picture that you touch: press a request or an answer, choose what becomes of it, and see the run that
follows.

Every run is computed ahead with `simulate` (three records, at most two faults on the first five requests, in
each of `MODES`), so the picture needs no kernel and no network: the same few lines of script draw it in a
notebook, in the book and on the site. A test reads every one back and compares it with `simulate`.

Differs from Kafka in: what `simulate` differs in. Other settings are not computed ahead: the line of Python
that the picture shows runs any of them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from importlib import resources
from itertools import combinations, product
from typing import Any

from lesson_lib.errors import LessonError
from lesson_lib.history import Event, History, Kind
from lesson_lib.sim import simulate

RECORDS, REQUESTS, MOST, LONGEST = 3, 5, 2, 7
FAULTS = ("lose request", "lose ack", "repeat", "refuse 6")
# What can be switched: the name of each, as `simulate` takes it. In kafka-python idempotence sends one
# request at a time, so the Java client stands for several in flight.
MODES: dict[str, dict[str, Any]] = {
    "off": {"idempotence": False}, "on": {"idempotence": True},
    "off,5": {"idempotence": False, "in_flight": 5},
    "on,5": {"idempotence": True, "in_flight": 5, "client": "java"},
    "off,retries=0": {"idempotence": False, "retries": 0},
    "off,acks=0": {"idempotence": False, "acks": 0}}
WITHOUT_ANSWERS = ("lose request", "repeat")  # the faults that there are with acks=0


class Touch:
    """What `touch()` shows: the picture as HTML with its script, the first run's table as text."""

    def __init__(self, faults: dict[int, str], mode: str) -> None:
        self.start = key_of(faults, mode)
        self.run = simulate(RECORDS, faults=faults, **MODES[mode])

    def __repr__(self) -> str:
        return str(self.run)

    def _repr_html_(self) -> str:
        return page_part(self.start)


def touch(faults: dict[int, str] | None = None, idempotence: bool = False) -> Touch:
    """Three records whose requests and answers you press; begins with `faults`, at most two of FAULTS.

    KeyError for a start that was not computed ahead.
    """
    shown = Touch(faults or {}, "on" if idempotence else "off")
    runs_ahead()[shown.start]
    return shown


def page_part(start: str = "off") -> str:
    """The picture as a part of any page: an element, the runs and the script."""
    script = resources.files("lesson_lib.teach").joinpath("touch.js").read_text(encoding="utf-8")
    told = json.dumps({"modes": MODES, "runs": runs_ahead()}, separators=(",", ":"))
    return (f'<div class="lesson-touch" data-start="{start}" data-lm-suppress-shortcuts="true">'
            f'<script type="application/json">{told}</script></div><script>{script}</script>')


def scripts(mode: str) -> Iterator[dict[int, str]]:
    """Every fault script that can be chosen, the one without faults first."""
    faults = WITHOUT_ANSWERS if MODES[mode].get("acks") == 0 else FAULTS
    for count in range(MOST + 1):
        for requests in combinations(range(1, REQUESTS + 1), count):
            for chosen in product(faults, repeat=count):
                yield dict(zip(requests, chosen, strict=True))


def key_of(faults: dict[int, str], mode: str) -> str:
    """How a run is named: `on`, or `off,5;2:lose ack;3:repeat`."""
    return ";".join([mode, *(f"{n}:{fault}" for n, fault in sorted(faults.items()))])


@cache
def runs_ahead() -> dict[str, str]:
    """Name -> run, a word an event. Left out is a run of more than LONGEST requests: there is no room."""
    found = {}
    for mode, settings in MODES.items():
        for faults in scripts(mode):
            with suppress(LessonError):  # simulate says so of a request that is never sent
                run = simulate(RECORDS, faults=faults, **settings)
                if len(run.attempts) <= LONGEST:
                    found[key_of(faults, mode)] = encoded(run)
    return found


def encoded(run: History) -> str:
    """The events in their order. Numbers after a letter are a request and what comes of it.

    `>1.2.0` sends batch 1, try 2, sequence 0 (-1: none); s, d and r are what the broker did: stored,
    duplicate, refused; x and y are a lost request and a lost answer; a and e an answer that arrives, with an
    offset or an error; t is the end of the connection; o, f and u are what the application is told of a batch
    where no answer says it: ok, failed, unknown.
    """
    return " ".join(filter(None, map(_word, run.events)))


def _word(event: Event) -> str:
    match event.kind:
        case Kind.SEND:
            return f">{event.batch}.{event.try_no}.{event.base_sequence}"
        case Kind.VERDICT:
            number = event.error.value if event.what == "refused" else event.offset
            return f"{event.what[0]}{event.attempt}.{number}"
        case Kind.LOST:
            return f"{'x' if event.what == 'request' else 'y'}{event.attempt}"
        case Kind.ACK:
            brought = f"e{event.attempt}.{event.error.value}"
            return brought if event.error else f"a{event.attempt}.{event.offset}"
        case Kind.REPORT if event.offset is None:
            return f"{event.what[0]}{event.batch}"
        case Kind.TORN:
            return "t"
    return ""
