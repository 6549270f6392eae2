"""`show` and `compare`: from one or two histories to a picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from lesson_lib.draw.arrivals import arrival_panels
from lesson_lib.draw.canvas import LANE, MARGIN, Canvas
from lesson_lib.draw.heading import Heading, LastLines, names_of, small_print, title
from lesson_lib.draw.lanes import lane_panels
from lesson_lib.draw.picture import Picture, StepperData
from lesson_lib.draw.run_view import EventInContext, RunView
from lesson_lib.draw.space_time import space_time_panels
from lesson_lib.draw.two_runs import counted_times, differing, side_by_side, told_together
from lesson_lib.draw.words import Telling, boxes
from lesson_lib.errors import LessonError
from lesson_lib.history import History
from lesson_lib.history.story import as_story

CAPTURE = 20  # attempts that lanes have room for
LAYOUTS = {"lanes": lane_panels, "space-time": space_time_panels, "arrivals": arrival_panels}


class Panel(Protocol):
    """One run in a layout, between its heading and its last line. Sizes are in pixels."""

    view: RunView
    width: float
    height: float

    def draw(self, canvas: Canvas) -> None:
        """Draw it."""

    def moment(self, fact: EventInContext) -> tuple[float, ...]:
        """Both ends of the line through everything that is now, below the panel's top; none without time."""


def show(history: History, layout: str | None = None, control: History | None = None,
         step: bool = True) -> Picture:
    """Draw a run, and under it its control on the same axis of time.

    `layout` is "lanes", "space-time" or "arrivals"; left out, it is lanes up to 20 attempts and arrivals
    above. `step=False` leaves the buttons away. LessonError for what is not a history, and for a layout that
    there is not.
    """
    return _picture([history] if control is None else [history, control], layout, step)


def compare(left: History, right: History, layout: str | None = None, step: bool = True) -> Picture:
    """Draw two runs under each other, what differs tinted: two settings, two brokers, toy and real."""
    return _picture([left, right], layout, step, tint=True)


def _picture(runs: Sequence[History], layout: str | None, step: bool, tint: bool = False) -> Picture:
    _check(runs, layout)
    marked = differing(*runs) if tint else [frozenset()] * len(runs)
    views = [RunView(*each) for each in zip(runs, names_of(runs), marked, strict=True)]
    telling = _telling(views)
    many = max(len(run.attempts) for run in runs) > CAPTURE
    panels = LAYOUTS[layout or ("arrivals" if many else "lanes")](views, telling)
    canvas, tops = _page(panels, telling)
    playing = _playing(panels, tops, telling) if step else None
    return Picture(canvas, _alt(views), _table(views), playing)


def _check(runs: Sequence[History], layout: str | None) -> None:
    if layout not in (None, *LAYOUTS):
        raise LessonError(f"There is no layout {layout!r}. Choose one of: {', '.join(LAYOUTS)}.")
    for run in runs:
        if not isinstance(run, History):
            made = "such as what simulate(...) or lab.run(...) returns"
            raise LessonError(f"Only a run can be drawn, {made}, not {run!r:.60}.")


def _telling(views: Sequence[RunView]) -> Telling:
    names = [view.name for view in views]
    if len(views) == 1:
        return Telling([((0, fact),) for fact in views[0].events], names)
    order = told_together(*views)
    return Telling(order, names, {} if all(view.timed for view in views) else counted_times(order))


def _playing(panels: Sequence[Panel], tops: Sequence[float], telling: Telling) -> StepperData:
    now = tuple(_now(panels[run], tops[run], fact) for run, fact in (step[0] for step in telling.order))
    rows = tuple(tuple((run, fact.event.attempt) for run, fact in step if fact.event.attempt)
                 for step in telling.order)
    found = boxes([panel.view for panel in panels], telling)
    finding = " ".join(f"{title(panel.view.history, panel.view.name)}." for panel in panels)
    return StepperData(telling.captions(), telling.surprises(), now, rows, tuple(found), finding=finding)


def _now(panel: Panel, top: float, fact: EventInContext) -> tuple[int, ...]:
    """The ends of the line through a moment, as x and y in turn on the page."""
    return tuple(round(at + top * (n % 2)) for n, at in enumerate(panel.moment(fact)))


def _page(panels: Sequence[Panel], telling: Telling) -> tuple[Canvas, list[float]]:
    """All panels under each other, each with its heading above it and below it what the run came to; and
    where each panel begins.
    """
    width, top, tops = max(panel.width for panel in panels), 6.0, list[float]()
    headings = [Heading(panel.view.history, panel.view.name, width) for panel in panels]
    endings = [LastLines(panel.view.history, width) for panel in panels]
    heights = [sum(part.height for part in parts) for parts in zip(headings, panels, endings, strict=True)]
    canvas = Canvas(width, top + sum(heights) + MARGIN * (len(panels) - 1) + 8)
    for heading, panel, ending, height in zip(headings, panels, endings, heights, strict=True):
        canvas.top, last = top, telling.last if panel.view.events else None
        if tops:
            canvas.line([(MARGIN, -7), (width - MARGIN, -7)], colour=LANE, width=1.0)
        heading.draw(canvas, last)
        tops.append(top + heading.height)
        canvas.top = tops[-1]
        panel.draw(canvas)
        canvas.top, canvas.event = top + height - ending.height, last
        ending.draw(canvas)
        canvas.event = None
        top += height + MARGIN
    return canvas, tops


def _alt(views: Sequence[RunView]) -> str:
    """The story of one run, or of two with their names before them."""
    if len(views) == 1:
        return as_story(views[0].history)
    return " ".join(["Two runs.", *(f"{view.name}: {as_story(view.history)}" for view in views)])


def _table(views: Sequence[RunView]) -> str:
    """The tables of all runs, each under its settings where there are two, and these beside each other."""
    runs, names = [view.history for view in views], [view.name for view in views]
    if len(runs) == 1:
        return runs[0].table()
    tables = []
    for run, name in zip(runs, names, strict=True):
        head = f"{title(run, name)}, {small_print(run, name)}".replace("  ·  ", ", ")
        tables.append(f"{head}\n{run.table()}")
    return "\n\n".join([*tables, side_by_side(*runs, names)])
