"""`show` and `compare`: from one or two histories to a picture."""

from __future__ import annotations

from lesson_lib.draw.picture import Picture
from lesson_lib.errors import LessonError
from lesson_lib.history import History

LAYOUTS = ("lanes", "space-time", "arrivals")


def show(history: History, layout: str | None = None, control: History | None = None, step: bool = True) -> Picture:
    """Draw a run, and under it its control on the same time axis. LessonError for a layout that there is not."""
    from lesson_lib.draw.lanes import draw_lanes
    from lesson_lib.draw.lanes_plan import Plan
    if layout not in (None, *LAYOUTS):
        raise LessonError(f"There is no layout {layout!r}. Choose one of: {', '.join(LAYOUTS)}.")
    runs = [history] if control is None else [history, control]
    canvas = draw_lanes([Plan(run) for run in runs])
    return Picture(canvas, alt(*runs), table(*runs))


def compare(left: History, right: History) -> Picture:
    """Draw two runs under each other, with what differs marked."""
    return show(left, control=right)


def alt(*runs: History) -> str:
    """The story of one run, or of two with a word between them."""
    return runs[0].story() if len(runs) == 1 else f"Two runs. First: {runs[0].story()} Second: {runs[1].story()}"


def table(*runs: History) -> str:
    """The tables of all runs, each under its settings where there are several."""
    from lesson_lib.draw.words import caption
    if len(runs) == 1:
        return runs[0].table()
    return "\n\n".join(f"{', '.join(caption(run))}\n{run.table()}" for run in runs)
