"""A sheet as PNG: matplotlib paints the marks, without pyplot. Loaded only when somebody asks for a PNG."""

from __future__ import annotations

from functools import singledispatch
from io import BytesIO
from typing import Any

from lesson_lib.draw.sheet.canvas import GROUND, Box, Canvas, Line, Mark, Polygon, Text
from lesson_lib.draw.sheet.style import BEHIND, DPI, FAMILY
from lesson_lib.errors import LessonError

try:
    import matplotlib
    from matplotlib import lines, patches, text
    from matplotlib.artist import Artist
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.transforms import Affine2D
except ModuleNotFoundError:
    raise LessonError("A PNG needs matplotlib, which is not here; picture.svg is the same picture as a drawing.") from None

# A learner's own settings (usetex, xkcd, fonts) must not change the course's pictures.
_RC = {"text.usetex": False, "path.sketch": None, "path.effects": [], "text.parse_math": False, "text.antialiased": True,
       "lines.antialiased": True, "font.family": [FAMILY], "text.hinting": "none", "savefig.bbox": None}


def painted(canvas: Canvas) -> bytes:
    """The whole sheet as PNG, the same bytes each time."""
    out = BytesIO()
    with matplotlib.rc_context(_RC):
        FigureCanvasAgg(figure_of(canvas)).print_png(out, metadata={"Software": None})
    return out.getvalue()


def figure_of(canvas: Canvas) -> Figure:
    """The sheet as a matplotlib figure, an artist a mark, in the order in which they were drawn; what stands behind first."""
    with matplotlib.rc_context(_RC):
        figure = Figure(figsize=(canvas.width / DPI, canvas.height / DPI), dpi=DPI, facecolor="white")
        pixels = Affine2D().scale(1 / canvas.width, -1 / canvas.height).translate(0, 1) + figure.transFigure
        for mark in (*canvas.behind, *canvas.marks):
            artist, behind = _artist(mark), mark in canvas.behind
            artist.set_zorder(GROUND - 0.5 + mark.layer / 100 if behind else mark.layer)
            artist.set_alpha(BEHIND if behind else None)
            artist.set_transform(pixels)
            figure.add_artist(artist)
    return figure


@singledispatch
def _artist(mark: Mark) -> Artist:
    """One mark as an artist."""
    raise TypeError(mark)


@_artist.register
def _(mark: Text) -> Artist:
    box: dict[str, Any] | None = {"facecolor": "white", "edgecolor": "none", "pad": 1.2} if mark.backed else None
    return text.Text(mark.x, mark.y, mark.text, fontsize=mark.size, fontweight="bold" if mark.bold else "normal", color=mark.colour,
                     family=FAMILY, ha=mark.align, va="center", rotation=90 if mark.upright else 0, bbox=box, linespacing=1.25,
                     parse_math=False, usetex=False)


@_artist.register
def _(mark: Line) -> Artist:
    xs, ys = zip(*mark.points, strict=True)
    return lines.Line2D(xs, ys, color=mark.colour, lw=mark.width, ls=mark.style, solid_capstyle="butt", dash_capstyle="butt")


@_artist.register
def _(mark: Polygon) -> Artist:
    return patches.Polygon(mark.points, closed=True, facecolor=mark.fill or "none", edgecolor=mark.edge, lw=mark.width, joinstyle="miter")


@_artist.register
def _(mark: Box) -> Artist:
    look = {"facecolor": mark.fill or "none", "edgecolor": mark.edge or "none", "linewidth": mark.line if mark.edge else 0,
            "linestyle": mark.style}
    if not mark.round_by:
        return patches.Rectangle((mark.x, mark.y), mark.width, mark.height, **look)
    style = f"round,pad=0,rounding_size={mark.round_by}"
    return patches.FancyBboxPatch((mark.x, mark.y), mark.width, mark.height, boxstyle=style, **look)
