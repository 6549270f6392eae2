"""The sheet that the layouts draw on: matplotlib's where there is one, else one that writes its SVG itself.

The second is for pages in which Python runs in the browser, where matplotlib may not be had. Both have the same methods, the
same measures and the same groups for events.
"""

from __future__ import annotations

try:
    from lesson_lib.draw.canvas_matplotlib import Canvas, plain_settings
except ModuleNotFoundError:
    from lesson_lib.draw.canvas_svg import Canvas, plain_settings  # type: ignore[assignment]

Point = tuple[float, float]
__all__ = ["Canvas", "Point", "plain_settings"]
