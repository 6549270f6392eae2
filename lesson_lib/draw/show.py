"""`show` and `compare`: from one or two histories to a picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lesson_lib.draw.facts.difference import Marked, differing, side_by_side
from lesson_lib.draw.facts.facts import facts_of
from lesson_lib.draw.facts.fork import GHOST_NAMES, fork_of
from lesson_lib.draw.facts.steps import Steps, steps_of
from lesson_lib.draw.lanes.timeline import comparable
from lesson_lib.draw.picture import Picture
from lesson_lib.draw.words.heading import small_print, title
from lesson_lib.errors import LessonError
from lesson_lib.history import History
from lesson_lib.lab.control_markers import with_markers

if TYPE_CHECKING:
    from lesson_lib.draw.sheet.canvas import Canvas

CAPTURE = 20  # attempts that lanes have room for
LAYOUTS = ("lanes", "space-time", "arrivals")


def show(history: History, layout: str | None = None, control: History | None = None, step: bool = True,
         ghost: History | None = None) -> Picture:
    """Draw a run, and under it its control, or its ghost, on the same time axis.

    `ghost` is the run as it was before something was changed: from where the two part it is drawn faint. `layout` is "lanes",
    "space-time" or "arrivals"; left out, it is lanes up to 20 attempts and arrivals above. `step=False` leaves the buttons
    away. LessonError for anything that is not a history, for a layout that there is not, and for a control beside a ghost.
    """
    if ghost is not None and control is not None:
        raise LessonError("A picture has room for a control or for a ghost, not for both; leave one of them out.")
    runs = [run for run in (history, control, ghost) if run is not None]
    return _picture(runs, _checked(runs, layout), step, ghost=ghost is not None)


def compare(left: History, right: History, layout: str | None = None, step: bool = True) -> Picture:
    """Draw two runs under each other, what differs tinted: two settings, two brokers, or the simulated and the real one."""
    return _picture([left, right], _checked([left, right], layout), step, differing(left, right))


def _checked(runs: Sequence[History], layout: str | None) -> str:
    if layout not in (None, *LAYOUTS):
        raise LessonError(f"There is no layout {layout!r}. Choose one of: {', '.join(LAYOUTS)}.")
    for run in runs:
        if not isinstance(run, History):
            raise LessonError(f"Only a run can be drawn, such as what simulate(...) or lab.run(...) returns, not {run!r:.60}.")
    return layout or ("arrivals" if max(len(run.attempts) for run in runs) > CAPTURE else "lanes")


def _picture(runs: Sequence[History], layout: str, step: bool, marked: Sequence[Marked] = (), ghost: bool = False) -> Picture:
    runs = [with_markers(run) for run in runs]
    fork = fork_of(*runs) if ghost else None
    runs = runs[:1] if ghost and not fork else runs  # where nothing came out otherwise there is no other future
    steps = steps_of(runs, [facts_of(run) for run in runs], fork)
    canvas = _drawn(layout, runs, steps, marked or [frozenset()] * len(runs))
    told = (steps.captions, steps.surprises) if step else ((), ())
    return Picture(canvas, alt(runs, steps), table(runs, steps), *told, folded=len(runs) > 1)


def _drawn(layout: str, runs: Sequence[History], steps: Steps, marked: Sequence[Marked]) -> Canvas:
    """Each layout is imported when it is first wanted."""
    if layout == "space-time":
        from lesson_lib.draw.space_time.sheet import draw_space_time
        return draw_space_time(runs, steps, marked)
    if layout == "arrivals":
        from lesson_lib.draw.arrivals.layout import draw_arrivals
        return draw_arrivals(runs, steps)
    return _lanes(runs, steps, marked)


def _lanes(runs: Sequence[History], steps: Steps, marked: Sequence[Marked]) -> Canvas:
    from lesson_lib.draw.lanes.layout import draw_lanes
    from lesson_lib.draw.lanes.plan import Plan
    columns = {} if comparable(runs) else steps.columns([facts_of(run) for run in runs])
    clocks = [{i: c for (r, i), c in columns.items() if r == run} for run in range(len(runs))]
    plans = [Plan(run, clocks[n], marked[n], steps.names[n], steps.fork, ghost=bool(n and steps.fork)) for n, run in enumerate(runs)]
    return draw_lanes(plans, steps)


def alt(runs: Sequence[History], steps: Steps) -> str:
    """The story of one run, or of two with their names before them."""
    if len(runs) == 1:
        return runs[0].story()
    place = f"from attempt {steps.fork.attempt} on" if steps.fork and steps.fork.attempt else "from where they part"
    first = f"A run, and faint beneath it, {place}, the run before a change, as a ghost." if steps.fork else "Two runs."
    return " ".join([first, *(f"{name}: {run.story()}" for name, run in zip(steps.names, runs, strict=True))])


def table(runs: Sequence[History], steps: Steps) -> str:
    """The tables of all runs, each under its settings where there are several."""
    if len(runs) == 1:
        return runs[0].table()
    heads = [f"{title(run, name)}  ·  {small_print(run, name)}".replace("  ·  ", ", ") for run, name in zip(runs, steps.names, strict=True)]
    tables = [f"{head}\n{run.table()}" for head, run in zip(heads, runs, strict=True)]
    return "\n\n".join([*tables, side_by_side(runs[0], runs[1], GHOST_NAMES if steps.fork else steps.names)])
