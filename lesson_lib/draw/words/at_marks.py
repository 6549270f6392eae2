"""The few words that stand at a mark. Short enough for a notebook's width; the sentences are in `words`."""

from __future__ import annotations

from collections.abc import Sequence

from lesson_lib.draw.facts.broker_memory import range_of
from lesson_lib.draw.facts.facts import Fact, range_words
from lesson_lib.draw.sheet.style import shape_of, short_name, text_width
from lesson_lib.history import Event, History, Kind, LogCell

TORN = "connection\ntorn"
CONSUMER = (Kind.READ, Kind.POLL, Kind.WORK, Kind.POSITION, Kind.CONSUMER)  # what stands in a consumer's row
_READERS = {Kind.POSITION: "commits {offset}", Kind.POLL: "handed nothing", Kind.WORK: "works"}


def told_words(batch: str, what: str, exception: str = "") -> str:
    """Under the tick, cross or ring; an exception in a line of its own."""
    words = f"{batch} {what}" if batch != "-1" else what
    return f"{words}:\n{exception}" if exception else words


def verdict_words(fact: Fact, brief: bool = False) -> str:
    """Two short lines under a verdict's mark; `brief` leaves the error's name away."""
    event = fact.event
    if fact.kept:
        return "kept,\ntold ok"
    if event.what == "refused":
        word = "fenced" if shape_of(event.what, event.error) == "fenced" else "refused"
        return f"{word}\n{event.error.value}" + ("" if brief else f" {short_name(event.error)}")
    offset = "?" if event.offset is None else event.offset
    return f"duplicate\n= offset {offset}" if event.what == "duplicate" else f"stored\noffset {offset}"


def send_words(send: Event) -> str:
    """Above a send: which try it is, and the sequence that the batch begins with, where it has one."""
    again = f"try {send.try_no}" if send.try_no > 1 else ""
    number = f"seq {range_words(*range_of(send))}" if send.base_sequence >= 0 else ""
    return ", ".join(filter(None, (again, number)))


def doubt_words(batch: int) -> str:
    """Under the ring where a message was lost, for as long as the application cannot know."""
    return f"{batch} ?"


def broker_words(event: Event) -> str:
    """Under the mark of a broker that restarts, crashes, fails over or forgets."""
    return "broker\n" + event.what


def memory_words(fact: Fact) -> str:
    """The remembered ranges, under whose they are: in one line while each is one number, else one a line."""
    words = [range_words(*r) for r in fact.memory]
    ranges = ("\n" if any(".." in w for w in words) or len("".join(words)) > 10 else " ").join(words)
    return f"{fact.whose}\n{ranges}" if fact.whose and ranges else ranges


def log_row(event: Event) -> str:
    """The row of the partition that an event is about."""
    return f"log {event.topic} {event.partition}"


def cell_text(fact: Fact) -> str:
    """What stands in the log's cell: offset and value, a line a record, four lines at most."""
    first = fact.event.offset or 0
    values = [value for one in fact.arrived or (fact.send,) for value in one.values or ("",)]
    lines = [f"{first + i}: {value if len(value) <= 10 else value[:9] + '…'}" for i, value in enumerate(values)]
    return "\n".join(lines if len(lines) <= 4 else [*lines[:3], f"… {first + len(lines) - 1}"])


def cells_text(cells: Sequence[LogCell]) -> str:
    """Several cells of a log in a few words."""
    return "  ".join(f"{c.offset}: {c.value or c.kind}" for c in cells[:3]) + ("  …" if cells[3:] else "")


def cell_width(text: str) -> float:
    """Pixels of a log cell."""
    return text_width(text) + 12


def copy_words(copy: int) -> str:
    """Under a log cell that repeats an earlier one."""
    return "" if copy < 2 else {2: "second copy", 3: "third copy"}.get(copy, f"{copy}th copy")


def below_cell(fact: Fact, history: History) -> str:
    """Under a log cell: that it is a copy, or what became of its transaction."""
    if fact.kept or not is_in_log(fact, history):
        return "not in the log"
    if fact.copy > 1 or not fact.send.transactional:
        return copy_words(fact.copy)
    cells = history.log(fact.send.partition, fact.send.topic or None)
    return next((cell.txn for cell in cells if cell.offset == fact.event.offset), "")


def is_in_log(fact: Fact, history: History) -> bool:
    """Whether the batch lies in the final log: a wrong broker may say so of one that it never wrote down."""
    cells = history.log(fact.send.partition, fact.send.topic or None)
    return not history.logs or any(cell.batch == fact.send.batch for cell in cells)


def reading_words(event: Event, history: History) -> str:
    """Under a consumer's mark."""
    if event.kind == Kind.CONSUMER:
        return event.what
    if event.kind in _READERS:
        return _READERS[event.kind].format(offset=event.offset)
    value = next((c.value for c in history.log(event.partition, event.topic or None) if c.offset == event.offset), "")
    return f"{event.offset}: {value}" if value else f"{event.offset}"
