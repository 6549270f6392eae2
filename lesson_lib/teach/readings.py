"""Short answers read off a history, as values and as words, for the questions and exercises."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from lesson_lib.history import History, Kind


def log_words(run: History) -> str:
    """The log as a line of code: `m0 m1 m2`, or "nothing"."""
    return f"`{' '.join(run.values())}`" if run.values() else "nothing"


def log_is(*runs: History) -> str:
    """What contradicts a wrong idea of the first run's log."""
    return f"the log holds {cells_words(runs[0])}."


def holds(*values: str) -> Callable[[History], bool]:
    """The claim that the log holds exactly these values, in this order."""
    return lambda run: run.values() == list(values)


def copies(run: History, value: str) -> int:
    """How often a value lies in the log."""
    return Counter(run.values())[value]


def told_words(run: History) -> str:
    """What the application was told: ok for m0, m2; unknown for m1."""
    names = {e.batch: " ".join(e.values) for e in run.of(Kind.SEND, Kind.REPORT) if e.values}
    told = {word: [f"`{names.get(batch, batch)}`" for batch, what in run.told.items() if what == word]
            for word in run.told.values()}
    return "; ".join(f"{word} for {', '.join(values)}" for word, values in told.items())


def told_is(run: History) -> str:
    """What contradicts a wrong idea of what the application was told."""
    return f"the application was told {told_words(run)}."


def offsets_told(run: History) -> list[int | None]:
    """The offset that the application was told for each batch, in the order of sending; None for none."""
    told = {e.batch: e.offset for e in run.reports if e.what == "ok"}
    return [None if (offset := told.get(batch)) is None or offset < 0 else offset for batch in run.told]


def acks(run: History) -> int:
    """How many answers reached the producer."""
    return len(run.of(Kind.ACK))


def requests(run: History) -> int:
    """How many produce requests the producer sent."""
    return len(run.attempts)


def told(run: History) -> list[tuple[str, str]]:
    """What the application was told, in order: word and exception."""
    return [(e.what, e.note) for e in run.reports]


def all_ok(run: History) -> bool:
    """Whether the application was told ok for everything."""
    return set(run.told.values()) == {"ok"}


def sequences(run: History) -> list[int]:
    """The sequence that each request carried."""
    return [a.send.base_sequence for a in run.attempts]


def verdicts(run: History) -> list[str]:
    """stored, duplicate or refused, in order of arrival."""
    return [what for _, what, _ in run.verdicts]


def verdict_list(run: History, last: int) -> str:
    """The last so many verdicts in words."""
    return ", ".join(f"refused with {a.error.words}" if a.error else a.verdict for a in run.attempts[-last:])


def twice(run: History) -> bool:
    """Whether anything lies in the log more than once."""
    return max(Counter(run.values()).values(), default=0) > 1


def cells_words(run: History, partition: int = 0) -> str:
    """One log with its markers."""
    cells = run.log(partition)
    return f"`{' '.join(cell.value or cell.kind.upper() for cell in cells)}`" if cells else "nothing"


def read(run: History, lane: str = "consumer") -> list[str]:
    """What a consumer's application was handed."""
    return [value for e in run.of(Kind.READ) if e.lane == lane for value in e.values]


def results(run: History) -> list[str]:
    """What the reader of a pipeline's output received."""
    return read(run, "reader")


def ids(run: History) -> set[int]:
    """The producer ids that the broker gave out."""
    return {event.producer_id for event in run.of(Kind.INIT)}


def logs_are(one: History, other: History) -> str:
    """What contradicts a wrong idea of two logs."""
    return f"one log holds {log_words(one)}, the other {log_words(other)}."
