"""The shapes of the course's pictures: one shape for each thing that can become of a batch, all with a dark edge."""

from __future__ import annotations

from lesson_lib.draw.sheet.canvas import Canvas, Point
from lesson_lib.draw.sheet.label_placement import ASIDE, LOST, Spot
from lesson_lib.draw.sheet.style import (
    ACK,
    BAND,
    DUPLICATE,
    EDGE,
    FIRST_SEND,
    KEPT,
    NORMAL,
    REFUSED,
    RETRY,
    SMALL,
    STORED,
    text_width,
)
from lesson_lib.history import Kind

DOTTED, DASHED = (0, (1, 2)), (0, (4, 2.2))
R = 11.0  # half the size of a verdict's mark, in pixels


def verdict(canvas: Canvas, x: float, y: float, shape: str, label: str) -> None:
    """What the broker did, as a shape: stored, duplicate, refused or fenced, with the batch's number on or at it."""
    verdict_small(canvas, x, y, shape, R, _wider(shape, label))
    if shape in ("stored", "duplicate"):
        canvas.text(x, y, label, bold=True, layer=7)
    else:
        canvas.text(x + R + 3, y - R - 2, label, bold=True, align="left", backed=True, layer=7)


def verdict_half(shape: str, label: str) -> float:
    """Pixels from the middle of a verdict's mark to its left edge, which is as far as to its right one without the label."""
    return {"stored": 0.9, "duplicate": 1.2}.get(shape, 1.0) * R + _wider(shape, label)


def verdict_width(shape: str, label: str) -> float:
    """Pixels that a verdict's mark and its label need to the right."""
    return verdict_half(shape, label) + (0 if shape in ("stored", "duplicate") else text_width(label, SMALL, True) + 4)


def _wider(shape: str, label: str) -> float:
    """Pixels by which a shape grows to either side, so that its label lies on it."""
    half = text_width(label, SMALL, True) / 2
    return max(0.0, {"stored": half + 3 - 0.9 * R, "duplicate": 1.25 * half + 2 - 0.8 * R}.get(shape, 0.0))


def verdict_small(canvas: Canvas, x: float, y: float, shape: str, r: float, wider: float = 0.0) -> None:
    """The shape of a verdict alone, `r` pixels to each side; a square and a diamond may be `wider`."""
    if shape == "stored":
        canvas.box(x - 0.9 * r - wider, y - 0.9 * r, 1.8 * r + 2 * wider, 1.8 * r, fill=STORED, line=1.2, layer=5)
    elif shape == "duplicate":
        high, wide = 1.2 * r, 1.2 * r + wider
        canvas.polygon([(x, y - high), (x + wide, y), (x, y + high), (x - wide, y)], fill=DUPLICATE, width=1.2)
    else:
        {"refused": _cross, "fenced": _barred, "kept": _hourglass}[shape](canvas, x, y, r)


def _hourglass(canvas: Canvas, x: float, y: float, r: float) -> None:
    """Kept aside: it waits."""
    canvas.polygon([(x - r, y - r), (x + r, y - r), (x - r, y + r), (x + r, y + r)], fill=KEPT, width=1.6)


def cross_points(x: float, y: float, r: float, thick: float) -> list[Point]:
    """The outline of a filled cross that lies like the letter X."""
    a, b = r, thick
    arm = [(0, -b), (a - b, -a), (a, -a + b), (b, 0), (a, a - b), (a - b, a), (0, b), (-a + b, a), (-a, a - b), (-b, 0),
           (-a, -a + b), (-a + b, -a)]
    return [(x + dx, y + dy) for dx, dy in arm]


def _cross(canvas: Canvas, x: float, y: float, r: float) -> None:
    canvas.polygon(cross_points(x, y, r, r / 2), fill=REFUSED, width=1.2)


def _barred(canvas: Canvas, x: float, y: float, r: float) -> None:
    canvas.box(x - 0.9 * r, y - 0.9 * r, 1.8 * r, 1.8 * r, fill="white", line=1.6, layer=5)
    canvas.box(x - 0.9 * r, y - 0.28 * r, 1.8 * r, 0.56 * r, fill="#000000", line=0, layer=5.5)


def send_box(canvas: Canvas, x: float, y: float, label: str, retry: bool) -> None:
    """A batch as it leaves the producer: blue for the first time, orange with a dashed dark edge for every later one."""
    w = send_width(label) * 2
    canvas.box(x - w / 2, y - 10, w, 20, fill=RETRY if retry else FIRST_SEND, style=DASHED if retry else "-",
               line=1.4 if retry else 1.0, round_by=4, layer=5)
    canvas.text(x, y, label, size=NORMAL, bold=True, colour=EDGE if retry else "white", layer=7)


