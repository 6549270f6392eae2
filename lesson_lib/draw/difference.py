"""What is different about two runs, batch by batch: what became of it, what was said of it, how often it lies in the log."""

from __future__ import annotations

from collections.abc import Sequence

from lesson_lib.history import Attempt, History


def fate(history: History, batch: int) -> str:
    """In a few words what became of a batch; offsets are left out, because they shift with every copy before them."""
    tries = [_attempt_words(a) for a in history.attempts if a.batch == batch]
    copies = len({c.base_offset for cells in history.logs.values() for c in cells if c.batch == batch and c.kind == "data"})
    return f"{'; '.join(tries)}; {copies} in the log" if tries else "not sent"


def told(history: History, batch: int) -> str:
    """What the application was told of a batch, empty for a batch that was never sent."""
    return history.told.get(batch, "")


def _attempt_words(attempt: Attempt) -> str:
    verdict = f"refused {attempt.error.value}" if attempt.verdict == "refused" else attempt.verdict
    lost = f"{attempt.lost} lost" if attempt.lost else ""
    return ", ".join(filter(None, (verdict, lost))) or "no news"


def batches_of(*histories: History) -> list[int]:
    """Every batch that was sent in any of the runs."""
    return sorted({a.batch for h in histories for a in h.attempts})


def differing(left: History, right: History) -> frozenset[tuple[str, int]]:
    """("fate", batch) and ("told", batch) wherever the two runs do not agree."""
    batches = batches_of(left, right)
    fates = {("fate", b) for b in batches if fate(left, b) != fate(right, b)}
    return frozenset(fates | {("told", b) for b in batches if told(left, b) != told(right, b)})


def as_table(left: History, right: History, names: Sequence[str] = ("first run", "second run")) -> str:
    """Both runs beside each other, a line a batch; lines that differ begin with a sign."""
    rows = [("  batch", *names)]
    for batch in batches_of(left, right):
        pair = [f"{fate(h, batch)}; told {told(h, batch) or 'nothing'}" for h in (left, right)]
        rows.append((f"{'≠' if pair[0] != pair[1] else ' '} {batch}", *pair))
    widths = [max(len(row[i]) for row in rows) for i in range(3)]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)
