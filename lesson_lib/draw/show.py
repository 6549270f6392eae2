"""`show` and `compare`: from one or two histories to a picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from lesson_lib.draw.canvas import LANE, MARGIN, Canvas
from lesson_lib.draw.heading import (
    NOW_AND_BEFORE,
    Heading,
    LastLines,
    differences,
    names_of,
    small_print,
    title,
)
from lesson_lib.draw.picture import Picture
from lesson_lib.draw.run_view import EventInContext, RunView, has_clock
from lesson_lib.draw.two_runs import (
    alike,
    comparable,
    counted_times,
    differing,
    side_by_side,
    told_together,
)
from lesson_lib.draw.words import Playing, Telling, boxes
from lesson_lib.errors import LessonError
from lesson_lib.history import History

CAPTURE = 20  # attempts that lanes have room for
LAYOUTS = ("lanes", "space-time", "arrivals")


class Panel(Protocol):
    """One run in a layout, between its heading and its last line. Sizes are in pixels."""

    view: RunView
    width: float
    height: float

    def draw(self, canvas: Canvas, top: float) -> None:
        """Draw it below `top`."""

    def moment(self, fact: EventInContext) -> tuple[float, ...]:
        """Once it is drawn: both ends of the line through everything that is now, none without time."""


def show(history: History, layout: str | None = None, control: History | None = None, step: bool = True,
         ghost: History | None = None) -> Picture:
    """Draw a run, and under it its control on the same axis of time.

    `ghost` is the run as it was before something was changed; it stands pale behind, in lanes or space-time:
    an arrival graph counts arrivals, so in one column two runs have different batches. `layout` is "lanes",
    "space-time" or "arrivals"; left out, it is lanes up to 20 attempts and arrivals above. `step=False`
    leaves the buttons away. LessonError for what is not a history, for a layout that there is not, and for a
    ghost beside a control, in an arrival graph or on another clock.
    """
    if ghost is None:
        runs = [history] if control is None else [history, control]
        return _picture(runs, _checked(runs, layout), step)
    if control is not None:
        raise LessonError("A picture has room for a control or a ghost, not for both; leave one of them out.")
    chosen = _checked([history, ghost], layout or "lanes")
    if chosen == "arrivals" or not (has_clock(history) and has_clock(ghost)):
        raise LessonError("The run before can stand behind a simulated run, in lanes or space-time; "
                          f"else use compare(before, now{f', {layout!r}' if layout else ''}).")
    return _picture([history], chosen, step, None if alike(history, ghost) else ghost)


def compare(left: History, right: History, layout: str | None = None, step: bool = True) -> Picture:
    """Draw two runs under each other, what differs tinted: two settings, two brokers, toy and real."""
    return _picture([left, right], _checked([left, right], layout), step, tint=True)


def _checked(runs: Sequence[History], layout: str | None) -> str:
    if layout not in (None, *LAYOUTS):
        raise LessonError(f"There is no layout {layout!r}. Choose one of: {', '.join(LAYOUTS)}.")
    for run in runs:
        if not isinstance(run, History):
            made = "such as what simulate(...) or lab.run(...) returns"
            raise LessonError(f"Only a run can be drawn, {made}, not {run!r:.60}.")
    return layout or ("arrivals" if max(len(run.attempts) for run in runs) > CAPTURE else "lanes")


def _picture(runs: Sequence[History], layout: str, step: bool, behind: History | None = None,
             tint: bool = False) -> Picture:
    names: Sequence[str] = names_of(runs)
    marked = differing(*runs) if tint else [frozenset()] * len(runs)
    views = [RunView(*each) for each in zip(runs, names, marked, strict=True)]
    telling = _telling(views, names)
    panels = _panels(views, telling, layout, behind)
    canvas = _page(panels, telling, behind)
    playing = _playing(panels, telling) if step else None
    if behind:
        runs, names = [*runs, behind], NOW_AND_BEFORE
    return Picture(canvas, _alt(runs, names, behind), _table(runs, names), playing)


def _playing(panels: Sequence[Panel], telling: Telling) -> Playing:
    moments = [panels[run].moment(fact) for run, fact in (step[0] for step in telling.order)]
    now = tuple(tuple(map(round, moment)) for moment in moments)
    rows = tuple(tuple((run, fact.event.attempt) for run, fact in step if fact.event.attempt)
                 for step in telling.order)
    found = boxes([panel.view for panel in panels], telling)
    finding = " ".join(f"{title(panel.view.history, panel.view.name)}." for panel in panels)
    return Playing(telling.captions(), telling.surprises(), now, rows, tuple(found), finding=finding)


def _telling(views: Sequence[RunView], names: Sequence[str]) -> Telling:
    if len(views) == 1:
        return Telling([((0, fact),) for fact in views[0].events], names)
    order = told_together(*views)
    return Telling(order, names, {} if comparable(views) else counted_times(order))


def _panels(views: Sequence[RunView], telling: Telling, layout: str,
            behind: History | None) -> Sequence[Panel]:
    """Each layout is imported when it is first wanted."""
    pale = RunView(behind) if behind else None
    if layout == "space-time":
        from lesson_lib.draw.space_time import space_time_panels
        return space_time_panels(views, telling, pale)
    if layout == "arrivals":
        from lesson_lib.draw.arrivals import arrival_panels
        return arrival_panels(views, telling)
    from lesson_lib.draw.lanes import lane_panels
    return lane_panels(views, telling, pale)


def _page(panels: Sequence[Panel], telling: Telling, behind: History | None) -> Canvas:
    """All panels under each other, each with its heading above it and below it what the run came to."""
    width, top = max(panel.width for panel in panels), 6.0
    pale = f"pale behind it: the run before ({_changed(panels[0].view.history, behind)})" if behind else ""
    headings = [Heading(panel.view.history, panel.view.name, width, pale) for panel in panels]
    endings = [LastLines(panel.view.history, width) for panel in panels]
    heights = [sum(part.height for part in parts) for parts in zip(headings, panels, endings, strict=True)]
    canvas = Canvas(width, top + sum(heights) + MARGIN * (len(panels) - 1) + 8)
    for heading, panel, ending, height in zip(headings, panels, endings, heights, strict=True):
        if panel is not panels[0]:
            canvas.line([(MARGIN, top - 7), (width - MARGIN, top - 7)], colour=LANE, width=1.0)
        heading.draw(canvas, top, telling.last if panel.view.events else None)
        panel.draw(canvas, top + heading.height)
        canvas.event = telling.last if panel.view.events else None
        ending.draw(canvas, top + height - ending.height)
        canvas.event = None
        top += height + MARGIN
    return canvas


def _changed(now: History, before: History) -> str:
    """What was otherwise in the settings of the run before."""
    return ", ".join(words for _, words in differences(now, before)) or "the same settings"


def _alt(runs: Sequence[History], names: Sequence[str], behind: History | None) -> str:
    """The story of one run, or of two with their names before them."""
    if len(runs) == 1:
        return runs[0].story()
    first = "A run, and pale behind it the run before a change." if behind else "Two runs."
    return " ".join([first, *(f"{name}: {run.story()}" for name, run in zip(names, runs, strict=True))])


def _table(runs: Sequence[History], names: Sequence[str]) -> str:
    """The tables of all runs, each under its settings where there are several."""
    if len(runs) == 1:
        return runs[0].table()
    tables = []
    for run, name in zip(runs, names, strict=True):
        head = f"{title(run, name)}, {small_print(run, name)}".replace("  ·  ", ", ")
        tables.append(f"{head}\n{run.table()}")
    return "\n\n".join([*tables, side_by_side(runs[0], runs[1], names)])
