"""The shapes of the pictures: one for each thing that can become of a batch, each with a dark edge."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import cos, pi, sin

from lesson_lib.draw import canvas as style
from lesson_lib.draw.canvas import EDGE, NORMAL, SMALL, Canvas, Point, line_height, text_width

R = 11.0  # half the size of a verdict's mark, in pixels


@dataclass(frozen=True, slots=True)
class RowMark:
    """What an event puts into one row or lane: pixels that it takes to either side of its place, and its
    height.

    A layout measures with these, and `draw` draws it at (x, y): what is measured is what is drawn.
    """

    track: str
    left: float
    right: float
    draw: Callable[[Canvas, float, float], None] | None = None
    high: float = 0.0


def verdict(canvas: Canvas, x: float, y: float, shape: str, label: str) -> None:
    """What the broker did, as a shape, with the batch's number on it or at it."""
    verdict_small(canvas, x, y, shape, R, _wider(shape, label))
    if shape in ("stored", "duplicate"):
        canvas.text(x, y, label, bold=True, layer=7)
    else:
        canvas.text(x + R + 3, y - R - 2, label, bold=True, align="left", backed=True, layer=7)


def verdict_half(shape: str, label: str) -> float:
    """Pixels from the middle of a verdict's mark to its edges, the label beside it left out."""
    return {"stored": 0.9, "duplicate": 1.2}.get(shape, 1.0) * R + _wider(shape, label)


def verdict_width(shape: str, label: str) -> float:
    """Pixels that a verdict's mark and its label need to the right."""
    beside = 0 if shape in ("stored", "duplicate") else text_width(label, SMALL, True) + 4
    return verdict_half(shape, label) + beside


def _wider(shape: str, label: str) -> float:
    """Pixels by which a shape grows to either side, so that its label lies on it."""
    half = text_width(label, SMALL, True) / 2
    return max(0.0, {"stored": half + 3 - 0.9 * R, "duplicate": 1.25 * half + 2 - 0.8 * R}.get(shape, 0.0))


def verdict_small(canvas: Canvas, x: float, y: float, shape: str, r: float, wider: float = 0.0) -> None:
    """The shape of a verdict alone, `r` pixels to each side; a square and a diamond may be `wider`."""
    box = x - 0.9 * r - wider, y - 0.9 * r, 1.8 * r + 2 * wider, 1.8 * r
    match shape:
        case "stored":
            canvas.box(*box, fill=style.STORED, line=1.2, layer=5)
        case "copy":  # stored, though it is in the log already: drawn as such a cell of the log is
            canvas.box(*box, fill=style.AGAIN, line=2.4, layer=5)
        case "suspected":
            canvas.box(*box, fill=style.AGAIN, line=2.4, style=style.DOTTED, layer=5)
        case "duplicate":
            high, wide = 1.2 * r, 1.2 * r + wider
            diamond = [(x, y - high), (x + wide, y), (x, y + high), (x - wide, y)]
            canvas.polygon(diamond, fill=style.DUPLICATE, width=1.2)
        case "refused":
            canvas.polygon(cross_points(x, y, r, r / 2), fill=style.REFUSED, width=1.2)
        case "fenced":
            canvas.box(*box, fill="white", line=1.6, layer=5)
            canvas.box(x - 0.9 * r, y - 0.28 * r, 1.8 * r, 0.56 * r, fill=style.FENCED, line=0, layer=5.5)
        case "dropped":
            canvas.box(*box, fill="white", line=1.6, style=style.DASHED, layer=5)
        case _:  # kept aside: an hourglass, it waits
            hourglass = [(x - r, y - r), (x + r, y - r), (x - r, y + r), (x + r, y + r)]
            canvas.polygon(hourglass, fill=style.KEPT, width=1.6)


def cross_points(x: float, y: float, r: float, thick: float) -> list[Point]:
    """The outline of a filled cross that lies like the letter X."""
    a, b = r, thick
    arm = [(0, -b), (a - b, -a), (a, -a + b), (b, 0), (a, a - b), (a - b, a)]
    return [(x + side * dx, y + side * dy) for side in (1, -1) for dx, dy in arm]


