"""A run as a sentence or two: the alternative text of its pictures, written from the events alone."""

from __future__ import annotations

from collections.abc import Iterable

from lesson_lib.core.error_codes import ErrorCode
from lesson_lib.history.attempt import Attempt
from lesson_lib.history.event import Kind
from lesson_lib.history.finding import half_there
from lesson_lib.history.run import Run
from lesson_lib.text_table import times

MOST = 12  # sentences about what went wrong, before the rest is only counted
_TURNS = (Kind.BROKER, Kind.PRODUCER, Kind.CONSUMER)
_SPECIAL = ("kept", "duplicate", "refused")  # verdicts that are told even where nothing was lost


def named(lane: str) -> str:
    """The owner of that lane, within a sentence: the producer, producer 2."""
    return lane if lane[-1:].isdigit() else f"the {lane}"


def subject(lane: str) -> str:
    """The same at the beginning of a sentence."""
    return named(lane)[:1].upper() + named(lane)[1:]


def as_story(run: Run) -> str:
    """What was sent, what went wrong on the way, what the log holds and what the application believes."""
    return " ".join(filter(None, (_sent(run), _trouble(run), _end(run), _anomalies(run))))


def _sent(run: Run) -> str:
    batches, requests = len({a.batch for a in run.attempts}), len(run.attempts)
    transactions = any(a.send.transactional for a in run.attempts)
    how = " with transactions" if transactions else " with idempotence" * run.settings.idempotence
    return (f"A producer{how} sends {batches} batch{'es' * (batches != 1)} "
            f"in {requests} request{'s' * (requests != 1)}.")


def _trouble(run: Run) -> str:
    is_ = ("killed", "stuck")
    told = [*(_sentence(a) for a in run.attempts if a.lost or a.try_no > 1 or a.verdict in _SPECIAL),
            *(f"{subject(e.lane)} {'is ' * (e.what in is_)}{e.what}." for e in run.of(*_TURNS)),
            *(f"{subject(e.lane)} receives nothing." for e in run.of(Kind.POLL)),
            *(f"{subject(e.lane)} is fenced." if e.what == "fenced" else
              f"A transaction of {named(e.lane)} is {e.what}."
              for e in run.of(Kind.TXN) if e.what in ("committed", "aborted", "fenced"))]
    more = [f"And {len(told) - MOST} more."] if len(told) > MOST else []
    return " ".join([*told[:MOST], *more])


def _sentence(attempt: Attempt) -> str:
    which = f"Request {attempt.number} (batch {attempt.batch}, try {attempt.try_no})"
    if not attempt.verdict:
        return f"{which} is {'lost' if attempt.lost else 'still on its way'}."
    lost = f", and its {attempt.lost} is lost" if attempt.lost else ""
    what = attempt.verdict_words
    if attempt.verdict == "duplicate":
        what = f"recognised as a {what}: nothing is stored for it"
    return f"{which} is {what}{lost}."


def _end(run: Run) -> str:
    logs = [(f"{topic}-{number}", " ".join(c.value if c.kind == "data" else c.kind for c in cells))
            for (topic, number), cells in sorted(run.logs.items())]
    words = "; ".join(f"{name if len(logs) > 1 else 'The log'} holds {what or 'nothing'}"
                      for name, what in logs)
    why = {batch: f" ({name})" for batch, name in run.exceptions.items()}
    told = ", ".join(f"{what}{why.get(batch, '')} for batch {batch}" for batch, what in run.told.items())
    return f"{words}. The application was told {told}." if logs and told else ""


def _anomalies(run: Run) -> str:
    names = run.anomaly_names
    return f"Anomalies: {', '.join(names)}." if names else verdict_on(run)


def verdict_on(run: Run) -> str:
    """On a run without anomalies: copies that the application made, and what it cannot know."""
    unknown = [batch for batch, what in run.told.items() if what == "unknown"]
    which = f"batch{'es' * (len(unknown) > 1)} {_and(unknown)}" if unknown else ""
    doubt = [f"The application doesn't know what became of {which}."] if unknown else []
    calm = "" if run.settings.by_hand else _calm(run)
    return " ".join([*_early(run), *_again(run), *doubt]) or calm


def _calm(run: Run) -> str:
    """Where something is missing, a log in order is only half the truth."""
    if len(run.partitions) < 2:
        return "No anomaly."
    if half := half_there(run):
        return f"Each log is in order, but only half is there: {half}."
    return "No anomaly within any one partition."


def recognised(run: Run) -> str:
    """Which requests the broker knew again; empty for none. In a `story` the requests tell it themselves."""
    found = {e.attempt: e.offset for e in run.of(Kind.VERDICT) if e.what == "duplicate"}
    if len(found) == 1:
        (number, offset), = found.items()
        what = f"duplicate of offset {offset}: nothing was stored for it"
        return f"Request {number} was recognised as a {what}."
    if found:
        return f"Requests {_and(found)} were recognised as duplicates: nothing was stored for them."
    return ""


def _again(run: Run) -> list[str]:
    """What the application sent several times, and how often it is stored."""
    places = {(c.batch, key, c.base_offset)
              for key, cells in run.logs.items() for c in cells if c.kind == "data"}
    found = []
    for value, batches in run.sent_again.items():
        stored = sum(batch in batches for batch, _, _ in places)
        where = f"stored {times(stored)}" if stored else "not in the log"
        found.append(f"The application itself sent {value} {times(len(batches))}, and it is {where}.")
    return found


def _early(run: Run) -> list[str]:
    """What a broker kept aside and the application heard ok of; of a lost answer it heard nothing yet."""
    kept = dict.fromkeys(a.batch for a in run.attempts if a.verdict == "kept" and a.answer == ErrorCode.NONE)
    were = "it was" if len(kept) == 1 else "they were"
    return [f"The application was told ok for batch {_and(kept)} before {were} in the log."] if kept else []


def _and(numbers: Iterable[int]) -> str:
    """1, 2 and 3."""
    *first, last = map(str, numbers)
    return f"{', '.join(first)} and {last}" if first else last
