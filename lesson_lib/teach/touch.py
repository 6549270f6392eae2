"""A picture that you touch: press a request or an answer, choose what becomes of it, and see the run that
follows.

Every run is computed ahead with `simulate` (three records, at most two of four faults on the first five
requests, idempotence on and off), so the picture needs no kernel and no network: the same few lines of script
draw it in a notebook, in the book and on the site. `decoded` reads a run back; a test compares every one with
`simulate`.

Differs from Kafka in: what `simulate` differs in; and kafka-python's one request at a time is all that it
shows.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from importlib import resources
from itertools import combinations, product

from lesson_lib.errors import LessonError
from lesson_lib.history import Attempt, History, Kind
from lesson_lib.sim import simulate

RECORDS, REQUESTS, MOST = 3, 5, 2
FAULTS = ("lose request", "lose ack", "repeat", "refuse 6")


class Touch:
    """What `touch()` shows: the picture as HTML with its script, the first run's table as text."""

    def __init__(self, faults: dict[int, str], idempotence: bool) -> None:
        self.start = key_of(faults, idempotence)
        self.run = simulate(RECORDS, faults=faults, idempotence=idempotence)

    def __repr__(self) -> str:
        return str(self.run)

    def _repr_html_(self) -> str:
        return page_part(self.start)


def touch(faults: dict[int, str] | None = None, idempotence: bool = False) -> Touch:
    """Three records whose requests and answers you press; begins with `faults`, at most two of FAULTS.

    KeyError for a start that was not computed ahead.
    """
    start = faults or {}
    runs_ahead()[key_of(start, idempotence)]
    return Touch(start, idempotence)


def page_part(start: str = "off") -> str:
    """The picture as a part of any page: an element, the runs and the script, about 50 KB."""
    script = resources.files("lesson_lib.teach").joinpath("touch.js").read_text(encoding="utf-8")
    told = json.dumps(runs_ahead(), separators=(",", ":"))
    return (f'<div class="lesson-touch" data-start="{start}" data-lm-suppress-shortcuts="true">'
            f'<script type="application/json">{told}</script></div><script>{script}</script>')


def scripts() -> Iterator[dict[int, str]]:
    """Every fault script that can be chosen, the one without faults first."""
    for count in range(MOST + 1):
        for requests in combinations(range(1, REQUESTS + 1), count):
            for faults in product(FAULTS, repeat=count):
                yield dict(zip(requests, faults, strict=True))


def key_of(faults: dict[int, str], idempotence: bool) -> str:
    """How a run is named: `on`, or `off;2:lose ack;3:repeat`."""
    chosen = (f"{n}:{fault}" for n, fault in sorted(faults.items()))
    return ";".join(["on" if idempotence else "off", *chosen])


@cache
def runs_ahead() -> dict[str, str]:
    """Name -> run, one piece for each request; a script with a request that is never sent is left out."""
    found = {}
    for idempotence, faults in product((False, True), scripts()):
        with suppress(LessonError):  # simulate says so of a request that is never sent
            run = simulate(RECORDS, faults=faults, idempotence=idempotence)
            found[key_of(faults, idempotence)] = encoded(run)
    return found


def encoded(run: History) -> str:
    """`batch.try.sequence.arrivals.answer` for each request: `1.2.1.d1.a1` is batch 1, try 2, sequence 1, a
    duplicate of offset 1, answered with offset 1. Arrivals are s (stored), d (duplicate) or r (refused); an
    answer is a, e or x (lost).
    """
    return " ".join(_request(attempt) for attempt in run.attempts)


def _request(attempt: Attempt) -> str:
    arrivals = "".join(f"{e.what[0]}{e.error.value if e.what == 'refused' else e.offset}"
                       for e in attempt.events if e.kind == Kind.VERDICT)
    answer = "x" if attempt.lost == "answer" else ""
    if attempt.answer is not None:
        answer = f"e{attempt.answer.value}" if attempt.answer else f"a{attempt.answer_offset}"
    return ".".join(map(str, (attempt.batch, attempt.try_no, attempt.send.base_sequence, arrivals, answer)))
