"""Counts what a reader could not read: texts that overlap, and texts that leave the sheet."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from lesson_lib.draw.sheet.canvas import Canvas
from lesson_lib.draw.sheet.png import figure_of

TOUCH = 1.0  # pixels that two boxes may share: a box is a little larger than its ink


def label_boxes(canvas: Canvas) -> list[tuple[str, Bbox]]:
    """Every text with the rectangle of pixels that it takes."""
    figure = figure_of(canvas)
    renderer = FigureCanvasAgg(figure).get_renderer()
    boxes = []
    for label in figure.findobj(Text, include_self=False):
        label.set_bbox(None)  # the white behind a text is not text
        boxes.append((label.get_text(), label.get_window_extent(renderer)))
    return boxes


def collisions(boxes: Sequence[tuple[str, Bbox]]) -> list[tuple[str, str]]:
    """Pairs of texts that overlap."""
    found = []
    for (text, a), (other, b) in combinations(boxes, 2):
        wide, high = min(a.x1, b.x1) - max(a.x0, b.x0), min(a.y1, b.y1) - max(a.y0, b.y0)
        if wide > TOUCH and high > TOUCH:
            found.append((text, other))
    return found


def outside(canvas: Canvas, boxes: Sequence[tuple[str, Bbox]]) -> list[str]:
    """Texts that are cut off at an edge of the sheet."""
    return [text for text, box in boxes
            if box.x0 < 0 or box.y0 < 0 or box.x1 > canvas.width + 0.5 or box.y1 > canvas.height + 0.5]


def unreadable(canvas: Canvas) -> list[object]:
    """All that is wrong with the texts of a picture."""
    boxes = label_boxes(canvas)
    return [*collisions(boxes), *outside(canvas, boxes)]
