"""Runs of the playground that are computed ahead, for pages without a kernel, and how a run is written there.

Three records, at most two faults on the first five requests, in each of `MODES`. A test reads every one back
and compares it with `simulate`.

Differs from Kafka in: what `simulate` differs in.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from typing import Any

from lesson_lib.errors import LessonError
from lesson_lib.history import Event, History, Kind
from lesson_lib.sim import simulate
from lesson_lib.teach.tasks.puzzle import schedules

RECORDS, REQUESTS, MOST, LONGEST = 3, 5, 2, 7
FAULTS = ("lose request", "lose ack", "repeat", "refuse 6")
WITHOUT_ANSWERS = ("lose request", "repeat")  # the faults that there are with acks=0
# In kafka-python idempotence sends one request at a time, so the Java client stands for several in flight.
MODES: tuple[dict[str, Any], ...] = (
    {"idempotence": False}, {"idempotence": True}, {"idempotence": False, "in_flight": 5},
    {"idempotence": True, "in_flight": 5, "client": "java"}, {"idempotence": False, "retries": 0},
    {"idempotence": False, "acks": 0})


def key_of(faults: Mapping[int, str], settings: Mapping[str, Any]) -> str:
    """How a run is named: `on`, or `off,in_flight=5;2:lose ack;3:repeat`. Settings that are usual are left
    out, the others in the order of MODES and of the playground's switches.
    """
    named = [f"{name}={value}" for name, value in settings.items() if name != "idempotence"]
    mode = ",".join(["on" if settings["idempotence"] else "off", *named])
    return ";".join([mode, *(f"{n}:{fault}" for n, fault in sorted(faults.items()))])


@cache
def runs_ahead() -> dict[str, str]:
    """Name -> run, a word an event. Left out is a run of more than LONGEST requests: there is no room."""
    found = {}
    for settings in MODES:
        kinds = FAULTS if settings.get("acks") != 0 else WITHOUT_ANSWERS
        for faults in schedules(REQUESTS, MOST, kinds):
            with suppress(LessonError):  # simulate says so of a request that is never sent
                run = simulate(RECORDS, faults=faults, **settings)
                if len(run.attempts) <= LONGEST:
                    found[key_of(faults, settings)] = encoded(run)
    return found


def encoded(run: History) -> str:
    """The events in their order. Numbers after a letter are a request and what comes of it.

    `>1.2.0` sends batch 1, try 2, sequence 0 (-1: none); s, d and r are what the broker did: stored,
    duplicate, refused; x and y are a lost request and a lost answer; a and e an answer that arrives, with an
    offset or an error; t is the end of the connection; o, f and u are what the application is told of a batch
    where no answer says it: ok, failed, unknown; k and n are a producer that is killed and the next one that
    starts, b and l a broker that restarts and a leader that changes.
    """
    return " ".join(filter(None, map(_word, run.events)))


_BEFALLS = {"killed": "k", "started": "n", "restarted": "b", "failed over": "l"}


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
        case Kind.DROP:
            return "t"
    return _BEFALLS.get(event.what, "") if event.kind in (Kind.PRODUCER, Kind.BROKER) else ""
