"""What is different about two runs, batch by batch: what became of it, what was said of it, how often it lies in the log."""

from __future__ import annotations

from lesson_lib.history import Attempt, History


def fate(history: History, batch: int) -> str:
    """In a few words what became of a batch; offsets are left out, because they shift with every copy before them."""
    tries = [_attempt_words(a) for a in history.attempts if a.batch == batch]
    copies = len({c.base_offset for cells in history.logs.values() for c in cells if c.batch == batch and c.kind == "data"})
    told = history.told.get(batch, "")
    return f"{'; '.join(tries)}; told {told}; {copies} in the log" if tries else "not sent"


def _attempt_words(attempt: Attempt) -> str:
    verdict = f"refused {attempt.error.value}" if attempt.verdict == "refused" else attempt.verdict
    lost = f"{attempt.lost} lost" if attempt.lost else ""
    return ", ".join(filter(None, (verdict, lost))) or "no news"


def batches_of(*histories: History) -> list[int]:
    """Every batch that was sent in any of the runs."""
    return sorted({a.batch for h in histories for a in h.attempts})


def differing(left: History, right: History) -> frozenset[int]:
    """The numbers of the batches that fare differently."""
    return frozenset(b for b in batches_of(left, right) if fate(left, b) != fate(right, b))


def as_table(left: History, right: History) -> str:
    """Both runs beside each other, a line a batch; lines that differ begin with a sign."""
    unlike = differing(left, right)
    rows = [("batch", "first run", "second run")]
    rows += [(f"{'≠ ' if b in unlike else '  '}{b}", fate(left, b), fate(right, b)) for b in batches_of(left, right)]
    widths = [max(len(row[i]) for row in rows) for i in range(3)]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)
