"""A run as a sentence or two: the alternative text of its pictures, written from the events and from nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from lesson_lib.core.error_codes import ErrorCode
from lesson_lib.history.event import Kind
from lesson_lib.history.table import verdict_words

if TYPE_CHECKING:
    from lesson_lib.history.history import Attempt, History

MOST = 12  # sentences about what went wrong, before the rest is only counted
_TURNS = (Kind.BROKER, Kind.PRODUCER, Kind.CONSUMER)


def named(lane: str) -> str:
    """Whoever has that lane, within a sentence: the producer, producer 2."""
    return lane if lane[-1:].isdigit() else f"the {lane}"


def subject(lane: str) -> str:
    """The same at the beginning of a sentence."""
    return named(lane)[:1].upper() + named(lane)[1:]


def as_story(history: History) -> str:
    """What was sent, what went wrong on the way, what the log holds and what the application believes."""
    return " ".join(filter(None, (_sent(history), _trouble(history), _end(history), _anomalies(history))))


def _sent(history: History) -> str:
    batches = len({a.batch for a in history.attempts})
    attempts = len(history.attempts)
    mode = "with" if history.settings.idempotence else "without"
    what = "transactions" if any(a.send.transactional for a in history.attempts) else "idempotence"
    return (f"A producer {mode} {what} sends {batches} batch{'es' * (batches != 1)} "
            f"in {attempts} attempt{'s' * (attempts != 1)}.")


def _trouble(history: History) -> str:
    told = [*(_sentence(a) for a in history.attempts if a.lost or a.kept or a.try_no > 1 or a.verdict in ("duplicate", "refused")),
            *(f"{subject(e.lane)} {'is ' if e.what in ('killed', 'stuck') else ''}{e.what}." for e in history.of(*_TURNS)),
            *(f"{subject(e.lane)} is handed nothing." for e in history.of(Kind.POLL)),
            *(f"{subject(e.lane)} is fenced." if e.what == "fenced" else f"A transaction of {named(e.lane)} is {e.what}."
              for e in history.of(Kind.TXN) if e.what in ("committed", "aborted", "fenced"))]
    more = [f"And {len(told) - MOST} more."] if len(told) > MOST else []
    return " ".join([*told[:MOST], *more])


def _sentence(attempt: Attempt) -> str:
    which = f"ttempt {attempt.number} (batch {attempt.batch}, try {attempt.try_no})"
    if not attempt.verdict:
        return f"The request of a{which} is lost." if attempt.lost else f"A{which} is still on its way."
    lost = f", and its {attempt.lost} is lost" if attempt.lost else ""
    what = verdict_words(attempt)
    return f"A{which} is {f'recognised as a {what}: nothing is stored for it' if attempt.verdict == 'duplicate' else what}{lost}."


def _end(history: History) -> str:
    logs = [f"{topic}-{number} holds " + (" ".join(c.value if c.kind == "data" else c.kind for c in cells) or "nothing")
            for (topic, number), cells in sorted(history.logs.items())]
    why = {batch: f" ({name})" for batch, name in history.exceptions.items()}
    told = ", ".join(f"{what}{why.get(batch, '')} for batch {batch}" for batch, what in history.told.items())
    first = logs[0].replace(logs[0].split(" holds ")[0], "The log", 1) if len(logs) == 1 else "; ".join(logs)
    return f"{first}. The application was told {told}." if logs and told else ""


def _anomalies(history: History) -> str:
    names = history.anomaly_names
    return f"Anomalies: {', '.join(names)}." if names else verdict_on(history)


def verdict_on(history: History) -> str:
    """A sentence or two on a run without anomalies; copies that the application made, and what it cannot know, are named."""
    unknown = [batch for batch, what in history.told.items() if what == "unknown"]
    doubt = [f"The application does not know about batch {_and(unknown)}."] if unknown else []
    calm = "" if history.settings.by_hand else "No anomaly."
    return " ".join([*_early(history), *_again(history), *doubt]) or calm


def recognised(history: History) -> str:
    """Which attempts the broker knew again; empty for none. In a `story` the attempts tell it themselves."""
    found = {e.attempt: e.offset for e in history.of(Kind.VERDICT) if e.what == "duplicate"}
    if len(found) == 1:
        (number, offset), = found.items()
        return f"Attempt {number} was recognised as a duplicate of offset {offset}: nothing was stored for it."
    return f"Attempts {_and(found)} were recognised as duplicates: nothing was stored for them." if found else ""


def _again(history: History) -> list[str]:
    """What the application sent several times, and how often it is stored."""
    places = {(c.batch, key, c.base_offset) for key, cells in history.logs.items() for c in cells if c.kind == "data"}
    stored = {value: sum(batch in batches for batch, _, _ in places) for value, batches in history.sent_again.items()}
    return [f"The application itself sent {value} {_times(len(batches))}, and it is "
            f"{f'stored {_times(stored[value])}' if stored[value] else 'not in the log'}." for value, batches in history.sent_again.items()]


def _early(history: History) -> list[str]:
    """What a broker kept aside and the application heard ok of; where that answer was lost it heard nothing yet."""
    kept = dict.fromkeys(a.batch for a in history.attempts if a.kept and a.answer == ErrorCode.NONE)
    if not kept:
        return []
    return [f"The application was told ok for batch {_and(kept)} before {'it was' if len(kept) == 1 else 'they were'} in the log."]


def _times(number: int) -> str:
    return {1: "once", 2: "twice"}.get(number) or f"{number} times"


def _and(numbers: Iterable[int]) -> str:
    """1, 2 and 3."""
    *first, last = map(str, numbers)
    return f"{', '.join(first)} and {last}" if first else last