def circle(x: float, y: float, r: float) -> list[Point]:
    """The points of a circle."""
    return [(x + r * dx, y + r * dy) for dx, dy in _CIRCLE]


_CIRCLE = [(cos(n * pi / 12), sin(n * pi / 12)) for n in range(25)]


def send_box(canvas: Canvas, x: float, y: float, label: str, retry: bool) -> None:
    """A batch as it leaves the producer: blue the first time, orange with a dashed edge later."""
    half, fill = send_width(label), style.RETRY if retry else style.FIRST_SEND
    canvas.box(x - half, y - 10, 2 * half, 20, fill=fill, style=style.DASHED if retry else "-",
               line=1.4 if retry else 1.0, round_by=4, layer=5)
    canvas.text(x, y, label, size=NORMAL, bold=True, colour=EDGE if retry else "white", layer=7)


def send_width(label: str) -> float:
    """Half the width of a send box."""
    return max(12.0, text_width(label, NORMAL, True) / 2 + 6)


def belief(canvas: Canvas, x: float, y: float, what: str) -> None:
    """What the application was told: a tick for ok, a cross for failed, an open ring for unknown."""
    canvas.polygon(circle(x, y, 10), fill="white", edge="none", layer=1.8)
    if what == "ok":
        canvas.line([(x - 6, y), (x - 2, y + 5), (x + 7, y - 6)], width=4.2, layer=5)
        inner = [(x - 5, y + 1), (x - 2, y + 4), (x + 6, y - 5)]
        canvas.line(inner, colour=style.STORED, width=2.2, layer=5.1)
    elif what == "failed":
        canvas.polygon(cross_points(x, y, 6.5, 3.4), fill=style.REFUSED)
    else:
        canvas.polygon(circle(x, y, 6), fill="white", width=2.0)


def reading(canvas: Canvas, x: float, y: float, kind: str) -> None:
    """A consumer's record (grey), position (white), work (disc), empty poll (empty set), or itself (bar)."""
    if kind == "consumer":
        canvas.box(x - 3, y - 9, 6, 18, fill=EDGE, edge=None)
    elif kind == "work":
        canvas.polygon(circle(x, y, 5.5), fill=EDGE)
    elif kind == "poll":
        canvas.polygon(circle(x, y, 6), fill="white", width=1.4)
        canvas.line([(x - 7, y + 7), (x + 7, y - 7)], width=1.4, layer=5.5)
    else:
        fill = "white" if kind == "position" else style.BAND
        canvas.polygon([(x - 6, y - 7), (x + 7, y), (x - 6, y + 7)], fill=fill)


def log_cell(canvas: Canvas, x: float, y: float, half: float, high: float, text: str, again: bool,
             fill: str = "white", edge: str | None = style.STORED, aborted: bool = False) -> None:
    """Records in a log, around (x, y): a copy of what lies there already is orange with a heavy edge."""
    fill, edge, line = (style.AGAIN, EDGE, 2.6) if again else (fill, edge, 1.8)
    canvas.box(x - half, y - high / 2, 2 * half, high, fill=fill, edge=edge, line=line)
    canvas.text(x, y, text, bold=again)
    if aborted:
        canvas.line([(x - half + 3, y + high / 2 - 3), (x + half - 3, y - high / 2 + 3)], width=1.0, layer=5)


def cell_width(text: str) -> float:
    """Pixels of a log's cell."""
    return text_width(text) + 12


def memory(canvas: Canvas, left: float, y: float, words: str) -> None:
    """What the broker remembers, around the height `y`."""
    wide, high = text_width(words) + 6, (words.count("\n") + 1) * line_height() + 4.5
    canvas.box(left, y - high / 2, wide, high, fill=style.MEMORY, edge=style.MEMORY_EDGE, line=0.8)
    canvas.text(left + wide / 2, y, words)
