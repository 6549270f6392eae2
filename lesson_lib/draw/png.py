"""A sheet as PNG: matplotlib paints the marks, without pyplot. Loaded only when somebody asks for a PNG."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from lesson_lib.draw.canvas import DPI, FAMILY, Box, Canvas, Line, Mark, Polygon, Text
from lesson_lib.errors import LessonError

try:
    import matplotlib
    from matplotlib import lines, patches, text
    from matplotlib.artist import Artist
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.transforms import Affine2D
except ModuleNotFoundError:
    missing = "A PNG needs matplotlib, which is not here; picture.svg is the same picture as a drawing."
    raise LessonError(missing) from None

# A learner's own settings (usetex, xkcd, fonts) must not change the course's pictures.
_RC = {"text.usetex": False, "path.sketch": None, "path.effects": [], "text.parse_math": False,
       "text.antialiased": True, "lines.antialiased": True, "font.family": [FAMILY], "text.hinting": "none",
       "savefig.bbox": None}


def painted(canvas: Canvas) -> bytes:
    """The whole sheet as PNG, the same bytes each time."""
    out = BytesIO()
    with matplotlib.rc_context(_RC):
        FigureCanvasAgg(figure_of(canvas)).print_png(out, metadata={"Software": None})
    return out.getvalue()


def figure_of(canvas: Canvas) -> Figure:
    """The sheet as a matplotlib figure, an artist a mark, in the order in which they were drawn."""
    with matplotlib.rc_context(_RC):
        size = canvas.width / DPI, canvas.height / DPI
        figure = Figure(figsize=size, dpi=DPI, facecolor="white")
        pixels = Affine2D().scale(1 / canvas.width, -1 / canvas.height).translate(0, 1) + figure.transFigure
        for mark in canvas.marks:
            artist = _artist(mark)
            artist.set(zorder=mark.layer, transform=pixels)
            figure.add_artist(artist)
    return figure


def _artist(mark: Mark) -> Artist:
    """One mark as an artist."""
    match mark:
        case Text():
            box = {"facecolor": "white", "edgecolor": "none", "pad": 1.2} if mark.backed else None
            return text.Text(mark.x, mark.y, mark.text, fontsize=mark.size, color=mark.colour, bbox=box,
                             fontweight="bold" if mark.bold else "normal", ha=mark.align, va="center",
                             rotation=90 if mark.upright else 0, linespacing=1.25, family=FAMILY,
                             parse_math=False, usetex=False)
        case Line():
            xs, ys = zip(*mark.points, strict=True)
            return lines.Line2D(xs, ys, color=mark.colour, lw=mark.width, ls=_dashed(mark.dashes),
                                solid_capstyle="butt", dash_capstyle="butt")
        case Polygon():
            return patches.Polygon(mark.points, closed=True, facecolor=mark.fill or "none",
                                   edgecolor=mark.edge, lw=mark.width, joinstyle="miter")
        case Box():
            look = {"facecolor": mark.fill or "none", "edgecolor": mark.edge or "none",
                    "linestyle": _dashed(mark.dashes), "linewidth": mark.line if mark.edge else 0}
            if not mark.round_by:
                return patches.Rectangle((mark.x, mark.y), mark.width, mark.height, **look)
            style = f"round,pad=0,rounding_size={mark.round_by}"
            return patches.FancyBboxPatch((mark.x, mark.y), mark.width, mark.height, boxstyle=style, **look)
    raise TypeError(mark)


def _dashed(dashes: tuple[float, ...]) -> Any:
    return (0, dashes) if dashes else "-"