def send_width(label: str) -> float:
    """Half the width of a send box."""
    return max(12.0, text_width(label, NORMAL, True) / 2 + 6)


def belief(canvas: Canvas, x: float, y: float, what: str) -> None:
    """What the application was told: a tick for ok, a cross for failed, an open ring for unknown."""
    canvas.polygon(circle(x, y, 10), fill="white", edge="none", layer=1.8)
    if what == "ok":
        canvas.line([(x - 6, y), (x - 2, y + 5), (x + 7, y - 6)], colour=EDGE, width=4.2, layer=5)
        canvas.line([(x - 5, y + 1), (x - 2, y + 4), (x + 6, y - 5)], colour=STORED, width=2.2, layer=5.1)
    elif what == "failed":
        canvas.polygon(cross_points(x, y, 6.5, 3.4), fill=REFUSED)
    else:
        canvas.polygon(circle(x, y, 6), fill="white", width=2.0)


def reading(canvas: Canvas, x: float, y: float, kind: Kind) -> None:
    """A consumer's record (grey), its position (white), its work (a disc), nothing (an empty set), or itself (a bar)."""
    if kind == Kind.CONSUMER:
        canvas.box(x - 3, y - 9, 6, 18, fill=EDGE, edge=None)
    elif kind == Kind.WORK:
        canvas.polygon(circle(x, y, 5.5), fill=EDGE)
    elif kind == Kind.POLL:
        canvas.polygon(circle(x, y, 6), fill="white", width=1.4)
        canvas.line([(x - 7, y + 7), (x + 7, y - 7)], colour=EDGE, width=1.4, layer=5.5)
    else:
        canvas.polygon([(x - 6, y - 7), (x + 7, y), (x - 6, y + 7)], fill="white" if kind == Kind.POSITION else BAND)


def circle(x: float, y: float, r: float) -> list[Point]:
    """The points of a circle."""
    from math import cos, pi, sin
    return [(x + r * cos(i * pi / 12), y + r * sin(i * pi / 12)) for i in range(25)]


def arrow(canvas: Canvas, start: Point, end: Point, retry: bool) -> None:
    """A request on its way: solid blue, or dashed orange with a dark outline for a retry."""
    if retry:
        canvas.line([start, end], colour=EDGE, width=3.4, style="-", layer=2.5)
        canvas.line([start, end], colour="white", width=2.2, style="-", layer=2.6)
        canvas.line([start, end], colour=RETRY, width=2.2, style=DASHED, layer=2.7)
    else:
        canvas.line([start, end], colour=FIRST_SEND, width=1.8, layer=2.7)


def head(canvas: Canvas, start: Point, tip: Point, fill: str | None, edge: str = EDGE, size: float = 9) -> None:
    """An arrow's head at `tip`; open where `fill` is None."""
    dx, dy = tip[0] - start[0], tip[1] - start[1]
    long = (dx * dx + dy * dy) ** 0.5 or 1
    ux, uy = dx / long * size, dy / long * size
    left = (tip[0] - ux - uy * 0.45, tip[1] - uy + ux * 0.45)
    right = (tip[0] - ux + uy * 0.45, tip[1] - uy - ux * 0.45)
    canvas.polygon([tip, left, right], fill=fill or "white", edge=edge, width=1.0, layer=4.5)


def answer(canvas: Canvas, start: Point, end: Point) -> None:
    """An answer on its way back: grey and dotted."""
    canvas.line([start, end], colour=ACK, width=1.5, style=DOTTED, layer=2.3)


def lost(canvas: Canvas, spot: Spot) -> None:
    """Where a message ended: a bold black cross, and the word beside it."""
    x, y = spot.x, spot.y
    for slope in (1, -1):
        canvas.line([(x - 7, y - 7 * slope), (x + 7, y + 7 * slope)], colour="#000000", width=3.6, layer=6.6)
    left, top, _, bottom = spot.word
    at, align = (x, "center") if spot.side in ("above", "below") else (left, "left") if spot.side == "right" else (x - ASIDE, "right")
    canvas.text(at, (top + bottom) / 2, LOST, bold=True, align=align, backed=True, layer=6.5)


def tear(canvas: Canvas, x: float, top: float, bottom: float) -> None:
    """The ragged end of a connection."""
    steps = max(2, round((bottom - top) / 9))
    ys = [top + (bottom - top) * i / steps for i in range(steps + 1)]
    for shift, colour, width in ((0, EDGE, 1.6), (5, EDGE, 0.9)):
        canvas.line([(x + shift + (3 if i % 2 else -3), y) for i, y in enumerate(ys)], colour=colour, width=width, layer=3)
