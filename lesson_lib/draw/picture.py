"""`show` and `compare`: from one or two histories to a picture. And what a learner gets to see of it: an
image with alternative text, and the same run as a text table below it.

It is an ordinary cell output, so it stays in exported pages, on paper and for a screen reader. Where scripts
may run, the image becomes a drawing to step through: the script `stepper.js` shows and hides the marks of
each event, all in the one output, with no kernel and no network. Where scripts are off, and in a notebook
that is not trusted yet, the image stays.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

from lesson_lib.draw.arrivals import ArrivalsPanel, arrival_panels
from lesson_lib.draw.canvas import LANE, MARGIN, Canvas
from lesson_lib.draw.heading import Heading, LastLines, names_of, small_print, title
from lesson_lib.draw.lanes import LanesPanel, lane_panels
from lesson_lib.draw.run_view import EventInContext, RunView
from lesson_lib.draw.space_time import SpaceTimePanel, space_time_panels
from lesson_lib.draw.two_runs import differing, side_by_side, told_together
from lesson_lib.draw.words import ToldStep, boxes, caption
from lesson_lib.errors import LessonError
from lesson_lib.history import History
from lesson_lib.history.link import around, is_readable, link_to
from lesson_lib.history.story import as_story

READABLE = 0.991  # of its size: smaller, its labels have less than 11 pixels, and it is scrolled instead
# On paper nothing can be opened. Where a browser does not know this, `stepper.js` opens the table.
ON_PAPER = ("@media print{.lesson-picture details::details-content"
            "{content-visibility:visible;display:block;height:auto}}")

CAPTURE = 20  # attempts that lanes have room for
LAYOUTS = {"lanes": lane_panels, "space-time": space_time_panels, "arrivals": arrival_panels}
Panel = LanesPanel | SpaceTimePanel | ArrivalsPanel
AT_ITS_END = -1  # the step with which a picture opens
STEPPER = files("lesson_lib.draw").joinpath("stepper.js").read_text(encoding="utf-8")


@dataclass(frozen=True)
class StepperData:
    """A picture step by step, as `stepper.js` reads it; every list but `surprises` and `boxes` has one entry
    a step.

    `captions` are sentences, `surprises` the steps at which something goes otherwise than planned. `now`:
    where the line of the present goes, from (x, y) to (x, y) in pixels; empty where the layout has no time.
    `rows`: which lines of the table light up, as (run, request). `boxes`: see `words.boxes`. `opens_at` is
    the step that is shown first. `finding` is what the picture says at its end, for where it is not all in
    view.
    """

    captions: tuple[str, ...]
    surprises: tuple[int, ...]
    now: tuple[tuple[int, ...], ...] = ()
    rows: tuple[tuple[tuple[int, int], ...], ...] = ()
    boxes: tuple[dict[str, Any], ...] = ()
    opens_at: int = AT_ITS_END
    finding: str = ""


@dataclass(frozen=True)
class Picture:
    """A finished drawing. `alt` says in a sentence or two what happened, `table` says it line by line."""

    canvas: Canvas = field(repr=False)
    alt: str
    table: str
    playing: StepperData | None = field(default=None, repr=False)  # None: nothing to step through
    call: str = field(default="", repr=False)  # the Python that makes it, where that is known

    def before_the_fault(self) -> Picture:
        """The same picture, which opens one step before the first surprise: Play then tells how it ends."""
        if self.playing is None or not self.playing.surprises:
            return self
        opens_at = max(0, self.playing.surprises[0] - 1)
        return replace(self, playing=replace(self.playing, opens_at=opens_at))

    @cached_property
    def png(self) -> bytes:
        """The image as PNG, 100 dots an inch. LessonError where there is no matplotlib."""
        from lesson_lib.draw.png import painted
        return painted(self.canvas)

    @cached_property
    def svg(self) -> str:
        """The image as one `<svg>` element."""
        return self.canvas.svg()

    def save(self, path: str | Path) -> Path:
        """Write the image to `path`, as PNG or SVG by its ending. LessonError for any other ending."""
        path = Path(path)
        if path.suffix not in (".png", ".svg"):
            ending = path.suffix or "a file without an ending"
            raise LessonError(f"A picture can be saved as .png or .svg, not as {ending!r}.")
        path.write_bytes(self.png if path.suffix == ".png" else self.svg.encode())
        return path

    def html(self) -> str:
        """Image and table as one piece of HTML that needs nothing from anywhere."""
        parts, name = self._image() + self._table_html(), ""
        if self.playing and self.playing.captions:
            digest = hashlib.sha256(self.svg.encode()).hexdigest()[:10]
            name = f' data-picture="picture-{digest}"'
            parts += self._script(f"picture-{digest}", self.playing)
        return f'<div class="lesson-picture"{name}>{parts}</div>'

    def _script(self, name: str, playing: StepperData) -> str:
        """What makes it step, under that name; the button that shares it copies its address or its Python."""
        copied = None
        if is_readable(self.call):
            link = link_to(self.call)
            copied = ("Copy link", link.address) if link.address else ("Copy as Python", link.call)
        told = json.dumps({**vars(playing), "copied": copied}, ensure_ascii=False, separators=(",", ":"))
        told = told.replace("<", "\\u003c")
        named = STEPPER.replace('/*NAME*/""', json.dumps(name))
        return f"<script>{named.replace('/*TOLD*/{}', told)}</script>"

    def _image(self) -> str:
        source = f"data:image/svg+xml;base64,{base64.b64encode(self.svg.encode()).decode()}"
        size = f'width="{self.canvas.width:.0f}"'
        least = round(READABLE * self.canvas.width)
        look = f"max-width:100%;min-width:{least}px;height:auto;background:#fff"
        image = f'<img alt="{escape(self.alt)}" src="{source}" {size} style="{look}">'
        # As wide as its place, which a wider picture mustn't make wider: it is scrolled in itself.
        return f'<div style="overflow:auto;width:0;min-width:100%">{image}</div>'

    def _table_html(self) -> str:
        # So wide that long lines make no place wider.
        look = "font-family:monospace;white-space:pre;overflow-x:auto;width:0;min-width:100%"
        lines = f'<pre tabindex="0" style="{look}">{escape(self.table)}</pre>'
        return f"<details><summary>The same as text</summary>{lines}</details><style>{ON_PAPER}</style>"

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        return {"text/html": self.html(), "text/plain": self.table}

    def __str__(self) -> str:
        return self.table


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
    if layout not in (None, *LAYOUTS):
        raise LessonError(f"There is no layout {layout!r}. Choose one of: {', '.join(LAYOUTS)}.")
    for run in runs:
        if not isinstance(run, History):
            made = "such as what simulate(...) or lab.run(...) returns"
            raise LessonError(f"Only a run can be drawn, {made}, not {run!r:.60}.")
    marked = differing(*runs) if tint else [frozenset()] * len(runs)
    views = [RunView(*each) for each in zip(runs, names_of(runs), marked, range(len(runs)), strict=True)]
    order = told_together(*views) if len(views) > 1 else [(fact,) for fact in views[0].events]
    many = max(len(run.attempts) for run in runs) > CAPTURE
    panels = LAYOUTS[layout or ("arrivals" if many else "lanes")](views)
    canvas, tops = _page(panels)
    call = runs[0].call if len(runs) == 1 and not layout else around(
        "compare" if tint else "show", [run.call for run in runs], layout=layout)
    return Picture(canvas, *_in_words(views), _playing(panels, tops, order) if step else None, call)


def _playing(panels: Sequence[Panel], tops: Sequence[float], order: Sequence[ToldStep]) -> StepperData:
    def now(fact: EventInContext) -> tuple[int, ...]:
        """The ends of the line through a moment, as x and y in turn on the page."""
        run = fact.view.number
        return tuple(round(at + tops[run] * (n % 2)) for n, at in enumerate(panels[run].moment(fact)))

    views = [panel.view for panel in panels]
    return StepperData(
        tuple(map(caption, order)),
        tuple(n for n, step in enumerate(order) if any(fact.surprising for fact in step)),
        tuple(now(step[0]) for step in order),
        tuple(tuple((fact.view.number, fact.event.attempt) for fact in step if fact.event.attempt)
              for step in order),
        tuple(map(boxes, views)), finding=" ".join(f"{title(view.history, view.name)}." for view in views))


def _page(panels: Sequence[Panel]) -> tuple[Canvas, list[float]]:
    """All panels under each other, each with its heading above it and below it what the run came to; and
    where each panel begins.
    """
    width, top, tops = max(panel.width for panel in panels), 6.0, list[float]()
    parts = [(Heading(panel.view.history, panel.view.name, width), panel,
              LastLines(panel.view.history, width)) for panel in panels]
    heights = [heading.height + panel.height + ending.height for heading, panel, ending in parts]
    canvas = Canvas(width, top + sum(heights) + MARGIN * (len(panels) - 1) + 8)
    for (heading, panel, ending), height in zip(parts, heights, strict=True):
        canvas.top = top
        if tops:
            canvas.line([(MARGIN, -7), (width - MARGIN, -7)], colour=LANE, width=1.0)
        heading.draw(canvas, panel.view.last)
        tops.append(top + heading.height)
        canvas.top = tops[-1]
        panel.draw(canvas)
        canvas.top, canvas.event = top + height - ending.height, panel.view.last
        ending.draw(canvas)
        canvas.event = None
        top += height + MARGIN
    return canvas, tops


def _in_words(views: Sequence[RunView]) -> tuple[str, str]:
    """The story and the table of one run; of two with their names, and then both beside each other."""
    runs, names = [view.history for view in views], [view.name for view in views]
    if len(runs) == 1:
        return as_story(runs[0]), runs[0].table()
    stories = [f"{name}: {as_story(run)}" for run, name in zip(runs, names, strict=True)]
    tables = [f"{title(run, name)}, {small_print(run, name)}".replace("  ·  ", ", ") + f"\n{run.table()}"
              for run, name in zip(runs, names, strict=True)]
    return " ".join(["Two runs.", *stories]), "\n\n".join([*tables, side_by_side(*runs, names)])
