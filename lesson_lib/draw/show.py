"""`show` and `compare`: from one or two histories to a picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lesson_lib.draw.facts import facts_of
from lesson_lib.draw.markers import with_markers
from lesson_lib.draw.picture import Picture
from lesson_lib.draw.steps import Steps, comparable, steps_of
from lesson_lib.errors import LessonError
from lesson_lib.history import History

if TYPE_CHECKING:
    from lesson_lib.draw.canvas import Canvas

Marked = frozenset[tuple[str, int]]
CAPTURE = 20  # attempts that lanes have room for
LAYOUTS = ("lanes", "space-time", "arrivals")


def show(history: History, layout: str | None = None, control: History | None = None, step: bool = True) -> Picture:
    """Draw a run, and under it its control on the same time axis.

    `layout` is "lanes", "space-time" or "arrivals"; left out, it is lanes up to 20 attempts and arrivals above. `step=False`
    leaves the buttons away. LessonError for anything that is not a history, and for a layout that there is not.
    """
    runs = [history] if control is None else [history, control]
    return _picture(runs, _checked(runs, layout), frozenset(), step)


def compare(left: History, right: History, layout: str | None = None, step: bool = True) -> Picture:
    """Draw two runs under each other, what differs tinted: two settings, two brokers, or the simulated and the real one."""
    from lesson_lib.draw.difference import differing
    return _picture([left, right], _checked([left, right], layout), differing(left, right), step)


def _checked(runs: Sequence[History], layout: str | None) -> str:
    if layout not in (None, *LAYOUTS):
        raise LessonError(f"There is no layout {layout!r}. Choose one of: {', '.join(LAYOUTS)}.")
    for run in runs:
        if not isinstance(run, History):
            raise LessonError(f"Only a run can be drawn, such as what simulate(...) or lab.run(...) returns, not {run!r:.60}.")
    return layout or ("arrivals" if max(len(run.attempts) for run in runs) > CAPTURE else "lanes")


def _picture(runs: Sequence[History], layout: str, marked: Marked, step: bool) -> Picture:
    runs = [with_markers(run) for run in runs]
    steps = steps_of(runs, [facts_of(run) for run in runs])
    canvas = _drawn(layout, runs, steps, marked)
    told = (steps.captions, steps.surprises) if step else ((), ())
    return Picture(canvas, alt(*runs), table(*runs), *told)


def _drawn(layout: str, runs: Sequence[History], steps: Steps, marked: Marked) -> Canvas:
    """Each layout is imported when it is first wanted."""
    if layout == "space-time":
        from lesson_lib.draw.space_time import draw_space_time
        return draw_space_time(runs, steps, marked)
    if layout == "arrivals":
        from lesson_lib.draw.arrivals import draw_arrivals
        return draw_arrivals(runs, steps)
    return _lanes(runs, steps, marked)


def _lanes(runs: Sequence[History], steps: Steps, marked: Marked) -> Canvas:
    from lesson_lib.draw.lanes import draw_lanes
    from lesson_lib.draw.lanes_plan import Plan
    facts = [facts_of(run) for run in runs]
    columns = {} if comparable(runs) else steps.columns(facts)
    clocks = [{i: c for (r, i), c in columns.items() if r == run} for run in range(len(runs))]
    return draw_lanes([Plan(*each) for each in zip(runs, clocks, [marked] * len(runs), steps.names, strict=True)], steps)


def alt(*runs: History) -> str:
    """The story of one run, or of two with their names before them."""
    from lesson_lib.draw.heading import names_of
    if len(runs) == 1:
        return runs[0].story()
    return " ".join(["Two runs.", *(f"{name}: {run.story()}" for name, run in zip(names_of(runs), runs, strict=True))])


def table(*runs: History) -> str:
    """The tables of all runs, each under its settings where there are several."""
    if len(runs) == 1:
        return runs[0].table()
    from lesson_lib.draw.difference import as_table
    from lesson_lib.draw.heading import names_of, small_print, title
    names = names_of(runs)
    heads = [f"{title(run, name)}  ·  {small_print(run)}".replace("  ·  ", ", ") for run, name in zip(runs, names, strict=True)]
    tables = [f"{head}\n{run.table()}" for head, run in zip(heads, runs, strict=True)]
    return "\n\n".join([*tables, as_table(runs[0], runs[1], names)])
