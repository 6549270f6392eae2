"""What a learner gets to see: an image with alternative text, and the same run as a text table below it.

It is an ordinary cell output, so it stays in exported pages, on paper and for a screen reader. Where scripts
may run, the image becomes a drawing to step through: the script `stepper.js` shows and hides the marks of
each event, all in the one output, with no kernel and no network. Where scripts are off, and in a notebook
that is not trusted yet, the image stays.
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import asdict, dataclass, field, replace
from functools import cache, cached_property
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

from lesson_lib.draw.canvas import Canvas
from lesson_lib.errors import LessonError

READABLE = 0.991  # of its size: smaller, its labels have less than 11 pixels, and it is scrolled instead
# On paper nothing can be opened. Where a browser does not know this, `stepper.js` opens the table.
ON_PAPER = ("@media print{.lesson-picture details::details-content"
            "{content-visibility:visible;display:block;height:auto}}")

AT_ITS_END = -1  # the step with which a picture opens


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

    @property
    def captions(self) -> tuple[str, ...]:
        """One sentence a step; none where there is nothing to step through."""
        return self.playing.captions if self.playing else ()

    @property
    def surprises(self) -> tuple[int, ...]:
        """The steps at which something goes otherwise than planned."""
        return self.playing.surprises if self.playing else ()

    def before_the_fault(self) -> Picture:
        """The same picture, which opens one step before the first surprise: Play then tells how it ends."""
        if self.playing is None or not self.surprises:
            return self
        opens_at = max(0, self.surprises[0] - 1)
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
        if self.playing is None or not self.captions:
            return f'<div class="lesson-picture">{self._image()}{self._table_html()}</div>'
        name = "picture-" + hashlib.sha256(self.svg.encode()).hexdigest()[:10]
        parts = f"{self._image()}{self._table_html()}{_script_for(name, self.playing)}"
        return f'<div class="lesson-picture" data-picture="{name}">{parts}</div>'

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


@cache
def _source() -> str:
    return files("lesson_lib.draw").joinpath("stepper.js").read_text(encoding="utf-8")


def _script_for(name: str, playing: StepperData) -> str:
    """The `<script>` that makes the picture called `name` step."""
    told = json.dumps(asdict(playing), ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    source = _source().replace('/*NAME*/""', json.dumps(name)).replace("/*TOLD*/{}", told)
    return f"<script>{source}</script>"
