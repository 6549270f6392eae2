"""A white sheet measured in pixels, y downward, on which the layouts draw. Matplotlib underneath, without pyplot.

Whatever is drawn belongs to the event that `event` names at that moment (None: to the picture as a whole). In the SVG
each such mark becomes a group that carries the event's number, which is all that the stepper needs.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from contextlib import AbstractContextManager
from io import BytesIO, StringIO
from typing import Any

import matplotlib
from matplotlib.artist import Artist
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import FancyBboxPatch, Polygon, Rectangle
from matplotlib.text import Text
from matplotlib.transforms import Affine2D

from lesson_lib.draw.style import DPI, EDGE, FAMILY, SMALL

Point = tuple[float, float]
# A learner's own settings (usetex, xkcd, fonts) must not change the course's pictures.
_RC = {"svg.fonttype": "path", "svg.hashsalt": "sent-twice", "text.usetex": False, "path.sketch": None, "path.effects": [],
       "text.parse_math": False, "text.antialiased": True, "lines.antialiased": True, "font.family": [FAMILY],
       "text.hinting": "none", "savefig.bbox": None}


def plain_settings() -> AbstractContextManager[None]:
    """Draw within this, so that every picture looks the same everywhere."""
    return matplotlib.rc_context(_RC)


class Canvas:
    """A drawing of `width` by `height` pixels. Later things lie on top of earlier ones within one `layer`."""

    def __init__(self, width: float, height: float) -> None:
        self.figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI, facecolor="white")
        self.pixels = Affine2D().scale(1 / width, -1 / height).translate(0, 1) + self.figure.transFigure
        self.width, self.height = width, height
        self.event: int | None = None
        self.labels: list[Text] = []

    def _add(self, artist: Artist, layer: float) -> None:
        artist.set_zorder(layer)
        artist.set_transform(self.pixels)
        if self.event is not None:
            artist.set_gid(f"event-{self.event}-")
        self.figure.add_artist(artist)

    def text(self, x: float, y: float, text: str, *, size: float = SMALL, bold: bool = False, colour: str = EDGE,
             align: str = "center", upright: bool = False, backed: bool = False, layer: float = 6) -> None:
        """Write at (x, y), `upright` from bottom to top; `backed` puts white behind it, for places where lines run."""
        if not text:
            return
        box = {"facecolor": "white", "edgecolor": "none", "pad": 1.2} if backed else None
        label = Text(x, y, text, fontsize=size, fontweight="bold" if bold else "normal", color=colour, family=FAMILY, ha=align,
                     va="center", rotation=90 if upright else 0, bbox=box, linespacing=1.25, parse_math=False, usetex=False)
        self._add(label, layer)
        self.labels.append(label)

    def line(self, points: Sequence[Point], *, colour: str = EDGE, width: float = 1.2, style: Any = "-", layer: float = 2) -> None:
        """A line through the points. Widths are in points (1/72 in)."""
        xs, ys = zip(*points, strict=True)
        self._add(Line2D(xs, ys, color=colour, lw=width, ls=style, solid_capstyle="butt", dash_capstyle="butt"), layer)

    def polygon(self, points: Sequence[Point], *, fill: str | None, edge: str = EDGE, width: float = 1.0, layer: float = 5) -> None:
        """A closed shape; `fill` None leaves it open."""
        self._add(Polygon(points, closed=True, facecolor=fill or "none", edgecolor=edge, lw=width, joinstyle="miter"), layer)

    def box(self, x: float, y: float, width: float, height: float, *, fill: str | None = None, edge: str | None = EDGE,
            style: Any = "-", line: float = 1.0, round_by: float = 0, layer: float = 4) -> None:
        """A rectangle with its upper left corner at (x, y)."""
        look = {"facecolor": fill or "none", "edgecolor": edge or "none", "linewidth": line if edge else 0, "linestyle": style}
        if round_by:
            self._add(FancyBboxPatch((x, y), width, height, boxstyle=f"round,pad=0,rounding_size={round_by}", **look), layer)
        else:
            self._add(Rectangle((x, y), width, height, **look), layer)

    def png(self) -> bytes:
        """The picture as PNG, the same bytes each time."""
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        out = BytesIO()
        with plain_settings():
            FigureCanvasAgg(self.figure).print_png(out, metadata={"Software": None})
        return out.getvalue()

    def svg(self) -> str:
        """The picture as one `<svg>` element, the same text each time; marks of event n are `<g data-event="n">`."""
        from matplotlib.backends.backend_svg import FigureCanvasSVG
        out = StringIO()
        with plain_settings():
            FigureCanvasSVG(self.figure).print_svg(out, metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
        return _tidy(out.getvalue(), self.width, self.height)


def _tidy(svg: str, width: float, height: float) -> str:
    """Drop what only matplotlib needs, and make ids unique to this drawing, so that several pictures can live in one page."""
    body = re.sub(r"<!--.*?-->|<metadata>.*?</metadata>|<style.*?</style>", "", svg[svg.index("<svg"):], flags=re.DOTALL)
    box = re.search(r'viewBox="[^"]*"', body)
    head = (f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="{width:.0f}" '
            f'height="{height:.0f}" {box.group() if box else ""} stroke-linejoin="round">')
    body = head + body[body.index(">") + 1:]
    body = body.replace('<g id="patch_1">', '<g data-paper="yes">', 1)
    body = re.sub(r'<g id="event-(\d+)-">', r'<g data-event="\1">', body)
    body = re.sub(r'<g id="(?:figure|axes|patch|text|line2d|FancyBboxPatch)_?\d*">', "<g>", body)
    body = re.sub(r"\s*\n\s*", " ", body).replace("> <", "><")
    body = re.sub(r"(scale\([^)]*\))|(\.\d{3})\d+", lambda m: m[1] or m[2], body)  # thousandths of a point are enough
    name = "d" + hashlib.sha256(body.encode()).hexdigest()[:6]
    return re.sub(r'(\bid="|href="#|url\(#)', rf"\1{name}-", body)
