"""What is different about two runs, batch by batch: what became of it, what was said of it, who read it, how often it lies in the log.

Batches of two runs are the same where they hold the same values for the same partition, the n-th time in either. Their
numbers need not be: a record that one application sent again has a number of its own, and shifts all numbers behind it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from lesson_lib.history import Attempt, History, Kind

Marked = frozenset[tuple[str, int]]  # ("fate" | "told" | "read", number of the batch in its own run)


class Pair(NamedTuple):
    """The numbers of one batch in either run; None where that run never sent it."""

    left: int | None
    right: int | None


def pairs_of(left: History, right: History) -> list[Pair]:
    """Every batch that was sent in any of the runs, in the order of sending; what one run lacks stands where it would be."""
    ours, theirs = _sent(left), _sent(right)
    found, place = [Pair(number, theirs.get(key)) for key, number in ours.items()], 0
    for key, number in theirs.items():
        if key in ours:
            place = found.index(Pair(ours[key], number)) + 1
        else:
            found.insert(place, Pair(None, number))
            place += 1
    return found


def _sent(history: History) -> dict[tuple[object, ...], int]:
    """What was sent, how often before, and to which partition, with the batch's number."""
    firsts = {a.batch: a.send for a in reversed(history.attempts)}
    times: Counter[tuple[object, ...]] = Counter()
    found = {}
    for number, send in sorted(firsts.items()):
        what = send.values, send.partition
        found[*what, times[what]] = number
        times[what] += 1
    return found


def fate(history: History, batch: int | None) -> str:
    """In a few words what became of a batch; offsets are left out, because they shift with every copy before them."""
    tries = [_attempt_words(a) for a in history.attempts if a.batch == batch]
    cells = [c for cells in history.logs.values() for c in cells if c.batch == batch and c.kind == "data"]
    undone = ", aborted" if any(c.txn == "aborted" for c in cells) else ""
    return f"{'; '.join(tries)}; {len({c.base_offset for c in cells})} in the log{undone}" if tries else "not sent"


def told(history: History, batch: int | None) -> str:
    """What the application was told of a batch, empty for a batch that was never sent."""
    return "" if batch is None else history.told.get(batch, "")


def readers(history: History, batch: int | None) -> str:
    """Which consumers read the batch, and how often where it was more than once; empty for none."""
    times = Counter(e.lane for e in history.of(Kind.READ) if e.batch == batch and batch is not None)
    each = max((len(a.send.values) for a in history.attempts if a.batch == batch), default=1) or 1
    return ", ".join(lane if n <= each else f"{lane} ({n / each:g} times)" for lane, n in sorted(times.items()))


def _attempt_words(attempt: Attempt) -> str:
    verdict = f"refused {attempt.error.value}" if attempt.verdict == "refused" else attempt.verdict
    lost = f"{attempt.lost} lost" if attempt.lost else ""
    return ", ".join(filter(None, (verdict, lost))) or "no news"


_ASPECTS = {"fate": fate, "told": told, "read": readers}


def differing(left: History, right: History) -> tuple[Marked, Marked]:
    """For each run what to mark in it: every aspect of a batch in which the two do not agree."""
    found = [(aspect, pair) for pair in pairs_of(left, right) for aspect, says in _ASPECTS.items()
             if says(left, pair.left) != says(right, pair.right)]
    ours, theirs = ({(aspect, pair[run]) for aspect, pair in found if pair[run] is not None} for run in (0, 1))
    return frozenset(ours), frozenset(theirs)  # type: ignore[arg-type]


def as_table(left: History, right: History, names: Sequence[str] = ("first run", "second run")) -> str:
    """Both runs beside each other, a line a batch; lines that differ begin with a sign."""
    rows = [("  batch", *names)]
    for pair in pairs_of(left, right):
        both = [_words(left, pair.left), _words(right, pair.right)]
        rows.append((f"{'≠' if both[0] != both[1] else ' '} {_name(left, right, pair)}", *both))
    widths = [max(len(row[i]) for row in rows) for i in range(3)]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)


def _words(history: History, batch: int | None) -> str:
    who = readers(history, batch)
    return f"{fate(history, batch)}; told {told(history, batch) or 'nothing'}{f'; read by {who}' if who else ''}"


def _name(left: History, right: History, pair: Pair) -> str:
    """The batch's number, or both where they are not the same, and its values."""
    history, number = (right, pair.right) if pair.left is None else (left, pair.left)
    values = " ".join(next(a.send.values for a in history.attempts if a.batch == number))
    numbers = f"{number}" if pair.left == pair.right else " | ".join("–" if n is None else f"{n}" for n in pair)
    return f"{numbers} ({values})" if values else numbers
