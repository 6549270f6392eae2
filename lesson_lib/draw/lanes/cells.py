"""The cells of a log that no event of the run put there: what was there before it, and what others wrote behind it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from lesson_lib.draw.facts.facts import Fact
from lesson_lib.draw.lanes.timeline import Place
from lesson_lib.draw.words import at_marks as labels
from lesson_lib.history import Kind

if TYPE_CHECKING:
    from lesson_lib.draw.lanes.plan import Plan


def other_cells(plan: Plan) -> list[tuple[Place, tuple[str, int], str]]:
    """Cells of the final log that no event of this run put there, as one text before and one behind the run's own.

    Where the run put nothing there, all was there before: it can only have read it.
    """
    found = []
    for key in plan.history.partitions:
        seen = {o for f in plan.facts if (f.send.topic or key[0], f.send.partition) == key for o in _offsets(f)}
        rest, first = [c for c in plan.history.logs[key] if c.offset not in seen], min(seen, default=sys.maxsize)
        before, behind = [c for c in rest if c.offset < first], [c for c in rest if c.offset >= first]
        both = ((plan.start - 1, 0), before), ((plan.end, 899), behind)
        found += [(place, key, labels.cells_text(cells)) for place, cells in both if cells]
    return found


def _offsets(fact: Fact) -> range:
    """The offsets that this event put into the log."""
    event = fact.event
    if event.offset is None or not (fact.copy or event.kind == Kind.MARKER):
        return range(0)
    size = sum(max(1, len(one.values)) for one in fact.arrived) if event.kind == Kind.VERDICT else 1
    return range(event.offset, event.offset + size)
