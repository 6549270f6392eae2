"""Counts what a reader could not read: texts that overlap, and texts that leave the sheet."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.text import Text

from lesson_lib.draw import canvas as sheet
from lesson_lib.draw.canvas import Canvas, Rectangle
from lesson_lib.draw.png import figure_of

TOUCH = 1.0  # pixels that two boxes may share: a box is a little larger than its ink


def labels(canvas: Canvas) -> list[sheet.Text]:
    """Every text of a picture, as its layout wrote it."""
    return [mark for mark in canvas.marks if isinstance(mark, sheet.Text)]


def label_boxes(canvas: Canvas) -> list[tuple[str, Rectangle]]:
    """Every text with the rectangle of pixels that it takes: left, lower, right and upper edge."""
    figure = figure_of(canvas)
    renderer = FigureCanvasAgg(figure).get_renderer()
    return [(label.get_text(), _box(label, renderer)) for label in figure.findobj(Text, include_self=False)]


_extents: dict[tuple[object, ...], Rectangle] = {}  # of a text at (0, 0): most pictures say the same words


def _box(label: Text, renderer: RendererAgg) -> Rectangle:
    x, y = label.get_transform().transform(label.get_unitless_position())
    looks = (label.get_text(), label.get_size(), label.get_weight(), label.get_style(), label.get_rotation(),
             label.get_ha(), label.get_va(), label.get_rotation_mode())
    if looks not in _extents:
        label.set_bbox(None)  # the white behind a text is not text
        taken = label.get_window_extent(renderer)
        _extents[looks] = (taken.x0 - x, taken.y0 - y, taken.x1 - x, taken.y1 - y)
    left, low, right, high = _extents[looks]
    return left + x, low + y, right + x, high + y


def collisions(boxes: Sequence[tuple[str, Rectangle]]) -> list[tuple[str, str]]:
    """Pairs of texts that overlap."""
    return [(text, other) for (text, a), (other, b) in combinations(boxes, 2)
            if min(a[2], b[2]) - max(a[0], b[0]) > TOUCH and min(a[3], b[3]) - max(a[1], b[1]) > TOUCH]


def outside(canvas: Canvas, boxes: Sequence[tuple[str, Rectangle]]) -> list[str]:
    """Texts that are cut off at an edge of the sheet."""
    return [text for text, (left, low, right, high) in boxes
            if left < 0 or low < 0 or right > canvas.width + 0.5 or high > canvas.height + 0.5]


def unreadable(canvas: Canvas) -> list[object]:
    """All that is wrong with the texts of a picture."""
    boxes = label_boxes(canvas)
    return [*collisions(boxes), *outside(canvas, boxes)]
