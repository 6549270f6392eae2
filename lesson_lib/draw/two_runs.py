"""Two runs beside each other: which of their events are the same, and what became of each batch in either.

Batches of two runs are the same where they hold the same values for the same partition, the n-th time in
either. Their numbers need not be: a record that one application sent again has a number of its own, and
shifts all numbers behind it. Topics do not count, as every real run has one of its own.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from difflib import SequenceMatcher
from itertools import accumulate, pairwise, zip_longest

from lesson_lib.draw.run_view import Marked, RunView
from lesson_lib.draw.words import COMPARED, ToldStep, verdict_in_words
from lesson_lib.history import Attempt, Event, History, Kind, LogCell
from lesson_lib.text_table import aligned

ASPECTS = ("fate", "told", "read")
BatchPair = tuple[int | None, int | None]  # a batch's numbers in either run; None where it was never sent


class RunByBatch:
    """One run sorted by batch. Each aspect is a few words, empty for a batch that was never sent."""

    def __init__(self, history: History) -> None:
        self.attempts: dict[int, list[Attempt]] = defaultdict(list)
        self.cells: dict[int, list[LogCell]] = defaultdict(list)
        self.reads: dict[int, Counter[str]] = defaultdict(Counter)
        why = {batch: f": {name}" for batch, name in history.exceptions.items()}
        self.answers = {batch: what + why.get(batch, "") for batch, what in history.told.items()}
        for attempt in history.attempts:
            self.attempts[attempt.batch].append(attempt)
        for cell in [cell for cells in history.logs.values() for cell in cells if cell.kind == "data"]:
            self.cells[cell.batch].append(cell)
        for event in history.of(Kind.READ):
            self.reads[event.batch][event.lane] += 1
        self.values = {batch: those[0].send.values for batch, those in self.attempts.items()}

    def sent(self) -> dict[tuple[object, ...], int]:
        """The number of each batch by what makes it the same in another run."""
        times: Counter[tuple[object, ...]] = Counter()
        found = {}
        for number in sorted(self.attempts):
            what = self.values[number], self.attempts[number][0].send.partition
            found[*what, times[what]] = number
            times[what] += 1
        return found

    def aspects(self, batch: int | None) -> dict[str, str]:
        """All that two runs are compared by; without offsets, as they shift with every copy before them.

        Of its readers is said how much they read where it was not each record once.
        """
        if batch is None:
            return dict.fromkeys(ASPECTS, "")
        tries = "; ".join(words for words, *_ in self.tries(batch))
        undone, copies = ", aborted" * self._undone(batch), len({c.base_offset for c in self.cells[batch]})
        readers, size = [], max(1, len(self.values[batch]))
        for lane, records in sorted(self.reads[batch].items()):
            times = f" ({records // size} times)" * (records > size)
            part = f" ({records} {'record' if records == 1 else 'records'})"
            readers.append(lane + (part if records % size else times))
        return {"fate": f"{tries}; {copies} in the log{undone}", "told": self.answers.get(batch, ""),
                "read": ", ".join(readers)}

    def tries(self, batch: int | None) -> list[tuple[str, int, bool]]:
        """What became of each try, how often it was stored (it may arrive twice), whether it was aborted."""
        found = []
        for attempt in self.attempts[batch] if batch is not None else ():
            verdict = verdict_in_words(COMPARED, attempt.verdict, attempt.error)
            words = ", ".join(filter(None, (verdict, f"{attempt.lost} lost" if attempt.lost else "")))
            stored = sum(e.kind == Kind.VERDICT and e.what == "stored" for e in attempt.events)
            found.append((words or "no news", stored, self._undone(attempt.batch)))
        return found

    def _undone(self, batch: int) -> bool:
        return any(cell.txn == "aborted" for cell in self.cells[batch])


def pairs_of(left: RunByBatch, right: RunByBatch) -> list[BatchPair]:
    """Every batch of either run, in the order of sending; what one run lacks stands where it would be."""
    ours, theirs = left.sent(), right.sent()
    found: list[BatchPair] = [(number, theirs.get(key)) for key, number in ours.items()]
    place = 0
    for key, number in theirs.items():
        if key in ours:
            place = found.index((ours[key], number)) + 1
        else:
            found.insert(place, (None, number))
            place += 1
    return found


def differing(left: History, right: History) -> tuple[Marked, Marked]:
    """For each run what to mark in it: the tries of a batch, and all else, in which the two differ."""
    runs = RunByBatch(left), RunByBatch(right)
    marks = set[tuple[str, int, int]](), set[tuple[str, int, int]]()
    for pair in pairs_of(*runs):
        one, other = (run.aspects(batch) for run, batch in zip(runs, pair, strict=True))
        tries = list(zip_longest(*(run.tries(batch) for run, batch in zip(runs, pair, strict=True))))
        apart = [("fate", number) for number, (a, b) in enumerate(tries, 1) if a != b]
        if one["fate"] != other["fate"] and not apart:  # what was kept aside came in one run only
            apart = [("fate", number) for number in range(1, len(tries) + 1)]
        apart += [(aspect, 0) for aspect in ASPECTS[1:] if one[aspect] != other[aspect]]
        for marked, batch in zip(marks, pair, strict=True):
            marked.update((aspect, batch, number) for aspect, number in apart if batch is not None)
    return frozenset(marks[0]), frozenset(marks[1])


def side_by_side(left: History, right: History, names: Sequence[str]) -> str:
    """Both runs beside each other, a line a batch; lines that differ begin with a sign."""
    runs, rows = (RunByBatch(left), RunByBatch(right)), [("  batch", *names)]
    for pair in pairs_of(*runs):
        lines = []
        for run, batch in zip(runs, pair, strict=True):
            says = run.aspects(batch)
            read = f"; read by {says['read']}" if says["read"] else ""
            line = f"{says['fate']}; told {says['told'] or 'nothing'}{read}"
            lines.append("not sent" if batch is None else line)
        values = next(" ".join(run.values[n]) for run, n in zip(runs, pair, strict=True) if n is not None)
        numbers = [str(n) if n is not None else "–" for n in (pair if pair[0] != pair[1] else pair[:1])]
        name = " | ".join(numbers) + f" ({values})" * bool(values)
        rows.append((f"{'≠' if lines[0] != lines[1] else ' '} {name}", *lines))
    return "\n".join(aligned(rows))


def told_together(left: RunView, right: RunView) -> list[ToldStep]:
    """The order in which two runs are told: what both do is one step. From then on both views know it.

    Where both have a clock only events of the same time are the same; else the two lists are laid beside each
    other as a text comparison does it, and times only count the steps.
    """
    timed, found = left.timed and right.timed, list[ToldStep]()
    keys = [[_key(fact.event, timed) for fact in view.events] for view in (left, right)]
    for tag, a, b, c, d in SequenceMatcher(None, *keys, autojunk=False).get_opcodes():
        ours, theirs = left.events[a:b], right.events[c:d]
        if tag == "equal":
            found += zip(ours, theirs, strict=True)
        else:
            in_order = sorted([*ours, *theirs], key=lambda fact: fact.event.t if timed else 0)
            found += [(fact,) for fact in in_order]
    times = _counted(found)
    for view in (left, right):
        own = [n for n, step in enumerate(found) if any(fact.view is view for fact in step)]
        view.steps, view.last = own, len(found) - 1 if own else None
        view.clock = [] if timed else [times[n] for n in own]
    return found


def _key(event: Event, timed: bool) -> tuple[object, ...]:
    forms = Kind.VERDICT, Kind.LOST, Kind.REPORT, Kind.BROKER, Kind.TXN
    what, try_no = event.what if event.kind in forms else "", event.try_no if event.kind == Kind.SEND else 0
    return event.kind, what, event.batch, try_no, event.t if timed else 0


def _counted(steps: Sequence[ToldStep]) -> list[int]:
    """A time for each step that only counts them.

    A report shares that of the answer before it. What became of a batch in one run shares that of what became
    of it in the other: what differs stands in one column.
    """
    return list(accumulate([1, *(not _at_once(*pair) for pair in pairwise(steps))][:len(steps)]))


def _at_once(before: ToldStep, step: ToldStep) -> bool:
    ours, theirs = before[0], step[0]
    apart = len(before) == len(step) == 1 and ours.view is not theirs.view
    alike = (ours.event.kind, ours.event.batch) == (theirs.event.kind, theirs.event.batch)
    return alike if apart else (theirs.event.kind, ours.event.kind) == (Kind.REPORT, Kind.ACK)
