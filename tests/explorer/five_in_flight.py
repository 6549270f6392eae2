"""What the comparisons of a simulated client with the real one share: the scripts, and what must agree."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

from course_tools.clients.experiments import ClientBench
from lesson_lib.history import History, Kind
from lesson_lib.sim import simulate

Told = list[str]
ON = ["", "1: lose ack", "2: lose ack", "2: lose request", "1: cut 5 0", "1: cut 3 1", "1: cut 5 2", "3: cut 2 0", "2: repeat",
      "1: delay 50", "2: lose ack silently", "2: lose request silently", "5: lose ack", "2: lose ack; 6: lose ack",
      "2: refuse 6", "3: refuse 19", "2: store and answer 20", "2: store and answer 46", "2: refuse 45", "2: store and answer 45",
      "2: refuse 87", "2: refuse 47", "2: refuse 59", "2: refuse 2", "2: refuse 10"]
OFF = ["", "2: lose ack", "1: cut 5 0", "1: cut 3 1", "2: refuse 19", "2: store and answer 20", "2: repeat"]


def outcome(run: History) -> dict[str, object]:
    """What must agree."""
    return {"log": run.values(), "verdicts": run.verdicts,
            "numbers": [(a.batch, a.try_no, a.send.producer_epoch, a.send.base_sequence) for a in run.attempts]}


def told_by(run: History) -> Told:
    """What the simulated application is told, in the words of the drivers."""
    reports = {r.batch: f"ok {-1 if r.offset is None else r.offset}" if r.what == "ok" else r.note for r in run.reports}
    return [reports[batch] for batch in sorted(reports)]


def late(run: History, hold: Sequence[int]) -> list[int]:
    """The counts of `hold` that the proxy waited for in vain: what the faults met was up to luck, and nothing can be compared."""
    place = {(event.kind, event.attempt): index for index, event in reversed(list(enumerate(run.events)))}

    def came_late(before: int, count: int) -> bool:
        handled = [place[kind, before + 1] for kind in (Kind.VERDICT, Kind.LOST) if (kind, before + 1) in place]
        return (Kind.SEND, count) not in place or place[Kind.SEND, count] > min(handled, default=len(run.events))
    return [count for before, count in pairwise([0, *hold]) if came_late(before, count)]


def compare(bench: ClientBench, client: str, script: str, count: int = 5, *, idempotence: bool = True, again: Sequence[int] = (),
            same: Callable[[Told], Told] = list, **times: int) -> History:
    """Run both, hold them together and return the simulated run; `same` makes one of words that mean the same;
    `again` says after how many attempts more answers may come."""
    times = {"delivery_timeout_ms": 20_000, "request_timeout_ms": 1_000 if "silently" in script else 10_000} | times
    expected = simulate(count, faults=script, client=client, in_flight=5, idempotence=idempotence, broker=bench.lab.choice.name, **times)
    hold = [min(count, 5), *again]
    told, run = bench.play(script, [count], hold=hold, idempotence=idempotence, in_flight=5, **times)
    assert late(run, hold) == []
    assert outcome(run) == outcome(expected)
    assert same(told) == same(told_by(expected))
    return expected
